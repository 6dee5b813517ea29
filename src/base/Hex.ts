/** Hex: bytes as text, two digits each, for traces and their readers. Not for hot paths. */
import { assert } from "./Assert.ts"

export const of = (bytes: Uint8Array): string => {
  let text = ""
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0")
  return text
}

/** The bytes that `of` wrote. */
export const bytesOf = (text: string): Uint8Array => {
  assert(text.length % 2 === 0, "two digits a byte")
  return Uint8Array.from({ length: text.length / 2 }, (_, index) => {
    const byte = Number.parseInt(text.slice(2 * index, 2 * index + 2), 16)
    assert(!Number.isNaN(byte), "hexadecimal digits")
    return byte
  })
}
