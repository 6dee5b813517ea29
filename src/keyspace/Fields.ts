/**
 * Fields: the parts of what the keyspace writes by hand, for the wire (`RequestCodec.ts`) and for its own keys (`Meta.ts`): numbers, byte strings,
 * lists, and what is made of them. Each has one encoding. Little-endian; numbers below 2^53 have seven bytes.
 *
 * The reader never throws. After the first problem everything is 0 and empty, so that who reads looks once, at the end.
 */
import { assert } from "#base/Assert.ts"
import { getU32, type Writer } from "#base/Bytes.ts"
import type { Descriptor, Location } from "./Descriptor.ts"

const u32Range = 4_294_967_296
/** The seventh byte of a number below 2^53. */
const topByteMax = 31
const nothing: Uint8Array = new Uint8Array(0)
const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** The bytes end within what is read; or a field has a value that no writer gives it. */
export type Problem = "cut-short" | "value"

export class Cursor {
  readonly bytes: Uint8Array
  at: number
  problem: Problem | undefined

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length
  }

  wrong(): 0 {
    this.problem ??= "value"
    return 0
  }

  byte(): number {
    const at = this.take(1)
    return at < 0 ? 0 : this.bytes[at]
  }

  /** A byte up to `max`. */
  choice(max: number): number {
    const value = this.byte()
    return value <= max ? value : this.wrong()
  }

  flag(): boolean {
    return this.choice(1) === 1
  }

  u32(): number {
    const at = this.take(4)
    return at < 0 ? 0 : getU32(this.bytes, at)
  }

  number(): number {
    const at = this.take(7)
    if (at < 0) return 0
    const { bytes } = this
    const top = bytes[at + 6]
    if (top > topByteMax) return this.wrong()
    return getU32(bytes, at) + (bytes[at + 4] | (bytes[at + 5] << 8) | (top << 16)) * u32Range
  }

  /** A view. */
  string(): Uint8Array {
    const sizeBytes = this.u32()
    const at = this.take(sizeBytes)
    return at < 0 || sizeBytes === 0 ? nothing : this.bytes.subarray(at, at + sizeBytes)
  }

  /** UTF-8. */
  text(): string {
    const bytes = this.string()
    const text = decoder.decode(bytes)
    // A byte that is none becomes a character of another encoding.
    if (text.includes("\ufffd") && encoder.encode(text).some((byte, index) => byte !== bytes[index])) this.wrong()
    return text
  }

  optional<A>(read: (cursor: Cursor) => A): A | undefined {
    return this.flag() ? read(this) : undefined
  }

  list<A>(read: (cursor: Cursor) => A): ReadonlyArray<A> {
    const items: Array<A> = []
    for (let left = this.u32(); left > 0 && this.problem === undefined; left--) items.push(read(this))
    return items
  }

  /** Where the next `sizeBytes` begin; -1: they are not there. */
  private take(sizeBytes: number): number {
    const { at } = this
    if (this.problem !== undefined) return -1
    if (sizeBytes > this.bytes.length - at) {
      this.problem = "cut-short"
      return -1
    }
    this.at = at + sizeBytes
    return at
  }
}

export const putFlag = (writer: Writer, flag: boolean): Writer => writer.u8(flag ? 1 : 0)

export const putNumber = (writer: Writer, value: number): Writer => {
  assert(Number.isSafeInteger(value) && value >= 0, "timestamps and generations are integers in [0, 2^53)")
  const high = Math.floor(value / u32Range)
  return writer
    .u32(value >>> 0)
    .u8(high & 255)
    .u8((high >>> 8) & 255)
    .u8(high >>> 16)
}

export const putString = (writer: Writer, bytes: Uint8Array): Writer => writer.u32(bytes.length).raw(bytes)

export const putText = (writer: Writer, text: string): Writer => putString(writer, encoder.encode(text))

export const putOptional = <A>(writer: Writer, value: A | undefined, put: (writer: Writer, value: A) => void): void => {
  putFlag(writer, value !== undefined)
  if (value !== undefined) put(writer, value)
}

export const putList = <A>(writer: Writer, items: ReadonlyArray<A>, put: (writer: Writer, item: A) => void): void => {
  writer.u32(items.length)
  for (const item of items) put(writer, item)
}

export const putDescriptor = (writer: Writer, { from, generation, range, to }: Descriptor): void => {
  putNumber(putString(putString(writer.u32(range), from), to), generation)
}

export const readDescriptor = (cursor: Cursor): Descriptor => ({
  range: cursor.u32(),
  from: cursor.string(),
  to: cursor.string(),
  generation: cursor.number()
})

const leases = { unknown: 0, known: 1, settled: 2 } as const

export const putLocation = (writer: Writer, { descriptor, isSettled, leaseholder, stores }: Location): void => {
  putDescriptor(writer, descriptor)
  putList(writer, stores, (each, store) => each.u32(store))
  if (leaseholder === undefined) writer.u8(leases.unknown)
  else writer.u8(isSettled ? leases.settled : leases.known).u32(leaseholder)
}

export const readLocation = (cursor: Cursor): Location => {
  const descriptor = readDescriptor(cursor)
  const stores = cursor.list((each) => each.u32())
  const lease = cursor.choice(leases.settled)
  const leaseholder = lease === leases.unknown ? undefined : cursor.u32()
  return { descriptor, stores, leaseholder, isSettled: lease === leases.settled }
}
