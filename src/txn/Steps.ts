/**
 * Steps: what a body can do with its attempt. A read goes to the keyspace at one timestamp, gets the attempt's own writes on top, and is
 * taken in (`Attempt.join`) before it is answered.
 */
import * as Effect from "effect/Effect"
import * as Limits from "#base/Limits.ts"
import * as Decisions from "#keyspace/audit/Decisions.ts"
import type { Note } from "#keyspace/audit/AuditEntry.ts"
import { Conflict, Refused } from "#keyspace/KeyspaceError.ts"
import type { Span, Timestamp, Value } from "#keyspace/Request.ts"
import * as Keys from "#storage/Keys.ts"
import * as Attempt from "./Attempt.ts"
import * as Overlay from "./Overlay.ts"
import type { LockMode, Scanned, ScanOptions, Transaction } from "./Transaction.ts"
import type { StepError } from "./TxnError.ts"
import type { Savepoint } from "./WriteBuffer.ts"

type Of<A> = Effect.fn.Return<A, StepError>

const entriesMaxDefault = 1_000
const sizeBytesMaxDefault = 1_048_576
/** Scans of a span whose keys are all to be locked: in each somebody put one that had not been there. */
const lockingScansMax = 8

const refuse = (attempt: Attempt.Attempt): Effect.Effect<void, StepError> => {
  const refusal = attempt.refusal()
  return refusal === undefined ? Effect.void : Effect.fail(refusal)
}

/** When a step that begins now reads. */
const readsAt = (attempt: Attempt.Attempt): Effect.Effect<Timestamp, StepError> =>
  attempt.isReadCommitted
    ? Attempt.step(attempt, attempt.keyspace.timestamp(attempt.callOptions()))
    : Effect.succeed(attempt.readAt)

/** Whether what was read has to hold until the commit, or until `readAt` moves. */
const isKept = ({ isReadCommitted, settings }: Attempt.Attempt): boolean => !isReadCommitted && !settings.isReadOnly

const getMany = Effect.fnUntraced(function* (
  attempt: Attempt.Attempt,
  keys: ReadonlyArray<Uint8Array>
): Of<ReadonlyArray<Uint8Array | undefined>> {
  yield* refuse(attempt)
  const own = keys.map((key) => attempt.writes.get(key))
  const asked = keys.filter((_, index) => own[index] === undefined)
  let values: ReadonlyArray<Value> = []
  if (asked.length > 0) {
    const at = yield* readsAt(attempt)
    values = yield* Attempt.step(attempt, attempt.keyspace.get(asked, at, attempt.callOptions()))
    if (isKept(attempt)) yield* Attempt.join(attempt, { keys: asked, spans: [] }, at)
  }
  let next = 0
  return own.map((write) => (write === undefined ? values[next++].value : write.value))
})

const known = (attempt: Attempt.Attempt, key: Uint8Array): Effect.Effect<void, StepError> =>
  Effect.suspend(() => {
    const refusal = attempt.refusal()
    if (refusal !== undefined) return Effect.fail(refusal)
    attempt.reads.addKey(key)
    return Effect.void
  })

/** The entries of a span as of a timestamp, until a bound is met, without taking them in. */
const scanAt = Effect.fnUntraced(function* (
  attempt: Attempt.Attempt,
  span: Span,
  { entriesMax = entriesMaxDefault, reverse = false, sizeBytesMax = sizeBytesMaxDefault }: ScanOptions,
  at: Timestamp
): Of<Scanned> {
  const entries: Array<Scanned["entries"][number]> = []
  let sizeBytes = 0
  let rest: Span | undefined = Keys.compare(span.from, span.to) < 0 ? span : undefined
  while (rest !== undefined && entries.length < entriesMax && sizeBytes < sizeBytesMax) {
    const asked: Span = rest
    const bounds = { entriesMax: entriesMax - entries.length, sizeBytesMax: sizeBytesMax - sizeBytes }
    const scan = { span: asked, at, reverse, ...bounds }
    const page = yield* Attempt.step(attempt, attempt.keyspace.scan(scan, attempt.callOptions()))
    const seen = Overlay.covered(asked, page.rest, reverse)
    rest = page.rest
    const laid = Overlay.lay(page.entries, attempt.writes.within(seen), reverse)
    for (const [number, entry] of laid.entries()) {
      entries.push(entry)
      sizeBytes += entry.key.length + entry.value.length
      if (entries.length < entriesMax && sizeBytes < sizeBytesMax) continue
      // Own writes came on top: what is behind the bound was not seen.
      if (number < laid.length - 1) rest = Overlay.behind(asked, entry.key, reverse)
      break
    }
  }
  return { entries, rest }
})

/** Takes in what a scan has seen of its span. */
const joinScan = (
  attempt: Attempt.Attempt,
  span: Span,
  { rest }: Scanned,
  reverse: boolean | undefined,
  at: Timestamp
): Effect.Effect<void, StepError> =>
  isKept(attempt)
    ? Attempt.join(attempt, { keys: [], spans: [Overlay.covered(span, rest, reverse === true)] }, at)
    : Effect.void

const scan = Effect.fnUntraced(function* (attempt: Attempt.Attempt, span: Span, options: ScanOptions): Of<Scanned> {
  yield* refuse(attempt)
  const at = yield* readsAt(attempt)
  const scanned = yield* scanAt(attempt, span, options, at)
  yield* joinScan(attempt, span, scanned, options.reverse, at)
  return scanned
})

