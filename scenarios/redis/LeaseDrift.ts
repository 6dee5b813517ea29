/**
 * Canary: the first server's clock hardly runs, far beyond what owners allow for, and it has the data first. Once it is cut off, it goes on answering
 * when another one has taken over.
 */
import type { Scenario } from "#sim/run/Scenario.ts"
import { type Operation, parts, type Value } from "./Cells.ts"
import * as Scenarios from "./Scenarios.ts"

export const scenario: Scenario<Operation, Value> = {
  ...Scenarios.make<Operation, Value>({
    ...parts,
    name: "redis/lease-drift",
    summary: "must fail: the node with Redis's data trusts a clock that drifts beyond its bound",
    behaviour: { slowness: 32 },
    more: {
      nodes: { default: 3, min: 3, max: 3 },
      clients: { default: 5, min: 5, max: 5 },
      durationMicros: 60_000_000,
      faults: ["step"]
    },
    options: {
      leaseMillis: [500],
      reignMillis: [1_000],
      // The others need new leaders of their ranges first, and three servers for that.
      exileMillis: [8_000],
      exilesForMillis: [60_000],
      founders: [7],
      replicas: [3],
      tickMillis: [20],
      silenceMillis: [700],
      asksOutcome: [true],
      "clock.driftPpmMax": [500]
    }
  }),
  canary: { judge: "tenure", bug: "an owner that trusts a clock beyond its bound" }
}
