/**
 * Packed: numbers and texts one behind the other in one text of one char a byte, as chunks of lists and streams are stored. What is read was
 * written by the same functions: a reader that runs out is a defect.
 */
import { assert } from "#base/Assert.ts"

/** A number from zero to the largest safe integer: seven bits a byte, the lowest first, all but the last with the upper bit set. */
export const number = (value: number): string => {
  if (value < 128) return String.fromCharCode(value)
  let text = ""
  let rest = value
  while (rest >= 128) {
    text += String.fromCharCode((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  return text + String.fromCharCode(rest)
}

export const text = (value: string): string => number(value.length) + value

/** Seven bytes that order as the numbers do. */
export const ordered = (value: number): string => {
  const high = Math.floor(value / 4_294_967_296)
  return String.fromCharCode(
    (high >>> 16) & 255,
    (high >>> 8) & 255,
    high & 255,
    (value >>> 24) & 255,
    (value >>> 16) & 255,
    (value >>> 8) & 255,
    value & 255
  )
}

export class Reader {
  private readonly bytes: string
  private at: number

  constructor(bytes: string, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  get isDone(): boolean {
    return this.at >= this.bytes.length
  }

  number(): number {
    let value = 0
    let weight = 1
    for (;;) {
      assert(this.at < this.bytes.length, "packed bytes end where a number ends")
      const byte = this.bytes.charCodeAt(this.at++)
      value += (byte % 128) * weight
      if (byte < 128) return value
      weight *= 128
    }
  }

  take(length: number): string {
    assert(this.at + length <= this.bytes.length, "packed bytes end where a text ends")
    const from = this.at
    this.at += length
    return this.bytes.slice(from, this.at)
  }

  text(): string {
    return this.take(this.number())
  }

  ordered(): number {
    let value = 0
    for (const char of this.take(7)) value = value * 256 + char.charCodeAt(0)
    return value
  }
}
