/** Canary: acceptors grant a lease without a look at the one before. Two holders serve at once. */
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Lease from "../register/Lease.ts"
import { leaseOptions, singleHolder, type Operation, type Value } from "../register/Shared.ts"
import * as LeaseRegisterDriver from "../systems/LeaseRegisterDriver.ts"

export const scenario: Scenario<Operation, Value> = {
  ...Lease.scenario,
  name: "canary/double-grant",
  summary: "must fail: leases are granted twice",
  nodes: { default: 5, min: 3, max: 5 },
  clients: { default: 5, min: 4, max: 5 },
  durationMicros: 120_000_000,
  // A lease is long and a renewal seldom, compared to messages: two holders do not hear of each other at once.
  options: {
    leaseMillis: [500],
    renewMillis: [100],
    "net.latencyMicrosMin": [50],
    "net.latencyMicrosMax": [500],
    "disk.syncMicrosMin": [50],
    "disk.syncMicrosMax": [200]
  },
  server: (spec) => LeaseRegisterDriver.server(spec, { ...leaseOptions(spec), grantsTwice: true }),
  // Mostly reads: a holder that has lost its majority answers them still, but no write.
  workload: {
    ...Lease.scenario.workload,
    gapMicros: 5_000,
    draw: (draw, at) => (draw.chance(1, 50) ? Lease.scenario.workload.draw(draw, at) : { type: "read" })
  },
  judges: [singleHolder],
  faults: ["one-way", "partial"],
  canary: { judge: "single-holder", bug: "a double grant of a lease" }
}
