import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Keys from "#storage/Keys.ts"
import * as Sorted from "./Sorted.ts"

const textOf = (key: Uint8Array): string => key.join(",")

/** As it sorts them, and as comparing does, each once. */
const both = (keys: ReadonlyArray<Uint8Array>): ReadonlyArray<ReadonlyArray<string>> => {
  const distinct = [...new Map(keys.map((key) => [textOf(key), { key, value: key }])).values()]
  const compared = [...distinct].sort((left, right) => Keys.compare(left.key, right.key))
  return [Sorted.of(distinct), compared].map((changes) => changes.map(({ key }) => textOf(key)))
}

describe("changes", () => {
  it("are in the order of their keys, as comparing them has it", () => {
    // Few bytes, so that keys begin alike, and begin each other.
    const key = fc.array(fc.constantFrom(0, 1, 254, 255), { maxLength: 12 }).map((bytes) => Uint8Array.from(bytes))
    fc.assert(
      fc.property(fc.array(key, { maxLength: 400 }), (keys) => {
        const [sorted, compared] = both(keys)
        expect(sorted).toEqual(compared)
      }),
      { numRuns: 300, seed: 1 }
    )
  })

  it("are, too, where all begin with the same many bytes", () => {
    const beginning = new Array<number>(100).fill(7)
    const keys = Array.from({ length: 3_000 }, (_, i) =>
      Uint8Array.from([...beginning, (i * 7_919) % 251, i % 13, i & 255, i >> 8])
    )
    for (const each of [keys, [], [Uint8Array.of()]]) {
      const [sorted, compared] = both(each)
      expect(sorted).toEqual(compared)
    }
  })
})
