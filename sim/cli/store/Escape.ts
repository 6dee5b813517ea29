/**
 * Escape: keys and values as text, and back. Printable ASCII stands for itself, a backslash for `\\`, every other byte is `\x` and two
 * digits; or all of it is digits.
 */
import * as Hex from "#base/Hex.ts"

export interface Style {
  /** Digits only. */
  readonly hex: boolean
}

const backslash = 0x5c

const isPlain = (byte: number): boolean => byte >= 0x20 && byte < 0x7f && byte !== backslash

/** The codes of the two digits of each byte. */
const digits = Uint8Array.from({ length: 512 }, (_, index) => {
  const text = (index >>> 1).toString(16).padStart(2, "0")
  return text.charCodeAt(index & 1)
})

/** Texts are put together here: strings that are joined piece by piece keep the collector busier than the store. */
let scratch = Buffer.alloc(65_536)
const lengthMax = 4

export const textOf = (bytes: Uint8Array, { hex }: Style): string => {
  if (scratch.length < lengthMax * bytes.length) scratch = Buffer.alloc(lengthMax * bytes.length)
  let at = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (!hex && isPlain(byte)) {
      scratch[at++] = byte
      continue
    }
    if (!hex) scratch[at++] = backslash
    if (!hex && byte === backslash) {
      scratch[at++] = backslash
      continue
    }
    if (!hex) scratch[at++] = 0x78
    scratch[at++] = digits[2 * byte]
    scratch[at++] = digits[2 * byte + 1]
  }
  return scratch.toString("latin1", 0, at)
}

/** The bytes that a text means; undefined: it means none. What is not ASCII stands for its UTF-8. */
export const bytesOf = (text: string, { hex }: Style): Uint8Array | undefined => {
  if (hex) return /^([0-9a-fA-F]{2})*$/.test(text) ? Hex.bytesOf(text) : undefined
  const parts: Array<number> = []
  const encoder = new TextEncoder()
  for (let at = 0; at < text.length;) {
    if (text[at] !== "\\") {
      const point = String.fromCodePoint(text.codePointAt(at)!)
      parts.push(...encoder.encode(point))
      at += point.length
      continue
    }
    const [escape, digits] = /^\\(?:\\|x([0-9a-fA-F]{2}))/.exec(text.slice(at)) ?? []
    if (escape === undefined) return undefined
    parts.push(digits === undefined ? backslash : Number.parseInt(digits, 16))
    at += escape.length
  }
  return Uint8Array.from(parts)
}
