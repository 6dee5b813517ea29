import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Prng } from "#base/Prng.ts"
import { SortedSet } from "./SortedSet.ts"

type Entry = readonly [member: string, score: number]

const visited = (set: SortedSet, rank: number, count: number, isReverse: boolean): ReadonlyArray<Entry> => {
  const entries: Array<Entry> = []
  set.visit(rank, count, isReverse, (member, score) => entries.push([member, score]))
  return entries
}

/** The entries, sorted with each look. */
class Model {
  readonly scores = new Map<string, number>()

  list(): ReadonlyArray<Entry> {
    return [...this.scores].sort(([m, s], [n, t]) => s - t || (m < n ? -1 : 1))
  }
}

/** Takes every member out or puts it in, by turns: `grow` of a hundred calls put in. */
const churn = (draw: Prng, set: SortedSet, model: Model, calls: number, members: number, grow: number): void => {
  for (let i = 0; i < calls; i++) {
    const member = `m${draw.below(members)}`
    const score = model.scores.get(member)
    if (score !== undefined) set.remove(score, member)
    model.scores.delete(member)
    if (draw.below(100) >= grow) continue
    const next = draw.below(8) === 0 ? -Infinity : draw.below(50) / 4
    set.add(next, member)
    model.scores.set(member, next)
  }
}

const expectSame = (set: SortedSet, model: Model): void => {
  const list = model.list()
  expect(set.size).toBe(list.length)
  expect(visited(set, 0, Infinity, false)).toEqual(list)
  expect(visited(set, list.length - 1, Infinity, true)).toEqual(list.toReversed())
  for (let rank = 0; rank < list.length; rank += 7) {
    const [member, score] = list[rank]
    expect(set.rankOf(score, member)).toBe(rank)
    expect(set.rank((s) => s < score)).toBe(list.findIndex(([, s]) => s === score))
    expect(set.rank((s) => s <= score)).toBe(list.findLastIndex(([, s]) => s === score) + 1)
    expect(visited(set, rank, 3, false)).toEqual(list.slice(rank, rank + 3))
    expect(visited(set, rank, 3, true)).toEqual(list.slice(Math.max(0, rank - 2), rank + 1).toReversed())
  }
}

describe("SortedSet", () => {
  it("is a sorted list of its entries, however it grows and shrinks", () => {
    expect.hasAssertions()
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(5, 100, 3_000), (seed, members) => {
        const draw = new Prng(seed, 1, 2, 3)
        const set = new SortedSet()
        const model = new Model()
        for (const grow of [90, 40, 70, 3, 80, 0]) {
          churn(draw, set, model, 2 * members, members, grow)
          expectSame(set, model)
        }
      }),
      { numRuns: 20 }
    )
  })

  it("can be emptied from either end and filled again, in order and against it", () => {
    for (const isRising of [true, false]) {
      for (const fromFront of [true, false]) {
        const set = new SortedSet()
        const order = Array.from({ length: 10_000 }, (_, i) => (isRising ? i : 9_999 - i))
        for (const score of order) set.add(score, "m")
        expect(visited(set, 0, Infinity, false).map(([, score]) => score)).toEqual(order.toSorted((a, b) => a - b))
        for (let i = 0; i < 10_000; i++) set.remove(fromFront ? i : 9_999 - i, "m")
        expect(set.size).toBe(0)
        expect(visited(set, 0, Infinity, false)).toEqual([])
        set.add(1, "again")
        expect(visited(set, 0, 1, true)).toEqual([["again", 1]])
      }
    }
  })

  it("visits nothing for ranks that are not there", () => {
    const set = new SortedSet()
    expect(visited(set, 0, 1, false)).toEqual([])
    set.add(1, "a")
    expect(visited(set, 1, 1, false)).toEqual([])
    expect(visited(set, -1, 1, true)).toEqual([])
    expect(visited(set, 0, 0, false)).toEqual([])
  })

  it("looks at a handful of nodes for each call, with a million entries too", () => {
    const size = 1_000_000
    const draw = new Prng(1, 2, 3, 4)
    const set = new SortedSet()
    const scores = Array.from({ length: size }, () => draw.double())
    const nodesOf = (run: () => void): number => {
      const before = set.nodesVisited
      run()
      return set.nodesVisited - before
    }
    let worst = 0
    for (const score of scores)
      worst = Math.max(
        worst,
        nodesOf(() => set.add(score, "m"))
      )
    for (let i = 0; i < size; i += 1_000) {
      const score = scores[i]
      worst = Math.max(
        worst,
        nodesOf(() => set.rankOf(score, "m")),
        nodesOf(() => set.rank((s) => s < score)),
        nodesOf(() => set.visit(i, 1, false, () => {})),
        nodesOf(() => set.remove(score, "m"))
      )
    }
    // Nodes are two thirds full: five levels, and the leaf from which a visit goes on.
    expect(worst).toBeLessThanOrEqual(6)
    expect(nodesOf(() => set.visit(0, 10_000, false, () => {}))).toBeLessThan(10_000 / 8)
  })
})
