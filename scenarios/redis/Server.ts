/** Server: a store with the keyspace, its transactions, and a door for Redis clients beside the stores' own. */
import * as Effect from "effect/Effect"
import * as Redis from "#database/redis/Redis.ts"
import * as Door from "#protocols/resp/Door.ts"
import type { ServerSpec } from "#sim/run/Scenario.ts"
import { Transactions } from "#txn/Transactions.ts"
import { type Address, Net } from "#world/Net.ts"
import { Trace } from "#world/Trace.ts"
import * as Node from "../txn/Node.ts"
import * as Settings from "../txn/Settings.ts"
import * as Exile from "./Exile.ts"
import * as Tenure from "./Tenure.ts"
import * as Waiting from "./Waiting.ts"

/** Where clients reach a server. */
export const doorOf = ({ host }: Address): Address => ({ host, port: 6_379 })

export const server = Effect.fnUntraced(function* (spec: ServerSpec) {
  const exile = yield* Exile.make(spec)
  const { transactions } = yield* Effect.provideService(Node.open(spec), Net, exile.net)
  const address = doorOf(spec.self)
  const opened = Redis.open({
    node: spec.index + 1,
    address,
    leaseMillis: Settings.number(spec, "leaseMillis"),
    storeMillis: 100,
    folding: { foldBytes: Settings.number(spec, "foldBytes"), lookMillis: 100, quietLooks: 5 }
  })
  const redis = yield* Effect.provideService(opened, Transactions, transactions)
  Waiting.observe(redis.engine, yield* Trace)
  yield* Tenure.observe(redis)
  yield* Door.open({ addresses: [address], redis, settings: { isProtected: false } })
  yield* exile.run(redis)
  return yield* Effect.never
})
