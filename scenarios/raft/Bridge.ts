/**
 * A majority that is connected elects a leader, although one of them hears the old one (openraft issue 2080). Servers 0, 1 and the two behind
 * it: 0 reaches only 1 from a moment on, 1 is the bridge to 2 and 3, and 4 reaches nobody. It stays so until the run is over.
 *
 *     0 --- 1 --- 2
 *            \   /        4
 *              3
 */
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Scenarios from "./Scenarios.ts"
import type * as Workload from "./Workload.ts"

const base = Scenarios.make({
  name: "raft/bridge",
  summary: "a connected majority elects although a bridge hears the old leader, and the links stay cut",
  behaviour: {
    cuts: [
      [2, 0],
      [3, 0],
      [4, 0],
      [4, 1],
      [4, 2],
      [4, 3]
    ]
  }
})

export const scenario: Scenario<Workload.Operation, Workload.Value> = {
  ...base,
  nodes: { default: 5, min: 5, max: 5 },
  durationMicros: 4_000_000,
  options: {
    ...base.options,
    tickMillis: [20, 10],
    sleepTicks: [10, 1_000_000],
    reads: ["quorum", "lease"],
    cutMillis: [3_000, 1_000, 3_500]
  },
  workload: Scenarios.transferring(base.workload, [1, 2], Scenarios.mostlyFirst(5)),
  faults: ["delay", "slow-sync", "pause", "slow-link", "drift"]
}
