/**
 * Coordinator: runs a body as often as it takes. One of a store; the transactions of its clients know nothing of each other.
 *
 * An attempt's steps are interrupted with its caller, and when its time is over; then it is cleaned up after, as after every attempt. What its
 * body makes of an error does not matter: an attempt that met a conflict is not committed, and is repeated, unless it was interrupted or died.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Random from "effect/Random"
import * as Limits from "#base/Limits.ts"
import * as Decisions from "#keyspace/audit/Decisions.ts"
import { type Aborted, type Conflict, Refused, TooOld, Unavailable } from "#keyspace/KeyspaceError.ts"
import type { Keyspace } from "#keyspace/Keyspace.ts"
import type { Timestamp, TxnId } from "#keyspace/Request.ts"
import type { Trace } from "#world/Trace.ts"
import * as Attempt from "./Attempt.ts"
import type { Cleaning, Ending } from "./Cleaning.ts"
import * as Committing from "./Committing.ts"
import type { CommitError } from "./Committing.ts"
import type { Heartbeats } from "./Heartbeats.ts"
import * as Steps from "./Steps.ts"
import { Transaction } from "./Transaction.ts"
import {
  OutcomeUnknown,
  Overloaded,
  type Retried,
  RetriesExhausted,
  type RunError,
  type StepError
} from "./TxnError.ts"

export interface RunOptions {
  /** Default: strict-serializable. */
  readonly isolation?: Attempt.Isolation
  /** Of all attempts. Default: 10,000. */
  readonly timeoutMillis?: number
  /** From 1 to `Limits.transactionAttemptsMax`. Default: 100. */
  readonly attemptsMax?: number
  /** Of the first attempt at what is tried again here: its `id`. Default: it is young. */
  readonly age?: Timestamp
  /** All is read at one timestamp; nothing is left anywhere. Default: false. */
  readonly readOnly?: boolean
  /** On whose behalf, for the audit trail; a long name is cut there. Default: nobody is named. */
  readonly actor?: string
  /** Read-only, as of a timestamp that has passed. */
  readonly at?: Timestamp
  /**
   * What this service committed for whoever calls before: the first attempt begins where that was committed, and no oracle is asked. What it reads is
   * older, and more likely to have changed by its commit. Only strict serializable transactions that may write begin so, and only one after each that
   * wrote something; others begin as ever.
   */
  readonly after?: Committed<unknown>
}

export interface Committed<A> {
  readonly value: A
  readonly id: TxnId
  /** The commit timestamp; of one that wrote nothing, what it read at. */
  readonly at: Timestamp
  readonly hasWritten: boolean
  readonly attempts: number
}

export type Body<A, E, R> = Effect.Effect<A, E, R> | ((transaction: Transaction["Service"]) => Effect.Effect<A, E, R>)

/** What a run may fail with: the body's own errors, but for those that are tried again for. */
export type Failure<E> = Exclude<E, Conflict | Aborted> | RunError

export interface Coordinator {
  readonly keyspace: Keyspace["Service"]
  readonly nowMicros: () => number
  readonly trace: Trace["Service"]
  readonly random: Random.Random
  readonly cleaning: Cleaning
  readonly heartbeats: Heartbeats
  readonly pauseMillisMin: number
  readonly pauseMillisMax: number
  readonly openMax: number
  /** Runs that have not ended. */
  open: number
  /** The last timestamp that it knows to have been given. */
  given: Timestamp
  /** The last commit timestamp at which another transaction has begun: those are not given again. */
  begunAfter: Timestamp
}

interface Run {
  readonly options: RunOptions
  readonly timeoutMillis: number
  readonly deadlineMicros: number
  readonly attemptsMax: number
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

const timeoutMillisDefault = 10_000
const attemptsMaxDefault = 100

/** From half of the pause to all of it; each pause is twice the one before, up to the longest. */
const pause = ({ pauseMillisMax, pauseMillisMin, random }: Coordinator, tries: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    let millis = pauseMillisMin
    for (let doubled = 0; doubled < tries && millis < pauseMillisMax; doubled++) millis *= 2
    return Effect.sleep(Math.min(millis, pauseMillisMax) * (0.5 + random.nextDoubleUnsafe() / 2))
  })

