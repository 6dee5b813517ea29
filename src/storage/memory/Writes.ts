/**
 * Writes: the batches of an engine on their way through the log, in the order of their submission. A batch has the next position of
 * the stream; when the log says that it has it, and everything before it is settled, it is applied and answered.
 *
 * A refused append has not happened, so its position is the next one to be used again. All that is under way is waited for
 * first: what the log took behind the refused one would leave a hole. What was submitted meanwhile waits here.
 *
 * An exclusive entry (an ingestion) holds back what was submitted after it until it is done; it appends records of its own.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import type { Done, Durability } from "../Engine.ts"
import type * as Log from "../Log.ts"
import { Refused, type Stopped, type StorageError } from "../StorageError.ts"

export interface WritesOptions {
  readonly log: Log.Log
  readonly stream: number
  /** Position of the next record. */
  readonly next: number
  /** Applies a batch that the log has. */
  readonly apply: (batch: Uint8Array) => void
  /** The log refused something, or has stopped. */
  readonly failed?: () => void
}

interface Entry {
  /** A batch; `undefined`: waits for what is before it to be durable. */
  readonly batch: Uint8Array | undefined
  /** The record's bytes; for a batch, itself. */
  readonly parts: ReadonlyArray<Uint8Array>
  readonly durability: Durability
  readonly done: Done<void>
  /** Runs alone; calls what it is given when it is done. */
  readonly exclusive: ((finish: () => void) => void) | undefined
  position: number
  isSettled: boolean
  error: StorageError | undefined
}

const closed = new Refused({ reason: "closed", message: "the engine is closed: open it again" })

export class Writes {
  private readonly options: WritesOptions
  private next: number
  /** Handed to the log, and not answered, in order; the first ones of `sent` were. */
  private sent: Array<Entry> = []
  private answered = 0
  private unsent: Array<Entry> = []
  private underWay = 0
  private unsentBytes = 0
  private sentBytes = 0
  /** The first position that was refused, while the log still has others. */
  private refusedFrom: number | undefined
  /** The last position that the log has. */
  private takenTo: number
  private isExclusive = false
  private stop: Stopped | undefined
  private isClosed = false
  private idle: (() => void) | undefined
  /** Position of the first record that was not applied. */
  applied: number

  constructor(options: WritesOptions) {
    this.options = options
    this.next = options.next
    this.applied = options.next
    this.takenTo = options.next - 1
  }

  /** Bytes of batches that were not applied. */
  get waitingBytes(): number {
    return this.unsentBytes + this.sentBytes
  }

  /** Why nothing is written any more. */
  get end(): Stopped | Refused | undefined {
    return this.stop ?? (this.isClosed ? closed : undefined)
  }

  /** The room for batches that wait is used up. */
  hasRoomFor(sizeBytes: number): boolean {
    return this.unsentBytes + sizeBytes <= Limits.writesWaitingBytesMax
  }

  /** Needs `end` to be undefined, like all that submits. */
  write(batch: Uint8Array, durability: Durability, done: Done<void>): void {
    this.submit(entryOf(batch, [batch], durability, done, undefined))
  }

  /** Everything before it is durable when it is done. */
  sync(done: Done<void>): void {
    this.submit(entryOf(undefined, [], "synced", done, undefined))
  }

  /** Runs `exclusive` when everything before it was handed to the log. `done` is called instead when that never comes. */
  exclusively(exclusive: (finish: () => void) => void, done: Done<void>): void {
    this.submit(entryOf(undefined, [], "synced", done, exclusive))
  }

  /** Appends a record that is not applied here. For the exclusive entry. */
  append(parts: ReadonlyArray<Uint8Array>, durability: Durability, done: Done<void>): void {
    assert(this.isExclusive, "only an exclusive entry appends records of its own")
    this.send(entryOf(undefined, parts, durability, done, undefined))
  }

  /** What the exclusive entry appended is applied. */
  appliedAll(): void {
    this.applied = this.takenTo + 1
  }

  /** Takes nothing more; what the log has is still answered, the rest refused. */
  close(): void {
    this.isClosed = true
    this.refuseUnsent(closed)
  }

