/** BtreePort: the engine's port: reads from the tree that is visible or from a snapshot's, everything else for those who do it. */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import type { Buggify } from "#world/Buggify.ts"
import type { Trace } from "#world/Trace.ts"
import type { Batch } from "../Batch.ts"
import * as Engine from "../Engine.ts"
import { Corrupt, Refused, type StorageError } from "../StorageError.ts"
import * as Copying from "./Copying.ts"
import type * as Meta from "./Meta.ts"
import * as Node from "./Node.ts"
import * as Opening from "./Opening.ts"
import { SourceOperations } from "./Operations.ts"
import type { Settings } from "./Options.ts"
import { valueOf, type Page } from "./Page.ts"
import type { Failure } from "./PageFile.ts"
import { kinds, type Reference } from "./PageFormat.ts"
import type { State, Store } from "./Store.ts"
import { TreeCursor, type Reading } from "./TreeCursor.ts"
import { Verifying } from "./Verifying.ts"
import { Writer } from "./Writer.ts"

export interface PortOptions {
  readonly store: Store
  readonly place: Opening.Place
  readonly settings: Settings
  readonly trace: Trace["Service"]
  readonly buggify: Buggify
  readonly later: (call: () => void) => void
}

const releasedRefusal = new Refused({
  reason: "snapshot-released",
  message: "the snapshot was released: take a new one"
})
const closedRefusal = new Refused({ reason: "closed", message: "the engine is closed: open it again" })

/** Snapshots, and as many cursors and reads under way. */
const readersMax = 2 * Limits.snapshotsMax

/** Somebody who looks at the tree of one transaction, and keeps its pages until released. */
class Reader implements Reading, Engine.Snapshot {
  readonly store: Store
  readonly state: State
  refusal: Refused | undefined

  constructor(store: Store, state: State) {
    this.store = store
    this.state = state
    assert(store.readers.count < readersMax, "snapshots and cursors are released: less than the limit are open")
    store.readers.add(state.txn)
  }

  release(): void {
    if (this.refusal !== undefined) return
    this.refusal = releasedRefusal
    this.store.readers.remove(this.state.txn)
    this.store.unused()
  }
}

export class BtreePort implements Engine.Port {
  private store: Store
  private readonly options: PortOptions
  private readonly writer: Writer
  private readonly verifying: Verifying
  private closed = false
  /** Of files that were compacted away. */
  private writtenBytesBefore = 0

  constructor(options: PortOptions) {
    const { buggify, later, settings, store, trace } = options
    this.options = options
    this.store = store
    this.writer = new Writer(store, {
      dirtyBytesMax: settings.dirtyBytesMax,
      buggify,
      later,
      mark: (name) => trace.mark(name),
      stopped: (error) => trace.emit("warn", "storage/stopped", { path: store.file.path, message: error.message })
    })
    this.verifying = new Verifying(later)
  }

  get meta(): Meta.Meta {
    return this.store.meta
  }

  get metasRepaired(): number {
    return this.store.metasRepaired
  }

  get(key: Uint8Array, at?: Engine.Snapshot): Uint8Array | undefined | Engine.Elsewhere {
    let { store } = this
    let { state } = store
    if (at !== undefined) {
      const reader = at as Reader
      if (reader.refusal !== undefined) return Engine.elsewhere
      state = reader.state
      store = reader.store
    }
    if (this.closed) return Engine.elsewhere
    const { cache } = store
    let page = state.root
    while (page.level > 0) {
      const { bytes } = page
      const index = Node.childFor(bytes, key, 0, key.length)
      const child = page.children?.[index] ?? cache.get(bytes, Node.payloadAt(bytes, Node.entryAt(bytes, index)))
      if (child === undefined) return Engine.elsewhere
      page = child
    }
    const { bytes } = page
    const index = Node.search(bytes, key, 0, key.length, 0)
    if (index < 0) return undefined
    const entry = Node.entryAt(bytes, index)
    const mark = Node.markAt(bytes, entry)
    const value = Node.payloadAt(bytes, entry)
    if (mark !== Node.largeMark) {
      page.isLent = true
      return bytes.subarray(value, value + mark)
    }
    const large = page.children?.[index] ?? cache.get(bytes, value)
    return large === undefined ? Engine.elsewhere : valueOf(large)
  }

  fetch(key: Uint8Array, at: Engine.Snapshot | undefined, done: Engine.Done<Uint8Array | undefined>): void {
    const { later } = this.options
    const reader = at as Reader | undefined
    const refusal = this.closed ? closedRefusal : reader?.refusal
    if (refusal !== undefined) return later(() => done(refusal, undefined))
    const own = reader === undefined ? new Reader(this.store, this.store.state) : undefined
    const { state, store } = reader ?? own!
    let inCall = true
    const end = (error: StorageError | undefined, value: Uint8Array | undefined): void => {
      own?.release()
      if (inCall) later(() => done(error, value))
      else done(error, value)
    }
    const answer = (page: Page): void => {
      let found = page
      while (found.level > 0) {
        const index = Node.childFor(found.bytes, key, 0, key.length)
        const entry = Node.entryAt(found.bytes, index)
        const child = found.children?.[index] ?? store.cache.get(found.bytes, Node.payloadAt(found.bytes, entry))
        if (child === undefined) return bring(Node.childReference(found.bytes, index), kinds.node)
        found = child
      }
      const index = Node.search(found.bytes, key, 0, key.length, 0)
      if (index < 0) return end(undefined, undefined)
      const entry = Node.entryAt(found.bytes, index)
      const mark = Node.markAt(found.bytes, entry)
      const at = Node.payloadAt(found.bytes, entry)
      if (mark !== Node.largeMark) {
        found.isLent = true
        return end(undefined, found.bytes.subarray(at, at + mark))
      }
      const large = found.children?.[index] ?? store.cache.get(found.bytes, at)
      if (large !== undefined) return end(undefined, valueOf(large))
      bring(Node.largeReference(found.bytes, entry, store.pageBytes), kinds.value)
    }
    const bring = (reference: Reference, kind: number): void => {
      store.load(reference, kind, (error, page) => {
        if (error !== undefined) return end(this.reported(error), undefined)
        if (kind === kinds.value) end(undefined, valueOf(page!))
        else answer(page!)
      })
    }
    answer(state.root)
    inCall = false
  }

