/**
 * JSON (RFC 8259) from bytes: one value after another, or the items of one array one by one, without a string of the
 * whole. Strict, with the place of what is wrong; whole numbers beyond 2^53 become bigints. Objects become maps in the
 * order of their keys, except an outermost one: its keys and values come in turn, as one flat array.
 */
import { depthMax, type Value } from "../Value.ts"
import { end } from "./EdnReader.ts"
import { isDigit, type Source, wholeNumber } from "./Source.ts"

const openBracket = 0x5b
const openBrace = 0x7b

export class Reader {
  private readonly source: Source
  private readonly kinds: Array<number> = []
  /** What is in the values under way, one after another, and where each one's begins: each is cut out at its exact size. */
  private readonly values: Array<Value> = []
  private readonly bases: Array<number> = []
  private top = 0
  private readonly starts: Array<number> = []
  private entered = false
  /** After a comma a value must come. */
  private promised = false

  constructor(source: Source) {
    this.source = source
  }

  /** Steps into an array, if one comes next: `next` then returns its items. */
  enter(): void {
    this.skipSpace()
    if (this.source.byte !== openBracket) return
    this.entered = true
    this.source.at += 1
  }

  /** Where the value begins that `next` would read. */
  offset(): number {
    this.skipSpace()
    return this.source.at
  }

  /** The next value: a flat array of keys and values for an object; `end` after the last. */
  next(): Value | typeof end {
    const { source } = this
    this.skipSpace()
    if (!this.entered) return source.ended ? end : this.value()
    if (source.byte === 0x5d && !this.promised) return this.leave()
    const value = this.value()
    this.skipSpace()
    this.promised = source.byte !== 0x5d
    if (this.promised) this.expect(0x2c)
    return value
  }

  private leave(): typeof end {
    const { source } = this
    source.at += 1
    this.skipSpace()
    if (!source.ended) source.fail("something follows the end of the array")
    return end
  }

  private value(): Value {
    const { source, kinds } = this
    for (;;) {
      this.skipSpace()
      const { byte } = source
      let value: Value
      if (byte === openBracket || byte === openBrace) {
        if (kinds.length === depthMax) source.fail(`values nest deeper than ${depthMax}`)
        kinds.push(byte)
        this.bases.push(this.top)
        this.starts.push(source.at)
        source.at += 1
        this.skipSpace()
        if (source.byte !== byte + 2) {
          if (byte === openBrace) this.key()
          continue
        }
        value = this.close()
      } else value = this.scalar(byte)

      // The value goes to what is around it, which may be complete with it.
      for (;;) {
        if (kinds.length === 0) return value
        this.push(value)
        this.skipSpace()
        if (source.byte === kinds.at(-1)! + 2) {
          value = this.close()
          continue
        }
        this.expect(0x2c)
        if (kinds.at(-1) === openBrace) this.key()
        break
      }
    }
  }

  private close(): Value {
    const kind = this.kinds.pop()!
    const base = this.bases.pop()!
    const items = this.values.slice(base, this.top)
    this.top = base
    this.starts.pop()
    this.source.at += 1
    if (kind === openBracket || this.kinds.length === 0) return items
    const map = new Map<Value, Value>()
    for (let at = 0; at < items.length; at += 2) map.set(items[at]!, items[at + 1]!)
    return map
  }

  private push(value: Value): void {
    this.values[this.top] = value
    this.top += 1
  }

  private key(): void {
    const { source } = this
    this.skipSpace()
    if (source.byte !== 0x22) source.fail("a key in quotes is due")
    this.push(this.string())
    this.skipSpace()
    this.expect(0x3a)
  }

  private expect(byte: number): void {
    const { source } = this
    if (source.byte === byte) {
      source.at += 1
      return
    }
    if (!source.ended) source.fail(`${JSON.stringify(String.fromCharCode(byte))} is due`)
    if (this.starts.length > 0) source.fail("the value that begins here does not end", this.starts.at(-1)!)
    source.fail("the input ends before its ]")
  }

  private skipSpace(): void {
    const { source } = this
    const { bytes } = source
    let { at } = source
    while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at += 1
    source.at = at
  }

  private scalar(byte: number): Value {
    const { source } = this
    if (byte === 0x22) return this.string()
    if (byte === 0x2d || isDigit(byte)) return this.number()
    const start = source.at
    let at = start
    while (at < source.bytes.length && source.bytes[at]! >= 0x61 && source.bytes[at]! <= 0x7a) at += 1
    const word = source.text(start, at)
    source.at = at
    if (word === "null") return null
    if (word === "true") return true
    if (word === "false") return false
    if (source.ended && this.starts.length > 0)
      source.fail("the value that begins here does not end", this.starts.at(-1)!)
    return source.fail("a value is due", start)
  }

  private number(): number | bigint {
    const { source } = this
    const { bytes } = source
    const start = source.at
    let at = start
    let small = 0
    while (isDigit(bytes[at]!)) {
      small = small * 10 + bytes[at]! - 0x30
      at += 1
    }
    if (
      at > start &&
      at - start <= 15 &&
      !isNumberByte(bytes[at] ?? 0) &&
      (bytes[start] !== 0x30 || at - start === 1)
    ) {
      source.at = at
      return small
    }
    while (at < bytes.length && isNumberByte(bytes[at]!)) at += 1
    const text = source.text(start, at)
    if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) source.fail(`${text} is no number`)
    source.at = at
    return /^-?\d+$/.test(text) ? wholeNumber(text) : Number(text)
  }

  private string(): string {
    const { source } = this
    const { bytes } = source
    const start = source.at
    let at = start + 1
    let escaped = false
    for (; at < bytes.length && bytes[at] !== 0x22; at += 1) {
      if (bytes[at]! < 0x20) source.fail("a control character in a string", at)
      if (bytes[at] === 0x5c) {
        escaped = true
        at += 1
      }
    }
    if (at >= bytes.length) source.fail("the string that begins here does not end", start)
    source.at = at + 1
    if (!escaped) return source.text(start + 1, at)
    try {
      return JSON.parse(source.text(start, at + 1)) as string
    } catch {
      return source.fail("an escape in this string is none of JSON's", start)
    }
  }
}

const isNumberByte = (byte: number): boolean =>
  isDigit(byte) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x65 || byte === 0x45