const getForUpdate = Effect.fnUntraced(function* (
  attempt: Attempt.Attempt,
  keys: ReadonlyArray<Uint8Array>,
  mode: LockMode
): Of<ReadonlyArray<Uint8Array | undefined>> {
  yield* refuse(attempt)
  if (attempt.settings.isReadOnly)
    return yield* new Refused({ message: "a transaction that is read-only locks nothing" })
  if (keys.length === 0) return []
  // From here on they are unlocked when the attempt ends, whatever becomes of the call.
  const tooLarge = attempt.lock(keys, mode)
  if (tooLarge !== undefined) return yield* tooLarge
  attempt.trailing += 1
  const call = attempt.keyspace.lock(attempt.txn(), keys, mode, attempt.callOptions())
  const { at, values } = yield* Attempt.step(attempt, call)
  attempt.trailing -= 1
  yield* Attempt.join(attempt, { keys, spans: [] }, at)
  return keys.map((key, index) => {
    const own = attempt.writes.get(key)
    return own === undefined ? values[index].value : own.value
  })
})

const isLocked = (attempt: Attempt.Attempt, key: Uint8Array, mode: LockMode): boolean => {
  const held = attempt.locked.get(key)
  return held === "exclusive" || held === mode
}

/** What a scan sees may change until it is locked, so it is repeated until everything in it has been locked before. */
const scanForUpdate = Effect.fnUntraced(function* (
  attempt: Attempt.Attempt,
  span: Span,
  options: ScanOptions & { readonly mode?: LockMode }
): Of<Scanned> {
  const { mode = "exclusive", reverse } = options
  for (let scans = 0; scans < lockingScansMax; scans++) {
    yield* refuse(attempt)
    const at = yield* readsAt(attempt)
    const scanned = yield* scanAt(attempt, span, options, at)
    const open = scanned.entries.map(({ key }) => key).filter((key) => !isLocked(attempt, key, mode))
    if (open.length === 0) {
      yield* joinScan(attempt, span, scanned, reverse, at)
      return scanned
    }
    yield* getForUpdate(attempt, open, mode)
  }
  const conflict = new Conflict({ key: span.from, at: undefined })
  attempt.doom(conflict)
  return yield* conflict
})

const write = (
  attempt: Attempt.Attempt,
  key: Uint8Array,
  value: Uint8Array | undefined
): Effect.Effect<void, StepError> =>
  Effect.suspend(() => {
    const refusal = attempt.refusal() ?? attempt.refusalOfWrite(key, value)
    if (refusal !== undefined) return Effect.fail(refusal)
    attempt.writes.put({ key, value })
    return Effect.void
  })

const deleteRange = Effect.fnUntraced(function* (attempt: Attempt.Attempt, span: Span): Of<number> {
  yield* refuse(attempt)
  const at = yield* readsAt(attempt)
  let deleted = 0
  let rest: Span | undefined = span
  while (rest !== undefined) {
    const asked: Span = rest
    const scanned: Scanned = yield* scanAt(attempt, asked, {}, at)
    for (const { key } of scanned.entries) yield* write(attempt, key, undefined)
    deleted += scanned.entries.length
    rest = scanned.rest
  }
  yield* joinScan(attempt, span, { entries: [], rest: undefined }, false, at)
  return deleted
})

const note = (attempt: Attempt.Attempt, { actor, subject, ...verdict }: Note): Effect.Effect<void, StepError> =>
  Effect.suspend(() => {
    const refusal = attempt.refusal()
    if (refusal !== undefined) return Effect.fail(refusal)
    if (attempt.writes.notes.length >= Limits.auditNotesMax) {
      const message = `${Limits.auditNotesMax} notes: a transaction decides about fewer things, or is several`
      return Effect.fail(new Refused({ message }))
    }
    attempt.writes.notes.push({ ...verdict, actor: Decisions.named(actor), subject: Decisions.named(subject) })
    return Effect.void
  })

const savepoint = (attempt: Attempt.Attempt): Effect.Effect<Savepoint, StepError> =>
  Effect.suspend(() => {
    const refusal = attempt.refusal()
    if (refusal !== undefined) return Effect.fail(refusal)
    return attempt.writes.savepointCount >= Limits.savepointsMax
      ? Effect.fail(new Refused({ message: `${Limits.savepointsMax} savepoints: roll back to one of them` }))
      : Effect.succeed(attempt.writes.savepoint())
  })

const rollbackTo = (attempt: Attempt.Attempt, to: Savepoint): Effect.Effect<void, StepError> =>
  Effect.suspend(() => {
    const refusal = attempt.refusal()
    if (refusal !== undefined) return Effect.fail(refusal)
    return attempt.writes.rollbackTo(to)
      ? Effect.void
      : Effect.fail(new Refused({ message: "no such savepoint: the transaction went back to an earlier one" }))
  })

export const make = (attempt: Attempt.Attempt): Transaction["Service"] => ({
  id: attempt.id,
  attempt: attempt.settings.attempt,
  readAt: () => attempt.readAt,
  get: (key) => Effect.map(getMany(attempt, [key]), ([value]) => value),
  known: (key) => known(attempt, key),
  getMany: (keys) => getMany(attempt, keys),
  scan: (span, options = {}) => scan(attempt, span, options),
  getForUpdate: (keys, mode = "exclusive") => getForUpdate(attempt, keys, mode),
  scanForUpdate: (span, options = {}) => scanForUpdate(attempt, span, options),
  put: (key, value) => write(attempt, key, value),
  delete: (key) => write(attempt, key, undefined),
  deleteRange: (span) => deleteRange(attempt, span),
  note: (one) => note(attempt, one),
  savepoint: () => savepoint(attempt),
  rollbackTo: (to) => rollbackTo(attempt, to)
})
