/**
 * Background: fibers that work beside an engine's calls. Nobody waits for such a fiber, so what it throws would be lost, and whoever waits
 * for its work would wait for ever. Here a defect of it is one of the node, as it is in a callback.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Deferral } from "./Deferral.ts"

/**
 * Forks programs that run for as long as the scope.
 *
 * They start immediately: a fiber that is interrupted before its first turn, and preempted right then, forgets the interruption
 * when that turn comes, and its scope would wait for it for ever.
 */
export const fork = Effect.fnUntraced(function* (
  deferral: Deferral,
  runs: ReadonlyArray<Effect.Effect<never>>
): Effect.fn.Return<void, never, Scope.Scope> {
  for (const run of runs) {
    const guarded = Effect.catchDefect(run, (defect) =>
      Effect.sync(() =>
        deferral.defer(() => {
          throw defect
        })
      )
    )
    yield* Effect.forkScoped(guarded, { startImmediately: true })
  }
})
