/**
 * A reader of EDN, the notation of Clojure's data (github.com/edn-format/edn), as histories of Jepsen, Knossos and Elle
 * use it: all of its forms, comments, discards and tagged elements; beyond it the metadata and ratios that Clojure may
 * print. It keeps no stack of calls, only its own, `Value.depthMax` deep. What the forms become is up to a `Builder`.
 */
import { depthMax } from "../Value.ts"
import { isDigit, type Source, wholeNumber } from "./Source.ts"

export interface Builder {
  readonly keyword: (name: string) => unknown
  readonly symbol: (name: string) => unknown
  readonly character: (character: string) => unknown
  readonly list: (items: Array<unknown>) => unknown
  readonly vector: (items: Array<unknown>) => unknown
  readonly set: (items: Array<unknown>) => unknown
  /** Keys and values in turn. */
  readonly map: (flat: Array<unknown>) => unknown
  readonly tagged: (tag: string, value: unknown) => unknown
}

/** What `next` returns after the last form. */
export const end: unique symbol = Symbol("end")

const kindTag = 1
const kindDiscard = 2
const kindMeta = 3
const kindSet = 4

const closing: Readonly<Record<number, number>> = { 0x28: 0x29, 0x5b: 0x5d, 0x7b: 0x7d, [kindSet]: 0x7d }

export class Reader {
  private readonly source: Source
  private readonly builder: Builder
  /** The opening byte of each form under way, or a kind. */
  private readonly kinds: Array<number> = []
  /** What is in them so far, one after another, and where each form's begins: a form is cut out at its exact size. */
  private readonly values: Array<unknown> = []
  private readonly bases: Array<number> = []
  private top = 0
  private readonly starts: Array<number> = []
  private outerClose = 0

  constructor(source: Source, builder: Builder) {
    this.source = source
    this.builder = builder
  }

  /** How many forms are around the one just read, tags not counted. */
  get depth(): number {
    let depth = 0
    for (const kind of this.kinds) if (kind !== kindTag) depth += 1
    return depth
  }

  /** Steps into a vector or list, if one comes next: `next` then returns its items one by one. */
  enter(): void {
    this.skipSpace()
    const { byte } = this.source
    if (byte !== 0x5b && byte !== 0x28) return
    this.outerClose = closing[byte]!
    this.source.at += 1
  }

  /** Where the form begins that `next` would read. */
  offset(): number {
    this.skipSpace()
    return this.source.at
  }

  next(): unknown {
    const { source, kinds, values, starts } = this
    for (;;) {
      this.skipSpace()
      if (source.ended) {
        if (kinds.length > 0) source.fail("the form that begins here does not end", starts.at(-1)!)
        if (this.outerClose !== 0) source.fail(`the input ends before its ${String.fromCharCode(this.outerClose)}`)
        return end
      }
      let value: unknown
      const { byte } = source
      if (byte === 0x28 || byte === 0x5b || byte === 0x7b) {
        this.open(byte, 1)
        continue
      } else if (byte === 0x29 || byte === 0x5d || byte === 0x7d) {
        if (kinds.length === 0 && byte === this.outerClose) return this.leave()
        value = this.close(byte)
      } else if (byte === 0x23) {
        if (this.dispatch()) continue
        value = this.symbolic()
      } else if (byte === 0x5e) {
        this.open(kindMeta, 1)
        continue
      } else value = this.atom(byte)

      // The value goes to the form around it, through the tags and past the discards.
      for (;;) {
        if (kinds.length === 0) return value
        const kind = kinds.at(-1)!
        if (kind === kindTag) {
          value = this.builder.tagged(values[this.top - 1] as string, value)
          this.drop()
        } else if (kind === kindDiscard || kind === kindMeta) {
          this.drop()
          break
        } else {
          values[this.top] = value
          this.top += 1
          break
        }
      }
    }
  }

  private skipSpace(): void {
    const { source } = this
    const { bytes } = source
    let { at } = source
    for (; at < bytes.length; at += 1) {
      const byte = bytes[at]!
      if (byte === 0x3b) {
        while (at < bytes.length && bytes[at] !== 0x0a) at += 1
      } else if (byte > 0x20 && byte !== 0x2c) break
    }
    source.at = at
  }

