import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Latin1 from "#base/Latin1.ts"
import type { Mutation } from "#keyspace/Request.ts"
import * as Keys from "#storage/Keys.ts"
import { Cutting, Joining } from "./Pieces.ts"
import * as Stored from "./Stored.ts"

/** A key, one that begins with it, and an element of each. */
const keys = ["k", "k\x00", "l"].flatMap((name) => [
  Stored.keyOf(0, name),
  Stored.elementKey(Stored.elementsOf(0, name, 7), "e"),
  Stored.elementKey(Stored.elementsOf(0, name, 7), "")
])

const apply = (stored: Map<string, Uint8Array>, mutations: ReadonlyArray<Mutation>): void => {
  for (const { key, value } of mutations) {
    if (value === undefined) stored.delete(Latin1.decode(key))
    else stored.set(Latin1.decode(key), value)
  }
}

/** What is read of what is stored, and what remembers how it is cut. */
const read = (stored: ReadonlyMap<string, Uint8Array>) => {
  const cutting = new Cutting()
  const found = new Map<string, number>()
  const joining = new Joining(cutting, ({ key, value }) => {
    expect(value!.every((byte) => byte === value![0])).toBe(true)
    found.set(Latin1.decode(key), value!.length)
  })
  const entries = [...stored].map(([key, value]) => ({ key: Latin1.encode(key), value }))
  for (const entry of entries.sort((left, right) => Keys.compare(left.key, right.key))) joining.take(entry)
  joining.finish()
  return { cutting, found }
}

const change = fc.record({
  key: fc.constantFrom(...keys),
  sizeBytes: fc.constantFrom(undefined, 1, 524_288, 524_289, 1_048_576, 1_600_000, 3_000_000),
  restarts: fc.boolean(),
  /** How much of the change is written before it is given up and made again. */
  written: fc.nat(8)
})

describe("large values", () => {
  it("are cut and put together again, whatever was there before and wherever writing was given up", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        const stored = new Map<string, Uint8Array>()
        const model = new Map<string, number>()
        let cutting = new Cutting()
        for (const { key, restarts, sizeBytes, written } of changes) {
          const value = sizeBytes === undefined ? undefined : new Uint8Array(sizeBytes).fill(sizeBytes % 251)
          if (restarts) {
            apply(stored, cutting.cut({ key, value }).slice(0, written))
            cutting = new Cutting()
            const joining = new Joining(cutting, () => {})
            const entries = [...stored].map(([name, bytes]) => ({ key: Latin1.encode(name), value: bytes }))
            for (const entry of entries.sort((left, right) => Keys.compare(left.key, right.key))) joining.take(entry)
            joining.finish()
          }
          apply(stored, cutting.cut({ key, value }))
          if (value === undefined) model.delete(Latin1.decode(key))
          else model.set(Latin1.decode(key), value.length)
          expect(Math.max(0, ...[...stored.values()].map(({ length }) => length))).toBeLessThanOrEqual(524_288)
        }
        expect(read(stored).found).toEqual(model)
      }),
      { numRuns: 60, seed: 12 }
    )
  })

  it("that are gone leave nothing behind", () => {
    const stored = new Map<string, Uint8Array>()
    const cutting = new Cutting()
    for (const sizeBytes of [3_000_000, 600_000, undefined]) {
      const value = sizeBytes === undefined ? undefined : new Uint8Array(sizeBytes)
      apply(stored, cutting.cut({ key: keys[0], value }))
    }
    expect(stored.size).toBe(0)
  })
})
