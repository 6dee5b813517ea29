/** Binds: listening in several places, of which those that are optional may be missing, but not all. */
import * as Effect from "effect/Effect"
import type { NetError } from "#world/WorldError.ts"
import type { Bind } from "./Kind.ts"

/** In order; an optional place that the machine does not have is left out. */
export const listen = Effect.fnUntraced(function* <A, R>(
  binds: ReadonlyArray<Bind>,
  each: (host: string) => Effect.Effect<A, NetError, R>
): Effect.fn.Return<ReadonlyArray<A>, NetError, R> {
  const found: Array<A> = []
  let missing: NetError | undefined
  for (const { host, optional } of binds) {
    const place = each(host).pipe(
      Effect.catch((error) => {
        if (!optional || error.code !== "address-not-available") return Effect.fail(error)
        missing = error
        return Effect.succeed(undefined)
      })
    )
    const listening = yield* place
    if (listening !== undefined) found.push(listening)
  }
  if (found.length === 0 && missing !== undefined) return yield* missing
  return found
})
