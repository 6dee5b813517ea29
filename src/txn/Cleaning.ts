/**
 * Cleaning: what is left to do when the client has its answer: intents become versions or go away, locks are given back, the record goes. It
 * happens in the background, for the life of the service's scope, and each part is tried a few times. Nothing rests on it: who meets
 * what is left over finds the record, or waits until the transaction has been silent for too long.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { KeyspaceError } from "#keyspace/KeyspaceError.ts"
import type { Outcome, TxnState } from "#keyspace/Request.ts"
import type { Trace } from "#world/Trace.ts"
import type { Attempt } from "./Attempt.ts"
import * as Chunks from "./Chunks.ts"

const triesMax = 5
const pauseMillis = 100
const callMillis = 5_000

/** `unknown`: it was to be committed, and nobody answered. */
export type Ending = Outcome | { readonly type: "unknown" }

const patiently = Effect.fnUntraced(function* <A>(
  call: Effect.Effect<A, KeyspaceError>
): Effect.fn.Return<A, KeyspaceError> {
  for (let tries = 1; ; tries++) {
    const result = yield* Effect.result(call)
    if (result._tag === "Success") return result.success
    if (tries === triesMax) return yield* Effect.fail(result.failure)
    yield* Effect.sleep(pauseMillis * tries)
  }
})

const unlock = (attempt: Attempt): Effect.Effect<void, KeyspaceError> => {
  const locked = attempt.locked.keys()
  return locked.length === 0
    ? Effect.void
    : patiently(attempt.keyspace.unlock(attempt.id, locked, { timeoutMillis: callMillis }))
}

const resolve = (attempt: Attempt, outcome: Outcome): Effect.Effect<void, KeyspaceError> =>
  Effect.forEach(
    Chunks.ofKeys(attempt.mutations().map(({ key }) => key)),
    (keys) => patiently(attempt.keyspace.resolve(attempt.id, outcome, keys, { timeoutMillis: callMillis })),
    { discard: true }
  )

/** What is true of it, for good. */
const settled = Effect.fnUntraced(function* (
  attempt: Attempt,
  ending: Ending
): Effect.fn.Return<TxnState, KeyspaceError> {
  const { keyspace } = attempt
  const options = { timeoutMillis: callMillis }
  if (ending.type === "committed") return ending
  if (ending.type === "unknown") return yield* patiently(keyspace.push(attempt.txn(), true, options))
  const keys = attempt.mutations().map(({ key }) => key)
  return yield* patiently(keyspace.decide(attempt.txn(), ending, keys, options))
})

const settle = Effect.fnUntraced(function* (
  attempt: Attempt,
  ending: Ending,
  trace: Trace["Service"]
): Effect.fn.Return<void, KeyspaceError> {
  const state = yield* settled(attempt, ending)
  if (state.type === "pending") return
  if (ending.type === "aborted" && state.type === "committed") {
    trace.emit("error", "txn/committed-after-all", { id: attempt.id, at: state.at })
  }
  if (attempt.hasIntents) yield* resolve(attempt, state)
  // A record that somebody may ask for stays, and so does one that makes an end of what comes late.
  if (ending.type === "unknown" || attempt.trailing > 0) return
  yield* patiently(attempt.keyspace.forget(attempt.txn(), { timeoutMillis: callMillis }))
})

export class Cleaning {
  private readonly scope: Scope.Scope
  private readonly trace: Trace["Service"]
  private under = 0

  constructor(scope: Scope.Scope, trace: Trace["Service"]) {
    this.scope = scope
    this.trace = trace
  }

  /** How many are under way. */
  get count(): number {
    return this.under
  }

  /** Begins to clean up after an attempt that has ended. */
  begin(attempt: Attempt, ending: Ending): Effect.Effect<void> {
    return Effect.suspend(() => {
      const settles = attempt.hasIntents || attempt.trailing > 0 || ending.type === "unknown"
      if (!settles && attempt.locked.size === 0) return Effect.void
      this.under += 1
      const { id } = attempt
      const work = Effect.all([settles ? settle(attempt, ending, this.trace) : Effect.void, unlock(attempt)], {
        concurrency: "unbounded",
        discard: true
      })
      const noted = Effect.catch(work, (error) =>
        Effect.sync(() => this.trace.emit("info", "txn/left-to-others", { id, because: error._tag }))
      )
      const counted = Effect.ensuring(
        noted,
        Effect.sync(() => {
          this.under -= 1
        })
      )
      return Effect.asVoid(Effect.forkIn(counted, this.scope))
    })
  }
}
