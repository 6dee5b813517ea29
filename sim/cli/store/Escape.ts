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

export const textOf = (bytes: Uint8Array, { hex }: Style): string => {
  if (hex) return Hex.of(bytes)
  let text = ""
  for (const byte of bytes) {
    if (byte === backslash) text += "\\\\"
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte)
    else text += `\\x${byte.toString(16).padStart(2, "0")}`
  }
  return text
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
