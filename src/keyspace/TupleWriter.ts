/**
 * TupleWriter: tuples to bytes, an element a call, into memory that is used again and again: an element allocates nothing but what a
 * large bigint needs to be taken apart.
 *
 * Duties of the caller: `begin` and `end` in pairs, `descending` before an element; that is asserted. What the caller may not
 * know of its values is refused instead: `refused` is then the first reason, and `finish` answers with it.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import * as Limits from "#base/Limits.ts"
import { Unencodable, type UnencodableReason } from "./TupleError.ts"
import * as Format from "./TupleFormat.ts"

const { codes } = Format

const u32Range = 4_294_967_296
const int64Min = -(1n << 63n)
const int64Max = (1n << 63n) - 1n
const plainMax = (1n << 64n) - 1n

/** What is written before the size is looked at: a character, or a number with its code. */
const slackBytes = 16 + Format.uuidBytes

const { keyBytesMax } = Limits

const safeMax = BigInt(Number.MAX_SAFE_INTEGER)
const isSafe = (value: bigint): boolean => value >= -safeMax && value <= safeMax

/** How many bytes the number `high` times 2^32, plus `low`, has. */
const bytesOf = (high: number, low: number): number => {
  const top = high === 0 ? low : high
  const bytes = top < 0x100 ? 1 : top < 0x1_0000 ? 2 : top < 0x100_0000 ? 3 : 4
  return high === 0 ? bytes : 4 + bytes
}

export class TupleWriter {
  private readonly bytes = new Uint8Array(keyBytesMax + slackBytes)
  private readonly view = new DataView(this.bytes.buffer)
  private length = 0
  private isDescending = false
  /** Of each nested tuple that has begun and not ended: where, and whether it is descending. */
  private readonly begun: Array<{ readonly at: number; readonly isDescending: boolean }> = []
  private refusal: Unencodable | undefined

  /** The first reason for which there will be no bytes. */
  get refused(): Unencodable | undefined {
    return this.refusal
  }

  /** The next element, with all that is in it, sorts the other way round. */
  descending(): this {
    assert(!this.isDescending, "an element is descending once")
    this.isDescending = true
    return this
  }

  null(): this {
    return this.one(codes.null)
  }

  boolean(value: boolean): this {
    return this.one(value ? codes.true : codes.false)
  }

  /** Numbers and bigints of one value have the same bytes. -0 is 0. */
  integer(value: number | bigint): this {
    if (typeof value === "bigint" && !isSafe(value)) return this.largeInteger(value)
    const number = Number(value)
    const small = number | 0
    if (small === number && small >= 0 && small <= Format.smallMax) return this.one(codes.zero + small)
    if (!Number.isSafeInteger(number)) {
      return this.refuse("not-an-integer", `${number} is no safe integer: tag it as a float, or use a bigint`)
    }
    const magnitude = number < 0 ? -number : number
    return this.plainInteger(Math.floor(magnitude / u32Range), magnitude >>> 0, number < 0)
  }

  float64(value: number): this {
    const at = this.head(codes.float64)
    if (at < 0) return this
    if (Number.isNaN(value)) {
      this.view.setUint32(at, Format.nan64High)
      this.view.setUint32(at + 4, 0)
    } else this.view.setFloat64(at, value)
    this.orderFloat(at, 8)
    return this.done(at - 1, at + 8)
  }

  float32(value: number): this {
    if (!Number.isNaN(value) && Math.fround(value) !== value) {
      return this.refuse("not-a-float32", `32 bits do not hold ${value}: round it, or use 64`)
    }
    const at = this.head(codes.float32)
    if (at < 0) return this
    if (Number.isNaN(value)) this.view.setUint32(at, Format.nan32)
    else this.view.setFloat32(at, value)
    this.orderFloat(at, 4)
    return this.done(at - 1, at + 4)
  }

