/**
 * The disk of server 0 hangs, and stays so until the run is over: its process lives, its links are well, and whoever follows it hears so. It hands over what it
 * leads, and the others go on (etcd issues 12528 and 15247).
 */
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Scenarios from "./Scenarios.ts"
import type * as Workload from "./Workload.ts"

const base = Scenarios.make({
  name: "raft/hung-disk",
  summary: "a leader's disk hangs for good while its links are well: another one leads",
  behaviour: { hangs: 0 }
})

export const scenario: Scenario<Workload.Operation, Workload.Value> = {
  ...base,
  nodes: { default: 3, min: 3, max: 5 },
  durationMicros: 4_000_000,
  options: {
    ...base.options,
    tickMillis: [20, 10],
    reads: ["quorum", "lease"],
    hangMillis: [3_000, 1_000, 3_500]
  },
  workload: Scenarios.transferring(base.workload, [1, 2], Scenarios.mostlyFirst(3)),
  faults: ["delay", "slow-sync", "pause", "slow-link", "drift", "crash"]
}