  private reported(error: Failure): Failure {
    if (error instanceof Corrupt) {
      const { message, offsetBytes, path } = error
      this.options.trace.emit("warn", "storage/corrupt", { path, offsetBytes, message })
    }
    return error
  }

  scan({ at, bounds = {}, reverse = false }: Engine.ScanOptions): Engine.Cursor {
    const snapshot = at as Reader | undefined
    const store = snapshot?.store ?? this.store
    const state = snapshot?.state ?? store.state
    // A reader of its own: the snapshot may be released before the cursor is closed.
    const reader = new Reader(store, state)
    if (this.closed) reader.refusal = closedRefusal
    else if (snapshot?.refusal !== undefined) reader.refusal = snapshot.refusal
    return new TreeCursor({
      reading: reader,
      bounds,
      reverse,
      close: () => reader.release(),
      later: this.options.later
    })
  }

  snapshot(): Engine.Snapshot {
    return new Reader(this.store, this.store.state)
  }

  write(batch: Batch, durability: Engine.Durability, done: Engine.Done<void>): void {
    this.writer.write(batch, durability, done)
  }

  sync(done: Engine.Done<void>): void {
    this.writer.sync(done)
  }

  flush(done: Engine.Done<void>): void {
    this.writer.sync(done)
  }

  ingest(source: Engine.Source, done: Engine.Done<void>): void {
    this.writer.ingest(new SourceOperations(source), done)
  }

  /** What a copy of a tree may have in memory beside it. */
  private copySizes(): Opening.Sizes & { readonly dirtyBytesMax: number } {
    const { dirtyBytesMax, spareBytesMax, sparePercent, writeBytesMax } = this.options.settings
    const { pageBytes } = this.store
    const cacheBytesMax = Math.floor(dirtyBytesMax / 4)
    return {
      pageBytes,
      cacheBytesMax,
      spareBytesMax,
      sparePercent,
      writeBytesMax,
      dirtyBytesMax: Math.floor(dirtyBytesMax / 4)
    }
  }

  /** Fills a store with what is visible now. */
  private filling(): Opening.Fill {
    const { buggify, later } = this.options
    const { dirtyBytesMax } = this.copySizes()
    const cursor = this.scan({})
    return (to, done) => Copying.copy({ cursor, to, dirtyBytesMax, buggify, later }, done)
  }

  compact(done: Engine.Done<void>): void {
    this.writer.alone((finished) => {
      const { place } = this.options
      Opening.create(place, this.copySizes(), this.filling(), (error, store) => {
        if (store !== undefined) this.replace(store)
        finished(error)
      })
    }, done)
  }

  /** From now on everything happens in another file. Who reads the old one may go on. */
  private replace(store: Store): void {
    const old = this.store
    store.cache.resize(this.options.settings.cacheBytesMax)
    this.writtenBytesBefore += old.file.writtenBytes
    this.store = store
    this.writer.use(store)
    this.verifying.end()
    old.retire()
  }

  checkpoint(directory: string, done: Engine.Done<void>): void {
    const { later, place } = this.options
    if (this.closed) return later(() => done(closedRefusal))
    const target = { port: place.port, directory }
    Opening.checkpoint(target, this.copySizes(), this.filling(), (error, exists) => {
      if (exists !== undefined) {
        return done(
          new Refused({ reason: "exists", message: `${directory} holds something: choose an empty directory` })
        )
      }
      if (error?._tag === "DiskError" && error.code === "no-space") {
        return done(new Refused({ reason: "no-space", message: "the disk is full: free some space on it" }))
      }
      done(error)
    })
  }

  verify(position: number, done: Engine.Done<Engine.Verified | undefined>): void {
    if (this.closed) return this.options.later(() => done(closedRefusal, undefined))
    this.verifying.step(this.store, position, done)
  }

  stats(): Engine.Stats {
    const { store, writer } = this
    const { cache, file, space } = store
    return {
      diskBytes: file.sizeBytes,
      memoryBytes: cache.bytes + store.buffers.bytes + store.dirtyBytes + space.memoryBytes + file.memoryBytes,
      userBytes: writer.userBytes,
      writtenBytes: this.writtenBytesBefore + file.writtenBytes,
      batches: writer.batches,
      details: {
        pageBytes: store.pageBytes,
        pages: space.pageCount,
        freePages: space.freeCount,
        pendingExtents: space.pendingCount,
        cachedPages: cache.count,
        dirtyBytes: store.dirtyBytes,
        height: store.state.root.level + 1,
        commits: store.commits,
        reads: file.reads,
        readers: store.readers.count,
        waitingBytes: writer.waiting
      }
    }
  }

  /** Takes no more; what was handed in is carried out first. */
  close(done: () => void): void {
    this.closed = true
    this.writer.close(() => {
      this.verifying.end()
      this.store.retire()
      done()
    })
  }
}