  /** Microseconds since 1970, in 64 bits. */
  timestamp(micros: number | bigint): this {
    const isWhole = typeof micros === "number" ? Number.isSafeInteger(micros) : micros >= int64Min && micros <= int64Max
    if (!isWhole) {
      return this.refuse("timestamp-out-of-range", `${micros} is not a whole number of microseconds in 64 bits`)
    }
    const at = this.head(codes.timestamp)
    if (at < 0) return this
    if (typeof micros === "number") {
      this.view.setInt32(at, Math.floor(micros / u32Range))
      this.view.setUint32(at + 4, micros >>> 0)
    } else this.view.setBigInt64(at, micros)
    this.bytes[at] ^= 0x80
    return this.done(at - 1, at + 8)
  }

  uuid(value: Uint8Array): this {
    if (value.length !== Format.uuidBytes) return this.refuse("not-a-uuid", `a UUID has 16 bytes, not ${value.length}`)
    const at = this.head(codes.uuid)
    if (at < 0) return this
    for (let i = 0; i < Format.uuidBytes; i++) this.bytes[at + i] = value[i]
    return this.done(at - 1, at + Format.uuidBytes)
  }

  /** By its code points, which is the order of the UTF-8. */
  text(value: string): this {
    let at = this.head(codes.text)
    if (at < 0) return this
    const start = at - 1
    const { bytes } = this
    for (let i = 0; i < value.length; i++) {
      if (at > keyBytesMax) return this.tooLarge()
      const unit = value.charCodeAt(i)
      if (unit < 0x80) {
        if (unit <= Format.escape) {
          bytes[at++] = Format.escape
          bytes[at++] = unit + 1
        } else bytes[at++] = unit
      } else if (unit < 0x800) {
        bytes[at++] = 0xc0 | (unit >>> 6)
        bytes[at++] = 0x80 | (unit & 0x3f)
      } else if ((unit & 0xf800) !== 0xd800) {
        bytes[at++] = 0xe0 | (unit >>> 12)
        bytes[at++] = 0x80 | ((unit >>> 6) & 0x3f)
        bytes[at++] = 0x80 | (unit & 0x3f)
      } else {
        const low = i + 1 < value.length ? value.charCodeAt(++i) : 0
        if (unit >= 0xdc00 || (low & 0xfc00) !== 0xdc00) {
          return this.refuse("lone-surrogate", "half of a surrogate pair stands alone: such a text has no UTF-8")
        }
        const point = 0x1_0000 + ((unit & 0x3ff) << 10) + (low & 0x3ff)
        bytes[at++] = 0xf0 | (point >>> 18)
        bytes[at++] = 0x80 | ((point >>> 12) & 0x3f)
        bytes[at++] = 0x80 | ((point >>> 6) & 0x3f)
        bytes[at++] = 0x80 | (point & 0x3f)
      }
    }
    bytes[at++] = Format.terminator
    return this.done(start, at)
  }

  /** Any bytes; they are copied. */
  byteString(value: Uint8Array): this {
    let at = this.head(codes.bytes)
    if (at < 0) return this
    const start = at - 1
    const { bytes } = this
    for (let i = 0; i < value.length; i++) {
      if (at > keyBytesMax) return this.tooLarge()
      const byte = value[i]
      if (byte <= Format.escape) {
        bytes[at++] = Format.escape
        bytes[at++] = byte + 1
      } else bytes[at++] = byte
    }
    bytes[at++] = Format.terminator
    return this.done(start, at)
  }

  /** Begins a nested tuple: what follows, up to `end`, is in it. */
  begin(): this {
    if (this.begun.length >= Limits.tupleDepthMax) {
      this.refuse("too-deep", `tuples nest at most ${Limits.tupleDepthMax} deep`)
    }
    const at = this.head(codes.tuple)
    this.begun.push({ at: at - 1, isDescending: this.isDescending })
    this.isDescending = false
    if (at > keyBytesMax) return this.tooLarge()
    if (at >= 0) this.length = at
    return this
  }

  end(): this {
    const tuple = this.begun.pop()
    assert(tuple !== undefined && !this.isDescending, "a tuple that ends has begun, and its last element is there")
    if (this.refusal !== undefined) return this
    this.bytes[this.length] = Format.end
    this.isDescending = tuple.isDescending
    return this.done(tuple.at, this.length + 1)
  }

