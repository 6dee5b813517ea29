/**
 * RangeRestore: takes a snapshot of a range into the store's engine. What comes is staged, as it is, beside everything; once it is whole, one
 * synced record says that it is to take the range's place, and from then on it does, as often as it is begun anew: the keys that were
 * there are deleted, the staged ones put, and a last synced batch makes it the range's state and deletes what was staged. A crash leaves either
 * the range as it was, or that record, and opening goes on from there (`finish`).
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import type { GroupId } from "#consensus/Replica.ts"
import { SnapshotReader, type Visitor } from "#consensus/SnapshotFormat.ts"
import type { Applied, Restore } from "#consensus/StateMachine.ts"
import { Batch } from "#storage/Batch.ts"
import * as Engine from "#storage/Engine.ts"
import * as Keys from "#storage/Keys.ts"
import type { Deferral } from "#storage/memory/Deferral.ts"
import { Corrupt, Refused, type StorageError } from "#storage/StorageError.ts"
import * as Key from "./Key.ts"
import * as RangeState from "./RangeState.ts"
import type { Span } from "./Request.ts"

export interface RestoreParts {
  readonly range: GroupId
  readonly port: Engine.Port
  readonly deferral: Deferral
  readonly neighbours: {
    reserve(range: GroupId, span: Span): boolean
    release(range: GroupId): void
  }
  /** The label that it came with. */
  readonly applied: Applied
  /** What the range has now. */
  readonly before: () => Span | undefined
  /** Nothing else of the range is being written. */
  readonly mayTake: () => boolean
  /** The replica is gone, and its keys are another range's: nothing is put in its place. */
  readonly isOver: () => boolean
  readonly taken: (state: RangeState.RangeState) => void
}

const nowhere: Span = { from: new Uint8Array(0), to: new Uint8Array(0) }

const malformed = new Corrupt({
  path: "snapshot",
  offsetBytes: 0,
  message: "these bytes are no snapshot of a range: ask its leaseholder for another one"
})

const occupied = new Refused({
  reason: "not-supported",
  message: "another range of this store still has keys of the snapshot; it is to be sent again"
})

const over = new Refused({
  reason: "not-supported",
  message: "the replica that was to have the snapshot is gone, and its keys may be another range's"
})

const isWithin = (key: Uint8Array, bounds: Required<Engine.Bounds>): boolean =>
  Keys.compare(key, bounds.from) >= 0 && Keys.compare(key, bounds.to) < 0

/** Deletes everything that the engine has of the keys in a span. */
export const deleteSpan = (batch: Batch, span: Span): Batch => {
  const [data, intents] = [Key.bounds(span), Key.intents(span)]
  return batch.deleteRange(data.from, data.to).deleteRange(intents.from, intents.to)
}

/** Looks whether what comes is a snapshot, and whose. */
class Inspection implements Visitor {
  state: RangeState.RangeState | undefined
  private readonly range: GroupId
  private data: Required<Engine.Bounds> | undefined
  private intents: Required<Engine.Bounds> | undefined
  private readonly audit: Required<Engine.Bounds>

  constructor(range: GroupId) {
    this.range = range
    this.audit = Key.auditOf(range)
  }

  applied(record: Uint8Array): boolean {
    this.state = RangeState.decode(record)
    if (this.state?.descriptor.range !== this.range) return false
    this.data = Key.bounds(this.state.descriptor)
    this.intents = Key.intents(this.state.descriptor)
    return true
  }

  record(key: Uint8Array): boolean {
    return isWithin(key, this.data!) || isWithin(key, this.intents!) || isWithin(key, this.audit)
  }

  end(digest: number): boolean {
    return digest === this.state!.digest
  }
}

export class RangeRestore implements Restore {
  private readonly parts: RestoreParts
  private readonly inspection: Inspection
  private readonly reader: SnapshotReader
  private stretches = 0
  private error: StorageError | undefined
  private isReserved = false
  private at: "taking" | "finishing" | "over" = "taking"

  constructor(parts: RestoreParts) {
    this.parts = parts
    this.inspection = new Inspection(parts.range)
    this.reader = new SnapshotReader(this.inspection, Limits.valueBytesMax)
  }

  take(bytes: Uint8Array, done: Engine.Done<void>): void {
    assert(this.at === "taking", "a snapshot is taken before it is finished or abandoned")
    const { deferral, neighbours, port, range } = this.parts
    if (!this.reader.take(bytes)) this.error ??= malformed
    const { state } = this.inspection
    if (this.error === undefined && state !== undefined && !this.isReserved) {
      this.isReserved = neighbours.reserve(range, state.descriptor)
      if (!this.isReserved) this.error = occupied
    }
    const { error } = this
    if (error !== undefined) return deferral.defer(() => done(error, undefined))
    const batch = new Batch()
    if (this.stretches === 0) deleteStaged(batch, range)
    port.write(batch.put(Key.staged(range, this.stretches++), bytes), "buffered", (error) => {
      this.error ??= error
      done(this.error, undefined)
    })
  }

