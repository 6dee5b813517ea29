/**
 * LsmPort: the calls of an LSM engine. Reads that need no disk are answered in the call; what else can be said at once is said after
 * it, by `Deferral`.
 */
import * as Effect from "effect/Effect"
import { Disk } from "#world/Disk.ts"
import type { Batch } from "../Batch.ts"
import * as Engine from "../Engine.ts"
import type { Deferral } from "../memory/Deferral.ts"
import type { Jobs } from "../memory/Jobs.ts"
import { Refused, type StorageError } from "../StorageError.ts"
import * as Copying from "./Copying.ts"
import * as Ingesting from "./Ingesting.ts"
import { Held, Lookup, type View } from "./Lookup.ts"
import { LsmCursor } from "./LsmCursor.ts"
import type { Maintenance } from "./Maintenance.ts"
import { closed, type Store } from "./Store.ts"
import * as Stats from "./Stats.ts"
import * as Verifying from "./Verifying.ts"
import type { Writing } from "./Writing.ts"

export interface PortParts {
  readonly store: Store
  readonly writing: Writing
  readonly maintenance: Maintenance
  readonly deferral: Deferral
  /** Ingestions, one after the other. */
  readonly ingestions: Jobs
  /** Checkpoints and steps of verification. */
  readonly jobs: Jobs
}

const released = new Refused({ reason: "snapshot-released", message: "the snapshot was released: take another" })

class LsmSnapshot implements Engine.Snapshot {
  readonly sequence: number
  isReleased = false
  private readonly store: Store

  constructor(store: Store, sequence: number) {
    this.store = store
    this.sequence = sequence
    store.parts.snapshots.take(sequence)
  }

  release(): void {
    if (this.isReleased) return
    this.isReleased = true
    this.store.parts.snapshots.release(this.sequence)
  }
}

/** A cursor of a snapshot that was released. */
class NoCursor implements Engine.Cursor {
  private readonly deferral: Deferral

  constructor(deferral: Deferral) {
    this.deferral = deferral
  }

  next(): Engine.Step {
    return "wait"
  }
  key(): Uint8Array {
    return new Uint8Array(0)
  }
  value(): Uint8Array {
    return new Uint8Array(0)
  }
  fill(done: Engine.Done<void>): void {
    this.deferral.defer(() => done(released, undefined))
  }
  close(): void {}
}

export class LsmPort implements Engine.Port {
  private readonly parts: PortParts
  private readonly lookup = new Lookup()

  constructor(parts: PortParts) {
    this.parts = parts
  }

  get(key: Uint8Array, at?: Engine.Snapshot): Uint8Array | undefined | Engine.Elsewhere {
    const { store } = this.parts
    if (at === undefined) return this.lookup.get(store.view, key, store.visible)
    const snapshot = at as LsmSnapshot
    return snapshot.isReleased ? Engine.elsewhere : this.lookup.get(store.view, key, snapshot.sequence)
  }

  fetch(key: Uint8Array, at: Engine.Snapshot | undefined, done: Engine.Done<Uint8Array | undefined>): void {
    const { deferral, store } = this.parts
    const snapshot = at as LsmSnapshot | undefined
    if (snapshot?.isReleased === true) return deferral.defer(() => done(released, undefined))
    const sequence = snapshot?.sequence ?? store.visible
    const value = this.lookup.get(store.view, key, sequence)
    if (value !== Engine.elsewhere) deferral.defer(() => done(undefined, value))
    else this.find(key, sequence, done)
  }

  scan(options: Engine.ScanOptions): Engine.Cursor {
    const { deferral, store } = this.parts
    const at = options.at as LsmSnapshot | undefined
    if (at?.isReleased === true) return new NoCursor(deferral)
    const { blockBytes, readAheadBytes } = store.parts.options
    const snapshot = new LsmSnapshot(store, at?.sequence ?? store.visible)
    const { release, view } = this.hold()
    return new LsmCursor({
      view,
      at: snapshot.sequence,
      bounds: options.bounds ?? {},
      reverse: options.reverse ?? false,
      blocksMax: Math.max(1, Math.floor(readAheadBytes / blockBytes)),
      readAheadBytes,
      closed: () => {
        snapshot.release()
        release()
      }
    })
  }

  snapshot(): Engine.Snapshot {
    const { store } = this.parts
    return new LsmSnapshot(store, store.visible)
  }