  private open(kind: number, width: number): void {
    if (this.kinds.length === depthMax) this.source.fail(`forms nest deeper than ${depthMax}`)
    this.kinds.push(kind)
    this.bases.push(this.top)
    this.starts.push(this.source.at)
    this.source.at += width
  }

  private drop(): void {
    this.kinds.pop()
    this.top = this.bases.pop()!
    this.starts.pop()
  }

  private leave(): typeof end {
    const { source } = this
    this.outerClose = 0
    source.at += 1
    this.skipSpace()
    if (!source.ended) source.fail("something follows the end of the history")
    return end
  }

  private close(byte: number): unknown {
    const { source, builder } = this
    const kind = this.kinds.at(-1)
    if (kind === undefined || kind === kindTag || kind === kindDiscard || kind === kindMeta || byte !== closing[kind]) {
      return this.misplaced(byte, kind)
    }
    const items = this.values.slice(this.bases.at(-1)!, this.top)
    if (kind === 0x7b && items.length % 2 === 1) source.fail("a map's key has no value", this.starts.at(-1)!)
    this.drop()
    source.at += 1
    if (kind === 0x7b) return builder.map(items)
    return kind === 0x5b ? builder.vector(items) : kind === 0x28 ? builder.list(items) : builder.set(items)
  }

  private misplaced(byte: number, kind: number | undefined): never {
    const found = String.fromCharCode(byte)
    if (kind === undefined) this.source.fail(`${found} closes nothing`)
    const due = closing[kind]
    return this.source.fail(
      due === undefined ? `a form is missing before ${found}` : `${found} where ${String.fromCharCode(due)} is due`
    )
  }

  /** After `#`: true when it opened something, false before a symbolic value (`##Inf`). */
  private dispatch(): boolean {
    const { source } = this
    const next = source.bytes[source.at + 1]
    if (next === 0x23) return false
    if (next === 0x7b) this.open(kindSet, 2)
    else if (next === 0x5f) this.open(kindDiscard, 2)
    else if (next !== undefined && isNameStart(next)) {
      this.open(kindTag, 1)
      this.values[this.top] = this.name()
      this.top += 1
    } else source.fail("after # comes a set, a discard or a tag")
    return true
  }

  private symbolic(): number {
    const { source } = this
    const start = source.at
    source.at += 2
    const name = this.name()
    if (name === "Inf") return Infinity
    if (name === "-Inf") return -Infinity
    return name === "NaN" ? NaN : source.fail(`##${name} is no number`, start)
  }

  private name(): string {
    const { source } = this
    const { bytes } = source
    const start = source.at
    let at = start
    while (at < bytes.length && isName(bytes[at]!)) at += 1
    source.at = at
    return source.text(start, at)
  }

  private atom(byte: number): unknown {
    const { source, builder } = this
    const start = source.at
    if (byte === 0x22) return this.string()
    if (byte === 0x5c) return this.character()
    if (byte === 0x3a) {
      source.at += 1
      const name = this.name()
      if (name === "" || name.startsWith(":")) source.fail("a keyword has a name", start)
      return builder.keyword(name)
    }
    const signed = (byte === 0x2b || byte === 0x2d) && isDigit(source.bytes[start + 1]!)
    if (signed || isDigit(byte)) return this.number()
    if (!isNameStart(byte)) source.fail(`unexpected ${JSON.stringify(source.text(start, start + utf8Width(byte)))}`)
    const name = this.name()
    if (name === "nil") return null
    if (name === "true") return true
    return name === "false" ? false : builder.symbol(name)
  }

