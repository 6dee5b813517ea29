/**
 * Tenure: how long each node may answer for which of Redis's slots, as trace events, and the judge of them: never two for one slot at a time, in true time,
 * which no node knows. What clients see of two is seldom: one has to read in the moment in which another one writes elsewhere.
 *
 * | event         | what                                                                         |
 * | ------------- | ---------------------------------------------------------------------------- |
 * | `redis/holds` | for so many microseconds of the node's clock nobody else can have these slots |
 * | `redis/over`  | that time is over, by the node's clock, since so many microseconds, or given up |
 *
 * From the first the judge knows how long a node may answer at least, whose clock may be as fast as it gets; from the second how long it might have,
 * also with a slow one.
 */
import * as Effect from "effect/Effect"
import type { Ownership } from "#database/redis/Ownership.ts"
import type { Redis } from "#database/redis/Redis.ts"
import { type SlotRange, SlotSet } from "#database/redis/SlotSet.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import { driftPpmMax } from "#sim/faults/Fault.ts"
import type { Judge, Observed, Violation } from "#sim/run/Judge.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"

const overTicket = 0

const textOf = (slots: SlotSet): string => slots.ranges.map((range) => range.join("-")).join(" ")

const slotsOf = (text: string): SlotSet =>
  SlotSet.of(
    text.split(" ").flatMap((range) => (range === "" ? [] : [range.split("-").map(Number) as unknown as SlotRange]))
  )

/** Tells of what this node takes and keeps from now on. */
export const observe = Effect.fnUntraced(function* (redis: Redis) {
  const trace = yield* Trace
  const timers = yield* Timers
  const port = timers.attach({
    fired: () => trace.emit("debug", "redis/over", { lateMicros: port.nowMicros() - redis.ownership.untilMicros })
  })
  const ownership: { -readonly [K in "claim" | "beat" | "forget" | "isHeld"]: Ownership[K] } = redis.ownership
  const { placement } = redis
  const forget = ownership.forget.bind(ownership)
  const beat = ownership.beat.bind(ownership)
  const changed = placement.changed.bind(placement)
  const tell = (): void => {
    const leftMicros = Math.max(0, redis.ownership.untilMicros - port.nowMicros())
    trace.emit("debug", "redis/holds", { leftMicros, slots: textOf(placement.here) })
    if (leftMicros === 0) port.clear(overTicket)
    else port.set(overTicket, Math.ceil(leftMicros))
  }
  ownership.claim = Effect.tap(ownership.claim, (taken) => (taken === undefined ? Effect.void : Effect.sync(tell)))
  ownership.beat = (ended) => Effect.tap(beat(ended), () => Effect.sync(tell))
  ownership.forget = () => {
    if (ownership.isHeld) trace.emit("debug", "redis/over", { lateMicros: 0 })
    forget()
  }
  placement.changed = () => {
    tell()
    changed()
  }
  // The first claim may have begun before this was here.
  tell()
})

interface Holder {
  /** When it holds them no more, in true time, and at the earliest. */
  readonly end: number
  readonly slots: SlotSet
}

/** What is known of those who hold slots. */
class Holders {
  readonly known = new Map<number, Holder>()
  /** By slot: who has taken it last, and when. */
  readonly takers = new Int32Array(SpacesRedis.slots).fill(-1)
  readonly takenMicros = new Float64Array(SpacesRedis.slots)

  take(node: number, slots: SlotSet, atMicros: number): void {
    for (const [first, last] of slots.ranges) {
      for (let slot = first; slot <= last; slot++) {
        if (this.takers[slot] === node) continue
        this.takers[slot] = node
        this.takenMicros[slot] = atMicros
      }
    }
  }
}

const common = (left: SlotSet, right: SlotSet): SlotSet => left.without(left.without(right))

const begun = (holders: Holders, { atMicros, fields, node }: Observed, fastest: number): Violation | undefined => {
  const end = atMicros + Number(fields["leftMicros"]) / fastest
  const slots = slotsOf(String(fields["slots"]))
  holders.known.set(node, { end, slots })
  if (end === atMicros || slots.count === 0) return undefined
  holders.take(node, slots, atMicros)
  for (const [other, held] of holders.known) {
    if (other === node || held.end <= atMicros || common(held.slots, slots).count === 0) continue
    const leftMillis = Math.ceil((held.end - atMicros) / 1_000)
    return { detail: `it may answer, and so may node ${other}, for ${leftMillis} ms still`, atMicros, node }
  }
  return undefined
}

/** Node's clock and true time are read apart, in whole microseconds. */
const roundingMicros = 2

const over = (holders: Holders, { atMicros, fields, node }: Observed, slowest: number): Violation | undefined => {
  const end = atMicros - Number(fields["lateMicros"]) / slowest - roundingMicros
  for (const [first, last] of holders.known.get(node)?.slots.ranges ?? []) {
    for (let slot = first; slot <= last; slot++) {
      const other = holders.takers[slot]
      const takenMicros = holders.takenMicros[slot]
      if (other === node || other < 0 || end <= takenMicros) continue
      const millis = Math.ceil((end - takenMicros) / 1_000)
      return { detail: `it might have answered for ${millis} ms when node ${other} had taken over`, atMicros, node }
    }
  }
  return undefined
}

export const alone: Judge = {
  name: "tenure",
  make: ({ options }) => {
    const holders = new Holders()
    const drift = Number(options["clock.driftPpmMax"] ?? driftPpmMax) / 1_000_000
    return {
      observe: (event) => {
        if (event.name === "redis/holds") return begun(holders, event, 1 + drift)
        return event.name === "redis/over" ? over(holders, event, 1 - drift) : undefined
      }
    }
  }
}
