/**
 * Trail: how a state machine's copy in an engine follows it. Batches are written buffered, in the order in which they were added, each as of one
 * entry; `durable` moves when a sync of the engine, asked for after so many entries or bytes, has completed. A refused batch stays the
 * first of those to be written. Nobody waits for a sync: of one that failed a flush tells, which `needsFlush` asks for.
 */
import { assert } from "#base/Assert.ts"
import { Batch } from "#storage/Batch.ts"
import type * as Engine from "#storage/Engine.ts"
import type { StorageError } from "#storage/StorageError.ts"
import type { Applied } from "./StateMachine.ts"

export interface Bounds {
  /** Entries, or bytes of batches, after which `durable` has to follow. */
  readonly syncEntries: number
  readonly syncBytes: number
}

export const bounds: Bounds = { syncEntries: 1_024, syncBytes: 1_048_576 }

/** Of a batch whose memory is used again: more than most need. */
const spareBytesMax = 2_097_152

interface Added {
  readonly batch: Batch
  readonly applied: Applied
}

export class Trail {
  private readonly port: Engine.Port
  private readonly bounds: Bounds
  /** Not written yet, in their order. */
  private added: Array<Added> = []
  /** Written, and empty again. */
  private spare: Batch | undefined
  private waiting: Array<{ readonly upTo: number; readonly done: Engine.Done<void> }> = []
  private isWriting = false
  private isSyncing = false
  private unsyncedBytes = 0
  /** A sync has failed, and nothing was written since: the next flush asks for another one, or tells why there is none. */
  needsFlush = false
  /** What the engine shows. */
  written: Applied
  durable: Applied
  /** Restores so far: what was under way before one says nothing of what follows. */
  private generation = 0

  constructor(port: Engine.Port, bounds: Bounds, applied: Applied) {
    this.port = port
    this.bounds = bounds
    this.written = applied
    this.durable = applied
  }

  /** As of this entry something is added already, or written. */
  has(applied: Applied): boolean {
    return (this.added.at(-1)?.applied ?? this.written) === applied
  }

  get isEmpty(): boolean {
    return this.added.length === 0
  }

  get isIdle(): boolean {
    return !this.isWriting && this.waiting.length === 0
  }

  /** An empty batch, in memory that was used before where there is some: what is new keeps the garbage collector busy. */
  begin(): Batch {
    const batch = this.spare ?? new Batch()
    this.spare = undefined
    return batch
  }

  add(batch: Batch, applied: Applied): void {
    this.added.push({ batch, applied })
  }

  /** Writes what was added; done when the engine shows everything up to the last of it. */
  flush(done: Engine.Done<void>): void {
    assert(this.added.length > 0, "there is a batch, and so an answer that comes later")
    this.waiting.push({ upTo: this.added.at(-1)!.applied.index, done })
    if (!this.isWriting) this.write()
  }

  /** What was added and is not under way to the engine is not to get there any more. */
  silence(): void {
    this.added = this.added.map(({ applied }) => ({ batch: new Batch(), applied }))
  }

  /** Another state took the place of the one that was followed, and the engine has it durably. */
  replaced(applied: Applied): void {
    assert(this.isIdle, "a snapshot is restored while nothing else is under way")
    this.generation++
    this.added = []
    this.unsyncedBytes = 0
    this.needsFlush = false
    this.written = applied
    this.durable = applied
  }

  private write(): void {
    const [next] = this.added
    const { generation } = this
    this.isWriting = true
    this.port.write(next.batch, "buffered", (error) => {
      this.isWriting = false
      assert(generation === this.generation, "a snapshot is restored while nothing else is under way")
      if (error !== undefined) return this.answer(this.waiting.splice(0), error)
      this.added.shift()
      this.written = next.applied
      this.unsyncedBytes += next.batch.sizeBytes
      this.needsFlush = false
      if (next.batch.roomBytes <= spareBytesMax) this.spare = next.batch.clear()
      this.sync()
      const { index } = next.applied
      const answered = this.waiting.filter(({ upTo }) => upTo <= index)
      this.waiting = this.waiting.filter(({ upTo }) => upTo > index)
      if (this.waiting.length > 0) this.write()
      this.answer(answered, undefined)
    })
  }

  private answer(waiting: ReadonlyArray<{ readonly done: Engine.Done<void> }>, error: StorageError | undefined): void {
    for (const { done } of waiting) done(error, undefined)
  }

  private sync(): void {
    const { bounds, durable, generation, unsyncedBytes, written } = this
    const isDue = written.index - durable.index >= bounds.syncEntries || unsyncedBytes >= bounds.syncBytes
    if (this.isSyncing || !isDue) return
    this.isSyncing = true
    this.port.sync((error) => {
      this.isSyncing = false
      if (generation !== this.generation) return
      if (error !== undefined) {
        this.needsFlush = true
        return
      }
      this.unsyncedBytes -= unsyncedBytes
      this.durable = written
      this.sync()
    })
  }
}
