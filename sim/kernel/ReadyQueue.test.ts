import { describe, expect, it } from "vitest"
import type { PolicyName } from "./PolicyName.ts"
import { ReadyQueue, type Ready } from "./ReadyQueue.ts"
import { Streams } from "./Stream.ts"

const queueOf = (policy: PolicyName, seed: string): ReadyQueue<Ready> => new ReadyQueue(policy, new Streams({ seed }))

/** The strands in the order in which they run, when `strands` are ready at first and each posts itself again `turns` times. */
const course = (policy: PolicyName, seed: string, strands: number, turns: number): ReadonlyArray<number> => {
  const queue = queueOf(policy, seed)
  const left = Array.from({ length: strands }, () => turns)
  const push = (strand: number): void => queue.push({ strand })
  for (let strand = 0; strand < strands; strand++) push(strand)
  const order: Array<number> = []
  while (!queue.isEmpty) {
    const { strand } = queue.take()
    order.push(strand)
    if (--left[strand] > 0) push(strand)
  }
  return order
}

const seeds = Array.from({ length: 50 }, (_, index) => `seed ${index}`)
const all: ReadonlyArray<PolicyName> = ["fifo", "uniform", "pct", "starve"]

describe("every policy", () => {
  it.each(all)("runs each task once, under %s", (policy) => {
    for (const seed of seeds) {
      const order = course(policy, seed, 7, 20)
      expect(order.length).toBe(140)
      for (let strand = 0; strand < 7; strand++) expect(order.filter((ran) => ran === strand).length).toBe(20)
    }
  })

  it.each(all)("takes the same course again under the same seed, under %s", (policy) => {
    expect(course(policy, "s", 9, 100)).toEqual(course(policy, "s", 9, 100))
  })

  it("keeps its order over thousands of waiting tasks, under fifo", () => {
    const order = course("fifo", "s", 3_000, 2)
    expect(order).toEqual([
      ...Array.from({ length: 3_000 }, (_, i) => i),
      ...Array.from({ length: 3_000 }, (_, i) => i)
    ])
  })
})

describe("fifo", () => {
  it("holds nothing back and has one course, whatever the seed", () => {
    expect(new Set(seeds.map((seed) => course("fifo", seed, 4, 5).join())).size).toBe(1)
    const queue = queueOf("fifo", "s")
    for (let strand = 0; strand < 100; strand++) expect(queue.held(strand)).toBe(0)
  })
})

describe("uniform", () => {
  it("gives each ready task the same chance to be first", () => {
    const first = [0, 0, 0, 0]
    for (let seed = 0; seed < 4_000; seed++) first[course("uniform", `u${seed}`, 4, 1)[0]]++
    for (const count of first) {
      expect(count).toBeGreaterThan(850)
      expect(count).toBeLessThan(1_150)
    }
  })

  it("reaches all orders of three tasks", () => {
    expect(new Set(seeds.map((seed) => course("uniform", seed, 3, 1).join())).size).toBe(6)
  })
})

describe("pct", () => {
  it("lets the strand of the highest priority run until it is done, unless a change point comes", () => {
    const order = course("pct", "s", 5, 10)
    const switches = order.filter((strand, index) => index > 0 && strand !== order[index - 1]).length
    // Five strands one after the other are four switches; each change point adds two at most.
    expect(switches).toBeLessThan(4 + 2 * 3)
    expect(new Set(seeds.map((seed) => course("pct", seed, 5, 1).join())).size).toBeGreaterThan(20)
  })

  it("lowers the running strand at a few random points, and then at no more", () => {
    // Two strands that never end: without change points only one of them would run.
    const ranBoth = seeds.filter((seed) => new Set(course("pct", seed, 2, 2_000).slice(0, 2_000)).size === 2)
    expect(ranBoth.length).toBeGreaterThan(40)
    for (const seed of seeds.slice(0, 10)) {
      const order = course("pct", seed, 2, 20_000)
      const switches = order.filter((strand, index) => index > 0 && strand !== order[index - 1]).length
      expect(switches).toBeLessThanOrEqual(9)
    }
  })
})

describe("starve", () => {
  it("holds one strand back, and most seeds choose another one", () => {
    const victimOf = (seed: string): number => {
      const queue = queueOf("starve", seed)
      const most = Array.from({ length: 24 }, (_, strand) => {
        let longest = 0
        for (let turn = 0; turn < 60; turn++) longest = Math.max(longest, queue.held(strand))
        return longest
      })
      const held = most.map((micros, strand) => ({ micros, strand })).filter(({ micros }) => micros > 5_000)
      expect(held.length).toBe(1)
      return held[0].strand
    }
    expect(new Set(seeds.map(victimOf)).size).toBeGreaterThan(10)
  })

  it("is bounded: no task of whatever policy waits longer than 50 milliseconds for its own strand's sake", () => {
    let longest = 0
    for (const policy of all) {
      for (const seed of seeds) {
        const queue = queueOf(policy, seed)
        for (let call = 0; call < 600; call++) longest = Math.max(longest, queue.held(call % 30))
      }
    }
    expect(longest).toBeLessThan(50_000)
    expect(longest).toBeGreaterThan(40_000)
  })
})

describe("policies", () => {
  it("differ from each other in the courses that they take", () => {
    const courses = all.map((policy) => course(policy, "s", 8, 8).join())
    // Starvation is the kernel's: inside the queue it is first in, first out.
    expect(courses[3]).toBe(courses[0])
    expect(new Set(courses).size).toBe(3)
  })
})
