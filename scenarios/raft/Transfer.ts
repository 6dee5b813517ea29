/** Leadership is handed from server to server under load, also to those who are behind, cut off, or no more there. */
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Scenarios from "./Scenarios.ts"
import type * as Workload from "./Workload.ts"

const serversMax = 5

const base = Scenarios.make({
  name: "raft/transfer",
  summary: "leadership goes from server to server under load; reads by lease end with it"
})

export const scenario: Scenario<Workload.Operation, Workload.Value> = {
  ...base,
  nodes: { default: 3, min: 2, max: serversMax },
  clients: { default: 4, min: 2, max: 5 },
  options: { ...base.options, reads: ["quorum", "lease"] },
  workload: Scenarios.transferring({ ...base.workload, gapMicros: 8_000 }, [1, 2], (draw) => draw.below(serversMax))
}
