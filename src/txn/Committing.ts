/**
 * Committing: what a transaction wrote takes effect, all of it or nothing.
 *
 *   nothing written   nothing to do: what it read was in force at `readAt`
 *   one range         `commitOnce`: one round of consensus
 *   several ranges    prepare (intents) -> commit timestamp -> validate what it read up to there -> decide, at the anchor
 *
 * The commit timestamp is asked for when all intents are in place: see `keyspace/Request.ts` for why. Whoever calls has its answer as soon as
 * the decision is durable; `Cleaning` does the rest.
 *
 * Where somebody else's version is in the way, but nobody changed what this transaction read, its timestamp moves on and the commit is tried
 * again, without the body (CockroachDB's read refresh): so a transaction that only writes, or reads committed, runs once.
 *
 * Interruption, and the deadline: until the decision is on its way it aborts; from there on the answer is waited for, until the deadline and for a
 * second at least.
 */
import * as Effect from "effect/Effect"
import { assert } from "#base/Assert.ts"
import { Aborted, Conflict, type KeyspaceError } from "#keyspace/KeyspaceError.ts"
import type { Mutation, Timestamp } from "#keyspace/Request.ts"
import * as Attempt from "./Attempt.ts"
import * as Chunks from "./Chunks.ts"
import type { Heartbeats } from "./Heartbeats.ts"
import { OutcomeUnknown, type StepError } from "./TxnError.ts"

export type CommitError = StepError | OutcomeUnknown

export interface Settings {
  readonly heartbeats: Heartbeats
  /** A pause of a length that is drawn; longer the more tries there were. */
  readonly pause: (tries: number) => Effect.Effect<void>
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Tries of a commit with later timestamps. */
const refreshesMax = 8
/** What a decision is waited for at least: that it is unknown costs its caller more than to wait. */
const decidingMillisMin = 1_000
/** Requests of one prepare that are under way at a time, each of them to many ranges. */
const preparesAtOnce = 4

/** A call that decides: an unknown outcome is the transaction's. */
const deciding = <A>(attempt: Attempt.Attempt, call: Effect.Effect<A, KeyspaceError>): Effect.Effect<A, CommitError> =>
  Effect.mapError(call, (error): CommitError => {
    if (error._tag !== "Unknown") return error
    const message = `${error.message}; ask for its outcome before anything is repeated that must not happen twice`
    return new OutcomeUnknown({ txn: attempt.txn(), message })
  })

const prepare = Effect.fnUntraced(function* (
  attempt: Attempt.Attempt,
  mutations: ReadonlyArray<Mutation>
): Effect.fn.Return<void, StepError> {
  attempt.hasIntents = true
  attempt.trailing += 1
  const txn = attempt.txn()
  const snapshot = attempt.readAt
  yield* Effect.forEach(
    Chunks.ofMutations(mutations),
    (chunk) => Attempt.definite(attempt.keyspace.prepare({ txn, snapshot, mutations: chunk }, attempt.callOptions())),
    { concurrency: preparesAtOnce, discard: true }
  )
  attempt.trailing -= 1
})

/** Everything up to the decision, which is then due at the timestamp. */
const propose = Effect.fnUntraced(function* (
  attempt: Attempt.Attempt,
  mutations: ReadonlyArray<Mutation>
): Effect.fn.Return<Timestamp, StepError> {
  yield* prepare(attempt, mutations)
  const at = yield* Attempt.definite(attempt.keyspace.timestamp(attempt.callOptions()))
  yield* Attempt.validate(attempt, attempt.validated(), at)
  return at
})

const inSeveralRanges = Effect.fnUntraced(function* (
  attempt: Attempt.Attempt,
  mutations: ReadonlyArray<Mutation>,
  { heartbeats }: Settings,
  restore: Restore
): Effect.fn.Return<Timestamp, CommitError> {
  heartbeats.add(attempt)
  const at = yield* restore(propose(attempt, mutations))
  if (attempt.isLate) return yield* attempt.deadlinePassed()
  const keys = mutations.map(({ key }) => key)
  const decided = { type: "committed", at } as const
  const options = attempt.callOptions(decidingMillisMin)
  const state = yield* deciding(attempt, attempt.keyspace.decide(attempt.txn(), decided, keys, options, attempt.told()))
  if (state.type === "aborted") return yield* new Aborted({ txn: attempt.id, reason: "pushed" })
  assert(state.type === "committed" && state.at === at, "only a coordinator commits its transaction, at one timestamp")
  return at
})

const tryOnce = Effect.fnUntraced(function* (
  attempt: Attempt.Attempt,
  mutations: ReadonlyArray<Mutation>,
  settings: Settings,
  restore: Restore
): Effect.fn.Return<Timestamp, CommitError> {
  // Once intents are laid, the record of a single round would leave them behind; and it has to be where all else is.
  if (!attempt.hasIntents && attempt.isAnchored && Chunks.areOne(mutations)) {
    const commit = {
      txn: attempt.txn(),
      snapshot: attempt.readAt,
      mutations,
      reads: attempt.validated(),
      told: attempt.told()
    }
    const options = attempt.callOptions(decidingMillisMin)
    const at = yield* deciding(attempt, attempt.keyspace.commitOnce(commit, options))
    if (at !== undefined) return at
  }
  return yield* inSeveralRanges(attempt, mutations, settings, restore)
})

/** Brings what was read up to a new timestamp. */
const refresh = Effect.fnUntraced(function* (attempt: Attempt.Attempt): Effect.fn.Return<void, StepError> {
  const at = yield* Attempt.definite(attempt.keyspace.timestamp(attempt.callOptions()))
  yield* Attempt.advance(attempt, at)
})

/**
 * The commit timestamp; of one that wrote nothing, `readAt`. Must be called where interruption is masked; `restore` is the mask's. When it fails,
 * the transaction is to be aborted, unless it is with `OutcomeUnknown`.
 */
export const commit = Effect.fnUntraced(function* (
  attempt: Attempt.Attempt,
  settings: Settings,
  restore: Restore
): Effect.fn.Return<Timestamp, CommitError> {
  if (attempt.doomed !== undefined) return yield* attempt.doomed
  if (attempt.writes.count === 0) {
    // What it read is in force now, too.
    if (attempt.settings.isBehind) yield* restore(refresh(attempt))
    return attempt.readAt
  }
  const mutations = attempt.mutations()
  attempt.anchor ??= mutations[0].key
  for (let refreshes = 0; ; refreshes++) {
    if (attempt.isLate) return yield* attempt.deadlinePassed()
    const result = yield* Effect.result(tryOnce(attempt, mutations, settings, restore))
    if (result._tag === "Success") return result.success
    const error = result.failure
    const isHopeful = error instanceof Conflict && refreshes < refreshesMax && !attempt.reads.has(error.key)
    if (!isHopeful) return yield* error
    yield* restore(Effect.andThen(settings.pause(refreshes), refresh(attempt)))
  }
})