  private number(): number | bigint {
    const { source } = this
    const { bytes } = source
    const start = source.at
    let at = start
    let value = 0
    if (!isDigit(bytes[at]!)) at += 1
    while (isDigit(bytes[at]!)) {
      value = value * 10 + bytes[at]! - 0x30
      at += 1
    }
    if (!isName(bytes[at] ?? 0) && at - start <= 15 && (bytes[start] !== 0x30 || at - start === 1)) {
      source.at = at
      return bytes[start] === 0x2d ? 0 - value : value
    }
    const text = this.name()
    if (/^[+-]?(0|[1-9]\d*)N?$/.test(text)) return wholeNumber(text.replace("N", ""))
    if (/^[+-]?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d+)?M?$/.test(text)) return Number(text.replace("M", ""))
    // The addresses of objects, as Clojure prints them.
    if (/^[+-]?0[xX][0-9a-fA-F]+N?$/.test(text)) return hexadecimal(text)
    const ratio = /^([+-]?\d+)\/(\d+)$/.exec(text)
    return ratio === null ? source.fail(`${text} is no number`, start) : Number(ratio[1]) / Number(ratio[2])
  }

  private character(): unknown {
    const { source, builder } = this
    const start = source.at
    source.at += 1
    if (source.ended) source.fail("a character is missing after \\", start)
    source.at += utf8Width(source.byte)
    const first = source.text(start + 1, Math.min(source.at, source.bytes.length))
    const rest = /^[A-Za-z]/.test(first) ? this.name() : ""
    if (rest === "") return builder.character(first)
    const name = first + rest
    const named = characters[name]
    if (named !== undefined) return builder.character(named)
    const code = /^u([0-9a-fA-F]{4})$/.exec(name)
    if (code === null) return source.fail(`\\${name} is no character`, start)
    return builder.character(String.fromCharCode(parseInt(code[1]!, 16)))
  }

  private string(): string {
    const { source } = this
    const { bytes } = source
    const start = source.at + 1
    let at = start
    let escaped = false
    while (at < bytes.length && bytes[at] !== 0x22) {
      if (bytes[at] === 0x5c) {
        escaped = true
        at += 1
      }
      at += 1
    }
    if (at >= bytes.length) source.fail("the string that begins here does not end", start - 1)
    source.at = at + 1
    if (!escaped) return source.text(start, at)
    return this.unescape(start, at)
  }

  private unescape(start: number, stop: number): string {
    const { source } = this
    const { bytes } = source
    const parts: Array<string> = []
    let from = start
    for (let at = start; at < stop; at += 1) {
      if (bytes[at] !== 0x5c) continue
      parts.push(source.text(from, at))
      const sequence = source.text(at, Math.min(at + 6, stop))
      const simple = escapes[sequence[1]!]
      const code = /^\\(?:u([0-9a-fA-F]{4})|o?([0-3]?[0-7]{1,2}))/.exec(sequence)
      if (simple !== undefined) {
        parts.push(simple)
        from = at + 2
      } else if (code !== null) {
        parts.push(String.fromCharCode(code[1] === undefined ? parseInt(code[2]!, 8) : parseInt(code[1], 16)))
        from = at + code[0].length
      } else source.fail(`\\${sequence[1]} is no escape`, at)
      at = from - 1
    }
    parts.push(source.text(from, stop))
    return parts.join("")
  }
}

const hexadecimal = (text: string): number | bigint => {
  const digits = BigInt(text.replace(/^[+-]/, "").replace("N", ""))
  return wholeNumber(String(text.startsWith("-") ? -digits : digits))
}

const utf8Width = (byte: number): number => (byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4)

/** What stands for a character after a backslash in a string. */
export const escapes: Readonly<Record<string, string>> = {
  t: "\t",
  r: "\r",
  n: "\n",
  b: "\b",
  f: "\f",
  "\\": "\\",
  '"': '"'
}
/** Characters that have a name. */
export const characters: Readonly<Record<string, string>> = {
  newline: "\n",
  return: "\r",
  space: " ",
  tab: "\t",
  formfeed: "\f",
  backspace: "\b"
}

/** Bytes that may stand inside a symbol, keyword or number; all of UTF-8 beyond ASCII is let through. */
const nameBytes = new Uint8Array(256)
for (let byte = 0x80; byte < 256; byte += 1) nameBytes[byte] = 1
for (const character of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.*+!-_?$%&=<>/#:'|") {
  nameBytes[character.charCodeAt(0)] = 1
}
const isName = (byte: number): boolean => nameBytes[byte] === 1
const isNameStart = (byte: number): boolean =>
  isName(byte) && !isDigit(byte) && byte !== 0x23 && byte !== 0x3a && byte !== 0x27
