/** RealIncarnations: the incarnations of a claim one after the other on this machine; the process dies between two, and with it what it holds. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Program } from "#storage/contract/EngineClaim.ts"
import * as RealWorld from "#world/real/RealWorld.ts"

/** How a node ended that was not to end. */
const endOf = (running: RealWorld.Running<void, unknown>): Effect.Effect<string> =>
  Effect.map(running.ended, (end) => {
    if (end.type !== "finished") return `the node ${end.type}`
    return Exit.isFailure(end.exit) ? Cause.pretty(end.exit.cause) : "the node ended"
  })

const live = Effect.fnUntraced(function* (program: Program, root: string) {
  const kept = yield* Deferred.make<string>()
  const whole = Effect.andThen(Effect.andThen(program, Deferred.succeed(kept, "kept")), Effect.never)
  const running = RealWorld.runFork(whole, { root, name: "n0", trace: { write: () => {} } })
  const outcome = yield* Effect.raceFirst(Deferred.await(kept), endOf(running))
  yield* running.kill
  return outcome
})

/** `kept`, or what became of the first incarnation that did not end as it should. `died`: after each of them. */
export const outcomeOf = Effect.fnUntraced(function* (
  incarnations: Iterable<Program>,
  root: string,
  died: Effect.Effect<void> = Effect.void
) {
  for (const program of incarnations) {
    const outcome = yield* live(program, root)
    yield* died
    if (outcome !== "kept") return outcome
  }
  return "kept"
})
