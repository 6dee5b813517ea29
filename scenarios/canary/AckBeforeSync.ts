/** Canary: the counter answers before its record is synced. Power loss takes what was acknowledged. */
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Durable from "../counter/Durable.ts"
import * as DurableCounter from "../systems/DurableCounter.ts"

export const scenario: Scenario<Durable.Operation, number> = {
  ...Durable.scenario,
  name: "canary/ack-before-sync",
  summary: "must fail: a server acknowledges before its sync",
  clients: { default: 5, min: 4, max: 5 },
  server: (spec) => DurableCounter.server(spec, { answersBeforeSync: true }),
  workload: { ...Durable.scenario.workload, gapMicros: 1_000 },
  faults: ["lose-unsynced", "slow-sync"],
  canary: { judge: "linearizability", bug: "an acknowledgement before the sync" }
}
