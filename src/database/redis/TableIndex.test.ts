import { describe, expect, it } from "vitest"
import { Prng } from "#base/Prng.ts"
import { Table } from "./Table.ts"
import { TableIndex } from "./TableIndex.ts"

describe("TableIndex", () => {
  it("moves no more than a bucket's names at a call, and few in all", () => {
    const index = new TableIndex()
    const size = 400_000
    let worst = 0
    for (let i = 0; i < size; i++) {
      const before = index.moved
      index.set(`key:${i}`, i)
      worst = Math.max(worst, index.moved - before)
    }
    expect([worst, index.moved > 0]).toEqual([32_769, true])
    expect(index.moved).toBeLessThan(6 * size)
    for (let i = 0; i < size; i += 97) expect([index.get(`key:${i}`), index.get(`key:-${i}`)]).toEqual([i, undefined])
  })

  it("knows names whose hashes are all the same", () => {
    const index = new TableIndex()
    // Only chars that the hash does not look at differ: it sees every fourth of 24.
    const name = (i: number): string => i.toString().padStart(18, "0").replaceAll(/.../g, "$&.")
    const size = 40_000
    for (let i = 0; i < size; i++) index.set(name(i), i)
    for (let i = 0; i < size; i += 11) expect(index.get(name(i))).toBe(i)
    // In vain it was split, once for each bit.
    expect(index.moved).toBeGreaterThan(12 * 32_768)
  })
})

describe("a large table", () => {
  it("is a map and an array, also after its buckets were split and most of it is gone", () => {
    const draw = new Prng(1, 2, 3, 4)
    const table = new Table<number>()
    const model = new Map<string, number>()
    for (let i = 0; i < 300_000; i++) {
      const name = `n${draw.below(150_000)}`
      // It grows, shrinks and grows again.
      if (draw.below(10) < (i > 120_000 && i < 220_000 ? 9 : 2)) {
        table.delete(name)
        model.delete(name)
      } else {
        table.set(name, i)
        model.set(name, i)
      }
    }
    expect(table.size).toBe(model.size)
    expect(new Map(table)).toEqual(model)
    for (let position = 0; position < table.size; position += 31) {
      expect(table.position(table.nameAt(position))).toBe(position)
    }
    const met = new Set<string>()
    let cursor = 0
    do cursor = table.scan(cursor, 1_000, (name) => met.add(name))
    while (cursor !== 0)
    expect(met.size).toBe(model.size)
  })
})
