/**
 * Token: keys and values as short words without spaces, for scripts and messages. A word is parts with dots between: letters,
 * digits and `-` stand for themselves, `%FF` is a byte, `a*300` a byte 300 times, `~7*300` 300 bytes of the pattern 7. `''` is
 * the empty string of bytes.
 */

const patternByte = (seed: number, position: number): number => (seed * 37 + position * 31 + (position >>> 8) * 7) & 255

const filled = (count: number, byteAt: (position: number) => number): Uint8Array => {
  const bytes = new Uint8Array(count)
  for (let position = 0; position < count; position++) bytes[position] = byteAt(position)
  return bytes
}

const partOf = (text: string): Uint8Array => {
  const [head, times] = text.split("*")
  const count = times === undefined ? 1 : Number(times)
  if (!Number.isSafeInteger(count) || count < 0) throw new Error(`${text}: a count follows the star`)
  if (head.startsWith("~")) return filled(count, (position) => patternByte(Number(head.slice(1)), position))
  if (head.startsWith("%")) return filled(count, () => Number.parseInt(head.slice(1), 16))
  return filled(head.length * count, (position) => head.charCodeAt(position % head.length))
}

/** The bytes of a word. */
export const parse = (word: string): Uint8Array => {
  const parts = word === "''" ? [] : word.split(".").map(partOf)
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

const isPlain = (byte: number): boolean =>
  (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte === 45

const shownBytesMax = 24

/** Bytes as a word, long ones cut: for messages. */
export const show = (bytes: Uint8Array): string => {
  if (bytes.length === 0) return "''"
  const shown = [...bytes.subarray(0, shownBytesMax)]
    .map((byte) =>
      isPlain(byte) ? String.fromCharCode(byte) : `.%${byte.toString(16).padStart(2, "0").toUpperCase()}.`
    )
    .join("")
    .replaceAll("..", ".")
    .replace(/^\.|\.$/g, "")
  return bytes.length > shownBytesMax ? `${shown}…(${bytes.length} bytes)` : shown
}
