import { describe, expect, it } from "vitest"
import * as Tenure from "./Tenure.ts"

/** Clocks may be a tenth too fast. */
const sight = {
  nodes: 2,
  clients: 1,
  options: { "clock.driftPpmMax": 100_000 },
  durable: () => undefined,
  damaged: () => false
}

type Event = readonly [
  atMicros: number,
  node: number,
  leftMicros: number,
  lateMicros?: number | undefined,
  slots?: string
]

/** The first thing that breaks. With a fourth number, somebody's time is over, so late. */
const verdict = (...events: ReadonlyArray<Event>): string | undefined => {
  const judging = Tenure.alone.make(sight)
  for (const [atMicros, node, leftMicros, lateMicros, slots = "0-16383"] of events) {
    const told =
      lateMicros === undefined
        ? { name: "redis/holds", fields: { leftMicros, slots } }
        : { name: "redis/over", fields: { lateMicros } }
    const violation = judging.observe!({ atMicros, node, level: "debug", ...told })
    if (violation !== undefined) return violation.detail
  }
  return undefined
}

describe("tenure is broken", () => {
  it("by nobody who begins when another one's time is over, or was given up", () => {
    expect(verdict([0, 0, 11_000], [10_000, 1, 5_000])).toBe(undefined)
    expect(verdict([0, 0, 11_000], [5_000, 0, 11_000], [6_000, 0, 0], [7_000, 1, 5_000])).toBe(undefined)
  })

  it("by who begins before that", () => {
    const broken = "it may answer, and so may node 0, for 1 ms still"
    expect(verdict([0, 0, 11_000], [9_500, 1, 5_000])).toBe(broken)
  })

  it("by whose time is over, by a slow clock, when another one has begun", () => {
    const broken = "it might have answered for 2 ms when node 1 had taken over"
    expect(verdict([0, 0, 11_000], [10_500, 1, 5_000], [12_500, 0, 0, 0])).toBe(broken)
    // It stood still, and looked at its clock only later.
    expect(verdict([0, 0, 11_000], [10_500, 1, 5_000], [14_300, 0, 0, 1_620])).toBe(broken)
  })

  it("by nobody whose time was over by then, however late it is told, or who has taken it again", () => {
    expect(verdict([0, 0, 11_000], [10_500, 1, 5_000], [14_500, 0, 0, 3_600])).toBe(undefined)
    expect(verdict([0, 0, 11_000], [10_500, 1, 0], [20_000, 0, 5_000], [25_000, 0, 0, 0])).toBe(undefined)
    expect(verdict([0, 0, 11_000], [11_000, 0, 0, 0], [11_500, 1, 5_000])).toBe(undefined)
  })

  it("by nobody who has other slots, or others than before", () => {
    expect(verdict([0, 0, 11_000, undefined, "0-99 300-400"], [5_000, 1, 11_000, undefined, "100-299"])).toBe(undefined)
    const given: Event = [4_000, 0, 7_000, undefined, "0-50"]
    expect(verdict([0, 0, 11_000], given, [5_000, 1, 11_000, undefined, "51-99"], [11_000, 0, 0, 0])).toBe(undefined)
    expect(verdict([0, 0, 11_000], given, [5_000, 1, 11_000, undefined, "50-99"])).toContain("so may node 0")
  })

  it("by who goes on when another one has begun", () => {
    const broken = "it may answer, and so may node 1, for 4 ms still"
    expect(verdict([0, 0, 11_000], [10_000, 1, 5_500], [11_000, 0, 11_000])).toBe(broken)
  })
})
