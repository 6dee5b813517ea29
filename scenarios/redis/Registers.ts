/**
 * Several keys at once, through RESP: reads and writes in one MULTI, MSET and MGET: all of it or nothing, and never a part for others to see.
 */
import * as Effect from "effect/Effect"
import { unknown } from "#models/Model.ts"
import * as MultiRegister from "#models/MultiRegister.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import type { Draw } from "#sim/kernel/Draw.ts"
import type { ClientSpec, Perform } from "#sim/run/Scenario.ts"
import { Net } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Connection } from "./Connection.ts"
import { isError, type Reply } from "./Replies.ts"
import * as Scenarios from "./Scenarios.ts"
import { doorOf } from "./Server.ts"

export interface Operation {
  readonly steps: ReadonlyArray<MultiRegister.Step>
  /** By MSET, or MGET, and not in a MULTI. */
  readonly isPlain: boolean
  /** The client breaks off after so many bytes. */
  readonly cutAt?: number
}

/** What each step read; null for a write. */
export type Value = ReadonlyArray<number | null>

const keys = 5
const stepsMax = 4
const cutBytesMax = 200

const nameOf = (key: number): string => `register:${key}`

const draw = (one: Draw, at: { readonly client: number; readonly index: number }): Operation => {
  const isPlain = one.chance(1, 3)
  const only = isPlain ? (one.chance(1, 2) ? "read" : "write") : undefined
  const places = Array.from({ length: keys }, (_, key) => key)
  const steps = Array.from({ length: one.between(1, stepsMax) }, (_, step) => {
    const [key] = places.splice(one.below(places.length), 1)
    const isRead = only === undefined ? one.chance(1, 2) : only === "read"
    const value = (at.client + 1) * 1_000_000 + at.index * 10 + step
    return isRead ? MultiRegister.read(nameOf(key)) : MultiRegister.write(nameOf(key), value)
  })
  return { steps, isPlain, ...(one.chance(1, 20) && { cutAt: one.below(cutBytesMax) }) }
}

const commandsOf = ({ isPlain, steps }: Operation): ReadonlyArray<ReadonlyArray<string>> => {
  const [first] = steps
  const names = steps.map(({ key }) => String(key))
  if (isPlain && first.type === "read") return [["MGET", ...names]]
  if (isPlain) {
    return [["MSET", ...steps.flatMap((step) => [String(step.key), step.type === "write" ? String(step.value) : ""])]]
  }
  const queued = steps.map((step) =>
    step.type === "read" ? ["GET", String(step.key)] : ["SET", String(step.key), String(step.value)]
  )
  return [["MULTI"], ...queued, ["EXEC"]]
}

const valueOf = ({ steps }: Operation, reply: Reply): Value =>
  steps.map((step, at) => {
    const read = step.type === "read" && Array.isArray(reply) ? (reply as ReadonlyArray<Reply>)[at] : null
    return read === null ? null : Number(read)
  })

const client = Effect.fnUntraced(function* (spec: ClientSpec) {
  const net = yield* Net
  const timers = yield* Timers
  const connection = new Connection({ net, timers, servers: spec.servers.map(doorOf), first: spec.index })
  const perform: Perform<Operation, Value> = (operation, done) => {
    const writes = operation.steps.some(({ type }) => type === "write")
    connection.call(
      commandsOf(operation),
      (answered) => {
        if (answered.type === "broken") {
          return done({ type: writes ? "unknown" : "failed", reason: answered.reason })
        }
        const refused = answered.replies.find(isError)
        if (refused !== undefined) {
          connection.leave()
          return done({ type: "failed", reason: refused.error })
        }
        done({ type: "ok", value: valueOf(operation, answered.replies[answered.replies.length - 1]) })
      },
      operation.cutAt
    )
  }
  return perform
})

const words = ({ isPlain, steps }: Operation): string => {
  const each = steps.map((step) => (step.type === "read" ? `get ${step.key}` : `set ${step.key} ${step.value}`))
  return `${isPlain ? "" : "multi "}${each.join(", ")}`
}

/** A few seconds. */
const configurationsMax = 500_000

const linearizability = Linearizability.judge({
  name: "linearizability",
  configurationsMax,
  model: MultiRegister.make(),
  toOperation: ({ steps }: Operation, outcome) =>
    // What failed has not happened.
    outcome.type === "failed"
      ? undefined
      : { operation: { steps }, result: outcome.type === "ok" ? (outcome.value as Value) : unknown }
})

export const scenario = Scenarios.make<Operation, Value>({
  name: "redis/registers",
  summary: "several keys of Redis in one MULTI, MSET or MGET: all or nothing, in one order for everybody",
  workload: {
    gapMicros: 30_000,
    draw,
    client,
    final: (number) => [
      { steps: [MultiRegister.write(nameOf(0), number), MultiRegister.write(nameOf(1), number)], isPlain: false },
      { steps: [MultiRegister.read(nameOf(0)), MultiRegister.read(nameOf(1))], isPlain: false }
    ],
    label: words
  },
  judges: [linearizability]
})
