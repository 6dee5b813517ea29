/**
 * Keys: the order of byte strings (unsigned, a prefix before what it begins), without a view or a call a comparison: `Buffer.compare`
 * costs five times as much as these loops, because keys differ early.
 *
 * `prefixOf` is a key's first six bytes as a number, shorter keys filled up with zeros. Doubles hold 48 bits exactly, so
 * one comparison of numbers decides most comparisons of keys: a smaller prefix is a smaller key, and only equal ones have to
 * be compared further.
 */
export const prefixBytes = 6

/** Below 0, 0 or above 0, as the stretch of `a` is below, equal to or above the stretch of `b`. */
export const compareIn = (
  a: Uint8Array,
  aFrom: number,
  aTo: number,
  b: Uint8Array,
  bFrom: number,
  bTo: number
): number => {
  const aLength = aTo - aFrom
  const bLength = bTo - bFrom
  const shorter = aLength < bLength ? aLength : bLength
  for (let i = 0; i < shorter; i++) {
    const difference = a[aFrom + i] - b[bFrom + i]
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

export const compare = (a: Uint8Array, b: Uint8Array): number => compareIn(a, 0, a.length, b, 0, b.length)

export const prefixOf = (bytes: Uint8Array, from: number, to: number): number => {
  if (to - from >= prefixBytes) {
    const high = (bytes[from] << 16) | (bytes[from + 1] << 8) | bytes[from + 2]
    const low = (bytes[from + 3] << 16) | (bytes[from + 4] << 8) | bytes[from + 5]
    return high * 16_777_216 + low
  }
  let prefix = 0
  for (let i = from; i < from + prefixBytes; i++) prefix = prefix * 256 + (i < to ? bytes[i] : 0)
  return prefix
}

/** How many bytes the two stretches begin with in common. */
export const commonBytes = (
  a: Uint8Array,
  aFrom: number,
  aTo: number,
  b: Uint8Array,
  bFrom: number,
  bTo: number
): number => {
  const most = Math.min(aTo - aFrom, bTo - bFrom)
  let common = 0
  while (common < most && a[aFrom + common] === b[bFrom + common]) common++
  return common
}

/** The lowest key above this one. */
export const after = (key: Uint8Array): Uint8Array => {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}
