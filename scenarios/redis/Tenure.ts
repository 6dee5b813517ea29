/**
 * Tenure: how long each node may answer for Redis's data, as trace events, and the judge of them: never two at a time, in true time, which no node
 * knows. What clients see of two is seldom: one has to read in the moment in which another one writes elsewhere.
 *
 * | event         | what                                                                         |
 * | ------------- | ---------------------------------------------------------------------------- |
 * | `redis/holds` | for so many microseconds of the node's clock nobody else can have the data   |
 */
import * as Effect from "effect/Effect"
import type { Ownership } from "#database/redis/Ownership.ts"
import type { Redis } from "#database/redis/Redis.ts"
import { driftPpmMax } from "#sim/faults/Fault.ts"
import type { Judge, Observed, Violation } from "#sim/run/Judge.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"

/** Tells of what this node takes and keeps from now on. */
export const observe = Effect.fnUntraced(function* (redis: Redis) {
  const trace = yield* Trace
  const timers = yield* Timers
  const port = timers.attach({ fired: () => {} })
  const ownership: { -readonly [K in "claim" | "beat"]: Ownership[K] } = redis.ownership
  const tell = (): void => {
    const leftMicros = Math.max(0, redis.ownership.untilMicros - port.nowMicros())
    trace.emit("debug", "redis/holds", { leftMicros })
  }
  ownership.claim = Effect.tap(ownership.claim, (isOwner) => (isOwner ? Effect.sync(tell) : Effect.void))
  ownership.beat = Effect.tap(ownership.beat, () => Effect.sync(tell))
  redis.listen((isReady) => {
    if (!isReady) tell()
  })
})

/** By node: when it holds no more, in true time, and at the earliest. */
type Ends = Map<number, number>

const look = (ends: Ends, { atMicros, fields, node }: Observed, fastest: number): Violation | undefined => {
  const end = atMicros + Number(fields["leftMicros"]) / fastest
  ends.set(node, end)
  if (end === atMicros) return undefined
  for (const [other, until] of ends) {
    if (other === node || until <= atMicros) continue
    const leftMillis = Math.ceil((until - atMicros) / 1_000)
    return { detail: `it may answer, and so may node ${other}, for ${leftMillis} ms still`, atMicros, node }
  }
  return undefined
}

export const alone: Judge = {
  name: "tenure",
  make: ({ options }) => {
    const ends: Ends = new Map()
    const fastest = 1 + Number(options["clock.driftPpmMax"] ?? driftPpmMax) / 1_000_000
    return { observe: (event) => (event.name === "redis/holds" ? look(ends, event, fastest) : undefined) }
  }
}