  /** Calls `done` when nothing is under way any more. Needs `close` before. */
  whenIdle(done: () => void): void {
    this.idle = done
    this.settleIdle()
  }

  private submit(entry: Entry): void {
    assert(this.end === undefined, "an engine that takes no more writes answers itself")
    if (entry.batch !== undefined) this.unsentBytes += entry.batch.length
    this.unsent.push(entry)
    this.pump()
  }

  private pump(): void {
    let from = 0
    while (from < this.unsent.length && this.refusedFrom === undefined && !this.isExclusive) {
      const entry = this.unsent[from++]
      if (entry.exclusive !== undefined) {
        this.isExclusive = true
        entry.exclusive(() => {
          this.isExclusive = false
          this.pump()
          this.settleIdle()
        })
      } else {
        if (entry.batch !== undefined) this.unsentBytes -= entry.batch.length
        this.send(entry)
      }
    }
    if (from === this.unsent.length) this.unsent.length = 0
    else if (from > 0) this.unsent = this.unsent.slice(from)
  }

  private send(entry: Entry): void {
    const { log, stream } = this.options
    this.sent.push(entry)
    this.underWay++
    if (entry.batch !== undefined) this.sentBytes += entry.batch.length
    if (entry.batch === undefined && entry.parts.length === 0) {
      log.sync((error) => this.settled(entry, error))
      return
    }
    entry.position = this.next++
    log.append(stream, entry.position, entry.parts, entry.durability, (error) => this.settled(entry, error))
  }

  private settled(entry: Entry, error: StorageError | undefined): void {
    assert(!entry.isSettled, "the log answers once")
    this.underWay--
    entry.isSettled = true
    entry.error = error
    if (error !== undefined && error._tag === "Refused") {
      if (entry.position > 0) this.refusedFrom = Math.min(this.refusedFrom ?? Infinity, entry.position)
    } else if (error !== undefined) this.stopFor(error)
    else this.takenTo = Math.max(this.takenTo, entry.position)
    this.answer()
    if (error !== undefined) this.options.failed?.()
    if (this.underWay === 0 && this.refusedFrom !== undefined) {
      assert(this.takenTo < this.refusedFrom, "a log that refuses a record refuses those behind it")
      this.next = this.refusedFrom
      this.refusedFrom = undefined
      this.pump()
    }
    this.settleIdle()
  }

  /** Applies and answers what is settled, up to the first that is not. */
  private answer(): void {
    while (this.answered < this.sent.length && this.sent[this.answered].isSettled) {
      const entry = this.sent[this.answered++]
      if (entry.batch !== undefined) this.sentBytes -= entry.batch.length
      if (entry.error === undefined && entry.batch !== undefined) {
        this.options.apply(entry.batch)
        this.applied = entry.position + 1
      }
      entry.done(entry.error, undefined)
    }
    if (this.answered === this.sent.length) {
      this.sent.length = 0
      this.answered = 0
    } else if (this.answered > 1_024) {
      this.sent = this.sent.slice(this.answered)
      this.answered = 0
    }
  }

  /** Takes nothing more, because nobody knows what of the engine's files is durable. */
  stopBy(error: Stopped): void {
    this.stop = error
    this.refuseUnsent(error)
  }

  private stopFor(error: StorageError): void {
    if (this.stop !== undefined) return
    assert(error._tag === "Stopped", "a log refuses or stops")
    this.stopBy(error)
  }

  private refuseUnsent(error: StorageError): void {
    const { unsent } = this
    this.unsent = []
    this.unsentBytes = 0
    for (const entry of unsent) entry.done(error, undefined)
  }

  private settleIdle(): void {
    if (this.idle === undefined || this.underWay > 0 || this.isExclusive) return
    const { idle } = this
    this.idle = undefined
    idle()
  }
}

const entryOf = (
  batch: Uint8Array | undefined,
  parts: ReadonlyArray<Uint8Array>,
  durability: Durability,
  done: Done<void>,
  exclusive: Entry["exclusive"]
): Entry => ({ batch, parts, durability, done, exclusive, position: 0, isSettled: false, error: undefined })
