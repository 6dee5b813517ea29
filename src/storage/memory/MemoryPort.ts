/**
 * MemoryPort: the calls of a memory engine. What it can say at once is said after the call, by `Deferral`; reads are answered in
 * the call.
 */
import { assert } from "#base/Assert.ts"
import * as Effect from "effect/Effect"
import * as Completion from "#world/Completion.ts"
import { DiskError } from "#world/WorldError.ts"
import { type Batch, visit, type Visitor } from "../Batch.ts"
import * as Engine from "../Engine.ts"
import { Refused, type StorageError } from "../StorageError.ts"
import type { Content } from "./Content.ts"
import type { Deferral } from "./Deferral.ts"
import * as Ingestion from "./Ingestion.ts"
import type { Jobs } from "./Jobs.ts"
import type { Maintenance } from "./Maintenance.ts"
import { TreeCursor } from "./TreeCursor.ts"
import type { Writes } from "./Writes.ts"

export interface PortParts {
  readonly content: Content
  readonly writes: Writes
  readonly deferral: Deferral
  readonly ingestions: Jobs
  /** `undefined`: there are no files. */
  readonly maintenance: Maintenance | undefined
  readonly memoryBytesMax: number
  readonly partBytes: number
}

const released = new Refused({ reason: "snapshot-released", message: "the snapshot was released: take another" })
const crowded = new Refused({
  reason: "overloaded",
  message: "too many bytes wait to be written: try again when some have completed"
})
/** Memory that an operation takes beside its bytes: a record's header, its place in a node. */
const operationBytes = 48
/** A leaf that a put may split off, with what it takes above it. */
const splitBytes = 4_096

class MemorySnapshot implements Engine.Snapshot {
  readonly sequence: number
  isReleased = false
  private readonly content: Content

  constructor(content: Content, sequence: number) {
    this.content = content
    this.sequence = sequence
    content.snapshots.take(sequence)
  }

  release(): void {
    if (this.isReleased) return
    this.isReleased = true
    this.content.snapshots.release(this.sequence)
  }
}

class MemoryCursor implements Engine.Cursor {
  private readonly snapshot: MemorySnapshot
  private readonly cursor: TreeCursor
  private readonly deferral: Deferral

  constructor(content: Content, deferral: Deferral, { at, bounds, reverse }: Engine.ScanOptions) {
    this.deferral = deferral
    const shared = at as MemorySnapshot | undefined
    const sequence = shared?.sequence ?? content.visible
    this.snapshot = new MemorySnapshot(content, sequence)
    this.cursor = new TreeCursor(content.tree, { at: sequence, from: bounds?.from, to: bounds?.to, reverse })
    if (shared?.isReleased === true) this.snapshot.release()
  }

  next(): Engine.Step {
    if (this.snapshot.isReleased) return "wait"
    return this.cursor.next() ? "entry" : "end"
  }

  key(): Uint8Array {
    return this.cursor.key()
  }

  value(): Uint8Array {
    return this.cursor.value()
  }

  fill(done: Engine.Done<void>): void {
    this.deferral.defer(() => done(this.snapshot.isReleased ? released : undefined, undefined))
  }

  close(): void {
    this.snapshot.release()
  }
}

export class MemoryPort implements Engine.Port {
  private readonly parts: PortParts
  private batches = 0

  constructor(parts: PortParts) {
    this.parts = parts
  }

  get(key: Uint8Array, at?: Engine.Snapshot): Uint8Array | undefined | Engine.Elsewhere {
    const { content } = this.parts
    if (at === undefined) return content.get(key, content.visible)
    const snapshot = at as MemorySnapshot
    return snapshot.isReleased ? Engine.elsewhere : content.get(key, snapshot.sequence)
  }

  fetch(key: Uint8Array, at: Engine.Snapshot | undefined, done: Engine.Done<Uint8Array | undefined>): void {
    const value = this.get(key, at)
    this.parts.deferral.defer(() => (value === Engine.elsewhere ? done(released, undefined) : done(undefined, value)))
  }

  scan(options: Engine.ScanOptions): Engine.Cursor {
    return new MemoryCursor(this.parts.content, this.parts.deferral, options)
  }

  snapshot(): Engine.Snapshot {
    const { content } = this.parts
    return new MemorySnapshot(content, content.visible)
  }

  write(batch: Batch, durability: Engine.Durability, done: Engine.Done<void>): void {
    const { writes } = this.parts
    const error = writes.end ?? batch.refused ?? this.crowding(batch)
    if (error !== undefined) this.refuse(error, done)
    else writes.write(batch.encoded(), durability, done)
  }

  sync(done: Engine.Done<void>): void {
    const { writes } = this.parts
    if (writes.end !== undefined) this.refuse(writes.end, done)
    else writes.sync(done)
  }

  flush(done: Engine.Done<void>): void {
    const { maintenance, writes } = this.parts
    if (writes.end !== undefined) this.refuse(writes.end, done)
    else if (maintenance === undefined) writes.sync(done)
    else maintenance.flush(done)
  }

  /** A checkpoint holds nothing but live entries. */
  compact(done: Engine.Done<void>): void {
    this.flush(done)
  }

  checkpoint(directory: string, done: Engine.Done<void>): void {
    const { maintenance, writes } = this.parts
    if (maintenance !== undefined) maintenance.copyTo(directory, done)
    else this.refuse(writes.end ?? noDisk(directory), done)
  }

