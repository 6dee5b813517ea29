import { afterEach, describe, expect, it } from "vitest"
import { Prng } from "#base/Prng.ts"
import * as NameHash from "./NameHash.ts"

const rotated = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))

/** As its authors wrote it, with so many rounds a word and at the end. */
const halfSipHash = (
  bytes: ReadonlyArray<number>,
  [low, high]: readonly [number, number],
  rounds: { readonly word: number; readonly end: number }
): number => {
  let [v0, v1, v2, v3] = [low, high, 0x6c_79_67_65 ^ low, 0x74_65_64_62 ^ high]
  const mix = (times: number): void => {
    for (let i = 0; i < times; i++) {
      v0 = (v0 + v1) | 0
      v1 = rotated(v1, 5) ^ v0
      v0 = rotated(v0, 16)
      v2 = (v2 + v3) | 0
      v3 = rotated(v3, 8) ^ v2
      v0 = (v0 + v3) | 0
      v3 = rotated(v3, 7) ^ v0
      v2 = (v2 + v1) | 0
      v1 = rotated(v1, 13) ^ v2
      v2 = rotated(v2, 16)
    }
  }
  for (let i = 0; i <= bytes.length - (bytes.length % 4); i += 4) {
    const isLast = i + 4 > bytes.length
    const word = bytes
      .slice(i, i + 4)
      .reduce((sum, byte, at) => sum | (byte << (8 * at)), isLast ? bytes.length << 24 : 0)
    v3 ^= word
    mix(rounds.word)
    v0 ^= word
  }
  v2 ^= 0xff
  mix(rounds.end)
  return v1 ^ v3
}

const written = [0x0f_1e_2d_3c, 0x4b_5a_69_78] as const

describe("a hash of a name", () => {
  afterEach(() => NameHash.setKey(...written))

  it("is HalfSipHash-1-3, with any key", () => {
    // The first of the reference implementation's vectors, of HalfSipHash-2-4.
    const vector = halfSipHash([], [0x03_02_01_00, 0x07_06_05_04], { word: 2, end: 4 })
    expect(vector | 0).toBe(0x5b_9f_35_a9)
    const draw = new Prng(1, 2, 3, 4)
    for (let length = 0; length < 100; length++) {
      const bytes = Array.from({ length }, () => draw.below(256))
      const name = String.fromCharCode(...bytes)
      const drawn = [draw.below(2 ** 32), draw.below(2 ** 32)] as const
      for (const key of [written, drawn]) {
        NameHash.setKey(...key)
        expect(NameHash.of(name)).toBe(halfSipHash(bytes, key, { word: 1, end: 3 }))
      }
    }
  })
})
