/**
 * SagaStore: sagas in the keyspace: steps of a transaction that read them, append to their journals, and keep the indexes: which are due, which
 * have a status, and which have ended when. A saga that is not ended nor parked always has a due time: when its owner's lease ends, or when it is to go on.
 *
 * Who appends writes the record, so of two that do at the same time one tries again.
 */
import * as Effect from "effect/Effect"
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import type { Span } from "#keyspace/Request.ts"
import type { Transaction } from "../Transaction.ts"
import type { StepError } from "../TxnError.ts"
import type * as Saga from "./Saga.ts"
import * as SagaCore from "./SagaCore.ts"
import type { Status } from "./SagaCore.ts"
import * as SagaEntry from "./SagaEntry.ts"
import type { Entry, Record, Started } from "./SagaEntry.ts"
import * as SagaKeys from "./SagaKeys.ts"

type Txn = Transaction["Service"]
type Of<A> = Effect.fn.Return<A, StepError>

/** A record, and what its journal says. */
export interface Read {
  readonly record: Record
  readonly started: Started
  readonly events: ReadonlyArray<SagaCore.Event>
}

export const record = (txn: Txn, id: string): Effect.Effect<Record | undefined, StepError> =>
  Effect.map(txn.get(SagaKeys.record(id)), (bytes) => (bytes === undefined ? undefined : SagaEntry.recordOf(bytes)))

/** The entries from a number on. */
export const entries = Effect.fnUntraced(function* (txn: Txn, id: string, from: number): Of<ReadonlyArray<Entry>> {
  const found: Array<Entry> = []
  let rest: Span | undefined = SagaKeys.entriesFrom(id, from)
  while (rest !== undefined) {
    const page: Effect.Success<ReturnType<Txn["scan"]>> = yield* txn.scan(rest)
    for (const { value } of page.entries) found.push(SagaEntry.entryOf(value))
    rest = page.rest
  }
  return found
})

/** Events that follow the beginning. */
export const eventsOf = (list: ReadonlyArray<Entry>): ReadonlyArray<SagaCore.Event> =>
  list.map((entry) => {
    assert(entry.type !== "started", "a journal has one beginning")
    return entry
  })

export const read = Effect.fnUntraced(function* (txn: Txn, id: string): Of<Read | undefined> {
  const found = yield* record(txn, id)
  if (found === undefined) return undefined
  const [started, ...rest] = yield* entries(txn, id, 0)
  assert(started?.type === "started" && rest.length + 1 === found.entries, "a record counts the entries of its journal")
  return { record: found, started, events: eventsOf(rest) }
})

const dueValue = ({ definition, version }: Record): Uint8Array =>
  Bytes.Writer.make().text(definition).u32(version).finish()

const nothing = new Uint8Array(0)

/** Puts `after` in place of `before`, and entries behind the journal's. */
export const write = Effect.fnUntraced(function* (
  txn: Txn,
  id: string,
  change: { readonly before: Record | undefined; readonly after: Record; readonly entries: ReadonlyArray<Entry> }
): Of<void> {
  const { after, before, entries: appended } = change
  const isOver = SagaCore.isEnded(after.status) || after.status === "parked"
  assert(isOver === (after.dueAt === Infinity), "a saga that goes on has a time when it does")
  const first = before?.entries ?? 0
  assert(after.entries === first + appended.length, "a record counts the entries of its journal")
  for (const [index, entry] of appended.entries())
    yield* txn.put(SagaKeys.entry(id, first + index), SagaEntry.encode(entry))
  if (before?.status !== after.status) {
    if (before !== undefined) yield* txn.delete(SagaKeys.status(before.status, id))
    yield* txn.put(SagaKeys.status(after.status, id), nothing)
  }
  // One that is turned round leaves its key behind (`SagaCleaning`).
  if (before?.status !== after.status && SagaCore.isEnded(after.status)) {
    yield* txn.put(SagaKeys.ended(txn.readAt(), id), nothing)
  }
  if (before?.dueAt !== after.dueAt) {
    if (before !== undefined && before.dueAt !== Infinity) yield* txn.delete(SagaKeys.due(before.dueAt, id))
    if (after.dueAt !== Infinity) yield* txn.put(SagaKeys.due(after.dueAt, id), dueValue(after))
  }
  const outcome = outcomeOf(before?.status, after.status)
  if (outcome !== undefined) yield* txn.note({ kind: "saga", outcome, actor: after.definition, subject: id })
  yield* txn.put(SagaKeys.record(id), SagaEntry.encodeRecord(after))
})

/** What an entry of the audit trail says of a saga whose status changes. */
const outcomeOf = (before: Status | undefined, after: Status) => {
  if (before === after) return undefined
  if (before === undefined) return "started"
  if (before === "parked" && !SagaCore.isEnded(after)) return "resumed"
  return after === "running" ? undefined : after
}

