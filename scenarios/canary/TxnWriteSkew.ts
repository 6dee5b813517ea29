/** Canary: one of a pair leaves when the other stays, at snapshot isolation and without locks, which lets both leave. */
import type { Scenario } from "#sim/run/Scenario.ts"
import type * as Client from "../txn/Client.ts"
import { scenario as base } from "../txn/WriteSkew.ts"

export const scenario: Scenario<Client.Operation, Client.Value> = {
  ...base,
  name: "canary/txn-write-skew",
  summary: "must fail: at snapshot isolation two transactions write what the other reads",
  nodes: { default: 3, min: 3, max: 3 },
  clients: { default: 5, min: 5, max: 5 },
  durationMicros: 10_000_000,
  workload: {
    ...base.workload,
    gapMicros: 5_000,
    draw: (draw) => {
      const key = draw.below(2)
      const steps = draw.chance(1, 3)
        ? [{ type: "put" as const, key, value: 1 }]
        : [{ type: "leave" as const, key, other: 1 - key }]
      return { type: "run", isolation: "snapshot", isLocked: false, steps }
    }
  },
  faults: [],
  canary: { judge: "on-call", bug: "write skew, which snapshot isolation lets through" }
}
