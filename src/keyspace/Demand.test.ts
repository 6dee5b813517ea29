import { describe, expect, it } from "vitest"
import { Demand } from "./Demand.ts"

const second = 1_000_000

interface Window {
  /** The stores that requests come from, in turn. */
  readonly from: ReadonlyArray<number>
  readonly requests?: number
}

const after = (...windows: ReadonlyArray<Window>): Demand => {
  const demand = new Demand()
  demand.begin(0)
  for (const [index, { from, requests = 40 }] of windows.entries()) {
    for (let i = 0; i < requests; i++) demand.count(from[i % from.length])
    demand.look((index + 1) * second)
  }
  return demand
}

const times = (count: number, window: Window): ReadonlyArray<Window> => Array.from({ length: count }, () => window)

describe("the store that most requests of a range come from", () => {
  it("is known once it had three of four in three windows", () => {
    const most = { from: [2, 2, 2, 1] }
    expect(after(...times(2, most)).store).toBeUndefined()
    expect(after(...times(3, most)).store).toBe(2)
  })

  it("is none where they come from several", () => {
    expect(after(...times(9, { from: [1, 2] })).store).toBeUndefined()
    expect(after(...times(9, { from: [1, 2, 3] })).store).toBeUndefined()
    expect(after(...times(9, { from: [1, 1, 2] })).store).toBeUndefined()
  })

  it("is another one after as many windows, and none after as many in which nobody has most", () => {
    expect(after(...times(3, { from: [1] }), ...times(2, { from: [2] })).store).toBe(1)
    expect(after(...times(3, { from: [1] }), ...times(3, { from: [2] })).store).toBe(2)
    expect(after(...times(3, { from: [1] }), ...times(3, { from: [1, 2] })).store).toBeUndefined()
  })

  it("is not changed by windows in which hardly anything is asked", () => {
    expect(after(...times(9, { from: [1], requests: 19 })).store).toBeUndefined()
    expect(after(...times(3, { from: [1] }), ...times(9, { from: [2], requests: 19 })).store).toBe(1)
  })

  it("is looked for anew by whoever begins to lead, who keeps the lease for a while", () => {
    const demand = after(...times(7, { from: [2] }))
    expect([demand.isSettled(1, 7 * second), demand.isSettled(2, 7 * second)]).toEqual([false, true])
    demand.begin(8 * second)
    expect(demand.store).toBeUndefined()
    expect([demand.isSettled(1, 13 * second), demand.isSettled(1, 14 * second)]).toEqual([true, false])
  })
})
