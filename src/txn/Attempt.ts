/**
 * Attempt: one attempt at a transaction: what it has read, written and locked, and the steps of its body. `Committing.ts` takes it from there.
 *
 * Everything in `reads` is as it was at `readAt`: whatever is read at an earlier timestamp is brought up to it (`join`), and `readAt` moves on
 * only by validating all of `reads`. The steps of a body may run at the same time, so both are looked at again after each answer.
 *
 *   level                 reads at         in `reads`          checked at the commit
 *   strict serializable   readAt           all                 all
 *   snapshot              readAt           all                 what is locked; nobody else wrote what it writes
 *   read committed        a new timestamp  what is locked      what is locked
 */
import * as Effect from "effect/Effect"
import * as Limits from "#base/Limits.ts"
import { Aborted, Conflict, type KeyspaceError, Refused, TooOld, Unavailable } from "#keyspace/KeyspaceError.ts"
import type { Told } from "#keyspace/audit/AuditEntry.ts"
import type { CallOptions, Keyspace } from "#keyspace/Keyspace.ts"
import type { Mutation, Reads, Timestamp, Txn, TxnId } from "#keyspace/Request.ts"
import { KeyMap } from "./KeyMap.ts"
import { ReadSet } from "./ReadSet.ts"
import type { LockMode } from "./Transaction.ts"
import { DeadlinePassed, type Retried, type StepError, TransactionTooLarge } from "./TxnError.ts"
import { WriteBuffer } from "./WriteBuffer.ts"

export type Isolation = "strict-serializable" | "snapshot" | "read-committed"

export interface Settings {
  readonly id: TxnId
  readonly age: Timestamp
  readonly attempt: number
  readonly isolation: Isolation
  readonly isReadOnly: boolean
  /** On whose behalf, for the audit trail. */
  readonly actor: string | undefined
  readonly readAt: Timestamp
  /** `readAt` was given before the transaction began. */
  readonly isBehind: boolean
  readonly timeoutMillis: number
  /** By `nowMicros`. */
  readonly deadlineMicros: number
  readonly keyspace: Keyspace["Service"]
  readonly nowMicros: () => number
  /** It locks, from now on: others may wait for it. */
  readonly holds: (attempt: Attempt) => void
}

export const isRetried = (error: unknown): error is Retried =>
  error instanceof Conflict || error instanceof Aborted || error instanceof TooOld

export class Attempt {
  readonly settings: Settings
  readonly keyspace: Keyspace["Service"]
  readonly writes = new WriteBuffer()
  readonly reads = new ReadSet()
  readonly locked = new KeyMap<LockMode>()
  readAt: Timestamp
  /** Its record's place: the first key that it locked, else the first that it writes. */
  anchor: Uint8Array | undefined
  /** Some of its intents may be laid. */
  hasIntents = false
  /** Requests to lock or to lay intents whose end nobody has heard of: they may yet take effect. */
  trailing = 0
  private lockedBytes = 0
  /** Why it cannot commit any more. */
  private failure: Retried | undefined
  private over = false

  constructor(settings: Settings) {
    this.settings = settings
    this.keyspace = settings.keyspace
    this.readAt = settings.readAt
  }

  get id(): TxnId {
    return this.settings.id
  }

  get isReadCommitted(): boolean {
    return this.settings.isolation === "read-committed" && !this.settings.isReadOnly
  }

  /** Where its record is; it must have an anchor. */
  txn(): Txn {
    return { id: this.id, anchor: this.anchor!, age: this.settings.age }
  }

  /** Its anchor is among what its commit writes and checks; it is not, where a lock was not answered. */
  get isAnchored(): boolean {
    const anchor = this.anchor!
    return this.writes.get(anchor) !== undefined || this.reads.has(anchor)
  }

  /** What the audit trail is told with the commit. */
  told(): Told | undefined {
    const { actor } = this.settings
    const { notes } = this.writes
    return actor === undefined && notes.length === 0 ? undefined : { actor: actor ?? "", notes }
  }

  get doomed(): Retried | undefined {
    return this.failure
  }

  doom(error: Retried): void {
    this.failure ??= error
  }

  /** The body is done: later steps are refused. */
  end(): void {
    this.over = true
  }

  get isLate(): boolean {
    return this.settings.nowMicros() >= this.settings.deadlineMicros
  }

  /** A call until the deadline, or for `leastMillis`. Who holds nothing lets nobody wait, and needs no name where it waits. */
  callOptions(leastMillis = 1): CallOptions {
    const leftMillis = Math.ceil((this.settings.deadlineMicros - this.settings.nowMicros()) / 1_000)
    const timeoutMillis = Math.max(leastMillis, leftMillis)
    return this.anchor === undefined ? { timeoutMillis } : { timeoutMillis, waiter: this.txn() }
  }

  /** Why the next step cannot be taken. */
  refusal(): StepError | undefined {
    if (this.over)
      return new Refused({ message: "the transaction is over: use it within the body that it was given to" })
    if (this.failure !== undefined) return this.failure
    return this.isLate ? this.deadlinePassed() : undefined
  }

