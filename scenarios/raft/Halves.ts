/**
 * Two servers, or four: a half is no quorum, so nobody can be left out. Leadership goes to and fro, and who is to take it is often
 * cut off in that moment: it is in a new term with an old log, the leader goes on alone in the old term, and both have to find
 * together again (openraft issue 1796, etcd issue 8501).
 */
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Scenarios from "./Scenarios.ts"
import type * as Workload from "./Workload.ts"

const base = Scenarios.make({
  name: "raft/halves",
  summary: "two or four servers, transfers all the time, connections that die: halves agree on a leader in the end"
})

export const scenario: Scenario<Workload.Operation, Workload.Value> = {
  ...base,
  nodes: { default: 2, min: 2, max: 4 },
  clients: { default: 2, min: 2, max: 3 },
  durationMicros: 3_000_000,
  options: {
    ...base.options,
    tickMillis: [10, 5, 20],
    sleepTicks: [1_000_000, 3],
    retryMillis: [30, 60],
    fillers: [2, 8],
    backoffMillis: [5],
    exiled: ["candidates"],
    reignMillis: [2, 4],
    exileMillis: [200, 500, 1_000],
    exilesForMillis: [2_000]
  },
  workload: Scenarios.transferring({ ...base.workload, gapMicros: 6_000 }, [3, 4], (draw) => draw.below(4)),
  faults: ["half-open", "reset", "slow-sync", "stuck-sync", "crash", "pause"]
}
