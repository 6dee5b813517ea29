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

/** The first thing that breaks. */
const verdict = (
  ...events: ReadonlyArray<readonly [atMicros: number, node: number, leftMicros: number]>
): string | undefined => {
  const judging = Tenure.alone.make(sight)
  for (const [atMicros, node, leftMicros] of events) {
    const violation = judging.observe!({ atMicros, node, level: "debug", name: "redis/holds", fields: { leftMicros } })
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

  it("by who goes on when another one has begun", () => {
    const broken = "it may answer, and so may node 1, for 4 ms still"
    expect(verdict([0, 0, 11_000], [10_000, 1, 5_500], [11_000, 0, 11_000])).toBe(broken)
  })
})
