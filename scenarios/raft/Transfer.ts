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
  workload: {
    ...base.workload,
    gapMicros: 8_000,
    draw: (draw, at): Workload.Operation =>
      at.client === 0 && draw.chance(1, 2)
        ? { type: "transfer", group: 1, to: draw.below(serversMax) }
        : base.workload.draw(draw, at)
  }
}
