/** Numbers: the numbers of Redis's arguments, as `string2ll` and `getDoubleFromObject` of 7.0 read them. */

/** 2^63 - 1 has so many digits. */
const digitsMax = 19
const exactDigits = 15

const isDigits = (text: string, from: number): boolean => {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x30 || code > 0x39) return false
  }
  return true
}

/**
 * A 64-bit integer in its only spelling: no plus sign, no leading zeros, no spaces. Beyond 2^53 it is the nearest number: whoever has to be
 * exact there uses `parseBig`. undefined: it is none.
 */
export const parseInteger = (text: string): number | undefined => {
  const { length } = text
  const from = text.charCodeAt(0) === 0x2d ? 1 : 0
  const digits = length - from
  if (digits < 1 || digits > digitsMax) return undefined
  if (text.charCodeAt(from) === 0x30) return length === 1 ? 0 : undefined
  if (!isDigits(text, from)) return undefined
  if (digits <= exactDigits) return Number(text)
  const big = parseBig(text)
  return big === undefined ? undefined : Number(big)
}

const bigMin = -9_223_372_036_854_775_808n
const bigMax = 9_223_372_036_854_775_807n

/** The same, exact. */
export const parseBig = (text: string): bigint | undefined => {
  const from = text.charCodeAt(0) === 0x2d ? 1 : 0
  const digits = text.length - from
  if (digits < 1 || digits > digitsMax || !isDigits(text, from)) return undefined
  if (text.charCodeAt(from) === 0x30) return text.length === 1 ? 0n : undefined
  const value = BigInt(text)
  return value < bigMin || value > bigMax ? undefined : value
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const hexadecimal = /^([+-]?)0[xX]([\da-fA-F]+)$/
const infinite = /^([+-]?)inf(?:inity)?$/i

/** A digit before the exponent that is not zero. */
const nonZero = /^[^eE]*[1-9]/

/** A double as `strtod` reads all of the text; not a number is none, and so is what is too large or too small for one. */
export const parseFloat = (text: string): number | undefined => {
  if (decimal.test(text)) {
    const value = Number(text)
    const isLost = value === 0 ? nonZero.test(text) : !Number.isFinite(value)
    return isLost ? undefined : value
  }
  const infinity = infinite.exec(text)
  if (infinity !== null) return infinity[1] === "-" ? -Infinity : Infinity
  const hex = hexadecimal.exec(text)
  if (hex === null) return undefined
  const value = Number(`0x${hex[2]}`)
  return hex[1] === "-" ? -value : value
}
