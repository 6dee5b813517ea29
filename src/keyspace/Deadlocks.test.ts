/** Who has to give way: circles of waits, and none where there is no circle. */
import * as fc from "fast-check"
import { beforeEach, describe, expect, it } from "vitest"
import * as Limits from "#base/Limits.ts"
import { Deadlocks } from "./Deadlocks.ts"
import type { Txn } from "./Request.ts"

const kept = 1_000
const anchor = new Uint8Array(0)
const txn = (id: number, age = id): Txn => ({ id, anchor, age })
const [a, b, c, d] = [1, 2, 3, 4].map((id) => txn(id))

let deadlocks: Deadlocks
beforeEach(() => {
  deadlocks = new Deadlocks(kept)
})

const wait = (waiter: Txn, holders: ReadonlyArray<Txn>, place = "p", now = 0) =>
  deadlocks.wait(waiter, place, holders, now)

describe("the youngest gives way", () => {
  it("of two who wait for each other, whoever of them is told last", () => {
    expect([wait(a, [b]), wait(b, [a])]).toEqual([[], [2]])
    expect([wait(d, [c]), wait(c, [d])]).toEqual([[], [4]])
  })

  it("by its age, not by its id; of equal age the one with the higher id", () => {
    const [old, young] = [txn(9, 1), txn(5, 5)]
    wait(old, [young])
    expect(wait(young, [old])).toEqual([5])
    const [one, other] = [txn(20, 3), txn(21, 3)]
    wait(one, [other])
    expect(wait(other, [one])).toEqual([21])
  })

  it("of a long circle, and nobody who waits for the circle from outside", () => {
    expect([wait(d, [a]), wait(a, [b]), wait(b, [c])]).toEqual([[], [], []])
    expect(wait(c, [a])).toEqual([3])
  })

  it("of each circle, where one wait closes several", () => {
    wait(b, [a])
    wait(c, [a])
    expect(wait(a, [b, c])).toEqual([2, 3])
    expect(wait(a, [b, c, b])).toEqual([2, 3])
  })

  it("also alone, when it waits for itself", () => {
    expect(wait(a, [a])).toEqual([1])
  })

  it("again, when the wait is told again: the first answer may have been lost", () => {
    wait(a, [b])
    expect([wait(b, [a]), wait(b, [a])]).toEqual([[2], [2]])
  })
})

describe("a wait", () => {
  it("that ended closes no circle, and another place of the same transaction still does", () => {
    wait(a, [b], "one")
    wait(a, [b], "two")
    wait(a, [], "one")
    expect(wait(b, [a])).toEqual([2])
    wait(b, [])
    wait(a, [], "two")
    expect(wait(b, [a])).toEqual([])
  })

  it("is for those it was last told of", () => {
    wait(a, [b])
    wait(a, [c])
    expect([wait(b, [a]), wait(c, [a])]).toEqual([[], [3]])
  })

  it("is forgotten when it is not told again", () => {
    wait(a, [b], "p", 0)
    expect(wait(b, [a], "p", kept - 1)).toEqual([2])
    expect(wait(b, [a], "p", kept)).toEqual([])
    expect(wait(a, [b], "p", kept + 1)).toEqual([2])
  })

  it("is not taken where too many are known, until some are over", () => {
    const crowd = Array.from({ length: Limits.waitsMax - 1 }, (_, index) => txn(100 + index))
    wait(d, crowd)
    wait(a, [b])
    expect([wait(b, [a]), deadlocks.counts.refused]).toEqual([[], 1])
    wait(d, [])
    expect(wait(b, [a])).toEqual([2])
    wait(d, crowd.slice(2), "p", 0)
    expect(wait(c, [a], "p", 2 * kept)).toEqual([])
    expect(deadlocks.counts.refused).toBe(1)
  })
})

describe("any waits", () => {
  type Graph = Map<number, Map<string, ReadonlyArray<number>>>

  const nextOf = (graph: Graph, id: number): ReadonlyArray<number> => [...(graph.get(id)?.values() ?? [])].flat()

  /** Every simple circle through a transaction. */
  const circlesOf = (graph: Graph, from: number): ReadonlyArray<ReadonlyArray<number>> => {
    const found: Array<ReadonlyArray<number>> = []
    const walk = (path: ReadonlyArray<number>): void => {
      for (const next of new Set(nextOf(graph, path[path.length - 1]))) {
        if (next === from) found.push(path)
        else if (!path.includes(next)) walk([...path, next])
      }
    }
    walk([from])
    return found
  }

  it("have as victims the youngest of circles through the waiter, enough to break all of them, and nobody else", () => {
    const id = fc.integer({ min: 1, max: 6 })
    const told = fc.record({ waiter: id, place: fc.constantFrom("p", "q"), holders: fc.array(id, { maxLength: 3 }) })
    const ages = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 7, maxLength: 7 })
    fc.assert(
      fc.property(fc.array(told, { maxLength: 25 }), ages, (all, age) => {
        const under = new Deadlocks(kept)
        const graph: Graph = new Map()
        const youngest = (circle: ReadonlyArray<number>): number =>
          [...circle].sort((one, other) => age[other] - age[one] || other - one)[0]
        for (const { holders, place, waiter } of all) {
          graph.set(waiter, (graph.get(waiter) ?? new Map<string, ReadonlyArray<number>>()).set(place, holders))
          const of = (each: number): Txn => txn(each, age[each])
          const victims = under.wait(of(waiter), place, holders.map(of), 0)
          const circles = holders.length === 0 ? [] : circlesOf(graph, waiter)
          expect(victims.every((victim) => circles.some((circle) => youngest(circle) === victim))).toBe(true)
          expect(circles.every((circle) => circle.some((member) => victims.includes(member)))).toBe(true)
          expect(new Set(victims).size).toBe(victims.length)
        }
      }),
      { numRuns: 2_000 }
    )
  })
})
