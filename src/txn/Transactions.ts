/**
 * Transactions: the service of this room. A body runs as often as it takes until what it did is committed, as if nothing else had happened
 * meanwhile (strict serializability), or as much of that as its isolation level promises.
 *
 * Promises:
 * - Success means committed: everybody who begins later sees it, from any store. Failure means that nothing happened, and nothing will, unless
 *   it is `OutcomeUnknown`, whose transaction can be asked for.
 * - An attempt that met another transaction is repeated, after a pause, until its attempts or its time are used up; the first attempt's
 *   timestamp is the age of all, so the older a transaction becomes the more others give way. Each repetition is traced.
 * - Interruption, and the end of a store, leave nothing behind for longer than it takes to find a transaction abandoned.
 *
 * Levels, and what each lets through:
 *   strict-serializable  nothing
 *   snapshot             write skew: two transactions read the same and write different things; `getForUpdate` forbids it
 *   read-committed       besides, what a statement read may have changed before the next, so updates are lost without `getForUpdate`
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Limits from "#base/Limits.ts"
import { type KeyspaceError, TooOld, Unavailable } from "#keyspace/KeyspaceError.ts"
import { type CallOptions, Keyspace } from "#keyspace/Keyspace.ts"
import type { Outcome, Txn } from "#keyspace/Request.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import { Cleaning } from "./Cleaning.ts"
import * as Coordinator from "./Coordinator.ts"
import type { Body, Committed, Failure, RunOptions } from "./Coordinator.ts"
import { Heartbeats } from "./Heartbeats.ts"
import type { Transaction } from "./Transaction.ts"

export class Transactions extends Context.Service<
  Transactions,
  {
    /** The body as a function, or as an effect that needs `Transaction`. */
    readonly run: <A, E, R>(
      body: Body<A, E, R>,
      options?: RunOptions
    ) => Effect.Effect<A, Failure<E>, Exclude<R, Transaction>>
    readonly runCommitted: <A, E, R>(
      body: Body<A, E, R>,
      options?: RunOptions
    ) => Effect.Effect<Committed<A>, Failure<E>, Exclude<R, Transaction>>
    /**
     * What became of a transaction whose outcome was unknown; if it was not decided, it is now: aborted. `TooOld`: it is so long ago that nobody
     * remembers.
     */
    readonly outcome: (txn: Txn, options?: CallOptions) => Effect.Effect<Outcome, Unavailable | TooOld>
  }
>()("orbit/txn/Transactions") {}

export interface Options {
  /** Several of these have to fit in the time after which ranges take a silent transaction for abandoned. Default: 1,000. */
  readonly heartbeatMillis?: number
  /** The first pause before another attempt, twice as long the next time. Default: 2. */
  readonly pauseMillisMin?: number
  /** The longest. Default: 500. */
  readonly pauseMillisMax?: number
  /** Transactions that are open, or being cleaned up after, at a time. Default and most: `Limits.transactionsOpenMax`. */
  readonly openMax?: number
}

const asked = <A>(call: Effect.Effect<A, KeyspaceError>): Effect.Effect<A, Unavailable | TooOld> =>
  Effect.mapError(call, (error) =>
    error instanceof TooOld || error instanceof Unavailable
      ? error
      : new Unavailable({ message: `the transaction's anchor answers ${error._tag}: ask again` })
  )

const outcome = Effect.fnUntraced(function* (
  keyspace: Keyspace["Service"],
  txn: Txn,
  options: CallOptions | undefined
): Effect.fn.Return<Outcome, Unavailable | TooOld> {
  const state = yield* asked(keyspace.push(txn, true, options))
  if (state.type === "pending") return yield* new Unavailable({ message: "it is not decided: ask again" })
  // A record that was collected counts as aborted with the ranges. It was not, if what was before the transaction can be read.
  if (state.type === "aborted") yield* asked(keyspace.get([txn.anchor], txn.id - 1, options))
  return state
})

/** Lives as long as its scope; nothing that it has begun goes on after that. */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<Transactions["Service"], never, Keyspace | Timers | Trace | Scope.Scope> {
  const keyspace = yield* Keyspace
  const timers = yield* Timers
  const trace = yield* Trace
  const random = yield* Random.Random
  const scope = yield* Effect.scope
  const port = timers.attach({ fired: () => {} })
  const nowMicros = (): number => port.nowMicros()
  const { heartbeatMillis = 1_000, pauseMillisMax = 500, pauseMillisMin = 2 } = options
  const heartbeats = new Heartbeats(heartbeatMillis, nowMicros)
  yield* Effect.forkIn(heartbeats.run, scope)
  const cleaning = new Cleaning(scope, trace)
  const coordinator: Coordinator.Coordinator = {
    keyspace,
    nowMicros,
    trace,
    random,
    cleaning,
    heartbeats,
    pauseMillisMin,
    pauseMillisMax,
    openMax: Math.min(options.openMax ?? Infinity, Limits.transactionsOpenMax),
    open: 0,
    given: 0,
    begunAfter: 0
  }
  return {
    run: (body, given) => Effect.map(Coordinator.run(coordinator, body, given), ({ value }) => value),
    runCommitted: (body, given) => Coordinator.run(coordinator, body, given),
    outcome: (txn, given) => outcome(keyspace, txn, given)
  }
})
