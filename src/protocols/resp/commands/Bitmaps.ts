/** Bitmaps: strings as rows of bits: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP, as redis-server 7.0 has them (bitops.c). */
import * as Latin1 from "#base/Latin1.ts"
import * as Bits from "#database/redis/Bits.ts"
import { classes } from "#database/redis/Engine.ts"
import type { Entry } from "#database/redis/Entry.ts"
import * as Integer64 from "#database/redis/Integer64.ts"
import { StringValue, sizeOf, textOf } from "#database/redis/StringValue.ts"
import type { Call, Handler } from "../Call.ts"
import * as Refusal from "../Refusal.ts"

/** To be read only. */
const bytesOf = (entry: Entry | undefined): Uint8Array => {
  if (entry === undefined) return new Uint8Array(0)
  const { content } = entry
  return content instanceof StringValue ? content.bytes : Latin1.encode(textOf(content))
}

/** Where a bit is: `#2` means the third field of `width` bits, where that is allowed. */
export const offsetOf = (call: Call, at: number, width = 0): number => {
  const text = call.argv[at]
  const isField = width > 0 && text.startsWith("#")
  const place = Integer64.parse(isField ? text.slice(1) : text)
  const offset = typeof place === "number" ? place * (isField ? width : 1) : -1
  if (offset < 0 || Math.floor(offset / 8) >= call.engine.settings.protoMaxBulkBytes) {
    throw new Refusal.Refusal("ERR bit offset is not an integer or out of range")
  }
  return offset
}

export interface Writable {
  readonly value: StringValue
  /** It was made for this, or made longer. */
  readonly isLonger: boolean
}

/** A string long enough to hold the bit, to be written to. */
export const writable = (call: Call, key: string, bit: number): Writable => {
  const entry = call.changeOf(key, "string")
  const value = StringValue.of(entry?.content)
  const before = value.size
  value.extend(Math.floor(bit / 8) + 1)
  if (entry !== undefined) entry.content = value
  return { value, isLonger: entry === undefined || value.size > before }
}

/** The string that `writable` gave was written to, or made. */
export const written = (call: Call, key: string, { value }: Writable): void => {
  const entry = call.db.peek(key)
  if (entry === undefined) call.db.add(key, value)
  else call.db.touched(entry)
  call.notify(classes.string, "setbit", key)
}

const setbit: Handler = (call) => {
  const [, key, , text] = call.argv
  const offset = offsetOf(call, 2)
  if (text !== "0" && text !== "1") throw new Refusal.Refusal("ERR bit is not an integer or out of range")
  const string = writable(call, key, offset)
  const { isLonger, value } = string
  const at = Math.floor(offset / 8)
  const mask = 0x80 >> (offset % 8)
  const { bytes } = value
  const old = (bytes[at] & mask) === 0 ? 0 : 1
  const bit = text === "1" ? 1 : 0
  if (isLonger || old !== bit) {
    bytes[at] = bit === 1 ? bytes[at] | mask : bytes[at] & ~mask
    value.touch(at, at + 1)
    written(call, key, string)
  }
  call.out.integer(old)
}

const getbit: Handler = (call) => {
  const offset = offsetOf(call, 2)
  const entry = call.readOf(call.argv[1], "string")
  const at = Math.floor(offset / 8)
  if (entry === undefined || at >= sizeOf(entry.content)) return call.out.integer(0)
  const { content } = entry
  const byte = content instanceof StringValue ? content.bytes[at] : textOf(content).charCodeAt(at)
  call.out.integer((byte >> (7 - (offset % 8))) & 1)
}

interface Range {
  /** In bits; `to` is not in it. */
  readonly from: number
  readonly to: number
}

const empty: Range = { from: 0, to: 0 }

/** Bits between two places given in bytes or bits, from the end where they are negative. */
const range = (sizeBytes: number, from: number, to: number, unitBits: number): Range => {
  const size = (sizeBytes * 8) / unitBits
  const first = from < 0 ? Math.max(0, size + from) : from
  const last = Math.min(to < 0 ? Math.max(0, size + to) : to, size - 1)
  return first > last ? empty : { from: first * unitBits, to: (last + 1) * unitBits }
}

const unitBitsOf = (call: Call, at: number): number => {
  if (at >= call.argv.length || call.is(at, "byte")) return 8
  if (call.is(at, "bit")) return 1
  throw Refusal.syntax
}

const bitcount: Handler = (call) => {
  const { argv, out } = call
  const entry = call.readOf(argv[1], "string")
  if (entry === undefined) return out.integer(0)
  const bytes = bytesOf(entry)
  if (argv.length === 2) return out.integer(Bits.count(bytes, 0, bytes.length * 8))
  if (argv.length !== 4 && argv.length !== 5) throw Refusal.syntax
  const first = call.integer(2)
  const last = call.integer(3)
  const unitBits = unitBitsOf(call, 4)
  if (first < 0 && last < 0 && first > last) return out.integer(0)
  const { from, to } = range(bytes.length, first, last, unitBits)
  out.integer(Bits.count(bytes, from, to))
}

const bitpos: Handler = (call) => {
  const { argv, out } = call
  const bit = call.integer(2)
  if (bit !== 0 && bit !== 1) throw new Refusal.Refusal("ERR The bit argument must be 1 or 0.")
  const entry = call.readOf(argv[1], "string")
  if (entry === undefined) return out.integer(bit === 1 ? -1 : 0)
  if (argv.length > 6) throw Refusal.syntax
  const bytes = bytesOf(entry)
  const first = argv.length > 3 ? call.integer(3) : 0
  const unitBits = unitBitsOf(call, 5)
  const last = argv.length > 4 ? call.integer(4) : -1
  const { from, to } = range(bytes.length, first, last, unitBits)
  if (from >= to) return out.integer(-1)
  const found = Bits.find(bytes, bit, from, to)
  // Where no end was given, zeros follow the string.
  out.integer(found === -1 && bit === 0 && argv.length <= 4 ? bytes.length * 8 : found)
}

const bitop: Handler = (call) => {
  const { argv, out } = call
  const [, , target, ...keys] = argv
  const operation = argv[1].toLowerCase()
  if (operation !== "and" && operation !== "or" && operation !== "xor" && operation !== "not") throw Refusal.syntax
  if (operation === "not" && keys.length !== 1) {
    throw new Refusal.Refusal("ERR BITOP NOT must be called with a single source key.")
  }
  const sources = keys.map((key) => bytesOf(call.readOf(key, "string")))
  const result = operation === "not" ? Bits.invert(sources[0]) : Bits.combine(operation, sources)
  if (result.length > 0) {
    call.db.set(target, StringValue.take(result))
    call.notify(classes.string, "set", target)
  } else if (call.db.delete(target)) call.notify(classes.generic, "del", target)
  out.integer(result.length)
}

export const handlers: Readonly<Record<string, Handler>> = { bitcount, bitop, bitpos, getbit, setbit }