  ingest(source: Engine.Source, done: Engine.Done<void>): void {
    const { ingestions, writes } = this.parts
    if (writes.end !== undefined) return this.refuse(writes.end, done)
    writes.exclusively((finish) => {
      const answer: Engine.Done<void> = (error) => {
        finish()
        done(error, undefined)
      }
      ingestions.post({
        run: Effect.match(this.ingested(source), {
          onFailure: (error) => answer(error, undefined),
          onSuccess: () => answer(undefined, undefined)
        }),
        cancel: () => answer(writes.end, undefined)
      })
    }, done)
  }

  verify(position: number, done: Engine.Done<Engine.Verified | undefined>): void {
    const { deferral, maintenance } = this.parts
    if (maintenance !== undefined) maintenance.verify(position, done)
    else deferral.defer(() => done(undefined, { position: 0, bytesRead: 0, rot: [] }))
  }

  stats(): Engine.Stats {
    const { content, maintenance, writes } = this.parts
    const { arena } = content.tree
    return {
      diskBytes: maintenance?.diskBytes ?? 0,
      memoryBytes: content.tree.memoryBytes,
      userBytes: content.userBytes,
      writtenBytes: maintenance?.writtenBytes ?? 0,
      batches: this.batches,
      details: {
        keys: content.tree.count,
        snapshots: content.snapshots.count,
        staleBytes: content.tree.staleBytes,
        garbageBytes: arena.garbageBytes,
        housekeepingSteps: content.housekeeping.count,
        checkpoints: maintenance?.checkpoints ?? 0,
        waitingBytes: writes.waitingBytes
      }
    }
  }

  /** The log has the batch. */
  apply(batch: Uint8Array): void {
    const { content, maintenance } = this.parts
    const isWhole = content.apply(batch, 0, batch.length)
    assert(isWhole, "a batch reads as it was written")
    this.batches++
    maintenance?.logged(batch.length)
  }

  /** Takes nothing more, and calls `done` when everything is answered. */
  close(done: () => void): void {
    const { ingestions, maintenance, writes } = this.parts
    writes.close()
    ingestions.close()
    maintenance?.close()
    writes.whenIdle(done)
  }

  private refuse(error: StorageError, done: Engine.Done<void>): void {
    this.parts.deferral.defer(() => done(error, undefined))
  }

  /** Why there is no room for a batch. One that only deletes makes room. */
  private crowding(batch: Batch): Refused | undefined {
    const { content, writes } = this.parts
    if (!writes.hasRoomFor(batch.sizeBytes)) return crowded
    const addedBytes = writes.waitingBytes + batch.sizeBytes + batch.count * operationBytes
    if (this.holds(addedBytes) || !hasPut(batch)) return undefined
    content.housekeeping.hurry()
    return this.holds(addedBytes) ? undefined : this.full()
  }

  /** So many bytes more are within the budget, with the slabs that they and what is moved may begin, and a split. */
  private holds(addedBytes: number): boolean {
    const { content, memoryBytesMax } = this.parts
    const { arena, memoryBytes } = content.tree
    return memoryBytes + addedBytes + 2 * arena.nextSlabBytes + splitBytes <= memoryBytesMax
  }

  private full(): Refused {
    const { memoryBytesMax } = this.parts
    return new Refused({
      reason: "overloaded",
      message: `the engine may hold ${memoryBytesMax} bytes in memory: delete something, or give it more`
    })
  }

  private readonly ingested = Effect.fnUntraced({ self: this }, function* (source: Engine.Source) {
    const { content, maintenance, partBytes, writes } = this.parts
    const parts = new Ingestion.Parts(source, partBytes)
    const staged: Array<Uint8Array> = []
    let stagedBytes = 0
    while (!parts.isAtEnd) {
      const part = parts.next()
      if (part instanceof Refused) return yield* part
      const { isAtEnd } = parts
      if (isAtEnd && staged.length === 0 && part.count === 0) return
      stagedBytes += part.sizeBytes + part.count * operationBytes
      if (!this.holds(stagedBytes)) return yield* this.full()
      if (writes.end !== undefined) return yield* Effect.fail(writes.end)
      const bytes = part.encoded()
      const record = isAtEnd && staged.length === 0 ? [bytes] : [Ingestion.headOf(staged.length, isAtEnd), bytes]
      yield* Completion.submit<void, StorageError>((done) =>
        writes.append(record, isAtEnd ? "synced" : "buffered", done)
      )
      staged.push(bytes)
    }
    // Nothing else is applied meanwhile, and nobody sees anything of it before the end.
    const before = new MemorySnapshot(content, content.visible)
    for (const part of staged) {
      content.applyHidden(part, 0, part.length)
      yield* Effect.yieldNow
    }
    content.visible = content.tree.sequence
    before.release()
    writes.appliedAll()
    this.batches++
    maintenance?.logged(stagedBytes)
  })
}

const hasPut = (batch: Batch): boolean => {
  let puts = 0
  const visitor: Visitor = {
    put: () => {
      puts++
    },
    delete: () => {},
    deleteRange: () => {}
  }
  const bytes = batch.encoded()
  visit(bytes, 0, bytes.length, visitor)
  return puts > 0
}

const noDisk = (path: string): DiskError =>
  new DiskError({
    code: "not-found",
    operation: "make-directory",
    path,
    message: "a volatile engine has no disk: open one with files to write checkpoints"
  })
