/** Scenarios of stores: all engines have the same clients, faults and judges. */
import * as Effect from "effect/Effect"
import * as MultiRegister from "#models/MultiRegister.ts"
import { unknown } from "#models/Model.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type { ClientSpec, Perform, Scenario } from "#sim/run/Scenario.ts"
import type { Subject } from "#sim/storage/Subject.ts"
import * as Faults from "../Faults.ts"
import * as Call from "../systems/Call.ts"
import * as Protocol from "./Protocol.ts"
import * as Store from "./Store.ts"

const client = Effect.fnUntraced(function* (spec: ClientSpec) {
  const caller = yield* Call.make(spec, { retryMicros: 100_000, timeoutMicros: 10_000_000 })
  const perform: Perform<Protocol.Operation, Protocol.Answer> = (operation, done) => {
    caller.call<Protocol.Answer>(
      (writer) => Protocol.writeOperation(writer, operation),
      Protocol.readAnswer,
      (outcome) => {
        // Of a write without an answer nobody knows what became of it; a read without one says nothing.
        const isLost = outcome.type === "ok" && outcome.value === "unknown" && operation.type === "write"
        done(isLost ? { type: "unknown", reason: "the store could not say" } : outcome)
      }
    )
  }
  return perform
})

const stepsOf = (operation: Protocol.Operation): ReadonlyArray<MultiRegister.Step> => {
  switch (operation.type) {
    case "write":
      return operation.changes.flatMap((change) => {
        if (change.type === "put") return [MultiRegister.write(change.key, change.value)]
        if (change.type === "delete") return [MultiRegister.write(change.key, null)]
        return Array.from({ length: change.to - change.from }, (_, index) =>
          MultiRegister.write(change.from + index, null)
        )
      })
    case "read":
      return operation.keys.map(MultiRegister.read)
    case "scan":
      return Array.from({ length: operation.to - operation.from }, (_, index) =>
        MultiRegister.read(operation.from + index)
      )
    case "checkpoint":
      return Protocol.keys.map((_, key) => MultiRegister.read(key))
    default:
      return []
  }
}

/** A scan that gave what is no key of it. */
const stray = 255

const linearizability = Linearizability.judge<
  Protocol.Operation,
  Protocol.Answer,
  MultiRegister.Operation,
  MultiRegister.Result
>({
  name: "linearizability",
  model: MultiRegister.make(),
  // Where many outcomes are unknown, the search has no end.
  configurationsMax: 1_000_000,
  toOperation: (operation, outcome) => {
    const steps = stepsOf(operation)
    if (steps.length === 0) return undefined
    if (outcome.type !== "ok" || outcome.value === "unknown" || operation.type === "write") {
      return { operation: { steps }, result: unknown }
    }
    const strays = outcome.value.filter(({ key }) => key === stray)
    return {
      operation: { steps: [...steps, ...strays.map(() => MultiRegister.read(stray))] },
      result: outcome.value.map(({ value }) => value)
    }
  }
})

/** Damage is reported only where a fault may have damaged: a file by its name, or the directory that holds it. */
const corruption = (files: (path: string) => boolean): Judge<Protocol.Operation, Protocol.Answer> => ({
  name: "corruption",
  make: (run) => ({
    observe: ({ fields, name, node }) => {
      if (name !== "store/corrupt") return undefined
      const path = String(fields.path)
      if (files(path) && run.damaged(node, path)) return undefined
      return {
        detail: `${path} at ${fields.offsetBytes} is reported as damaged, and nothing has damaged it: ${fields.message}`
      }
    }
  })
})

export const make = (
  subject: Subject,
  words: { readonly summary: string; readonly files: (path: string) => boolean }
): Scenario<Protocol.Operation, Protocol.Answer> => ({
  name: `storage/${subject.name}`,
  summary: words.summary,
  nodes: { default: 1, min: 1, max: 1 },
  clients: { default: 3, min: 1, max: 4 },
  durationMicros: 6_000_000,
  livenessMicros: 15_000_000,
  server: (spec) => Store.server(spec, subject.sets),
  options: { set: subject.sets.map((_, index) => index) },
  workload: {
    gapMicros: 30_000,
    draw: Protocol.drawOperation,
    client,
    final: () => [{ type: "scan", from: 0, to: Protocol.keys.length, back: false, holdMicros: 0 }, { type: "verify" }],
    label: (operation) => `${operation.type} ${JSON.stringify(operation)}`
  },
  faults: [
    ...Faults.datagrams,
    ...Faults.powerLoss,
    "misdirect",
    "bit-rot",
    "io-error",
    "disk-full",
    "slow-sync",
    "stuck-sync",
    "drift",
    "step",
    "crash",
    "stop",
    "pause",
    "kill-at-io",
    "config"
  ],
  atlas: { copiesIntactMin: 0, files: words.files },
  judges: [linearizability, corruption(words.files)]
})
