/**
 * Exile: whoever has the most of Redis's data is cut off from its peers, again and again, while its clients reach it still, and comes back when another one has
 * taken over: what it had begun to store, or to answer, it goes on with in a world that has moved on. Or the answers to what it asked come that late.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Redis } from "#database/redis/Redis.ts"
import type { ServerSpec } from "#sim/run/Scenario.ts"
import { Net } from "#world/Net.ts"
import { CutNet } from "../raft/CutNet.ts"

/** The first is the default. */
export const options = {
  /** About how long somebody has had the data when it is cut off; 0: never. */
  reignMillis: [0],
  exileMillis: [1_000],
  /** Instead, now and then, what it would hear of its peers waits so long; 0: never. */
  deafMillis: [0],
  exilesForMillis: [0]
}

const number = ({ options: own }: ServerSpec, name: keyof typeof options): number =>
  Number(own[name] ?? options[name][0])

/** As far as it knows; of several, the first. */
const hasMost = ({ isReady, ownership: { node, others, slots } }: Redis): boolean => {
  if (!isReady) return false
  for (const other of others.values()) {
    if (other.slots.count > slots.count || (other.slots.count === slots.count && other.node < node)) return false
  }
  return true
}

/** `net`: what its store is to use. `run`: for the life of the process. */
export const make = Effect.fnUntraced(function* (spec: ServerSpec) {
  const random = yield* Random.Random
  const cutNet = new CutNet(yield* Net)
  const reignMillis = number(spec, "reignMillis")
  const exileMillis = number(spec, "exileMillis")
  const deafMillis = number(spec, "deafMillis")
  const some = (max: number): number => 1 + Math.floor(random.nextDoubleUnsafe() * max)
  let leftMillis = number(spec, "exilesForMillis")
  const pause = (millis: number): Effect.Effect<void> => {
    leftMillis -= millis
    return Effect.sleep(millis)
  }
  const run = (redis: Redis): Effect.Effect<void> => {
    const once = Effect.gen(function* () {
      yield* pause(some(reignMillis))
      if (!hasMost(redis)) return
      const isDeaf = deafMillis > 0 && some(2) === 1
      const forMillis = isDeaf ? deafMillis : exileMillis
      if (isDeaf) cutNet.deafen()
      else cutNet.isolate()
      yield* pause(forMillis / 2 + some(forMillis / 2))
      cutNet.heal()
    })
    return Effect.asVoid(Effect.repeat(once, { while: () => leftMillis > 0 }))
  }
  return { net: cutNet.net, run: reignMillis === 0 ? () => Effect.void : run }
})