  /** Bytes as they are: elements that were encoded before, or what stands before the tuple. */
  raw(value: Uint8Array): this {
    assert(!this.isDescending, "bytes have no order of their own")
    const to = this.length + value.length
    if (to > keyBytesMax) return this.tooLarge()
    for (let i = 0; i < value.length; i++) this.bytes[this.length + i] = value[i]
    this.length = to
    return this
  }

  /** A copy of what was written, or why there is none. The writer is empty again then. */
  finish(): Uint8Array | Unencodable {
    assert(this.begun.length === 0 && !this.isDescending, "every tuple that began has ended")
    const written = this.refusal ?? Bytes.copy(this.bytes, 0, this.length)
    this.length = 0
    this.refusal = undefined
    return written
  }

  private refuse(reason: UnencodableReason, message: string): this {
    this.refusal ??= new Unencodable({ reason, message })
    this.isDescending = false
    return this
  }

  private tooLarge(): this {
    return this.refuse("too-large", `the bytes of a tuple are at most ${keyBytesMax}`)
  }

  /** Writes a code; where its payload begins, or -1 after a refusal. Room for `slackBytes` is there. */
  private head(code: number): number {
    if (this.refusal !== undefined) {
      this.isDescending = false
      return -1
    }
    this.bytes[this.length] = code
    return this.length + 1
  }

  /** An element that is its code. */
  private one(code: number): this {
    const at = this.head(code)
    return at < 0 ? this : this.done(at - 1, at)
  }

  /** The element from `from` up to `to` is there. */
  private done(from: number, to: number): this {
    if (to > keyBytesMax) return this.tooLarge()
    if (this.isDescending) {
      this.isDescending = false
      for (let i = from; i < to; i++) this.bytes[i] ^= 0xff
    }
    this.length = to
    return this
  }

  /** A magnitude of 1 to 8 bytes; below 0 its complement, so that larger magnitudes sort first. */
  private plainInteger(high: number, low: number, isNegative: boolean): this {
    const size = bytesOf(high, low)
    const at = this.head(isNegative ? codes.zero - size : codes.smallLast + size)
    if (at < 0) return this
    const mask = isNegative ? 0xff : 0
    for (let i = 0; i < size; i++) {
      const shift = size - 1 - i
      this.bytes[at + i] = ((shift >= 4 ? high >>> (8 * (shift - 4)) : low >>> (8 * shift)) & 0xff) ^ mask
    }
    return this.done(at - 1, at + size)
  }

  /** One that no number holds. */
  private largeInteger(value: bigint): this {
    const isNegative = value < 0n
    const magnitude = isNegative ? -value : value
    if (magnitude <= plainMax) {
      return this.plainInteger(Number(magnitude >> 32n), Number(magnitude & 0xffff_ffffn), isNegative)
    }
    const digits = magnitude.toString(16)
    const size = (digits.length + 1) >>> 1
    if (size > Format.magnitudeBytesMax) {
      return this.refuse(
        "integer-too-large",
        `an integer has at most ${Format.magnitudeBytesMax} bytes, this one ${size}`
      )
    }
    const at = this.head(isNegative ? codes.negativeLarge : codes.positiveLarge)
    if (at < 0) return this
    if (at + 1 + size > keyBytesMax) return this.tooLarge()
    const mask = isNegative ? 0xff : 0
    this.bytes[at] = size ^ mask
    const padded = digits.length % 2 === 0 ? digits : `0${digits}`
    for (let i = 0; i < size; i++) {
      this.bytes[at + 1 + i] = Number.parseInt(padded.slice(2 * i, 2 * i + 2), 16) ^ mask
    }
    return this.done(at - 1, at + 1 + size)
  }

  /** Turns the bits of a float, which lie there with the highest first, into ones whose order is that of the floats. */
  private orderFloat(at: number, size: number): void {
    const { bytes } = this
    if (bytes[at] < 0x80) bytes[at] |= 0x80
    else for (let i = at; i < at + size; i++) bytes[i] ^= 0xff
  }
}