const isOracleError = (error: StepError): error is Refused | TooOld | Unavailable =>
  error instanceof Refused || error instanceof TooOld || error instanceof Unavailable

/** When a first attempt begins that asks for no timestamp. Each is the id of one transaction. */
const following = (coordinator: Coordinator, { options }: Run): Timestamp | undefined => {
  const { after, isolation = "strict-serializable" } = options
  const isReadOnly = options.readOnly === true || options.at !== undefined
  if (after === undefined || isReadOnly || isolation !== "strict-serializable") return undefined
  // Of one that wrote nothing it is no timestamp of its own.
  if (!after.hasWritten || after.at <= coordinator.begunAfter) return undefined
  coordinator.begunAfter = after.at
  coordinator.given = Math.max(coordinator.given, after.at)
  return after.at
}

/** When an attempt begins. What is to be read at a timestamp that was not given yet may change until it is. */
const begin = Effect.fnUntraced(function* (
  coordinator: Coordinator,
  { deadlineMicros, options: { at } }: Run
): Effect.fn.Return<Timestamp, Refused | TooOld | Unavailable> {
  if (at !== undefined && at <= coordinator.given) return at
  const timeoutMillis = Math.max(1, Math.ceil((deadlineMicros - coordinator.nowMicros()) / 1_000))
  const call = Attempt.definite(coordinator.keyspace.timestamp({ timeoutMillis }))
  const now = yield* Effect.mapError(call, (error) =>
    isOracleError(error) ? error : new Unavailable({ message: `the oracle of timestamps answers ${error._tag}` })
  )
  coordinator.given = Math.max(coordinator.given, now)
  if (at === undefined) return now
  return at <= now ? at : yield* new Refused({ message: `at ${at}: it is ${now} now, read at a time that has passed` })
})

const attemptOf = (
  { heartbeats, keyspace, nowMicros }: Coordinator,
  { deadlineMicros, options, timeoutMillis }: Run,
  {
    age,
    at,
    attempt,
    isBehind
  }: {
    readonly age: Timestamp | undefined
    readonly attempt: number
    readonly at: Timestamp
    readonly isBehind: boolean
  }
): Attempt.Attempt =>
  new Attempt.Attempt({
    id: at,
    age: age ?? at,
    attempt,
    isolation: options.isolation ?? "strict-serializable",
    isReadOnly: options.readOnly === true || options.at !== undefined,
    actor: options.actor === undefined ? undefined : Decisions.named(options.actor),
    readAt: at,
    isBehind,
    timeoutMillis,
    deadlineMicros,
    keyspace,
    nowMicros,
    holds: (one) => heartbeats.add(one)
  })

/** The body with its transaction, for as long as there is time. */
const steps = <A, E, R>(
  body: Body<A, E, R>,
  attempt: Attempt.Attempt
): Effect.Effect<A, E | StepError, Exclude<R, Transaction>> => {
  const transaction = Steps.make(attempt)
  const work = Effect.provideService(Effect.isEffect(body) ? body : body(transaction), Transaction, transaction)
  const leftMicros = attempt.settings.deadlineMicros - attempt.settings.nowMicros()
  return Effect.timeoutOrElse(work, {
    duration: Math.max(0, leftMicros / 1_000),
    orElse: () => Effect.fail(attempt.deadlinePassed())
  })
}

/** Not that of another transaction, which its body may have run. */
const isUnknown = (attempt: Attempt.Attempt, error: unknown): boolean =>
  error instanceof OutcomeUnknown && error.txn.id === attempt.id

const endingOf = (attempt: Attempt.Attempt, exit: Exit.Exit<{ readonly at: Timestamp }, unknown>): Ending => {
  // Of one that wrote nothing there is nothing to be committed.
  if (Exit.isSuccess(exit))
    return attempt.writes.count === 0 ? { type: "aborted" } : { type: "committed", at: exit.value.at }
  const { reasons } = exit.cause
  const isOpen = reasons.some((reason) => reason._tag === "Fail" && isUnknown(attempt, reason.error))
  return { type: isOpen ? "unknown" : "aborted" }
}

