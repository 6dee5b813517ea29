/**
 * Leaders that read by their lease and are cut off again and again, stand still or stall, while clocks drift and jump: what a lease that is counted or
 * looked at wrongly needs to show. Servers read for themselves all the time, so that a leader that was replaced is caught by its
 * first answer.
 */
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Scenarios from "./Scenarios.ts"
import type * as Workload from "./Workload.ts"

const base = Scenarios.make({
  name: "raft/lease",
  summary:
    "leaders read by lease, are cut off or stand still, and clocks jump: no read is stale, and no two hold a lease"
})

export const scenario: Scenario<Workload.Operation, Workload.Value> = {
  ...base,
  nodes: { default: 3, min: 3, max: 5 },
  clients: { default: 3, min: 2, max: 4 },
  durationMicros: 3_000_000,
  options: {
    ...base.options,
    tickMillis: [10, 5, 20],
    reads: ["lease"],
    sleepTicks: [1_000_000, 3],
    retryMillis: [30, 60],
    probeMillis: [2, 5],
    backoffMillis: [5],
    reignMillis: [100, 300, 0],
    exileMillis: [300, 100],
    muteMillis: [40, 20, 120],
    exilesForMillis: [3_000]
  },
  workload: { ...base.workload, gapMicros: 10_000 },
  faults: [
    "partition",
    "partial",
    "one-way",
    "delay",
    "clog",
    "pause",
    "slow-sync",
    "stuck-sync",
    "skew",
    "drift",
    "step"
  ]
}
