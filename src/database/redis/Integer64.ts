/**
 * Integer64: integers of 64 bits with a sign, as Redis reads and keeps them. A number in canonical form ("-12"; neither "+1" nor "01" nor
 * "-0") is a plain number as far as that is exact, up to 2^53, and a BigInt beyond.
 */
export const max = 9_223_372_036_854_775_807n
export const min = -9_223_372_036_854_775_808n

/** "-9223372036854775808" has twenty chars. */
const digitsMax = 20
/** So many digits are always below 2^53. */
const safeDigitsMax = 15

/** True for the canonical text of an integer that fits in 64 bits. */
export const isCanonical = (text: string): boolean => {
  const { length } = text
  if (length === 0 || length > digitsMax) return false
  const first = text.charCodeAt(0)
  if (length === 1) return first >= 0x30 && first <= 0x39
  const from = first === 0x2d ? 1 : 0
  const leading = text.charCodeAt(from)
  if (leading < 0x31 || leading > 0x39) return false
  for (let i = from + 1; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x30 || code > 0x39) return false
  }
  if (length < 19) return true
  const value = BigInt(text)
  return value >= min && value <= max
}

/** The integer of a canonical text: a number where it is safe, a BigInt up to 64 bits; `undefined` for any other text. */
export const parse = (text: string): number | bigint | undefined => {
  if (!isCanonical(text)) return undefined
  const value = Number(text)
  return text.length <= safeDigitsMax || Number.isSafeInteger(value) ? value : BigInt(text)
}

/** The same number in the form that it has here: what is safe is a plain number. */
export const normal = (value: bigint): number | bigint => {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
