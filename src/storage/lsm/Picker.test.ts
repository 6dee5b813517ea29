/** Picker and Version: what is compacted next, and what a version is. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Keys from "../Keys.ts"
import * as Picker from "./Picker.ts"
import type { TableMeta } from "./TableFormat.ts"
import * as Version from "./Version.ts"

const shape: Picker.Shape = { level0Tables: 4, level1Bytes: 1_000, levelFactor: 10, tableBytes: 100 }

let numbers = 0

const table = (from: number, to: number, more: Partial<TableMeta> = {}): TableMeta => ({
  number: ++numbers,
  sizeBytes: 100,
  filterAt: 80,
  filterBytes: 5,
  rangesBytes: 5,
  indexBytes: 5,
  from: Uint8Array.of(from),
  to: Uint8Array.of(to),
  sequenceMin: numbers,
  sequenceMax: numbers,
  entries: 10,
  deletes: 0,
  olderVersions: 0,
  rangeDeletes: 0,
  userBytes: 70,
  ingestedAt: 0,
  ...more
})

const versionOf = (...levels: ReadonlyArray<ReadonlyArray<TableMeta>>): Version.Version =>
  Version.apply(Version.empty, {
    added: levels.flatMap((tables, level) => tables.map((meta) => ({ level, meta }))),
    removed: []
  })

const numbersOf = (tables: Version.Level): ReadonlyArray<number> => tables.map((meta) => meta.number)

describe("what is picked", () => {
  it("is nothing while no level is over its bound", () => {
    const tables = Array.from({ length: 9 }, (_, index) => table(index * 10, index * 10 + 5))
    expect(Picker.pick(versionOf([table(1, 50), table(2, 60), table(3, 70)], tables), shape)).toBeUndefined()
  })

  it("is all of level 0 with what it overlaps, once it has too many tables", () => {
    const newest = [table(10, 20), table(15, 35), table(12, 13), table(30, 40)]
    const below = [table(1, 5), table(14, 16), table(39, 60), table(70, 80)]
    const plan = Picker.pick(versionOf(newest, below), shape)!
    expect(plan).toMatchObject({ level: 0, output: 1, isMove: false })
    expect(numbersOf(plan.upper)).toEqual(numbersOf(newest).toReversed())
    expect(numbersOf(plan.lower)).toEqual(numbersOf(below.slice(1, 3)))
  })

  it("is, in a level over its size, what has the least below it, with its neighbours", () => {
    const upper = [
      table(0, 10, { sizeBytes: 900 }),
      table(20, 30, { sizeBytes: 900 }),
      table(40, 50, { sizeBytes: 900 })
    ]
    const lower = [table(1, 4), table(5, 9), table(22, 28), table(41, 43), table(44, 49)]
    const plan = Picker.pick(versionOf([], upper, lower), shape)!
    expect(plan).toMatchObject({ level: 1, output: 2, isMove: false })
    expect(plan.upper[0]).toBe(upper[1])
    expect(numbersOf(plan.lower)[0]).toBe(lower[2].number)
  })

  it("moves tables that overlap nothing without writing them, unless they are small", () => {
    const upper = [table(0, 10, { sizeBytes: 900 }), table(20, 30, { sizeBytes: 900 })]
    expect(Picker.pick(versionOf([], upper, [table(50, 60)]), shape)).toMatchObject({ isMove: true, lower: [] })
    const small = upper.map((meta) => ({ ...meta, filterAt: 10 }))
    expect(Picker.pick(versionOf([], small, [table(50, 60)]), shape)).toMatchObject({ isMove: false, lower: [] })
    const newest = [table(0, 3), table(3, 6), table(10, 20), table(30, 40)]
    expect(Picker.pick(versionOf(newest), shape)).toMatchObject({ level: 0, isMove: true })
    expect(Picker.pick(versionOf([...newest.slice(1), table(5, 11)]), shape)).toMatchObject({ level: 0, isMove: false })
  })

  it("is never below the deepest level", () => {
    const deepest = Array.from({ length: 50 }, (_, index) =>
      table(index * 4, index * 4 + 3, { sizeBytes: 1_000_000_000 })
    )
    const version = versionOf([], [], [], [], [], [], deepest)
    expect(Picker.pick(version, shape)).toBeUndefined()
    expect(Picker.debtBytes(version, shape)).toBe(0)
  })

  it("always has something to do while there is debt, and comes to an end", () => {
    const size = fc.integer({ min: 50, max: 3_000 })
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(200), fc.nat(50), size), { minLength: 1, maxLength: 60 }), (flushed) => {
        let version = Version.empty
        for (const [from, length, sizeBytes] of flushed) {
          const meta = table(from, Math.min(255, from + length + 1), { sizeBytes })
          version = Version.apply(version, { added: [{ level: 0, meta }], removed: [] })
          for (let steps = 0; ; steps++) {
            const plan = Picker.pick(version, shape)
            expect(plan !== undefined || Picker.debtBytes(version, shape) === 0).toBe(true)
            if (plan === undefined) break
            expect(steps).toBeLessThan(200)
            version = executed(version, plan)
          }
        }
      }),
      { numRuns: 60 }
    )
  })
})

/** The version after a plan whose tables become one, as long as all of them. */
const executed = (version: Version.Version, plan: Picker.Plan): Version.Version => {
  const inputs = [...plan.upper, ...plan.lower]
  const { from, to } = Version.boundsOf(inputs)
  const merged = [table(0, 0, { from, to, sizeBytes: Version.bytesOf(inputs) })]
  return Version.apply(version, {
    added: (plan.isMove ? plan.upper : merged).map((meta) => ({ level: plan.output, meta })),
    removed: numbersOf(inputs)
  })
}

