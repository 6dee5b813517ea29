/**
 * Bytes under a reader's cursor: UTF-8, never as one string, so that a file may be larger than a string can be. Short
 * tokens (keywords, names, small strings) are decoded once and then found by their bytes.
 */
import { Malformed } from "./Malformed.ts"

/** A power of two; a history has a few dozen names, and values may come and go. */
const cacheSlots = 8192
const cachedBytesMax = 48

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

export class Source {
  readonly bytes: Uint8Array
  at = 0
  private readonly cache = new Array<string | undefined>(cacheSlots)

  constructor(input: Uint8Array | string) {
    this.bytes = typeof input === "string" ? new TextEncoder().encode(input) : input
    if (this.bytes[0] === 0xef && this.bytes[1] === 0xbb && this.bytes[2] === 0xbf) this.at = 3
  }

  /** The byte under the cursor; NaN at the end, which equals no byte. */
  get byte(): number {
    return this.at < this.bytes.length ? this.bytes[this.at]! : NaN
  }

  get ended(): boolean {
    return this.at >= this.bytes.length
  }

  fail(problem: string, offset = this.at): never {
    const { bytes } = this
    let line = 1
    let column = 1
    for (let at = 0; at < offset && at < bytes.length; at += 1) {
      if (bytes[at] === 0x0a) {
        line += 1
        column = 1
      } else if ((bytes[at]! & 0xc0) !== 0x80) column += 1
    }
    throw new Malformed({ line, column, problem })
  }

  /** The text of some bytes. */
  text(start: number, end: number): string {
    const { bytes, cache } = this
    const length = end - start
    if (length > cachedBytesMax) return this.decode(start, end)
    let hash = length
    for (let at = start; at < end; at += 1) hash = (Math.imul(hash, 31) + bytes[at]!) | 0
    const slot = (hash ^ (hash >>> 15)) & (cacheSlots - 1)
    const known = cache[slot]
    if (known !== undefined && known.length === length) {
      let at = 0
      // Only ASCII text has one character a byte, so a hit is always right.
      while (at < length && known.charCodeAt(at) === bytes[start + at]) at += 1
      if (at === length) return known
    }
    const decoded = this.decode(start, end)
    cache[slot] = decoded
    return decoded
  }

  private decode(start: number, end: number): string {
    const { bytes } = this
    let ascii = end - start <= 1024
    for (let at = start; ascii && at < end; at += 1) ascii = bytes[at]! < 0x80
    const part = bytes.subarray(start, end)
    if (ascii) return String.fromCharCode.apply(null, part as unknown as Array<number>)
    try {
      return decoder.decode(part)
    } catch {
      return this.fail("these bytes are not UTF-8", start)
    }
  }
}

export const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39

/** A whole number's text as a number where that is exact, else as a bigint. */
export const wholeNumber = (text: string): number | bigint => {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : BigInt(text.startsWith("+") ? text.slice(1) : text)
}