/** What another attempt may help against. */
const retriedFor = (attempt: Attempt.Attempt, cause: Cause.Cause<unknown>): Retried | undefined => {
  if (cause.reasons.some((reason) => reason._tag !== "Fail")) return undefined
  const met = cause.reasons.flatMap((reason) => (reason._tag === "Fail" ? [reason.error] : []))
  const found = met.find(Attempt.isRetried) ?? attempt.doomed
  // What may be committed is not tried again.
  if (found === undefined || met.some((error) => isUnknown(attempt, error))) return undefined
  return found instanceof TooOld && attempt.settings.isReadOnly ? undefined : found
}

const attemptOnce = Effect.fnUntraced(function* <A, E, R>(
  coordinator: Coordinator,
  body: Body<A, E, R>,
  attempt: Attempt.Attempt,
  restore: Restore
): Effect.fn.Return<
  Exit.Exit<{ readonly value: A; readonly at: Timestamp }, E | CommitError>,
  never,
  Exclude<R, Transaction>
> {
  const { cleaning, heartbeats } = coordinator
  const committing = { heartbeats, pause: (tries: number) => pause(coordinator, tries) }
  const done = yield* Effect.exit(restore(Effect.suspend(() => steps(body, attempt))))
  attempt.end()
  const exit = Exit.isFailure(done)
    ? Exit.failCause(done.cause)
    : yield* Effect.exit(
        Effect.map(Committing.commit(attempt, committing, restore), (at) => ({ value: done.value, at }))
      )
  heartbeats.remove(attempt)
  yield* cleaning.begin(attempt, endingOf(attempt, exit))
  return exit
})

const exhausted = (attempts: number, last: Retried): RetriesExhausted =>
  new RetriesExhausted({
    attempts,
    last,
    message: `${attempts} attempts met other transactions, last with ${last._tag}: have fewer of them at a time, or lock what they share (getForUpdate)`
  })

const runMasked = Effect.fnUntraced(function* <A, E, R>(
  coordinator: Coordinator,
  body: Body<A, E, R>,
  run: Run,
  restore: Restore
): Effect.fn.Return<Committed<A>, Failure<E>, Exclude<R, Transaction>> {
  let { age } = run.options
  for (let attempts = 1; ; attempts++) {
    const followed = attempts === 1 ? following(coordinator, run) : undefined
    const at = followed ?? (yield* restore(begin(coordinator, run)))
    age ??= at
    const isBehind = followed !== undefined
    const attempt = attemptOf(coordinator, run, { age, attempt: attempts, at, isBehind })
    const exit = yield* attemptOnce(coordinator, body, attempt, restore)
    if (Exit.isSuccess(exit)) return { ...exit.value, id: attempt.id, hasWritten: attempt.writes.count > 0, attempts }
    const reason = retriedFor(attempt, exit.cause)
    if (reason === undefined) return yield* Effect.failCause(exit.cause as Cause.Cause<Failure<E>>)
    coordinator.trace.emit("debug", "txn/retried", { id: attempt.id, age, attempt: attempts, because: reason._tag })
    if (attempts >= run.attemptsMax) return yield* exhausted(attempts, reason)
    if (!attempt.isLate) yield* restore(pause(coordinator, attempts - 1))
    if (attempt.isLate) return yield* attempt.deadlinePassed()
  }
})

export const run = <A, E, R>(
  coordinator: Coordinator,
  body: Body<A, E, R>,
  options: RunOptions = {}
): Effect.Effect<Committed<A>, Failure<E>, Exclude<R, Transaction>> =>
  Effect.uninterruptibleMask((restore) => {
    const { attemptsMax = attemptsMaxDefault, timeoutMillis = timeoutMillisDefault } = options
    const open = coordinator.open + coordinator.cleaning.count
    if (open >= coordinator.openMax) {
      const message = `${open} transactions are open on this store: wait for some of them, or use another store`
      return Effect.fail(new Overloaded({ open, message }))
    }
    if (!(attemptsMax >= 1 && attemptsMax <= Limits.transactionAttemptsMax)) {
      return Effect.fail(new Refused({ message: `attemptsMax: from 1 to ${Limits.transactionAttemptsMax}` }))
    }
    coordinator.open += 1
    const deadlineMicros = coordinator.nowMicros() + timeoutMillis * 1_000
    return Effect.ensuring(
      runMasked(coordinator, body, { options, timeoutMillis, deadlineMicros, attemptsMax }, restore),
      Effect.sync(() => {
        coordinator.open -= 1
      })
    )
  })
