/**
 * Bits: counting, finding and combining the bits of strings, and integers of any width within them. Bit 0 is the highest of the first byte, as
 * Redis has it.
 */

const ones = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1
  return count
})

/** Bits that are set among those in [from, to). */
export const count = (bytes: Uint8Array, from: number, to: number): number => {
  if (from >= to) return 0
  const first = Math.floor(from / 8)
  const last = Math.floor((to - 1) / 8)
  let found = 0
  for (let i = first; i <= last; i++) found += ones[bytes[i]]
  const before = bytes[first] & ~(0xff >> (from % 8))
  const after = bytes[last] & (0xff >> (((to - 1) % 8) + 1))
  return found - ones[before] - ones[after]
}

/** The first bit of this kind in [from, to); -1: there is none. */
export const find = (bytes: Uint8Array, bit: number, from: number, to: number): number => {
  const other = bit === 1 ? 0 : 0xff
  for (let at = from; at < to;) {
    const byte = bytes[Math.floor(at / 8)]
    if (at % 8 === 0 && byte === other) at += 8
    else if (((byte >> (7 - (at % 8))) & 1) === bit) return at
    else at++
  }
  return -1
}

/** How two bytes make one. */
export type Operation = "and" | "or" | "xor"

/** All strings in one, as long as the longest: the others are followed by zeros. */
export const combine = (operation: Operation, sources: ReadonlyArray<Uint8Array>): Uint8Array => {
  const result = new Uint8Array(Math.max(...sources.map(({ length }) => length)))
  result.set(sources[0])
  for (const source of sources.slice(1)) {
    const { length } = source
    if (operation === "and") {
      for (let i = 0; i < length; i++) result[i] &= source[i]
      result.fill(0, length)
    } else if (operation === "or") for (let i = 0; i < length; i++) result[i] |= source[i]
    else for (let i = 0; i < length; i++) result[i] ^= source[i]
  }
  return result
}

export const invert = (source: Uint8Array): Uint8Array => source.map((byte) => ~byte)

/** The integer without sign in `width` bits, at most 64, from a bit on; behind the end there are zeros. */
export const read = (bytes: Uint8Array, from: number, width: number): bigint => {
  const first = Math.floor(from / 8)
  const last = Math.floor((from + width - 1) / 8)
  let value = 0n
  for (let i = first; i <= last; i++) value = (value << 8n) | BigInt(bytes[i] ?? 0)
  return BigInt.asUintN(width, value >> BigInt(8 * (last + 1) - from - width))
}

/** Puts the lowest `width` bits of an integer there. */
export const write = (bytes: Uint8Array, from: number, width: number, value: bigint): void => {
  const first = Math.floor(from / 8)
  const last = Math.floor((from + width - 1) / 8)
  const shift = BigInt(8 * (last + 1) - from - width)
  const mask = ((1n << BigInt(width)) - 1n) << shift
  let shifted = BigInt.asUintN(width, value) << shift
  let cleared = mask
  for (let i = last; i >= first; i--) {
    bytes[i] = (bytes[i] & ~Number(cleared & 255n)) | Number(shifted & 255n)
    shifted >>= 8n
    cleared >>= 8n
  }
}
