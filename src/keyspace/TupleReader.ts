/**
 * TupleReader: the elements of a stretch of bytes, one after the other. It takes only what `TupleWriter` writes: whatever else is there
 * is `failure`, with its place. After that everything is `null` and at the end, so callers look once.
 */
import * as Bytes from "#base/Bytes.ts"
import * as Latin1 from "#base/Latin1.ts"
import * as Limits from "#base/Limits.ts"
import type { Element, Plain } from "./TupleElement.ts"
import { Malformed } from "./TupleError.ts"
import * as Format from "./TupleFormat.ts"

const { codes } = Format

const u32Range = 4_294_967_296

/** Unescaped bytes of one element. */
const scratch = new Uint8Array(Limits.keyBytesMax)
const float = new DataView(new ArrayBuffer(8))
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Above this many characters a call of the decoder is faster than putting them together. */
const shortTextMax = 32

const numberOf = (value: bigint): number | bigint => {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

export class TupleReader {
  private readonly bytes: Uint8Array
  private readonly to: number
  private at: number
  /** 0xff in a descending element: its bytes are complements. */
  private mask = 0
  private problem: Malformed | undefined

  constructor(bytes: Uint8Array, from = 0, to = bytes.length) {
    this.bytes = bytes
    this.at = from
    this.to = to
    if (to - from > Limits.keyBytesMax) this.fail(from, `it is longer than a tuple's ${Limits.keyBytesMax} bytes`)
  }

  get failure(): Malformed | undefined {
    return this.problem
  }

  /** Where the next element begins. */
  get offsetBytes(): number {
    return this.at
  }

  get isAtEnd(): boolean {
    return this.at >= this.to
  }

  next(): Element {
    return this.element(0)
  }

  /** The next element as text of one char a byte; undefined: it is no byte string, and still the next one. */
  latin1(): string | undefined {
    const from = this.at
    if (from >= this.to || this.bytes[from] !== codes.bytes) return undefined
    this.at = from + 1
    const length = this.unescape(from)
    return length < 0 ? "" : Latin1.decode(scratch, 0, length)
  }

  private fail(offsetBytes: number, message: string): null {
    this.problem ??= new Malformed({ offsetBytes, message })
    this.at = this.to
    return null
  }

  private cut(from: number): null {
    return this.fail(from, "the bytes end within an element")
  }

  private element(depth: number): Element {
    const from = this.at
    if (from >= this.to) return this.cut(from)
    const code = this.bytes[this.at++] ^ this.mask
    if (code < Format.descendingFrom) return this.plain(from, code, depth)
    this.mask ^= 0xff
    const value = this.plain(from, code ^ 0xff, depth)
    this.mask ^= 0xff
    return { type: "descending", value }
  }

  private plain(from: number, code: number, depth: number): Plain {
    if (code >= codes.zero && code <= codes.smallLast) return code - codes.zero
    if (code >= codes.zero - Format.plainBytesMax && code < codes.zero)
      return this.integer(from, codes.zero - code, true)
    if (code > codes.smallLast && code <= codes.smallLast + Format.plainBytesMax) {
      return this.integer(from, code - codes.smallLast, false)
    }
    switch (code) {
      case codes.null:
        return null
      case codes.false:
        return false
      case codes.true:
        return true
      case codes.text:
        return this.text(from)
      case codes.bytes: {
        const length = this.unescape(from)
        return length < 0 ? null : Bytes.copy(scratch, 0, length)
      }
      case codes.tuple:
        return this.tuple(from, depth + 1)
      case codes.float64:
        return this.float64(from)
      case codes.float32:
        return this.float32(from)
      case codes.timestamp:
        return this.timestamp(from)
      case codes.uuid:
        return this.uuid(from)
      case codes.negativeLarge:
        return this.largeInteger(from, true)
      case codes.positiveLarge:
        return this.largeInteger(from, false)
      default:
        return this.fail(from, `no element begins with 0x${this.bytes[from].toString(16).padStart(2, "0")} here`)
    }
  }

  /** Whether so many bytes of the payload are there. */
  private has(sizeBytes: number): boolean {
    return this.at + sizeBytes <= this.to
  }

  private u32(): number {
    const { at, bytes, mask } = this
    this.at = at + 4
    const value = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
    return (mask === 0 ? value : ~value) >>> 0
  }

  private integer(from: number, size: number, isNegative: boolean): number | bigint | null {
    if (!this.has(size)) return this.cut(from)
    const mask = isNegative ? this.mask ^ 0xff : this.mask
    let high = 0
    let low = 0
    for (let i = size; i > 0; i--) {
      const byte = this.bytes[this.at++] ^ mask
      if (i === size && byte === 0) return this.fail(from, "an integer has more bytes than it needs")
      if (i > 4) high = (high << 8) | byte
      else low = (low << 8) | byte
    }
    high >>>= 0
    low >>>= 0
    if (!isNegative && high === 0 && low <= Format.smallMax) {
      return this.fail(from, "a small integer has its own code")
    }
    const magnitude = high * u32Range + low
    if (Number.isSafeInteger(magnitude)) return isNegative ? -magnitude : magnitude
    const large = (BigInt(high) << 32n) | BigInt(low)
    return isNegative ? -large : large
  }

  private largeInteger(from: number, isNegative: boolean): bigint | null {
    const mask = isNegative ? this.mask ^ 0xff : this.mask
    if (!this.has(1)) return this.cut(from)
    const size = this.bytes[this.at++] ^ mask
    if (size <= Format.plainBytesMax) return this.fail(from, "the integer's size is one that has its own code")
    if (!this.has(size)) return this.cut(from)
    if ((this.bytes[this.at] ^ mask) === 0) return this.fail(from, "an integer has more bytes than it needs")
    let digits = "0x"
    for (let i = 0; i < size; i++) digits += (this.bytes[this.at++] ^ mask).toString(16).padStart(2, "0")
    return isNegative ? -BigInt(digits) : BigInt(digits)
  }

  private float64(from: number): Plain {
    if (!this.has(8)) return this.cut(from)
    const high = this.u32()
    const low = this.u32()
    const isPositive = high >= 0x8000_0000
    float.setUint32(0, isPositive ? high ^ 0x8000_0000 : ~high)
    float.setUint32(4, isPositive ? low : ~low)
    const value = float.getFloat64(0)
    if (Number.isNaN(value) && (high !== (Format.nan64High | 0x8000_0000) >>> 0 || low !== 0)) {
      return this.fail(from, "a NaN that nobody writes")
    }
    return { type: "float64", value }
  }

  private float32(from: number): Plain {
    if (!this.has(4)) return this.cut(from)
    const bits = this.u32()
    float.setUint32(0, bits >= 0x8000_0000 ? bits ^ 0x8000_0000 : ~bits)
    const value = float.getFloat32(0)
    if (Number.isNaN(value) && bits !== (Format.nan32 | 0x8000_0000) >>> 0) {
      return this.fail(from, "a NaN that nobody writes")
    }
    return { type: "float32", value }
  }

  private timestamp(from: number): Plain {
    if (!this.has(8)) return this.cut(from)
    const high = (this.u32() ^ 0x8000_0000) | 0
    const low = this.u32()
    const number = high * u32Range + low
    const micros = Number.isSafeInteger(number) ? number : numberOf((BigInt(high) << 32n) | BigInt(low))
    return { type: "timestamp", micros }
  }

  private uuid(from: number): Plain {
    if (!this.has(Format.uuidBytes)) return this.cut(from)
    const bytes = new Uint8Array(Format.uuidBytes)
    for (let i = 0; i < Format.uuidBytes; i++) bytes[i] = this.bytes[this.at++] ^ this.mask
    return { type: "uuid", bytes }
  }

  /** Puts what stands up to the terminator into `scratch`; its length, or -1 after a failure. */
  private unescape(from: number): number {
    const { bytes, mask, to } = this
    let length = 0
    for (let at = this.at; at < to; at++) {
      const byte = bytes[at] ^ mask
      if (byte > Format.escape) {
        scratch[length++] = byte
        continue
      }
      if (byte === Format.terminator) {
        this.at = at + 1
        return length
      }
      at++
      const escaped = at < to ? (bytes[at] ^ mask) - 1 : 0
      if (at < to && escaped !== 0 && escaped !== 1) {
        this.fail(at, "what follows an escape is neither of both that may")
        return -1
      }
      scratch[length++] = escaped
    }
    this.cut(from)
    return -1
  }

  private text(from: number): string | null {
    const length = this.unescape(from)
    if (length < 0) return null
    if (length <= shortTextMax) {
      let text = ""
      let i = 0
      for (; i < length && scratch[i] < 0x80; i++) text += String.fromCharCode(scratch[i])
      if (i === length) return text
    }
    try {
      return decoder.decode(scratch.subarray(0, length))
    } catch {
      return this.fail(from, "a text is not UTF-8")
    }
  }

  private tuple(from: number, depth: number): ReadonlyArray<Element> | null {
    if (depth > Limits.tupleDepthMax) return this.fail(from, `tuples nest at most ${Limits.tupleDepthMax} deep`)
    const elements: Array<Element> = []
    while (this.at < this.to) {
      if ((this.bytes[this.at] ^ this.mask) === Format.end) {
        this.at++
        return elements
      }
      elements.push(this.element(depth))
    }
    return this.problem === undefined ? this.cut(from) : null
  }
}