describe("compacting everything", () => {
  it("ends in a level that has room for all, so that it stays there", () => {
    expect(Picker.restingLevel(versionOf([table(1, 2)]), shape)).toBe(1)
    expect(Picker.restingLevel(versionOf([table(1, 2)], [], [table(1, 2)]), shape)).toBe(2)
    expect(Picker.restingLevel(versionOf([table(1, 2, { sizeBytes: 20_000 })]), shape)).toBe(3)
  })

  it("writes tables once more that hold something hidden, and small ones that lie side by side", () => {
    const whole = table(1, 2)
    const hiding = table(3, 4, { deletes: 1 })
    const alone = table(7, 8, { filterAt: 10 })
    const small = [table(20, 21, { filterAt: 10 }), table(22, 23, { filterAt: 10 })]
    const plans = Picker.plansInPlace(2, [whole, hiding, table(5, 6), alone, table(9, 10), ...small], shape)
    expect(plans.map(({ upper }) => numbersOf(upper))).toEqual([[hiding.number], numbersOf(small)])
    expect(plans.every(({ isMove, level, output }) => level === 2 && output === 2 && !isMove)).toBe(true)
  })
})

describe("a version", () => {
  it("has the newest table of level 0 first, an ingested one where it came", () => {
    const [a, b] = [table(1, 9, { sequenceMin: 1, sequenceMax: 5 }), table(1, 9, { sequenceMin: 8, sequenceMax: 9 })]
    const ingested = table(1, 9, { sequenceMin: 0, sequenceMax: 0, ingestedAt: 7 })
    expect(versionOf([a, b, ingested]).levels[0]).toEqual([b, ingested, a])
  })

  it("takes no tables that overlap in another level, and loses none that are not there", () => {
    expect(() => versionOf([], [table(1, 5), table(4, 9)])).toThrow("do not overlap")
    expect(() => Version.apply(versionOf([table(1, 2)]), { added: [], removed: [1_000_000] })).toThrow(
      "from where it is"
    )
  })

  it("finds the tables that have something in given bounds", () => {
    const bounds = fc.tuple(fc.nat(250), fc.integer({ min: 1, max: 60 }))
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 20 }), bounds, (starts, [from, length]) => {
        const places = [...new Set(starts)].sort((a, b) => a - b)
        const level = places.map((place, index) => table(place, places[index + 1] ?? 255))
        const low = Uint8Array.of(from)
        const high = Uint8Array.of(Math.min(255, from + length))
        const expected = level.filter((meta) => Version.overlaps(meta, low, high))
        expect(numbersOf(Version.overlapping(level, low, high))).toEqual(numbersOf(expected))
        const first = level.findIndex((meta) => Keys.compare(meta.to, low) > 0)
        expect(Version.firstAbove(level, low)).toBe(first < 0 ? level.length : first)
      })
    )
  })
})
