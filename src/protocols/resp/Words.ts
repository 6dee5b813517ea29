/**
 * Words: the arguments of a request as text. Short ones are what most are, and a call to the machine for one costs as much as parsing it;
 * names of commands are the same few, and are met again instead of made again.
 */
import * as Latin1 from "#base/Latin1.ts"

/** Names up to this long are kept; the longest of Redis has 17 bytes. */
const keptBytesMax = 18
const slots = 256
const kept: Array<string> = Array.from({ length: slots }, () => "")

/** The bytes in [from, to), a name that has probably been met before. */
export const name = (bytes: Uint8Array, from: number, to: number): string => {
  const length = to - from
  if (length === 0 || length > keptBytesMax) return Latin1.decode(bytes, from, to)
  const slot = (bytes[from] * 31 + bytes[to - 1] * 17 + bytes[from + (length >> 1)] * 5 + length) & (slots - 1)
  const word = kept[slot]
  if (word.length === length) {
    let at = 0
    while (at < length && word.charCodeAt(at) === bytes[from + at]) at++
    if (at === length) return word
  }
  return (kept[slot] = Latin1.decode(bytes, from, to))
}

const chars = String.fromCharCode

/** The bytes in [from, to). A text put together from parts would have to be flattened before anything looks it up. */
export const text = (b: Uint8Array, from: number, to: number): string => {
  const i = from
  // oxfmt-ignore
  switch (to - from) {
    case 0: return ""
    case 1: return chars(b[i])
    case 2: return chars(b[i], b[i + 1])
    case 3: return chars(b[i], b[i + 1], b[i + 2])
    case 4: return chars(b[i], b[i + 1], b[i + 2], b[i + 3])
    case 5: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4])
    case 6: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5])
    case 7: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6])
    case 8: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7])
    case 9: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8])
    case 10: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9])
    case 11: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10])
    case 12: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10], b[i + 11])
    case 13: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10], b[i + 11], b[i + 12])
    case 14: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10], b[i + 11], b[i + 12], b[i + 13])
    case 15: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10], b[i + 11], b[i + 12], b[i + 13], b[i + 14])
    case 16: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10], b[i + 11], b[i + 12], b[i + 13], b[i + 14], b[i + 15])
    case 17: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10], b[i + 11], b[i + 12], b[i + 13], b[i + 14], b[i + 15], b[i + 16])
    case 18: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10], b[i + 11], b[i + 12], b[i + 13], b[i + 14], b[i + 15], b[i + 16], b[i + 17])
    case 19: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10], b[i + 11], b[i + 12], b[i + 13], b[i + 14], b[i + 15], b[i + 16], b[i + 17], b[i + 18])
    case 20: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10], b[i + 11], b[i + 12], b[i + 13], b[i + 14], b[i + 15], b[i + 16], b[i + 17], b[i + 18], b[i + 19])
    default: return Latin1.decode(b, from, to)
  }
}
