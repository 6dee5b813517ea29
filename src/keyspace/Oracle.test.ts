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
    // Far behind it nothing is given.
    expect(oracle.give(5, 5_000)).toBeUndefined()
    expect(oracle.give(5, 2_000)).toBe(2_000)
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
  interface Leader {
    readonly oracle: Oracle
    /** What it has on its way into the log. */
    raising: number | undefined
    /** The highest that was given before it led. */
    readonly before: number
  }

  /** All of them, and the replicated bound. */
  class Leaders {
    readonly problems: Array<string> = []
    private readonly leaders: Array<Leader> = []
    private readonly given = new Set<number>()
    private replicated = 0
    private highest = 0

    pick(drawn: number): Leader {
      return this.leaders[drawn % this.leaders.length]
    }

    lead(): void {
      // What an older leader has under way and not committed is committed no more.
      for (const older of this.leaders) older.raising = undefined
      this.leaders.push({ oracle: new Oracle(this.replicated, ahead), raising: undefined, before: this.highest })
    }

    commit(leader: Leader): void {
      if (leader.raising === undefined) return
      this.replicated = Math.max(this.replicated, leader.raising)
      leader.oracle.raised(leader.raising)
      leader.raising = undefined
    }

    fail(leader: Leader): void {
      leader.oracle.failed()
      leader.raising = undefined
    }

    give(leader: Leader, count: number, wall: number): void {
      const last = leader.oracle.give(count, wall)
      const wanted = leader.oracle.wanted(count, wall)
      if (leader === this.leaders.at(-1)) leader.raising = wanted ?? leader.raising
      if (last === undefined) return
      if (last - count < leader.before) this.problems.push(`${last} is not above ${leader.before}`)
      this.highest = Math.max(this.highest, last)
      for (let each = last - count + 1; each <= last; each++) {
        if (this.given.has(each)) this.problems.push(`${each} is given twice`)
        this.given.add(each)
      }
    }
  }

  it("give no timestamp twice; and none that is below what others had given before they led", () => {
    const type = fc.constantFrom("give", "give", "give", "commit", "commit", "lead", "fail")
    const step = fc.record({
      type,
      leader: fc.nat(9),
      count: fc.integer({ min: 1, max: 400 }),
      wall: fc.nat(5_000)
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const all = new Leaders()
        all.lead()
        for (const { count, leader, type: what, wall } of steps) {
          if (what === "give") all.give(all.pick(leader), count, wall)
          else if (what === "commit") all.commit(all.pick(leader))
          else if (what === "fail") all.fail(all.pick(leader))
          else all.lead()
        }
        expect(all.problems).toEqual([])
      }),
      { numRuns: 500 }
    )
  })
})
