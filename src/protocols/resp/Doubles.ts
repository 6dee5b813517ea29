/**
 * Doubles: how Redis 7.0 prints them, by C's `%.17g`: 17 significant digits, so that reading them gives the same number, without zeros at
 * their end; an exponent below -4 and from 17 on. 0.1 is 0.10000000000000001.
 */

/** Significant digits: enough to tell any two doubles apart. */
const digitsCount = 17
/** Behind a half come zeros only, as far as there is anything. */
const tieDigitsCount = 60

/** The digits of |x| without a point, rounded to even as C does (JavaScript rounds halves up), and the exponent of the first. */
const digitsOf = (x: number): { readonly digits: string; readonly exponent: number } => {
  // One digit more tells a half, if nothing follows it.
  const text = x.toExponential(digitsCount)
  const isTie = text[digitsCount + 1] === "5" && /^50*e/.test(x.toExponential(tieDigitsCount).slice(digitsCount + 1))
  const isEven = "02468".includes(text[digitsCount])
  const rounded =
    isTie && isEven ? text.slice(0, digitsCount + 1) + text.slice(digitsCount + 2) : x.toExponential(digitsCount - 1)
  const [mantissa, exponent] = rounded.split("e")
  return { digits: mantissa.replace(".", "").replace(/0+$/, ""), exponent: Number(exponent) }
}

/** As `%.17g` does; infinities are `inf` and `-inf`. */
export const format = (x: number): string => {
  if (Number.isSafeInteger(x) && x !== 0) return String(x)
  if (x === 0) return Object.is(x, -0) ? "-0" : "0"
  if (Number.isNaN(x)) return "nan"
  if (x === Infinity) return "inf"
  if (x < 0) return `-${format(-x)}`
  const { digits, exponent } = digitsOf(x)
  if (exponent < -4 || exponent >= digitsCount) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ""
    const size = Math.abs(exponent)
    return `${digits[0]}${fraction}e${exponent < 0 ? "-" : "+"}${size < 10 ? "0" : ""}${size}`
  }
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0")
  const fraction = digits.slice(exponent + 1)
  return fraction === "" ? whole : `${whole}.${fraction}`
}
