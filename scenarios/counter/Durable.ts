/**
 * A crash-safe append-only counter on disk: every acknowledged addition is counted exactly once, whatever power loss
 * takes of what was not synced.
 */
import * as Effect from "effect/Effect"
import * as Counter from "#models/Counter.ts"
import { unknown } from "#models/Model.ts"
import * as Atlas from "#sim/faults/Atlas.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type { ClientSpec, Perform, Scenario } from "#sim/run/Scenario.ts"
import * as Call from "../systems/Call.ts"
import * as DurableCounter from "../systems/DurableCounter.ts"
import { contract } from "./Contract.ts"

export type Operation = Counter.Operation

/** Most additions are small; some fill sectors of the log. */
const smallMax = 9

const client = Effect.fnUntraced(function* (spec: ClientSpec) {
  const caller = yield* Call.make(spec, { retryMicros: 100_000, timeoutMicros: 6_000_000 })
  const perform: Perform<Operation, number> = (operation, done) => {
    caller.call<number>(
      (writer) => {
        writer.u8(DurableCounter.operations[operation.type])
        if (operation.type === "add") writer.f64(operation.delta)
      },
      (body) => body.f64(),
      done
    )
  }
  return perform
})

export const linearizability: Judge<Operation, number> = Linearizability.judge({
  name: "linearizability",
  model: Counter.make(),
  toOperation: (operation: Operation, outcome) => ({
    operation,
    result: outcome.type === "ok" ? outcome.value : unknown
  })
})

export const scenario: Scenario<Operation, number> = {
  name: "counter/durable",
  summary: "an append-only counter on disk: what was acknowledged is counted once, after any crash",
  nodes: { default: 1, min: 1, max: 1 },
  clients: { default: 3, min: 1, max: 5 },
  durationMicros: 10_000_000,
  livenessMicros: 15_000_000,
  server: (spec) => DurableCounter.server(spec, { answersBeforeSync: false }),
  workload: {
    gapMicros: 30_000,
    draw: (draw) =>
      draw.chance(1, 3)
        ? { type: "read" }
        : { type: "add", delta: draw.between(1, draw.chance(1, 2) ? smallMax : DurableCounter.deltaMax) },
    client,
    final: () => [{ type: "add", delta: 1 }, { type: "read" }],
    label: (operation) => (operation.type === "read" ? "read" : `add ${operation.delta}`)
  },
  faults: [
    "delay",
    "loss",
    "duplicate",
    "reorder",
    "partition",
    "one-way",
    "clog",
    "slow-link",
    "lose-unsynced",
    "torn-write",
    "lose-directory-entry",
    "io-error",
    "disk-full",
    "slow-sync",
    "stuck-sync",
    "skew",
    "drift",
    "step",
    "crash",
    "stop",
    "pause",
    "kill-at-io"
  ],
  atlas: Atlas.nothing,
  describe: DurableCounter.describe,
  judges: [linearizability, contract]
}