  write(batch: Batch, durability: Engine.Durability, done: Engine.Done<void>): void {
    this.parts.writing.write(batch, durability, done)
  }

  sync(done: Engine.Done<void>): void {
    this.parts.writing.sync(done)
  }

  flush(done: Engine.Done<void>): void {
    const { maintenance, writing } = this.parts
    writing.sync((error) => (error === undefined ? maintenance.flush(done) : done(error, undefined)))
  }

  compact(done: Engine.Done<void>): void {
    const { maintenance } = this.parts
    this.flush((error) => (error === undefined ? maintenance.compact(done) : done(error, undefined)))
  }

  checkpoint(directory: string, done: Engine.Done<void>): void {
    const { deferral, maintenance, store } = this.parts
    const { end } = store
    if (end !== undefined) return deferral.defer(() => done(end, undefined))
    const { memtables } = store.parts
    const copy: Engine.Done<void> = (error) => {
      if (error !== undefined) done(error, undefined)
      else this.copy(directory, done)
    }
    // Frozen now, they hold what shows now; when they are in tables, the tables do.
    if (memtables.isEmpty && memtables.frozen.length === 0) copy(undefined, undefined)
    else maintenance.flush(copy)
  }

  ingest(source: Engine.Source, done: Engine.Done<void>): void {
    const { ingestions, maintenance, store, writing } = this.parts
    writing.exclusively((finish) => {
      const answer = (error: StorageError | undefined): void => {
        finish()
        done(error, undefined)
      }
      ingestions.post({
        run: Effect.match(Ingesting.ingest(store, maintenance, source), {
          onFailure: answer,
          onSuccess: () => answer(undefined)
        }),
        cancel: () => answer(closed)
      })
    }, done)
  }

  verify(position: number, done: Engine.Done<Engine.Verified | undefined>): void {
    const { deferral, store } = this.parts
    if (position === 0) return this.post<Engine.Verified | undefined>(Verifying.verifyManifest(store), done)
    const verified = Verifying.verifyTable(store, position, done)
    if (verified !== undefined) deferral.defer(() => done(undefined, verified))
  }

  stats(): Engine.Stats {
    return Stats.of(this.parts.store, this.parts.writing)
  }

  /** Takes nothing more, and calls `done` when everything is answered. */
  close(done: () => void): void {
    const { ingestions, jobs, maintenance, store, writing } = this.parts
    store.isClosed = true
    writing.close()
    ingestions.close()
    jobs.close()
    maintenance.close(store.end!)
    writing.writes.whenIdle(done)
  }

  /** Goes on looking where the disk has to be asked. */
  private find(key: Uint8Array, sequence: number, done: Engine.Done<Uint8Array | undefined>): void {
    const snapshot = new LsmSnapshot(this.parts.store, sequence)
    const { release, view } = this.hold()
    const held = new Held()
    const end: Engine.Done<Uint8Array | undefined> = (error, value) => {
      snapshot.release()
      release()
      done(error, value)
    }
    const look = (error: StorageError | undefined): void => {
      if (error !== undefined) return end(error, undefined)
      const value = this.lookup.get(view, key, sequence, held)
      if (value === Engine.elsewhere) held.load(this.lookup.missing!, look)
      else end(undefined, value)
    }
    look(undefined)
  }

  /** What there is now, its files held until `release`. */
  private hold(): { readonly view: View; readonly release: () => void } {
    const { store } = this.parts
    const { tables } = store.parts
    const version = tables.hold()
    return { view: store.view, release: () => tables.release(version) }
  }

  private copy(directory: string, done: Engine.Done<void>): void {
    const { store } = this.parts
    const { disk, manifest, options, tables } = store.parts
    const held = tables.hold()
    const { contents } = manifest
    const state = { ...contents.state, nextNumber: store.parts.numbers.next }
    const copying = Copying.copy(options.directory, directory, { version: held.version, state })
    this.post(
      Effect.ensuring(
        Effect.provideService(copying, Disk, disk),
        Effect.sync(() => tables.release(held))
      ),
      done
    )
  }

  private post<A>(effect: Effect.Effect<A, StorageError>, done: Engine.Done<A>): void {
    const fail = (error: StorageError): void => done(error, undefined as A)
    this.parts.jobs.post({
      run: Effect.match(effect, { onFailure: fail, onSuccess: (value) => done(undefined, value) }),
      cancel: () => this.parts.deferral.defer(() => fail(closed))
    })
  }
}
