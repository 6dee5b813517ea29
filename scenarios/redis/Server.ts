/** Server: a store with the keyspace, its transactions, and a door for Redis clients beside the stores' own. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Redis from "#database/redis/Redis.ts"
import * as Door from "#protocols/resp/Door.ts"
import type { Joint } from "#protocols/resp/Server.ts"
import type { ServerSpec } from "#sim/run/Scenario.ts"
import { Transactions } from "#txn/Transactions.ts"
import { type Address, Net } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import * as Node from "../txn/Node.ts"
import * as Settings from "../txn/Settings.ts"
import * as Exile from "./Exile.ts"
import * as Tenure from "./Tenure.ts"
import * as Waiting from "./Waiting.ts"

/** Where clients reach a server. */
export const doorOf = ({ host }: Address): Address => ({ host, port: 6_379 })

/** Which keys go where there is too much. */
export const policyOf = (options: ServerSpec["options"]): string => String(options["policy"] ?? "noeviction")

export interface Behaviour {
  /**
   * For a canary: the first server's clock is so many times too slow, far beyond what owners allow for. It has the data before the others want it, and it
   * alone is cut off. Default: 1, as all others.
   */
  readonly slowness: number
}

/** By then the first server of a canary has the data. */
const othersWaitMillis = 3_000

const slowed = (timers: Timers["Service"], slowness: number): Timers["Service"] => ({
  attach: (sink) => {
    const port = timers.attach(sink)
    return {
      nowMicros: () => Math.floor(port.nowMicros() / slowness),
      set: (ticket, delayMicros) => port.set(ticket, delayMicros * slowness),
      clear: (ticket) => port.clear(ticket)
    }
  }
})

/** Who carries out a command of several nodes dies, as far as they can tell, when it is stored. */
const forgetful = (joint: Joint, forgets: () => boolean): Joint => ({
  hold: (request) => joint.hold(request),
  withdraw: (request) => joint.withdraw(request),
  store: (parts, done) => joint.store(parts, forgets() ? () => {} : done)
})

const serve = Effect.fnUntraced(function* (spec: ServerSpec, { slowness }: Behaviour) {
  const isOther = slowness > 1 && spec.index > 0
  const exile = yield* Exile.make(spec)
  const { transactions } = yield* Effect.provideService(Node.open(spec), Net, exile.net)
  const address = doorOf(spec.self)
  const opened = Redis.open({
    node: spec.index + 1,
    address,
    pass: `pass-${spec.index + 1}`,
    leaseMillis: Settings.number(spec, "leaseMillis"),
    storeMillis: 100,
    spreads: spec.options["spreads"] !== false,
    settings: { maxMemoryBytes: Number(spec.options["maxMemory"] ?? 0), maxMemoryPolicy: policyOf(spec.options) },
    folding: { foldBytes: Settings.number(spec, "foldBytes"), lookMillis: 100, quietLooks: 5 }
  })
  if (isOther) yield* Effect.sleep(othersWaitMillis)
  const own = yield* Timers
  const timers = slowness === 1 || isOther ? own : slowed(own, slowness)
  const redis = yield* opened.pipe(
    Effect.provideService(Transactions, transactions),
    Effect.provideService(Timers, timers)
  )
  Waiting.observe(redis.engine, yield* Trace)
  yield* Effect.provideService(Tenure.observe(redis), Timers, timers)
  const random = yield* Random.Random
  const forgetsPercent = Number(spec.options["forgetsPercent"] ?? 0)
  yield* Door.open({
    addresses: [address],
    redis,
    settings: { isProtected: false },
    prepare: (server) => {
      server.node = spec.index + 1
      server.shards = redis.placement
      server.joint = forgetful(server.joint!, () => 100 * random.nextDoubleUnsafe() < forgetsPercent)
    }
  })
  if (!isOther) yield* exile.run(redis)
  return yield* Effect.never
})

export const make =
  (behaviour: Behaviour = { slowness: 1 }) =>
  (spec: ServerSpec) =>
    serve(spec, behaviour)