  deadlinePassed(): DeadlinePassed {
    const { attempt, timeoutMillis } = this.settings
    const message = `after ${timeoutMillis} ms, in attempt ${attempt}: nothing of it is there; give it more time (timeoutMillis), or do less in it`
    return new DeadlinePassed({ attempts: attempt, timeoutMillis, message })
  }

  /** Why it cannot write the key. */
  refusalOfWrite(key: Uint8Array, value: Uint8Array | undefined): StepError | undefined {
    if (this.settings.isReadOnly)
      return new Refused({ message: "the transaction is read-only: run it without readOnly and at" })
    if (key.length > Limits.keyspaceKeyBytesMax)
      return new Refused({ message: `a key of ${key.length} bytes: at most ${Limits.keyspaceKeyBytesMax}` })
    if (value !== undefined && value.length > Limits.groupValueBytesMax)
      return new Refused({
        message: `a value of ${value.length} bytes: at most ${Limits.groupValueBytesMax}, cut it up`
      })
    const sizeBytes = this.writes.sizeBytesAfter({ key, value })
    if (sizeBytes > Limits.transactionBytesMax) return tooLarge(sizeBytes, Limits.transactionBytesMax, "writes")
    const keysBytes = this.writes.keysBytes + key.length
    return keysBytes > Limits.transactionKeysBytesMax && this.writes.get(key) === undefined
      ? tooLarge(keysBytes, Limits.transactionKeysBytesMax, "keys that it writes")
      : undefined
  }

  /** They may be locked from now on; an error: they are too many, and none of them is. */
  lock(keys: ReadonlyArray<Uint8Array>, mode: LockMode): TransactionTooLarge | undefined {
    const added = keys.filter((key) => this.locked.get(key) === undefined)
    const lockedBytes = added.reduce((sum, key) => sum + key.length, this.lockedBytes)
    if (lockedBytes > Limits.transactionKeysBytesMax)
      return tooLarge(lockedBytes, Limits.transactionKeysBytesMax, "keys that it locks")
    this.lockedBytes = lockedBytes
    for (const key of keys) if (this.locked.get(key) !== "exclusive") this.locked.set(key, mode)
    if (this.anchor === undefined && keys.length > 0) {
      this.anchor = keys[0]
      this.settings.holds(this)
    }
    return undefined
  }

  /** What has to hold until the commit, but for what its own intents see to. */
  validated(): Reads {
    const isWritten = (key: Uint8Array): boolean => this.writes.get(key) !== undefined
    if (this.settings.isolation !== "snapshot") return this.reads.since(this.readAt, isWritten)
    return { since: this.readAt, keys: this.locked.keys().filter((key) => !isWritten(key)), spans: [] }
  }

  mutations(): ReadonlyArray<Mutation> {
    return this.writes.mutations()
  }
}

const tooLarge = (sizeBytes: number, sizeBytesMax: number, what: string): TransactionTooLarge =>
  new TransactionTooLarge({
    sizeBytes,
    sizeBytesMax,
    message: `${what}: ${sizeBytes} bytes, at most ${sizeBytesMax}; split the transaction`
  })

/** A call that decides nothing: of what changes nothing for anybody an unknown outcome is none. */
export const definite = <A>(call: Effect.Effect<A, KeyspaceError>): Effect.Effect<A, StepError> =>
  Effect.mapError(call, (error) => (error._tag === "Unknown" ? new Unavailable({ message: error.message }) : error))

/** A call of a step: what it meets counts for the whole attempt. */
export const step = <A>(attempt: Attempt, call: Effect.Effect<A, KeyspaceError>): Effect.Effect<A, StepError> =>
  Effect.mapError(definite(call), (error) => {
    if (isRetried(error)) attempt.doom(error)
    return error
  })

const isEmpty = ({ keys, spans }: Reads): boolean => keys.length === 0 && spans.length === 0

export const validate = (attempt: Attempt, reads: Reads, until: Timestamp): Effect.Effect<void, StepError> =>
  isEmpty(reads)
    ? Effect.void
    : step(attempt, attempt.keyspace.validate(attempt.id, reads, until, attempt.callOptions()))

/** Moves `readAt` on to `at`, unless it is there already. */
export const advance = Effect.fnUntraced(function* (
  attempt: Attempt,
  at: Timestamp
): Effect.fn.Return<void, StepError> {
  while (at > attempt.readAt) {
    const { readAt: since } = attempt
    const { version } = attempt.reads
    yield* validate(attempt, attempt.reads.since(since), at)
    if (attempt.readAt === since && attempt.reads.version === version) attempt.readAt = at
  }
})

/** Takes in what was read at `at`, which may be before `readAt` or after it. */
export const join = Effect.fnUntraced(function* (
  attempt: Attempt,
  read: Pick<Reads, "keys" | "spans">,
  at: Timestamp
): Effect.fn.Return<void, StepError> {
  let seenAt = at
  while (seenAt !== attempt.readAt) {
    if (seenAt > attempt.readAt) {
      yield* advance(attempt, seenAt)
      continue
    }
    const until = attempt.readAt
    yield* validate(attempt, { since: seenAt, ...read }, until)
    seenAt = until
  }
  for (const key of read.keys) attempt.reads.addKey(key)
  for (const span of read.spans) attempt.reads.addSpan(span)
})
