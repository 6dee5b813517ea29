/**
 * Canary: a counter whose fibers read, then write, without a lock. No fault is needed, only another order: the seeded
 * preemption coin must find it.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Ref from "effect/Ref"
import type { ServerSpec, Scenario } from "#sim/run/Scenario.ts"
import { Net } from "#world/Net.ts"
import * as Durable from "../counter/Durable.ts"
import * as Call from "../systems/Call.ts"
import * as DurableCounter from "../systems/DurableCounter.ts"

const racyServer = Effect.fnUntraced(function* (spec: ServerSpec) {
  const net = yield* Net
  const counter = yield* Ref.make(0)
  const run = yield* FiberSet.makeRuntime<never>()
  const add = Effect.fnUntraced(function* (delta: number) {
    const before = yield* Ref.get(counter)
    yield* Effect.yieldNow
    const after = before + delta
    yield* Ref.set(counter, after)
    return after
  })
  const handle = Effect.fnUntraced(function* (request: Call.Request) {
    const { body, number } = request
    const isRead = body.u8() === DurableCounter.operations.read
    const value = yield* isRead ? Ref.get(counter) : add(body.f64())
    return Call.answer(number).f64(value).finish()
  })
  const seen = new Set<string>()
  const socket = yield* net.bind(spec.self, {
    received: (from, bytes) => {
      const request = Call.readRequest(bytes)
      if (request === undefined || seen.has(`${request.client}/${request.number}`)) return
      seen.add(`${request.client}/${request.number}`)
      run(Effect.map(handle(request), (reply) => socket.send(from, reply)))
    }
  })
  return yield* Effect.never
})

export const scenario: Scenario<Durable.Operation, number> = {
  ...Durable.scenario,
  name: "canary/lost-update",
  summary: "must fail: two fibers read, then write, without a lock",
  clients: { default: 5, min: 5, max: 5 },
  durationMicros: 2_000_000,
  server: racyServer,
  judges: [Durable.linearizability],
  workload: { ...Durable.scenario.workload, gapMicros: 0 },
  policies: ["uniform", "pct"],
  faults: [],
  canary: { judge: "linearizability", bug: "a lost update between two fibers" }
}
