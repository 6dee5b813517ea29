/**
 * SagaOwner: a saga in the hands of one runner: what the runner knows of it, and the only way in which it changes it. Every change is a transaction
 * that finds the owner's epoch in the record, so a runner that was taken for dead cannot change anything any more; and each one renews the lease.
 *
 * Time is the oracle's: what the last transaction read at, and what has passed here since.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { assert } from "#base/Assert.ts"
import type { Trace } from "#world/Trace.ts"
import { Transaction } from "../Transaction.ts"
import type { Transactions } from "../Transactions.ts"
import { DeadlinePassed, type RunError, type StepError, TransactionTooLarge } from "../TxnError.ts"
import type * as Saga from "./Saga.ts"
import * as SagaCore from "./SagaCore.ts"
import type { Record, Started } from "./SagaEntry.ts"
import * as SagaStore from "./SagaStore.ts"

export interface Surroundings {
  readonly transactions: Transactions["Service"]
  readonly trace: Trace["Service"]
  readonly nowMicros: () => number
  readonly leaseMillis: number
  /** Another saga has become due. */
  readonly kick: () => void
}

/** Somebody else works on it, or nobody has to any more. */
export class Fenced extends Data.TaggedError("Fenced") {}

/** It is not the time for this event: nothing of the transaction is there. */
class NotNow extends Data.TaggedError("NotNow")<{ readonly at: number }> {}

/** What a step in the transaction failed with. */
export class LocalFailed extends Data.TaggedError("LocalFailed")<{ readonly error: unknown }> {}

/** What the owner's transaction adds, and until when it lets go of the saga; undefined: it goes on. */
export interface Change {
  readonly events: ReadonlyArray<SagaCore.Event>
  readonly restUntil?: number | undefined
}

/**
 * - `changed`: it is as the change says.
 * - `moved`: somebody else had changed it; nothing of this change is there.
 * - `early`: it is not the time for this change.
 */
export type Outcome = "changed" | "moved" | "early"

export class Owner {
  readonly id: string
  readonly definition: Saga.Any
  readonly started: Started
  record: Record
  state: SagaCore.State
  /** When the last transaction read, by the oracle and by this machine. */
  private at: number
  private sinceMicros: number
  private readonly around: Surroundings

  constructor(
    around: Surroundings,
    id: string,
    { at, definition, read }: { readonly at: number; readonly definition: Saga.Any; readonly read: SagaStore.Read }
  ) {
    const state = SagaStore.stateOf(definition, read)
    assert(state !== undefined, "who claims a saga knows its plan")
    this.around = around
    this.id = id
    this.definition = definition
    this.started = read.started
    this.record = read.record
    this.state = state
    this.at = at
    this.sinceMicros = around.nowMicros()
  }

  /** By the oracle, nearly. */
  now(): number {
    return this.at + this.idleMicros()
  }

  /** Since the last transaction. */
  idleMicros(): number {
    return this.around.nowMicros() - this.sinceMicros
  }

  get decision(): SagaCore.Decision {
    return SagaCore.decide(this.definition.plan, this.state, this.now(), this.record.epoch)
  }

  private looked(at: number): void {
    this.at = Math.max(at, this.at)
    this.sinceMicros = this.around.nowMicros()
  }

  private next(events: ReadonlyArray<SagaCore.Event>): SagaCore.State | SagaCore.Refusal {
    let { state } = this
    for (const event of events) {
      const next = SagaCore.apply(this.definition.plan, state, event)
      if (next instanceof SagaCore.Refusal) return next
      state = next
    }
    return state
  }

  private recordAfter(state: SagaCore.State, { events, restUntil }: Change, at: number): Record {
    const status = SagaCore.statusOf(this.definition.plan, state)
    const isOver = SagaCore.isEnded(status) || status === "parked"
    const dueAt = isOver ? Infinity : Math.ceil(restUntil ?? at + this.around.leaseMillis * 1_000)
    const entries = this.record.entries + events.length
    return { ...this.record, status, entries, dueAt, isOwned: !isOver && restUntil === undefined }
  }

