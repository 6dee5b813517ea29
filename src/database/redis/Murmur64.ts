/**
 * Murmur64: MurmurHash64A (Austin Appleby), little-endian, on text of one char a byte, in halves of 32 bits. HyperLogLogs of Redis are made of
 * it, so it must give the same bits.
 */

/** The multiplier, c6a4a7935bd1e995. */
const multiplierHigh = 0xc6a4a793 | 0
const multiplierLow = 0x5bd1e995

/** The halves of the last hash. */
export let high = 0
export let low = 0

/** The upper half of the product of two halves without sign. */
const upper = (a: number, b: number): number => {
  const a0 = a & 0xffff
  const a1 = a >>> 16
  const b0 = b & 0xffff
  const b1 = b >>> 16
  const middle = a1 * b0 + ((a0 * b0) >>> 16)
  const carry = a0 * b1 + (middle & 0xffff)
  return (a1 * b1 + Math.floor(middle / 65_536) + Math.floor(carry / 65_536)) | 0
}

/** Multiplies what is in `high` and `low`. */
const multiply = (): void => {
  high = (upper(low, multiplierLow) + Math.imul(high, multiplierLow) + Math.imul(low, multiplierHigh)) | 0
  low = Math.imul(low, multiplierLow)
}

/** Folds the upper bits into the lower ones: x ^= x >> 47. */
const fold = (): void => {
  low ^= high >>> 15
}

/** Up to four chars as an integer, the first one lowest. */
const word = (text: string, at: number, length: number): number => {
  let value = 0
  for (let i = 0; i < length; i++) value |= text.charCodeAt(at + i) << (8 * i)
  return value
}

/** Leaves the hash in `high` and `low`. */
export const hash = (text: string, seed: number): void => {
  const { length } = text
  // The length times the multiplier, into the seed.
  low = length
  high = 0
  multiply()
  let hashLow = low ^ seed
  let hashHigh = high
  const whole = length & ~7
  for (let at = 0; at < whole; at += 8) {
    low = word(text, at, 4)
    high = word(text, at + 4, 4)
    multiply()
    fold()
    multiply()
    low ^= hashLow
    high ^= hashHigh
    multiply()
    hashLow = low
    hashHigh = high
  }
  low = hashLow
  high = hashHigh
  const rest = length - whole
  if (rest > 0) {
    low ^= word(text, whole, Math.min(rest, 4))
    if (rest > 4) high ^= word(text, whole + 4, rest - 4)
    multiply()
  }
  fold()
  multiply()
  fold()
}
