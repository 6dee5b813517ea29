/**
 * Listpack: the packed sequence in which Redis 7 keeps and dumps small collections, nodes of lists and of streams. Six bytes of
 * header (size, count), entries, 0xff. An entry is its encoding and data, then their length once more, readable from behind.
 *
 * Texts of integers are written as integers, as Redis does, and come back as the same text.
 */
import * as Integer64 from "./Integer64.ts"
import { Input, Output } from "./RdbBytes.ts"

const headerBytes = 6
/** From here on an encoding is one byte of its own. */
const code16 = 0xf1
const code24 = 0xf2
const code32 = 0xf3
const code64 = 0xf4
const codeText32 = 0xf0
const end = 0xff

/** A count that does not fit says that one has to look. */
const countMax = 65_535

/** What stands behind an entry of so many bytes: seven bits a byte, the last byte holds the lowest, all but the first are marked. */
const backBytes = (sizeBytes: number): number =>
  sizeBytes <= 127 ? 1 : sizeBytes < 16_383 ? 2 : sizeBytes < 2_097_151 ? 3 : sizeBytes < 268_435_455 ? 4 : 5

export class Writer {
  private readonly out = new Output()
  private count = 0

  /** What the whole will have, in bytes. */
  get sizeBytes(): number {
    return this.out.sizeBytes + headerBytes + 1
  }

  private back(from: number): void {
    const sizeBytes = this.out.sizeBytes - from
    for (let left = backBytes(sizeBytes) - 1, first = true; left >= 0; left--, first = false) {
      const seven = Math.floor(sizeBytes / (1 << (7 * left))) & 127
      this.out.u8(first ? seven : seven | 128)
    }
    this.count++
  }

  integer(value: number | bigint): void {
    const { out } = this
    const from = out.sizeBytes
    if (value >= 0 && value <= 127) out.u8(Number(value))
    else if (value >= -4_096 && value <= 4_095) {
      const bits = Number(value) & 0x1fff
      out.u8(0xc0 | (bits >> 8))
      out.u8(bits & 0xff)
    } else if (value >= -32_768 && value <= 32_767) {
      out.u8(code16)
      out.small(Number(value), 2)
    } else if (value >= -8_388_608 && value <= 8_388_607) {
      out.u8(code24)
      out.small(Number(value), 3)
    } else if (value >= -2_147_483_648 && value <= 2_147_483_647) {
      out.u8(code32)
      out.small(Number(value), 4)
    } else {
      out.u8(code64)
      out.i64(BigInt(value))
    }
    this.back(from)
  }

  text(text: string): void {
    const integer = Integer64.parse(text)
    if (integer !== undefined) return this.integer(integer)
    const { out } = this
    const from = out.sizeBytes
    const { length } = text
    if (length < 64) out.u8(0x80 | length)
    else if (length < 4_096) {
      out.u8(0xe0 | (length >> 8))
      out.u8(length & 0xff)
    } else {
      out.u8(codeText32)
      out.small(length, 4)
    }
    out.chars(text)
    this.back(from)
  }

  finish(): Uint8Array {
    const whole = new Output()
    whole.small(this.sizeBytes, 4)
    whole.small(Math.min(this.count, countMax), 2)
    whole.raw(this.out.finish())
    whole.u8(end)
    return whole.finish()
  }
}

/** The texts of one listpack. */
export const encode = (texts: Iterable<string>): Uint8Array => {
  const writer = new Writer()
  for (const text of texts) writer.text(text)
  return writer.finish()
}

const entry = (input: Input): string => {
  const code = input.u8()
  if (code < 0x80) return `${code}`
  if (code < 0xc0) return input.chars(code & 63)
  if (code < 0xe0) return `${((((code & 31) << 8) | input.u8()) << 19) >> 19}`
  if (code < 0xf0) return input.chars(((code & 15) << 8) | input.u8())
  if (code === codeText32) return input.chars(input.unsigned(4))
  if (code === code16) return `${input.small(2)}`
  if (code === code24) return `${input.small(3)}`
  if (code === code32) return `${input.small(4)}`
  if (code === code64) return `${input.i64()}`
  input.refuse()
  return ""
}

const skipBack = (input: Input, sizeBytes: number): void => {
  let read = 0
  for (const byte of input.raw(backBytes(sizeBytes))) read = read * 128 + (byte & 127)
  if (read !== sizeBytes) input.refuse()
}

/** The entries of a listpack; `undefined` where it is none. */
export const decode = (bytes: Uint8Array): Array<string> | undefined => {
  const input = new Input(bytes)
  const sizeBytes = input.unsigned(4)
  const count = input.unsigned(2)
  if (sizeBytes !== bytes.length || bytes.length <= headerBytes) return undefined
  const texts: Array<string> = []
  while (input.isWhole && input.peek() !== end) {
    const before = input.leftBytes
    texts.push(entry(input))
    skipBack(input, before - input.leftBytes)
  }
  input.u8()
  return input.isWhole && input.leftBytes === 0 && (count === countMax || count === texts.length) ? texts : undefined
}
