/**
 * LongDouble: the floating-point numbers of INCRBYFLOAT and HINCRBYFLOAT, which Redis computes as `long double` of x86: a significand of 64
 * bits, exponents to 2^16384. Here they are exact integers times powers of two, rounded to nearest, ties to even, at every step
 * at which the processor rounds; so sums, and the decimals that are printed of them, are Redis's to the last digit.
 */

/** `significand * 2^exponent`; of an infinity the exponent is infinite. */
export interface LongDouble {
  readonly significand: bigint
  readonly exponent: number
}

const significandBits = 64
/** Of the lowest bit of the smallest number, and the first power of two that is too large. */
const exponentMin = -16_445
const magnitudeMax = 16_384
/** As in Redis: longer texts are no numbers. */
const charsMax = 5_119
/** Powers of ten beyond these are infinite, or zero, whatever stands before them in so many chars. */
const powerMax = 12_000
/** Decimals that are printed. */
const decimals = 17
const scale = 100_000_000_000_000_000n

const bitsOf = (value: bigint): number =>
  value.toString(16).length * 4 - Math.clz32(parseInt(value.toString(16)[0], 16)) + 28

/** Without its lowest bits, to nearest, ties to even; `sticky`: something lies below the lowest bit of all. */
const shifted = (value: bigint, bits: number, sticky: boolean): bigint => {
  const cut = BigInt(bits)
  const kept = value >> cut
  const rest = value - (kept << cut)
  const half = 1n << (cut - 1n)
  if (rest < half || (rest === half && !sticky && (kept & 1n) === 0n)) return kept
  return kept + 1n
}

/** The nearest number; `undefined`: it is too large. */
const rounded = (magnitude: bigint, exponent: number, sticky: boolean): LongDouble | undefined => {
  if (magnitude === 0n) return { significand: 0n, exponent: 0 }
  const excess = Math.max(bitsOf(magnitude) - significandBits, exponentMin - exponent)
  const significand = excess > 0 ? shifted(magnitude, excess, sticky) : magnitude
  const scaled = excess > 0 ? exponent + excess : exponent
  if (significand !== 0n && bitsOf(significand) + scaled > magnitudeMax) return undefined
  return { significand, exponent: scaled }
}

const signed = (value: LongDouble | undefined, isNegative: boolean): LongDouble | undefined =>
  value !== undefined && isNegative ? { significand: -value.significand, exponent: value.exponent } : value

const tenTo = (power: number): bigint => BigInt(`1${"0".repeat(power)}`)

/** More bits of a quotient than are kept: what is below them only says which way a tie goes. */
const guardBits = significandBits + 4

const fromDecimal = (digits: bigint, power: number): LongDouble | undefined => {
  if (digits === 0n) return { significand: 0n, exponent: 0 }
  if (power > powerMax) return undefined
  if (power < -powerMax) return { significand: 0n, exponent: 0 }
  if (power >= 0) return rounded(digits * tenTo(power), 0, false)
  const divisor = tenTo(-power)
  const shift = Math.max(0, bitsOf(divisor) - bitsOf(digits) + guardBits)
  const dividend = digits << BigInt(shift)
  const quotient = dividend / divisor
  return rounded(quotient, -shift, quotient * divisor !== dividend)
}

const decimal = /^(\d*)\.?(\d*)(?:e([+-]?\d+))?$/
/** Powers of two beyond these are infinite, or zero. */
const binaryMax = 100_000
const hexadecimal = /^0x([\da-f]*)\.?([\da-f]*)(?:p([+-]?\d+))?$/

const clamp = (power: number): number => Math.max(-binaryMax, Math.min(power, binaryMax))

/** The number that all of the text is, as `strtold` reads it and Redis takes it; `undefined`: it is none. */
export const parse = (text: string): LongDouble | undefined => {
  if (text.length > charsMax) return undefined
  const isNegative = text.startsWith("-")
  const plain = (isNegative || text.startsWith("+") ? text.slice(1) : text).toLowerCase()
  if (plain === "inf" || plain === "infinity") return { significand: isNegative ? -1n : 1n, exponent: Infinity }
  const isHex = plain.startsWith("0x")
  const [, whole = "", fraction = "", power = "0"] = (isHex ? hexadecimal : decimal).exec(plain) ?? []
  const digits = whole + fraction
  if (digits === "") return undefined
  const value = isHex
    ? rounded(BigInt(`0x${digits}`), clamp(Number(power)) - 4 * fraction.length, false)
    : fromDecimal(BigInt(digits), Number(power) - fraction.length)
  // What is so small that nothing is left of it is refused.
  const isLost = value?.significand === 0n && /[1-9a-f]/.test(digits)
  return isLost ? undefined : signed(value, isNegative)
}

/** The sum; `undefined`: it is infinite, or none. */
export const add = (left: LongDouble, right: LongDouble): LongDouble | undefined => {
  if (left.exponent === Infinity || right.exponent === Infinity) return undefined
  const exponent = Math.min(left.exponent, right.exponent)
  const sum =
    (left.significand << BigInt(left.exponent - exponent)) + (right.significand << BigInt(right.exponent - exponent))
  return signed(rounded(sum < 0n ? -sum : sum, exponent, false), sum < 0n)
}

/** In decimals, at most seventeen behind the point, no exponent, no zeros at the end. */
export const format = ({ exponent, significand }: LongDouble): string => {
  const isNegative = significand < 0n
  const magnitude = (isNegative ? -significand : significand) * scale
  const scaled = exponent >= 0 ? magnitude << BigInt(exponent) : shifted(magnitude, -exponent, false)
  const digits = scaled.toString().padStart(decimals + 1, "0")
  const whole = digits.slice(0, -decimals)
  const fraction = digits.slice(-decimals).replace(/0+$/, "")
  const text = fraction === "" ? whole : `${whole}.${fraction}`
  return isNegative && text !== "0" ? `-${text}` : text
}
