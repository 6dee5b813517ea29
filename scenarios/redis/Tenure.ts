/**
 * Tenure: how long each node may answer for Redis's data, as trace events, and the judge of them: never two at a time, in true time, which no node
 * knows. What clients see of two is seldom: one has to read in the moment in which another one writes elsewhere.
 *
 * | event         | what                                                                         |
 * | ------------- | ---------------------------------------------------------------------------- |
 * | `redis/holds` | for so many microseconds of the node's clock nobody else can have the data   |
 * | `redis/over`  | that time is over, by the node's clock, since so many microseconds, or given up |
 *
 * From the first the judge knows how long a node may answer at least, whose clock may be as fast as it gets; from the second how long it might have,
 * also with a slow one.
 */
import * as Effect from "effect/Effect"
import type { Ownership } from "#database/redis/Ownership.ts"
import type { Redis } from "#database/redis/Redis.ts"
import { driftPpmMax } from "#sim/faults/Fault.ts"
import type { Judge, Observed, Violation } from "#sim/run/Judge.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"

const overTicket = 0

/** Tells of what this node takes and keeps from now on. */
export const observe = Effect.fnUntraced(function* (redis: Redis) {
  const trace = yield* Trace
  const timers = yield* Timers
  const port = timers.attach({
    fired: () => trace.emit("debug", "redis/over", { lateMicros: port.nowMicros() - redis.ownership.untilMicros })
  })
  const ownership: { -readonly [K in "claim" | "beat" | "forget" | "isHeld"]: Ownership[K] } = redis.ownership
  const forget = ownership.forget.bind(ownership)
  const tell = (): void => {
    const leftMicros = Math.max(0, redis.ownership.untilMicros - port.nowMicros())
    trace.emit("debug", "redis/holds", { leftMicros })
    if (leftMicros === 0) port.clear(overTicket)
    else port.set(overTicket, Math.ceil(leftMicros))
  }
  ownership.claim = Effect.tap(ownership.claim, (isOwner) => (isOwner ? Effect.sync(tell) : Effect.void))
  ownership.beat = Effect.tap(ownership.beat, () => Effect.sync(tell))
  ownership.forget = () => {
    if (ownership.isHeld) trace.emit("debug", "redis/over", { lateMicros: 0 })
    forget()
  }
  // The first claim may have begun before this was here.
  redis.listen(tell)
})

/** What is known of those who hold the data. */
interface Holders {
  /** By node: when it holds no more, in true time, and at the earliest. */
  readonly ends: Map<number, number>
  /** Who has taken it last, and when. */
  last: { readonly node: number; readonly atMicros: number } | undefined
}

const begun = (holders: Holders, { atMicros, fields, node }: Observed, fastest: number): Violation | undefined => {
  const { ends, last } = holders
  const end = atMicros + Number(fields["leftMicros"]) / fastest
  ends.set(node, end)
  if (end === atMicros) return undefined
  if (last?.node !== node) holders.last = { node, atMicros }
  for (const [other, until] of ends) {
    if (other === node || until <= atMicros) continue
    const leftMillis = Math.ceil((until - atMicros) / 1_000)
    return { detail: `it may answer, and so may node ${other}, for ${leftMillis} ms still`, atMicros, node }
  }
  return undefined
}

/** Node's clock and true time are read apart, in whole microseconds. */
const roundingMicros = 2

const over = ({ last }: Holders, { atMicros, fields, node }: Observed, slowest: number): Violation | undefined => {
  const end = atMicros - Number(fields["lateMicros"]) / slowest - roundingMicros
  if (last === undefined || last.node === node || end <= last.atMicros) return undefined
  const millis = Math.ceil((end - last.atMicros) / 1_000)
  return { detail: `it might have answered for ${millis} ms when node ${last.node} had taken over`, atMicros, node }
}

export const alone: Judge = {
  name: "tenure",
  make: ({ options }) => {
    const holders: Holders = { ends: new Map(), last: undefined }
    const drift = Number(options["clock.driftPpmMax"] ?? driftPpmMax) / 1_000_000
    return {
      observe: (event) => {
        if (event.name === "redis/holds") return begun(holders, event, 1 + drift)
        return event.name === "redis/over" ? over(holders, event, 1 - drift) : undefined
      }
    }
  }
}
