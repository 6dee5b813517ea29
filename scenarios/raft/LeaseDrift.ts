/**
 * Canary: one server's clock runs at an eighth, far beyond what leases allow for, and it leads whenever it can. Once it is cut off, it
 * reads on while its successor writes.
 */
import * as Cell from "#models/Cell.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Scenarios from "./Scenarios.ts"
import type * as Workload from "./Workload.ts"

/** Only one client adds, and sums rise: who reads less than was acknowledged before has read something stale. */
const staleRead: Judge<Workload.Operation, Workload.Value> = {
  name: "stale-read",
  make: () => {
    /** By the time at which they were acknowledged, rising. */
    const sums: Array<{ readonly at: number; readonly sum: number }> = []
    return {
      completed: ({ completedAt, invokedAt, operation, outcome }) => {
        if (operation.type !== "cell" || outcome.type !== "ok" || typeof outcome.value !== "number") return undefined
        if (operation.does.type === "add") {
          sums.push({ at: completedAt, sum: outcome.value })
        }
        const before = sums.findLast(({ at }) => at < invokedAt)?.sum ?? 0
        return outcome.value < before
          ? { detail: `a get returned ${outcome.value} after ${before} was acknowledged` }
          : undefined
      }
    }
  }
}

const cell = { type: "cell", group: 1, key: 0 } as const

const base = Scenarios.make({
  name: "raft/lease-drift",
  summary: "must fail: leases trust a clock that drifts beyond its bound",
  behaviour: { slowness: 8 },
  keys: 1
})

export const scenario: Scenario<Workload.Operation, Workload.Value> = {
  ...base,
  nodes: { default: 3, min: 3, max: 3 },
  clients: { default: 5, min: 5, max: 5 },
  durationMicros: 100_000_000,
  options: {
    ...base.options,
    reads: ["lease"],
    tickMillis: [20],
    retryMillis: [4],
    probeMillis: [0],
    "net.latencyMicrosMin": [50],
    "net.latencyMicrosMax": [500],
    "disk.syncMicrosMin": [50],
    "disk.syncMicrosMax": [200]
  },
  workload: {
    ...base.workload,
    gapMicros: 10_000,
    // Who only reads stays where it is answered; who writes finds the successor.
    draw: (_, at) =>
      at.client === 0 ? { ...cell, does: Cell.add(1), isLogged: true } : { ...cell, does: Cell.get, isLogged: false }
  },
  faults: ["partition"],
  judges: [staleRead],
  canary: { judge: "stale-read", bug: "leases that trust a clock beyond its bound" }
}
