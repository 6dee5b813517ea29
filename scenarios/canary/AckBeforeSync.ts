/** Canary: the counter answers before its record is synced. Power loss takes what was acknowledged. */
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Durable from "../counter/Durable.ts"
import * as DurableCounter from "../systems/DurableCounter.ts"

export const scenario: Scenario<Durable.Operation, number> = {
  ...Durable.scenario,
  name: "canary/ack-before-sync",
  summary: "must fail: a server acknowledges before its sync",
  clients: { default: 2, min: 2, max: 2 },
  // A slow disk: there is always something that is answered and not yet synced.
  options: {
    "disk.syncMicrosMin": [5_000],
    "disk.syncMicrosMax": [20_000],
    "net.latencyMicrosMin": [50],
    "net.latencyMicrosMax": [500]
  },
  server: (spec) => DurableCounter.server(spec, { answersBeforeSync: true }),
  durationMicros: 80_000_000,
  judges: [Durable.linearizability],
  workload: { ...Durable.scenario.workload, gapMicros: 2_000 },
  faults: ["lose-unsynced"],
  canary: { judge: "linearizability", bug: "an acknowledgement before the sync" }
}
