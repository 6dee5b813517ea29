import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { TraceHash } from "./TraceHash.ts"

const digestOf = (fill: (hash: TraceHash) => void): string => {
  const hash = new TraceHash()
  fill(hash)
  return hash.digest()
}

describe("a trace hash", () => {
  it("is 16 hexadecimal digits, the same for the same words", () => {
    expect(digestOf(() => {})).toMatch(/^[0-9a-f]{16}$/)
    expect(digestOf((hash) => hash.text("a"))).toBe(digestOf((hash) => hash.text("a")))
  })

  it("moves with every byte of a short and of a long stretch", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (bytes, at, flip) => {
          const changed = bytes.slice()
          changed[at % bytes.length] ^= flip
          expect(digestOf((hash) => hash.bytes(changed))).not.toBe(digestOf((hash) => hash.bytes(bytes)))
        }
      ),
      { seed: 6, numRuns: 300 }
    )
  })

  it("tells apart lengths, signs, fractions and orders", () => {
    const digests = [
      digestOf((hash) => hash.bytes(new Uint8Array(3))),
      digestOf((hash) => hash.bytes(new Uint8Array(4))),
      digestOf((hash) => hash.bytes(new Uint8Array(100))),
      digestOf((hash) => hash.bytes(new Uint8Array(101))),
      digestOf((hash) => hash.number(0)),
      digestOf((hash) => hash.number(-0)),
      digestOf((hash) => hash.number(0.5)),
      digestOf((hash) => hash.number(Infinity)),
      digestOf((hash) => hash.text("")),
      digestOf((hash) => hash.text("ab")),
      digestOf((hash) => hash.text("ba")),
      digestOf((hash) => [1, 2].forEach((word) => hash.fold(word))),
      digestOf((hash) => [2, 1].forEach((word) => hash.fold(word)))
    ]
    expect(new Set(digests).size).toBe(digests.length)
  })

  it("of ten thousand courses that differ in one word has no two alike", () => {
    const digests = new Set<string>()
    for (let word = 0; word < 10_000; word++) {
      digests.add(digestOf((hash) => [7, word, 7].forEach((each) => hash.fold(each))))
    }
    expect(digests.size).toBe(10_000)
  })
})
