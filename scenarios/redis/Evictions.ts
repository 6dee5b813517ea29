/**
 * Strings and hashes of more bytes than `maxmemory`, under a policy that is drawn: what goes, goes whole and for good, also when another node takes over;
 * what may not go stays; and what is refused for want of memory changes nothing.
 *
 * All fields of a hash have its value, so a half of one shows.
 */
import * as Effect from "effect/Effect"
import * as Cache from "#models/Cache.ts"
import * as Keyed from "#models/Keyed.ts"
import { unknown } from "#models/Model.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import type { Draw } from "#sim/kernel/Draw.ts"
import type { Outcome } from "#sim/run/History.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type { ClientSpec, Perform } from "#sim/run/Scenario.ts"
import { Net } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Connection } from "./Connection.ts"
import { isError, type Reply } from "./Replies.ts"
import * as Scenarios from "./Scenarios.ts"
import { doorOf, policyOf } from "./Server.ts"

interface Put {
  readonly type: "put"
  readonly value: number | null
  readonly sizeBytes: number
  /** It has a time to live, far beyond the run. */
  readonly isVolatile: boolean
}

interface Operation {
  /** The first half of them are strings, the others hashes. */
  readonly key: number
  readonly does: { readonly type: "get" } | Put
}

/** A text is what no reply should be. */
type Value = number | boolean | string | null

const keys = 12
const sizeBytesMax = 6_000
const ttlMillis = 1_000_000_000
const fields = ["a", "b", "c"]

const isString = (key: number): boolean => key < keys / 2
const nameOf = (key: number): string => `${isString(key) ? "string" : "hash"}:${key}`

const draw = (one: Draw, at: { readonly client: number; readonly index: number }): Operation => {
  const key = one.below(keys)
  if (one.chance(3, 5)) return { key, does: { type: "get" } }
  const value = one.chance(1, 8) ? null : (at.client + 1) * 1_000_000 + at.index
  const sizeBytes = one.between(10, sizeBytesMax)
  return { key, does: { type: "put", value, sizeBytes, isVolatile: one.chance(2, 3) } }
}

const commandsOf = ({ does, key }: Operation): ReadonlyArray<ReadonlyArray<string>> => {
  const name = nameOf(key)
  if (does.type === "get") return [[isString(key) ? "GET" : "HGETALL", name]]
  const { isVolatile, sizeBytes, value } = does
  if (value === null) return [["DEL", name]]
  const expiry = isVolatile ? ["PX", String(ttlMillis)] : []
  if (isString(key)) return [["SET", name, String(value).padEnd(sizeBytes), ...expiry, "GET"]]
  const part = String(value).padEnd(Math.ceil(sizeBytes / fields.length))
  const live = isVolatile ? ["PEXPIRE", name, String(ttlMillis)] : ["PERSIST", name]
  return [["MULTI"], ["HSET", name, ...fields.flatMap((field) => [field, part])], live, ["EXEC"]]
}

const torn = (reply: Reply): string => `torn: ${JSON.stringify(reply)}`.slice(0, 200)

const valueOfHash = (reply: ReadonlyArray<Reply>): Value => {
  if (reply.length === 0) return null
  const [, first] = reply
  const isWhole = reply.length === 2 * fields.length && fields.every((_, at) => reply[2 * at + 1] === first)
  return isWhole ? Number(first) : torn(reply)
}

const valueOf = ({ does, key }: Operation, reply: Reply): Value => {
  if (does.type === "get") {
    if (!isString(key)) return Array.isArray(reply) ? valueOfHash(reply) : torn(reply)
    return reply === null ? null : Number(reply)
  }
  if (does.value === null) return reply === 1
  if (isString(key)) return reply !== null
  // How many of the fields were not there before.
  const [added] = reply as ReadonlyArray<Reply>
  return added === 0 || added === fields.length ? added === 0 : torn(reply)
}

const client = Effect.fnUntraced(function* (spec: ClientSpec) {
  const net = yield* Net
  const timers = yield* Timers
  const connection = new Connection({ net, timers, servers: spec.servers.map(doorOf), first: spec.index })
  const perform: Perform<Operation, Value> = (operation, done) =>
    connection.call(commandsOf(operation), (answered) => {
      if (answered.type === "broken") {
        const { reason } = answered
        return done({ type: operation.does.type === "get" ? "failed" : "unknown", reason })
      }
      const { replies } = answered
      const refused = replies.find(isError)
      if (refused === undefined) return done({ type: "ok", value: valueOf(operation, replies[replies.length - 1]) })
      // Elsewhere there is as little room, or will be.
      if (!refused.error.startsWith("OOM")) connection.leave()
      done({ type: "failed", reason: refused.error })
    })
  return perform
})

const label = ({ does, key }: Operation): string => {
  if (does.type === "get") return `${nameOf(key)} get`
  if (does.value === null) return `${nameOf(key)} delete`
  return `${nameOf(key)} put ${does.value} in ${does.sizeBytes} bytes${does.isVolatile ? ", for a while" : ""}`
}

const configurationsMax = 500_000

const linearizability: Judge<Operation, Value> = {
  name: "linearizability",
  make: (sight) => {
    const policy = policyOf(sight.options)
    const mayGo = (isVolatile: boolean): boolean =>
      policy.startsWith("allkeys-") || (policy.startsWith("volatile-") && isVolatile)
    const operationOf = ({ does }: Operation): Cache.Operation =>
      does.type === "get" ? Cache.get : Cache.put(does.value, mayGo(does.isVolatile))
    const judge = Linearizability.judge<Operation, Value, Keyed.Operation<Cache.Operation>, Cache.Result>({
      configurationsMax,
      model: Keyed.make(Cache.make()),
      toOperation: (operation, outcome: Outcome<Value>) =>
        // What failed has not happened.
        outcome.type === "failed"
          ? undefined
          : {
              operation: { key: nameOf(operation.key), operation: operationOf(operation) },
              result: outcome.type === "ok" ? outcome.value : unknown
            }
    })
    return judge.make(sight)
  }
}

export const scenario = Scenarios.make<Operation, Value>({
  name: "redis/evictions",
  summary:
    "more than maxmemory, under every policy: keys go whole, only those that may, and never come back as they were",
  workload: { gapMicros: 20_000, draw, client, final: () => [{ key: 0, does: { type: "get" } }], label },
  judges: [linearizability],
  more: { clients: { default: 4, min: 3, max: 6 } },
  options: {
    policy: [
      "allkeys-lru",
      "volatile-ttl",
      "noeviction",
      "allkeys-lfu",
      "allkeys-random",
      "volatile-lru",
      "volatile-lfu",
      "volatile-random"
    ],
    // A client's connection takes 8 KiB of it, all keys take 36 KB or so.
    maxMemory: [60_000, 45_000, 80_000],
    leaseMillis: [600, 300],
    // So that others take over, now and then.
    reignMillis: [600, 0],
    exilesForMillis: [6_000]
  }
})
