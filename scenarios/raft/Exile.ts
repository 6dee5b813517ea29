/**
 * Whoever leads is cut off after a while, appends in that moment what nobody else gets, and comes back when others have led: logs whose
 * ends are of different terms meet all the time, as in figures 7 and 8 of the Raft paper, and what they keep or lose of each
 * other is decided by terms alone. Short logs add snapshots to that.
 */
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Scenarios from "./Scenarios.ts"
import type * as Workload from "./Workload.ts"

const base = Scenarios.make({
  name: "raft/exile",
  summary: "leaders are cut off with entries that nobody else has, and come back generations later: ends of logs differ"
})

export const scenario: Scenario<Workload.Operation, Workload.Value> = {
  ...base,
  nodes: { default: 3, min: 3, max: 5 },
  clients: { default: 2, min: 2, max: 4 },
  durationMicros: 4_000_000,
  options: {
    ...base.options,
    tickMillis: [5, 10],
    reads: ["quorum", "lease"],
    messageBytes: [200, 1, 16_384],
    logBytes: [1, 200, 1_000, 65_536],
    segmentBytes: [1_500, 8_000],
    syncEntries: [1, 8, 32],
    retryMillis: [60, 30],
    fillers: [1, 4],
    probeMillis: [5],
    backoffMillis: [5],
    reignMillis: [60, 30, 150],
    // From shorter than an election to several of them.
    exileMillis: [300, 40, 150, 600],
    exilesForMillis: [4_000]
  },
  workload: { ...base.workload, gapMicros: 20_000 },
  faults: ["delay", "slow-sync", "stuck-sync", "crash", "pause", "slow-link", "reset"]
}
