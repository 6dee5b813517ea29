/** The oracle: timestamps of one leader, and of leaders that do not know of each other. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Limits from "#base/Limits.ts"
import { Oracle } from "./Oracle.ts"

const ahead = 1_000

/** Raises where it is wanted, at once. */
const give = (oracle: Oracle, count: number, wallMicros: number): number => {
  for (;;) {
    const last = oracle.give(count, wallMicros)
    const bound = oracle.wanted(count, wallMicros)
    if (bound !== undefined) oracle.raised(bound)
    if (last !== undefined) return last
  }
}

describe("an oracle", () => {
  it("gives nothing above the replicated bound, and goes on once it is raised", () => {
    const oracle = new Oracle(5_000, ahead)
    expect(oracle.give(1, 5_000)).toBe(undefined)
    expect(oracle.wanted(1, 5_000)).toBe(5_001 + ahead)
    expect([oracle.give(1, 5_000), oracle.wanted(1, 5_000)]).toEqual([undefined, undefined])
    oracle.raised(6_001)
    expect(oracle.give(10, 5_000)).toBe(5_010)
    expect(oracle.give(992, 5_000)).toBe(undefined)
    expect(oracle.give(991, 5_000)).toBe(6_001)
  })

  it("follows the wall clock up to the bound, and does not go back with it", () => {
    const oracle = new Oracle(0, ahead)
    oracle.raised(2_000)
    expect(oracle.give(5, 700)).toBe(700)
    expect(oracle.give(5, 650.5)).toBe(705)
    expect(oracle.give(5, 900.9)).toBe(900)
    expect(oracle.give(5, 5_000)).toBe(2_000)
  })

  it("wants the bound raised when half of what it had ahead is used, by clock or by count, once", () => {
    const oracle = new Oracle(0, ahead)
    oracle.raised(ahead)
    oracle.give(1, 10)
    expect(oracle.wanted(1, 499)).toBe(undefined)
    expect(oracle.wanted(1, 501)).toBe(501 + ahead)
    expect(oracle.wanted(1, 501)).toBe(undefined)
    oracle.failed()
    oracle.give(600, 10)
    expect(oracle.wanted(1, 10)).toBe(611 + ahead)
  })

  it("raises by as much as one caller wants, however much that is", () => {
    const oracle = new Oracle(0, ahead)
    expect(give(oracle, 60_000, 5)).toBeGreaterThanOrEqual(60_000)
  })

  it("does not follow a clock that cannot be right", () => {
    const oracle = new Oracle(0, ahead)
    for (const wall of [Number.MAX_SAFE_INTEGER, Limits.wallMicrosMax, Infinity, NaN]) give(oracle, 1, wall)
    expect(give(oracle, 1, 0)).toBe(5)
  })

  it("gives rising timestamps, each once, whatever the clock does", () => {
    const steps = fc.array(fc.record({ count: fc.integer({ min: 1, max: 700 }), wall: fc.nat(20_000) }), {
      maxLength: 60
    })
    fc.assert(
      fc.property(steps, (drawn) => {
        const oracle = new Oracle(0, ahead)
        let last = 0
        for (const { count, wall } of drawn) {
          const given = give(oracle, count, wall)
          expect(given - count).toBeGreaterThanOrEqual(last)
          last = given
        }
      })
    )
  })
})

describe("leaders that do not know of each other", () => {
  /** The replicated bound, leaders with an oracle each, and raises that are on their way into the log. */
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant("give" as const),
        leader: fc.nat(9),
        count: fc.integer({ min: 1, max: 400 })
      })
    },
    {
      weight: 4,
      arbitrary: fc.record({ type: fc.constant("commit" as const), leader: fc.nat(9), count: fc.constant(0) })
    },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constant("lead" as const), leader: fc.constant(0), count: fc.constant(0) })
    },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constant("fail" as const), leader: fc.nat(9), count: fc.constant(0) })
    }
  )

  it("give no timestamp twice; and the newest gives none that is below what others gave before it led", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.array(fc.nat(5_000), { minLength: 1, maxLength: 20 }),
        (steps, walls) => {
          let replicated = 0
          let highest = 0
          const given = new Set<number>()
          const leaders = [{ oracle: new Oracle(0, ahead), raising: undefined as number | undefined, before: 0 }]
          steps.forEach(({ count, leader: drawn, type }, index) => {
            const leader = leaders[drawn % leaders.length]
            const wall = walls[index % walls.length]
            if (type === "lead") {
              // What an older leader has under way and not committed is committed no more.
              for (const older of leaders) older.raising = undefined
              leaders.push({ oracle: new Oracle(replicated, ahead), raising: undefined, before: highest })
            } else if (type === "commit" && leader.raising !== undefined) {
              replicated = Math.max(replicated, leader.raising)
              leader.oracle.raised(leader.raising)
              leader.raising = undefined
            } else if (type === "fail") {
              leader.oracle.failed()
              leader.raising = undefined
            } else if (type === "give") {
              const last = leader.oracle.give(count, wall)
              leader.raising = leader.oracle.wanted(count, wall) ?? leader.raising
              if (leaders.indexOf(leader) < leaders.length - 1) leader.raising = undefined
              if (last === undefined) return
              expect(last - count).toBeGreaterThanOrEqual(leader.before)
              highest = Math.max(highest, last)
              for (let each = last - count + 1; each <= last; each++) {
                expect(given.has(each)).toBe(false)
                given.add(each)
              }
            }
          })
        }
      ),
      { numRuns: 300 }
    )
  })
})
