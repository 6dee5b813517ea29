/**
 * TraceHash: a running digest of everything that happens in a run. Two runs with equal digests took the same course.
 * Two 32-bit lanes of multiply-and-shift (the murmur3 finaliser's constants): integer arithmetic only, a few
 * nanoseconds a word. It detects accidents, not adversaries.
 */
import { crc32 } from "node:zlib"

/** Above this many bytes the native checksum is faster than the loop. */
const loopBytesMax = 96

/** 32 bits of a stretch of bytes, to fold in. */
export const wordOf = (bytes: Uint8Array): number => {
  const length = bytes.length
  if (length > loopBytesMax) return crc32(bytes, length)
  let mixed = length
  let i = 0
  for (; i + 3 < length; i += 4) {
    const word = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24)
    mixed = Math.imul(mixed ^ word, 0x9e3779b1)
    mixed ^= mixed >>> 14
  }
  for (; i < length; i++) mixed = Math.imul(mixed ^ bytes[i], 0x9e3779b1)
  return mixed
}

export class TraceHash {
  private a = 0x2545f491
  private b = 0x6c62272e
  private readonly scratch = new DataView(new ArrayBuffer(8))

  /** Folds in the low 32 bits of an integer. */
  fold(word: number): void {
    let a = Math.imul(this.a ^ word, 0x85ebca6b)
    a ^= a >>> 15
    this.a = a
    let b = Math.imul(this.b + word, 0xc2b2ae35)
    b ^= b >>> 13
    this.b = b ^ a
  }

  /** Folds in a double by its bits. */
  number(value: number): void {
    this.scratch.setFloat64(0, value)
    this.fold(this.scratch.getInt32(0))
    this.fold(this.scratch.getInt32(4))
  }

  bytes(bytes: Uint8Array): void {
    this.fold(wordOf(bytes))
  }

  text(text: string): void {
    // Read once: texts are of so many forms inside the engine that to ask each time takes seven times as long.
    const { length } = text
    let word = length
    for (let i = 0; i < length; i++) word = (Math.imul(word, 31) + text.charCodeAt(i)) | 0
    this.fold(word)
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return (this.a >>> 0).toString(16).padStart(8, "0") + (this.b >>> 0).toString(16).padStart(8, "0")
  }
}
