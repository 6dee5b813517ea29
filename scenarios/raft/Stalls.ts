/**
 * Streams stall one by one, each for about as long as an election takes, and lose nothing: an answer arrives when its question is long
 * settled, behind what others have said in between. Votes, pre-votes and acknowledgements of one term are heard in the next, and whoever takes
 * them for present ones is caught. A fault that slows all links alike keeps their order; this one does not.
 */
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Scenarios from "./Scenarios.ts"
import type * as Workload from "./Workload.ts"

const base = Scenarios.make({
  name: "raft/stalls",
  summary: "streams stall one by one, about as long as an election takes: answers come when another question is asked"
})

export const scenario: Scenario<Workload.Operation, Workload.Value> = {
  ...base,
  nodes: { default: 3, min: 3, max: 5 },
  clients: { default: 2, min: 2, max: 3 },
  durationMicros: 3_000_000,
  options: {
    ...base.options,
    tickMillis: [5, 10],
    reads: ["quorum", "lease"],
    sleepTicks: [1_000_000, 3],
    retryMillis: [30, 60],
    probeMillis: [5],
    backoffMillis: [5],
    // One to eight election time-outs at most, and as long between two stalls.
    stallMillis: [200, 100, 400],
    stallsForMillis: [3_000]
  },
  workload: { ...base.workload, gapMicros: 20_000 },
  faults: ["delay", "partial", "one-way", "slow-link", "slow-sync", "stuck-sync", "pause", "crash"]
}
