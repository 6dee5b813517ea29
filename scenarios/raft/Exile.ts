/**
 * Whoever leads is cut off after a while, appends in that moment what nobody else gets, and comes back when others have led: logs whose
 * ends are of different terms meet all the time, as in figures 7 and 8 of the Raft paper, and what they keep or lose of each
 * other is decided by terms alone. Followers hear their leader for a while and are not heard, so that it begins again long before where
 * they are. Short logs add snapshots to both.
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
    inflight: [64, 4],
    // A few entries, so that a follower can have cut what its leader still sends.
    logBytes: [300, 1, 100, 1_000],
    // So many times as long on every other server: then a leader still has what its follower cut long ago.
    unevenness: [1, 20],
    segmentBytes: [1_500, 8_000],
    syncEntries: [1, 4, 16],
    flushEntries: [1, 8],
    flushTicks: [1, 3],
    chunkBytes: [50, 20, 1_000],
    retryMillis: [60, 30],
    fillers: [4, 8],
    probeMillis: [5],
    backoffMillis: [5],
    reignMillis: [60, 30, 150],
    // From shorter than an election to several of them.
    exileMillis: [300, 40, 150, 600],
    muteMillis: [40, 20, 120],
    exilesForMillis: [4_000]
  },
  workload: { ...base.workload, gapMicros: 20_000 },
  faults: ["delay", "slow-sync", "stuck-sync", "crash", "pause", "slow-link", "reset"]
}
