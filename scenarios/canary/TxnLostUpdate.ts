/** Canary: lists are read and written at read committed and without locks, so what others append in between is lost. */
import type { Scenario } from "#sim/run/Scenario.ts"
import type * as Client from "../txn/Client.ts"
import * as Judges from "../txn/Judges.ts"
import { scenario as base } from "../txn/ListAppend.ts"

export const scenario: Scenario<Client.Operation, Client.Value> = {
  ...base,
  name: "canary/txn-lost-update",
  summary: "must fail: at read committed two transactions read, then write, without a lock",
  nodes: { default: 3, min: 3, max: 3 },
  clients: { default: 5, min: 5, max: 5 },
  durationMicros: 1_500_000,
  workload: {
    ...base.workload,
    gapMicros: 5_000,
    draw: (draw, { client, index }) => {
      const steps = [{ type: "append" as const, key: draw.below(2), value: (client + 1) * 1_000_000 + index }]
      return { type: "run", isolation: "read-committed", isLocked: false, steps }
    }
  },
  judges: [Judges.elle("list-append", "snapshot-isolation")],
  faults: [],
  canary: { judge: "elle", bug: "an update that is lost, which read committed lets through" }
}
