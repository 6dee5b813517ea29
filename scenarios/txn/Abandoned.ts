/**
 * Coordinators that never say that they live, and ranges that soon take them for dead: whoever meets an intent ends its transaction, while its
 * coordinator goes on and decides, too. What one of them says has to be what holds.
 */
import type { Scenario } from "#sim/run/Scenario.ts"
import type * as Client from "./Client.ts"
import { scenario as base } from "./ListAppend.ts"

export const scenario: Scenario<Client.Operation, Client.Value> = {
  ...base,
  name: "txn/abandoned",
  summary: "transactions are taken for abandoned while their coordinators live: they are decided once all the same",
  nodes: { default: 3, min: 2, max: 5 },
  clients: { default: 5, min: 3, max: 6 },
  durationMicros: 3_000_000,
  options: {
    ...base.options,
    ttlMillis: [20, 40],
    heartbeats: [0.001],
    pushMillis: [2, 5],
    // So that two phases take about as long as that.
    "net.latencyMicrosMin": [1_000],
    "net.latencyMicrosMax": [2_000, 5_000],
    ranges: [10, 50]
  },
  workload: { ...base.workload, gapMicros: 3_000 }
}
