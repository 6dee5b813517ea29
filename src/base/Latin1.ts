/**
 * Latin1: bytes as text, one char a byte. Text of this kind is half the size of other text, is a key of a `Map`, and compares as its bytes
 * do. (A `TextDecoder` of that name decodes windows-1252, which is another alphabet.)
 */

/** What Node.js's `Buffer` has beyond its types: these work on any `Uint8Array`. */
interface Natives {
  latin1Slice(this: Uint8Array, from: number, to: number): string
  latin1Write(this: Uint8Array, text: string, at: number, length: number): number
}

const natives = Buffer.prototype as unknown as Natives

/** Up to this many bytes a loop is faster than the call. */
const loopBytesMax = 24

/** The bytes in [from, to). */
export const decode = (bytes: Uint8Array, from = 0, to = bytes.length): string =>
  natives.latin1Slice.call(bytes, from, to)

/** Puts the text where there is room for it; returns where it ends. Chars above 0xff lose their upper byte. */
export const write = (text: string, bytes: Uint8Array, at: number): number => {
  const { length } = text
  if (length <= loopBytesMax) for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i)
  else natives.latin1Write.call(bytes, text, at, length)
  return at + length
}

export const encode = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length)
  write(text, bytes, 0)
  return bytes
}

/** So many bytes with anything in them, to write texts to. New memory that is cleared first costs more than what is written. */
export const room = (sizeBytes: number): Uint8Array<ArrayBuffer> => Buffer.allocUnsafeSlow(sizeBytes)
