/**
 * NameHash: 32 bits of a name, by which a table finds it: no answer depends on them. HalfSipHash-1-3, the variant for words of 32 bits of SipHash
 * (Aumasson and Bernstein, INDOCRYPT 2012), so that who does not know the key cannot choose names that all have one hash.
 *
 * Chars are those of a string of bytes, below 256.
 */

let first = 0x0f_1e_2d_3c
let second = 0x4b_5a_69_78

/** Before the first table is made: a server draws its key when it starts; where nobody attacks, the one that is written here will do. */
export const setKey = (low: number, high: number): void => {
  first = low | 0
  second = high | 0
}

export const of = (name: string): number => {
  const { length } = name
  let v0 = first
  let v1 = second
  let v2 = 0x6c_79_67_65 ^ first
  let v3 = 0x74_65_64_62 ^ second
  const whole = length & ~3
  // The last word holds what is left, and the length; after it come rounds without one.
  for (let i = 0, rounds = 1; rounds <= 4; i += 4) {
    let word = 0
    if (i < whole) {
      word =
        name.charCodeAt(i) |
        (name.charCodeAt(i + 1) << 8) |
        (name.charCodeAt(i + 2) << 16) |
        (name.charCodeAt(i + 3) << 24)
    } else {
      if (rounds === 1) {
        word = length << 24
        for (let at = i, shift = 0; at < length; at += 1, shift += 8) word |= name.charCodeAt(at) << shift
      } else if (rounds === 2) v2 ^= 0xff
      rounds += 1
    }
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  return v1 ^ v3
}
