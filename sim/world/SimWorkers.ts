/**
 * SimWorkers: a node's worker threads as fibers of the node. Bytes are copied on the way in and out, as between threads, so that
 * who changes what it has given away changes nothing for the other side; and a job waits its turn like everything that is ready.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { JobWorld, Workers } from "#world/Workers.ts"

/** `world`: the services of the incarnation, which the job's fiber gets. */
export const make = (world: Context.Context<JobWorld>): Workers["Service"] => ({
  run: (job, input) =>
    Effect.suspend(() => {
      const copy = input.slice()
      return Effect.yieldNow.pipe(
        Effect.andThen(Effect.scoped(Effect.suspend(() => job.run(copy)))),
        Effect.map((output) => output.slice()),
        Effect.provideContext(world)
      )
    })
})
