/**
 * Leases and little else than clocks: they jump and drift while whoever leads is cut off again and again, so that many a jump falls on a leader
 * that is about to be replaced. Among all the faults of `raft/lease` that is too rare to count on.
 */
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Lease from "./Lease.ts"
import type * as Workload from "./Workload.ts"

export const scenario: Scenario<Workload.Operation, Workload.Value> = {
  ...Lease.scenario,
  name: "raft/lease-clocks",
  summary: "leaders read by lease and are cut off, while clocks jump and drift: no two hold a lease",
  nodes: { default: 3, min: 3, max: 4 },
  options: {
    ...Lease.scenario.options,
    tickMillis: [5, 10],
    reignMillis: [200, 100],
    // Longer than an election.
    exileMillis: [300]
  },
  faults: ["step", "skew", "drift", "pause"]
}
