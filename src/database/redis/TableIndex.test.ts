import { describe, expect, it } from "vitest"
import { Prng } from "#base/Prng.ts"
import * as NameHash from "./NameHash.ts"
import { Table } from "./Table.ts"
import { TableIndex } from "./TableIndex.ts"

const indexOf = (size: number, name: (position: number) => string): TableIndex => {
  const index = new TableIndex({ nameAt: name })
  for (let i = 0; i < size; i++) index.add(name(i), i)
  return index
}

describe("TableIndex", () => {
  it("moves no more than a bucket's hashes at a call, and few in all", () => {
    const name = (position: number): string => `key:${position}`
    const index = new TableIndex({ nameAt: name })
    const size = 400_000
    let worst = 0
    for (let i = 0; i < size; i++) {
      const before = index.moved
      index.add(name(i), i)
      worst = Math.max(worst, index.moved - before)
    }
    expect(worst).toBe((8_192 * 3) / 4)
    expect(index.moved).toBeLessThan(3 * size)
    for (let i = 0; i < size; i += 97) expect([index.get(`key:${i}`), index.get(`key:-${i}`)]).toEqual([i, -1])
  })

  it("knows names whose hashes are all the same", () => {
    // Some hundred thousand names have two dozen pairs of one hash.
    const byHash = new Map<number, string>()
    const pairs: Array<string> = []
    for (let i = 0; pairs.length < 20; i++) {
      const name = `name ${i}`
      const other = byHash.get(NameHash.of(name))
      if (other === undefined) byHash.set(NameHash.of(name), name)
      else pairs.push(other, name)
    }
    const index = indexOf(pairs.length, (position) => pairs[position])
    expect(pairs.map((name) => index.get(name))).toEqual(pairs.map((_, position) => position))
    index.delete(pairs[0], 0)
    expect([index.get(pairs[0]), index.get(pairs[1])]).toEqual([-1, 1])
  })

  it("gives memory back as names go, and still has the others", () => {
    const size = 100_000
    const index = indexOf(size, String)
    for (let i = 0; i < size; i++) if (i % 100 !== 0) index.delete(String(i), i)
    const wrong: Array<number> = []
    for (let i = 0; i < size; i++) if (index.get(String(i)) !== (i % 100 === 0 ? i : -1)) wrong.push(i)
    expect(wrong).toEqual([])
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
