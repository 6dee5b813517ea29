/**
 * RdbBytes: writing and reading the pieces that dumps are made of (RDB version 10): lengths, strings, integers, doubles. A string is
 * an integer of 8, 16 or 32 bits where it is the text of one, is compressed where that saves four bytes, or is written as it is.
 *
 * The reader never throws: past the end, and in what cannot be, it gives zeros and empty text and remembers it; whoever reads
 * in a loop looks at `isWhole`.
 */
import * as Bytes from "#base/Bytes.ts"
import * as Latin1 from "#base/Latin1.ts"
import * as Limits from "#base/Limits.ts"
import * as Integer64 from "./Integer64.ts"
import * as Lzf from "./Lzf.ts"

/** The first byte's upper two bits say what a length is; all of them, that it is none but an encoded string. */
const length14 = 0x40
const length32 = 0x80
const length64 = 0x81
const encoded8 = 0xc0
const encoded16 = 0xc1
const encoded32 = 0xc2
const encodedLzf = 0xc3

/** Longer texts are not looked at as integers, shorter ones are not compressed: as Redis has it. */
const integerCharsMax = 11
const compressedBytesMin = 21

const firstBytes = 64

export class Output {
  private bytes = new Uint8Array(firstBytes)
  private used = 0

  /** Room for so many bytes more; returns where they go. */
  private take(sizeBytes: number): number {
    const at = this.used
    this.used += sizeBytes
    if (this.used > this.bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.bytes.length, this.used))
      larger.set(this.bytes.subarray(0, at))
      this.bytes = larger
    }
    return at
  }

  get sizeBytes(): number {
    return this.used
  }

  u8(value: number): void {
    const at = this.take(1)
    this.bytes[at] = value
  }

  /** An integer of two's complement in `sizeBytes` bytes, at most four, the lowest first. */
  small(value: number, sizeBytes: number): void {
    const at = this.take(sizeBytes)
    for (let i = 0; i < sizeBytes; i++) this.bytes[at + i] = value >> (8 * i)
  }

  /** 64 bits, the lowest byte first. */
  i64(value: bigint): void {
    const low = Number(BigInt.asUintN(32, value))
    this.small(low | 0, 4)
    this.small(Number(BigInt.asIntN(32, value >> 32n)), 4)
  }

  f64(value: number): void {
    const at = this.take(8)
    Bytes.putF64(this.bytes, at, value)
  }

  raw(bytes: Uint8Array): void {
    const at = this.take(bytes.length)
    this.bytes.set(bytes, at)
  }

  /** Chars as bytes, without a length. */
  chars(text: string): void {
    const at = this.take(text.length)
    Latin1.write(text, this.bytes, at)
  }

  /** An integer in [0, 2^64). */
  length(value: number | bigint): void {
    if (value < 64) this.u8(Number(value))
    else if (value < 16_384) {
      this.u8(length14 | (Number(value) >> 8))
      this.u8(Number(value) & 0xff)
    } else {
      const isLong = value > 0xffff_ffff
      this.u8(isLong ? length64 : length32)
      const wide = BigInt(value)
      for (let shift = isLong ? 56n : 24n; shift >= 0n; shift -= 8n) this.u8(Number((wide >> shift) & 0xffn))
    }
  }

  private integer(value: number): void {
    const bytes = value >= -128 && value <= 127 ? 1 : value >= -32_768 && value <= 32_767 ? 2 : 4
    this.u8(bytes === 1 ? encoded8 : bytes === 2 ? encoded16 : encoded32)
    this.small(value, bytes)
  }

  text(text: string): void {
    if (text.length <= integerCharsMax && Integer64.isCanonical(text)) {
      const value = Number(text)
      if (value === (value | 0)) return this.integer(value)
    }
    if (text.length >= compressedBytesMin) return this.blob(Latin1.encode(text))
    this.length(text.length)
    this.chars(text)
  }

  /** A string of bytes that is not the text of an integer. */
  blob(bytes: Uint8Array): void {
    const packed = bytes.length >= compressedBytesMin ? Lzf.compress(bytes, bytes.length - 4) : undefined
    if (packed === undefined) {
      this.length(bytes.length)
      this.raw(bytes)
    } else {
      this.u8(encodedLzf)
      this.length(packed.length)
      this.length(bytes.length)
      this.raw(packed)
    }
  }

  /** A view of what was written. */
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.used)
  }
}

