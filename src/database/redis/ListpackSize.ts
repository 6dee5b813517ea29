/**
 * ListpackSize: how many bytes Redis takes for something in a listpack. Where a node of a stream ends, and so what an approximate trim removes,
 * depends on it; ours are stored otherwise. Source: the format of listpacks (antirez, 2017), integers and strings with their length behind them.
 */

/** Six bytes before the elements, one after them. */
export const emptyBytes = 7

/** Digits of the largest integer of 64 bits, and its sign. */
const integerCharsMax = 20
const maxText = "9223372036854775807"
const minText = "9223372036854775808"

export const integerBytes = (value: number): number => {
  if (value >= 0 && value < 128) return 2
  if (value >= -4_096 && value < 4_096) return 3
  if (value >= -32_768 && value < 32_768) return 4
  if (value >= -8_388_608 && value < 8_388_608) return 5
  if (value >= -2_147_483_648 && value < 2_147_483_648) return 6
  return 10
}

/** Whether the text is what a signed integer of 64 bits is written as. */
const isInteger = (text: string): boolean => {
  const { length } = text
  if (length === 0 || length > integerCharsMax) return false
  const isNegative = text.charCodeAt(0) === 45
  const from = isNegative ? 1 : 0
  if (from === length) return false
  if (text.charCodeAt(from) === 48) return length === 1
  for (let i = from; i < length; i++) {
    const char = text.charCodeAt(i)
    if (char < 48 || char > 57) return false
  }
  const digits = length - from
  if (digits !== 19) return digits < 19
  return text.slice(from) <= (isNegative ? minText : maxText)
}

export const textBytes = (text: string): number => {
  if (isInteger(text)) return integerBytes(Number(text))
  const { length } = text
  const bytes = length + (length < 64 ? 1 : length < 4_096 ? 2 : 5)
  return bytes + (bytes <= 127 ? 1 : bytes < 16_383 ? 2 : bytes < 2_097_151 ? 3 : bytes < 268_435_455 ? 4 : 5)
}