export interface Due {
  readonly id: string
  readonly dueAt: number
  readonly definition: string
  readonly version: number
}

/** Sagas that anybody may work on, those that have waited longest first, and where there are more. */
export const due = Effect.fnUntraced(function* (
  txn: Txn,
  span: Span,
  entriesMax: number
): Of<{ readonly found: ReadonlyArray<Due>; readonly rest: Span | undefined }> {
  const page = yield* txn.scan(span, { entriesMax })
  const found = page.entries.map(({ key, value }) => {
    const reader = new Bytes.Reader(value)
    const [definition, version] = [reader.text(), reader.u32()]
    return { id: SagaKeys.idOf(key), dueAt: SagaKeys.timeOf(key), definition, version }
  })
  return { found, rest: page.rest }
})

export interface Ended {
  readonly id: string
  readonly at: number
}

/** Sagas that ended up to a time, those first that did so first; behind `after`. */
export const ended = (
  txn: Txn,
  after: Ended | undefined,
  at: number,
  entriesMax: number
): Effect.Effect<ReadonlyArray<Ended>, StepError> => {
  const span = SagaKeys.endedUpTo(Math.max(0, at), after && SagaKeys.ended(after.at, after.id))
  return Effect.map(txn.scan(span, { entriesMax }), ({ entries: found }) =>
    found.map(({ key }) => ({ id: SagaKeys.idOf(key), at: SagaKeys.timeOf(key) }))
  )
}

export const withStatus = (
  txn: Txn,
  status: Status,
  { after, entriesMax }: { readonly after: string | undefined; readonly entriesMax: number }
): Effect.Effect<ReadonlyArray<string>, StepError> =>
  Effect.map(txn.scan(SagaKeys.withStatus(status, after), { entriesMax }), ({ entries: found }) =>
    found.map(({ key }) => SagaKeys.idOf(key))
  )

/** The state that a journal leads to; undefined: it is none of the definition's. */
export const stateOf = (definition: Saga.Any, { events, record: { fingerprint }, started }: Read) =>
  fingerprint === definition.plan.fingerprint ? SagaCore.replay(definition.plan, started.at, events) : undefined

/** When somebody may take it over, or has to go on with it. */
const dueAtAfter = (record: Record, status: Status, at: number): number => {
  if (SagaCore.isEnded(status) || status === "parked") return Infinity
  return record.isOwned ? record.dueAt : at
}

/**
 * Appends an event that does not come from the saga's owner, who finds it when it looks next; without an owner the saga is due now. A refusal is
 * answered, and nothing is written.
 */
export const append = Effect.fnUntraced(function* (
  txn: Txn,
  id: string,
  saga: Read,
  change: { readonly definition: Saga.Any; readonly state: SagaCore.State; readonly event: SagaCore.Event }
): Of<SagaCore.State | SagaCore.Refusal> {
  const { definition, event, state } = change
  const next = SagaCore.apply(definition.plan, state, event)
  if (next instanceof SagaCore.Refusal) return next
  const before = saga.record
  const status = SagaCore.statusOf(definition.plan, next)
  const isOver = SagaCore.isEnded(status) || status === "parked"
  const after = {
    ...before,
    status,
    isOwned: before.isOwned && !isOver,
    dueAt: dueAtAfter(before, status, event.at),
    entries: before.entries + 1
  }
  yield* write(txn, id, { before, after, entries: [event] })
  if (SagaCore.isEnded(status)) yield* wake(txn, after, event.at)
  return next
})

/** Its parent has something to do. One that is owned looks by itself. */
export const wake = Effect.fnUntraced(function* (txn: Txn, { parent }: Record, at: number): Of<void> {
  if (parent === undefined) return
  const before = yield* record(txn, parent.id)
  if (before === undefined || before.isOwned || before.dueAt === Infinity || before.dueAt <= at) return
  yield* write(txn, parent.id, { before, after: { ...before, dueAt: at }, entries: [] })
})

/** A new saga, due now. */
export const create = (
  txn: Txn,
  id: string,
  {
    input,
    parent,
    definition
  }: { readonly definition: Saga.Any; readonly input: Uint8Array; readonly parent: SagaEntry.Parent | undefined }
): Effect.Effect<void, StepError> => {
  const at = txn.readAt()
  const { name, plan, version } = definition
  const after: Record = {
    definition: name,
    version,
    fingerprint: plan.fingerprint,
    parent,
    status: "running",
    epoch: 0,
    isOwned: false,
    dueAt: at,
    entries: 1
  }
  return write(txn, id, { before: undefined, after, entries: [{ type: "started", at, input }] })
}