  /** One transaction: what the saga is now, then the change. */
  private attempt<E, R>(make: (txn: Transaction["Service"], at: number) => Effect.Effect<Change, E, R>) {
    return Effect.gen({ self: this }, function* () {
      const txn = yield* Transaction
      const found = yield* SagaStore.record(txn, this.id)
      if (found === undefined || found.epoch !== this.record.epoch || !found.isOwned) return yield* new Fenced()
      const at = txn.readAt()
      if (found.entries !== this.record.entries) {
        const entries = yield* SagaStore.entries(txn, this.id, this.record.entries)
        return { outcome: "moved", at, record: found, events: SagaStore.eventsOf(entries) } as const
      }
      const change = yield* make(txn, at)
      const state = this.next(change.events)
      if (state instanceof SagaCore.Refusal) return yield* new NotNow({ at })
      const after = this.recordAfter(state, change, at)
      yield* SagaStore.write(txn, this.id, { before: found, after, entries: change.events })
      if (SagaCore.isEnded(after.status)) yield* SagaStore.wake(txn, after, at)
      return { outcome: "changed", at, record: after, events: change.events } as const
    })
  }

  /**
   * Changes the saga, if it is as this owner knows it. `make` says how, within the transaction, as often as that is tried; it fails the change with
   * `LocalFailed`. Trouble of the keyspace is waited out, for as long as the lease may last.
   */
  change<R>(
    make: (txn: Transaction["Service"], at: number) => Effect.Effect<Change, StepError | LocalFailed, R>,
    timeoutMillis: number
  ): Effect.Effect<Outcome, Fenced | LocalFailed, Exclude<R, Transaction>> {
    return Effect.gen({ self: this }, function* () {
      for (;;) {
        const result = yield* Effect.result(this.around.transactions.run(this.attempt(make), { timeoutMillis }))
        if (result._tag === "Success") {
          const { at, events, outcome, record } = result.success
          const state = this.next(events)
          assert(!(state instanceof SagaCore.Refusal), "what a journal has follows what it had")
          this.state = state
          this.record = record
          this.looked(at)
          this.tell(events)
          return outcome
        }
        const error: RunError | Fenced | NotNow | LocalFailed | StepError = result.failure
        if (error instanceof NotNow) {
          this.looked(error.at)
          return "early" as const
        }
        if (error instanceof Fenced || error instanceof LocalFailed) return yield* Effect.fail(error)
        if (error instanceof DeadlinePassed || error instanceof TransactionTooLarge || error._tag === "Refused")
          return yield* new LocalFailed({ error })
        this.around.trace.emit("debug", "saga/trouble", { id: this.id, because: error._tag })
        // Somebody else has it by now, or will.
        if (this.idleMicros() > this.around.leaseMillis * 1_000) return yield* new Fenced()
        yield* Effect.sleep(this.around.leaseMillis / 20)
      }
    })
  }

  /** Events whose time is the transaction's. */
  journal(events: (at: number) => ReadonlyArray<SagaCore.Event>): Effect.Effect<Outcome, Fenced> {
    const changed = this.change((_, at) => Effect.succeed({ events: events(at) }), this.around.leaseMillis)
    // There is no step in it that could fail; a transaction that takes longer than a lease has lost it.
    return Effect.mapError(changed, (error) => (error instanceof LocalFailed ? new Fenced() : error))
  }

  private tell(events: ReadonlyArray<SagaCore.Event>): void {
    for (const event of events) {
      const step = "step" in event ? this.definition.plan.steps[event.step].name : ""
      this.around.trace.emit("debug", "saga/event", { id: this.id, epoch: this.record.epoch, event: event.type, step })
    }
    if (events.length > 0 && this.record.status === "parked")
      this.around.trace.emit("warn", "saga/parked", { id: this.id, definition: this.definition.name })
  }
}

/** Takes a saga that is due; undefined: somebody else has it, or it is over. */
export const claim = (around: Surroundings, id: string, definition: Saga.Any) =>
  Effect.map(
    around.transactions.run(
      Effect.gen(function* () {
        const txn = yield* Transaction
        const read = yield* SagaStore.read(txn, id)
        const at = txn.readAt()
        if (read === undefined || read.record.dueAt > at || SagaStore.stateOf(definition, read) === undefined)
          return undefined
        const { record: before } = read
        const dueAt = Math.ceil(at + around.leaseMillis * 1_000)
        const after = { ...before, epoch: before.epoch + 1, isOwned: true, dueAt }
        yield* SagaStore.write(txn, id, { before, after, entries: [] })
        return { at, read: { ...read, record: after } }
      }),
      { timeoutMillis: around.leaseMillis }
    ),
    (claimed) => (claimed === undefined ? undefined : new Owner(around, id, { ...claimed, definition }))
  )
