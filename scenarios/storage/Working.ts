/**
 * Working: several fibers that do the same work again and again for as long as a server lives. A defect of one is the server's: in a
 * fiber that nobody waits for it would be lost, and a failed assertion with it.
 */
import * as Effect from "effect/Effect"

/** Runs `life`; until it ends, `workers` fibers repeat `work`. */
export const until = <A, E, R, R2>(
  life: Effect.Effect<A, E, R>,
  work: Effect.Effect<void, never, R2>,
  workers: number
): Effect.Effect<A, E, R | R2> => {
  const working = Effect.all(
    Array.from({ length: workers }, () => Effect.forever(work)),
    {
      concurrency: "unbounded",
      discard: true
    }
  )
  return Effect.raceFirst(life, Effect.andThen(working, Effect.never))
}
