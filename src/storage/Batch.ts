/**
 * Batch: operations that take effect together or not at all, in their order, as one stretch of bytes: what an engine logs is
 * what the caller filled in.
 *
 * | operation    | bytes                                                              |
 * | ------------ | ------------------------------------------------------------------ |
 * | put          | 1, key length, value length (varints), key, value                  |
 * | delete       | 2, key length (varint), key                                        |
 * | delete range | 3, length of from, length of to (varints), from, to                |
 *
 * Varints are LEB128, little-endian groups of seven bits. A batch that was handed to an engine belongs to it until it has answered.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import * as Limits from "#base/Limits.ts"
import { Refused } from "./StorageError.ts"

export const kinds = { put: 1, delete: 2, deleteRange: 3 } as const

/** Gets the operations of a batch in order, as stretches of its bytes: `from` included, `to` not. */
export interface Visitor {
  put(bytes: Uint8Array, keyFrom: number, keyTo: number, valueTo: number): void
  delete(bytes: Uint8Array, keyFrom: number, keyTo: number): void
  /** Keys in [from, to); `fromTo` is where `from` ends and `to` begins. */
  deleteRange(bytes: Uint8Array, fromFrom: number, fromTo: number, toTo: number): void
}

const firstBytes = 256
/** Larger batches grow by a quarter: what they leave unused keeps the garbage collector busy. */
const doubledBytesMax = 65_536
const varintBytesMax = 5
const noBytes: Uint8Array = new Uint8Array(0)

export class Batch {
  private bytes = noBytes
  private readonly headBytes: number
  private readonly expectedBytes: number
  private length: number
  private operations = 0
  private refusal: Refused | undefined

  /** `headBytes`: of `framed`. It may become larger than `expectedBytes`. */
  constructor(headBytes = 0, expectedBytes = 0) {
    this.headBytes = headBytes
    this.expectedBytes = expectedBytes
    this.length = headBytes
  }

  get count(): number {
    return this.operations
  }

  get sizeBytes(): number {
    return this.length - this.headBytes
  }

  /** What it can hold without more memory. */
  get roomBytes(): number {
    return this.bytes.length
  }

  /** The first bound that an operation broke: an engine answers with it instead of writing. */
  get refused(): Refused | undefined {
    return this.refusal
  }

  /** `rest`: what follows of the value, where it is not in one piece. */
  put(key: Uint8Array, value: Uint8Array, rest: Uint8Array = noBytes): this {
    const valueBytes = value.length + rest.length
    if (!this.admit(key, valueBytes)) return this
    this.head(kinds.put, key.length + valueBytes)
    this.varint(key.length)
    this.varint(valueBytes)
    this.raw(key)
    this.raw(value)
    this.raw(rest)
    return this
  }

  delete(key: Uint8Array): this {
    if (!this.admit(key, 0)) return this
    this.head(kinds.delete, key.length)
    this.varint(key.length)
    this.raw(key)
    return this
  }

  /** Deletes the keys in [from, to); none when `to` is not above `from`. */
  deleteRange(from: Uint8Array, to: Uint8Array): this {
    if (!this.admit(from, 0) || !this.admit(to, 0)) return this
    this.head(kinds.deleteRange, from.length + to.length)
    this.varint(from.length)
    this.varint(to.length)
    this.raw(from)
    this.raw(to)
    return this
  }

  /** Takes the operations of another batch, as `encoded` gave them, which were counted there. */
  append(operations: Uint8Array, count: number): this {
    if (this.sizeBytes + operations.length > Limits.batchBytesMax) {
      this.refuse("batch-too-large", `a batch has at most ${Limits.batchBytesMax} bytes: write it in parts`)
      return this
    }
    this.room(operations.length)
    this.bytes.set(operations, this.length)
    this.length += operations.length
    this.operations += count
    return this
  }

  clear(): this {
    this.length = this.headBytes
    this.operations = 0
    this.refusal = undefined
    return this
  }

  /** A view of the operations' bytes. */
  encoded(): Uint8Array {
    return this.bytes.subarray(this.headBytes, this.length)
  }

  /** The same with `headBytes` before them, which are the caller's to fill. */
  framed(): Uint8Array {
    this.room(0)
    return this.bytes.subarray(0, this.length)
  }

  forEach(visitor: Visitor): void {
    assert(visit(this.bytes, this.headBytes, this.length, visitor), "a batch reads as it was written")
  }

  private admit(key: Uint8Array, valueBytes: number): boolean {
    if (key.length > Limits.keyBytesMax) {
      return this.refuse("key-too-large", `a key has at most ${Limits.keyBytesMax} bytes, this one ${key.length}`)
    }
    if (valueBytes > Limits.valueBytesMax) {
      return this.refuse("value-too-large", `a value has at most ${Limits.valueBytesMax} bytes, this one ${valueBytes}`)
    }
    if (this.sizeBytes + key.length + valueBytes > Limits.batchBytesMax) {
      return this.refuse("batch-too-large", `a batch has at most ${Limits.batchBytesMax} bytes: write it in parts`)
    }
    return true
  }

  private refuse(reason: Refused["reason"], message: string): false {
    this.refusal ??= new Refused({ reason, message })
    return false
  }

  private head(kind: number, payloadBytes: number): void {
    this.room(1 + 2 * varintBytesMax + payloadBytes)
    this.bytes[this.length++] = kind
    this.operations++
  }

  private room(sizeBytes: number): void {
    const needed = this.length + sizeBytes
    if (needed <= this.bytes.length) return
    const grown = this.bytes.length * (this.bytes.length > doubledBytesMax ? 1.25 : 2)
    // A long stretch is mostly followed by short ones.
    // Most batches are short and live for a moment: memory of its own would be the most expensive thing of one.
    const larger = Bytes.allocate(Math.max(needed + (needed >> 4) + firstBytes, Math.floor(grown), this.expectedBytes))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
  }

  private varint(value: number): void {
    let left = value
    while (left >= 0x80) {
      this.bytes[this.length++] = (left & 0x7f) | 0x80
      left >>>= 7
    }
    this.bytes[this.length++] = left
  }

  /** Short stretches byte by byte: a call to `set` costs as much as forty of them. */
  private raw(part: Uint8Array): void {
    const at = this.length
    if (part.length > 40) this.bytes.set(part, at)
    else for (let i = 0; i < part.length; i++) this.bytes[at + i] = part[i]
    this.length = at + part.length
  }
}

/** Hands the operations encoded in [from, to) of `bytes` to the visitor; false at the first that is malformed. */
export const visit = (bytes: Uint8Array, from: number, to: number, visitor: Visitor): boolean => {
  let at = from
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 7 * varintBytesMax; shift += 7) {
      if (at >= to) return -1
      const byte = bytes[at++]
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return -1
  }
  while (at < to) {
    const kind = bytes[at++]
    const first = varint()
    const second = kind === kinds.delete ? 0 : varint()
    if (first < 0 || second < 0 || at + first + second > to) return false
    const middle = at + first
    const end = middle + second
    if (kind === kinds.put) visitor.put(bytes, at, middle, end)
    else if (kind === kinds.delete) visitor.delete(bytes, at, middle)
    else if (kind === kinds.deleteRange) visitor.deleteRange(bytes, at, middle, end)
    else return false
    at = end
  }
  return true
}