  finish(done: Engine.Done<void>): void {
    assert(this.at === "taking" && this.parts.mayTake(), "it is put in place once, while nothing else is under way")
    const { applied, before, deferral, isOver, port, range, taken } = this.parts
    const { state } = this.inspection
    if (!this.reader.isWhole || state === undefined || state.applied.index !== applied.index) this.error ??= malformed
    if (isOver()) this.error ??= over
    const refusal = this.error
    if (refusal !== undefined) {
      this.abandon()
      return deferral.defer(() => done(refusal, undefined))
    }
    this.at = "finishing"
    // What is in it is from elsewhere, but who it is, and what becomes of it, is decided here.
    const restoring: RangeState.RangeState = {
      ...state!,
      phase: "restoring",
      founders: [],
      before: before() ?? nowhere
    }
    port.write(new Batch().put(Key.state(range), RangeState.encode(restoring)), "synced", (error) => {
      if (error !== undefined) return this.fail(error, done)
      install(port, restoring, isOver, (failure, ready) => {
        if (failure !== undefined) return this.fail(failure, done)
        this.at = "over"
        taken(ready!)
        this.parts.neighbours.release(range)
        done(undefined, undefined)
      })
    })
  }

  abandon(): void {
    assert(this.at !== "finishing", "a restore is not abandoned while it is finished")
    if (this.at === "over") return
    this.at = "over"
    if (this.isReserved) this.parts.neighbours.release(this.parts.range)
    // Should this fail, the next restore deletes them, or the next start.
    if (this.stretches > 0) this.parts.port.write(deleteStaged(new Batch(), this.parts.range), "buffered", () => {})
  }

  /** What was staged stays: the engine may say that it is to be put in place, and whoever opens the range next goes on with it, or removes both. */
  private fail(error: StorageError, done: Engine.Done<void>): void {
    const { deferral, isOver, neighbours, range } = this.parts
    this.at = "over"
    // By then another replica of the range may have its span.
    if (!isOver()) neighbours.release(range)
    deferral.defer(() => done(error, undefined))
  }
}

export const deleteStaged = (batch: Batch, range: GroupId): Batch => {
  const { from, to } = Key.stagedOf(range)
  return batch.deleteRange(from, to)
}

/** Puts the keys of a staged snapshot into batches. */
class Installing implements Visitor {
  batch = new Batch()

  applied(): boolean {
    return true
  }

  record(key: Uint8Array, value: Uint8Array): boolean {
    this.batch.put(key, value)
    return this.batch.refused === undefined
  }

  end(): boolean {
    return true
  }
}

/** What `restoring` says is to be done; it may have been begun before. */
export const install = (
  port: Engine.Port,
  restoring: RangeState.RangeState,
  isOver: () => boolean,
  done: Engine.Done<RangeState.RangeState | undefined>
): void => {
  const { range } = restoring.descriptor
  const installing = new Installing()
  const reader = new SnapshotReader(installing, Limits.valueBytesMax)
  deleteSpan(deleteSpan(installing.batch, restoring.before!), restoring.descriptor)
  const entries = Key.auditOf(range)
  installing.batch.deleteRange(entries.from, entries.to)
  const ended = (): void => {
    const ready: RangeState.RangeState = { ...restoring, phase: "ready", before: undefined }
    deleteStaged(installing.batch, range).put(Key.state(range), RangeState.encode(ready))
    port.write(installing.batch, "synced", (error) => done(error, error === undefined ? ready : undefined))
  }
  const stretch = (number: number): void => {
    const key = Key.staged(range, number)
    const taken: Engine.Done<Uint8Array | undefined> = (error, bytes) => {
      if (error !== undefined) return done(error, undefined)
      if (isOver()) return done(over, undefined)
      assert(bytes !== undefined && reader.take(bytes), "what was staged was looked at when it came")
      if (reader.isWhole) return ended()
      const { batch } = installing
      if (batch.sizeBytes < Limits.groupBatchBytesMax) return stretch(number + 1)
      installing.batch = new Batch()
      port.write(batch, "buffered", (failure) =>
        failure === undefined ? stretch(number + 1) : done(failure, undefined)
      )
    }
    const there = port.get(key)
    if (there === Engine.elsewhere) port.fetch(key, undefined, taken)
    else taken(undefined, there)
  }
  stretch(0)
}
