import { describe, expect, it } from "vitest"
import { Cache, itemBytes, type Item } from "./Cache.ts"

/** Items of 1,000 bytes with what the cache adds, and who was evicted. */
const setup = (room: number) => {
  const cache = new Cache(room * 1_000)
  const evicted: Array<number> = []
  const add = (name: number, sizeBytes = 1_000): Item => {
    const item: Item = {
      isUsed: false,
      place: -1,
      memoryBytes: sizeBytes - itemBytes,
      evicted: () => evicted.push(name)
    }
    cache.add(item)
    return item
  }
  return { add, cache, evicted }
}

describe("a cache", () => {
  it("never holds more than its budget", () => {
    const { add, cache, evicted } = setup(5)
    for (let i = 0; i < 40; i++) {
      add(i, 1_000 + (i % 3) * 500)
      expect(cache.memoryBytes).toBeLessThanOrEqual(5_000)
    }
    expect(cache.count + evicted.length).toBe(40)
  })

  it("gives what was used another round before it goes", () => {
    const { add, evicted } = setup(3)
    const [first, second] = [add(1), add(2), add(3)]
    first.isUsed = true
    second.isUsed = true
    add(4)
    expect(evicted).toEqual([3])
    expect([first.isUsed, second.isUsed]).toEqual([false, false])
  })

  it("evicts everything at last, when nothing is used", () => {
    const { add, evicted } = setup(2)
    for (let i = 0; i < 10; i++) add(i)
    expect(evicted.length).toBe(8)
    expect(new Set(evicted).size).toBe(8)
  })

  it("leaves out what is larger than the budget, and forgets what is removed", () => {
    const { add, cache, evicted } = setup(2)
    const large = add(1, 3_000)
    expect([evicted, large.place]).toEqual([[1], -1])
    const item = add(2)
    cache.remove(item)
    cache.remove(item)
    expect([cache.memoryBytes, cache.count, evicted]).toEqual([0, 0, [1]])
  })
})