const nothing = new Uint8Array(0)

export class Input {
  readonly bytes: Uint8Array
  private at: number
  private readonly end: number
  private broken = false

  constructor(bytes: Uint8Array, from = 0, to = bytes.length) {
    this.bytes = bytes
    this.at = from
    this.end = to
  }

  /** Everything that was asked for was there, and could be. */
  get isWhole(): boolean {
    return !this.broken
  }

  get leftBytes(): number {
    return this.end - this.at
  }

  /** What was read cannot be: from here on there is nothing. */
  refuse(): void {
    this.broken = true
    this.at = this.end
  }

  private take(sizeBytes: number): number {
    const at = this.at
    if (sizeBytes > this.end - at) {
      this.refuse()
      return -1
    }
    this.at = at + sizeBytes
    return at
  }

  u8(): number {
    const at = this.take(1)
    return at < 0 ? 0 : this.bytes[at]
  }

  /** The byte that comes next, or -1. */
  peek(): number {
    return this.at < this.end ? this.bytes[this.at] : -1
  }

  /** An integer without a sign in `sizeBytes` bytes, at most four, the lowest first. */
  unsigned(sizeBytes: number): number {
    const at = this.take(sizeBytes)
    let value = 0
    if (at >= 0) for (let i = sizeBytes - 1; i >= 0; i--) value = value * 256 + this.bytes[at + i]
    return value
  }

  /** The same with a sign. */
  small(sizeBytes: number): number {
    const shift = 32 - 8 * sizeBytes
    return (this.unsigned(sizeBytes) << shift) >> shift
  }

  /** The same with the highest byte first, without a sign. */
  big(sizeBytes: number): number {
    const at = this.take(sizeBytes)
    let value = 0
    if (at >= 0) for (let i = 0; i < sizeBytes; i++) value = value * 256 + this.bytes[at + i]
    return value
  }

  i64(): bigint {
    const low = BigInt(this.unsigned(4))
    return (BigInt(this.small(4)) << 32n) | low
  }

  f64(): number {
    const at = this.take(8)
    return at < 0 ? 0 : Bytes.getF64(this.bytes, at)
  }

  /** A view of the next bytes. */
  raw(sizeBytes: number): Uint8Array {
    const at = this.take(sizeBytes)
    return at < 0 ? nothing : this.bytes.subarray(at, at + sizeBytes)
  }

  chars(sizeBytes: number): string {
    return Latin1.decode(this.raw(sizeBytes))
  }

  /** A length up to 2^64: exact. */
  wideLength(): bigint {
    const first = this.u8()
    if (first < length14) return BigInt(first)
    if (first < length32) return BigInt(((first & 63) << 8) | this.u8())
    if (first === length32) return BigInt(this.big(4))
    if (first === length64) return (BigInt(this.big(4)) << 32n) | BigInt(this.big(4))
    this.refuse()
    return 0n
  }

  length(): number {
    return Number(this.wideLength())
  }

  private packed(): Uint8Array {
    const packedBytes = this.length()
    const sizeBytes = this.length()
    const packed = this.raw(packedBytes)
    // A byte of LZF stands for at most 264 others over three: more than that is a lie, and room for it is not made.
    const isPossible = sizeBytes <= Math.min(packed.length * 264, Limits.textBytesMax)
    const bytes = isPossible ? Lzf.decompress(packed, sizeBytes) : undefined
    if (bytes !== undefined && this.isWhole) return bytes
    this.refuse()
    return nothing
  }

  text(): string {
    const first = this.peek()
    if (first < encoded8) return this.chars(this.length())
    this.u8()
    if (first === encoded8) return `${this.small(1)}`
    if (first === encoded16) return `${this.small(2)}`
    if (first === encoded32) return `${this.small(4)}`
    if (first === encodedLzf) return Latin1.decode(this.packed())
    this.refuse()
    return ""
  }

  /** A string's bytes: a view where they lie there as they are. */
  blob(): Uint8Array {
    const first = this.peek()
    if (first < encoded8) return this.raw(this.length())
    if (first !== encodedLzf) return Latin1.encode(this.text())
    this.u8()
    return this.packed()
  }
}
