/**
 * AdapterPort: an engine made of a foreign store. The packages run calls in threads, in an order of their own; here writes go to
 * the store one group at a time, in the order of their submission, so that batches take effect in it. While a group is under
 * way all reads go to a view from before: nothing shows that is not durable, and no snapshot sees half.
 *
 * Every completion comes through the node's timers: a node that has ended hears nothing any more, and submits nothing any more.
 */
import * as Limits from "#base/Limits.ts"
import type { DiskOperation } from "#world/WorldError.ts"
import { Batch } from "../Batch.ts"
import * as Engine from "../Engine.ts"
import { compare } from "../Keys.ts"
import type { Deferral } from "../memory/Deferral.ts"
import { Refused, type StorageError, type Stopped } from "../StorageError.ts"
import { AdapterCursor } from "./AdapterCursor.ts"
import * as Failure from "./Failure.ts"
import type { Foreign } from "./Foreign.ts"
import { Views } from "./Views.ts"

/** Bytes of batches that go to a store as one write, when so many wait. */
const groupBytesMax = 4 * 1_048_576

/** Bytes of an ingested source, or of a checkpoint, in one batch. */
export const partBytes = 1_048_576

interface Write {
  readonly batches: ReadonlyArray<Batch>
  readonly sizeBytes: number
  readonly userBytes: number
  readonly durability: Engine.Durability
  readonly done: Engine.Done<void>
}

/** What waits for the writes before it. */
interface Barrier {
  readonly run: () => Promise<void>
  readonly done: Engine.Done<void>
}

export interface Parts<View> {
  readonly foreign: Foreign<View>
  /** Of the store, for messages. */
  readonly path: string
  readonly deferral: Deferral
  /** Writes the entries of a view as a store of its own. */
  readonly copy: (foreign: Foreign<View>, view: View, directory: string) => Promise<void>
}

const refused = (reason: Refused["reason"], message: string): Refused => new Refused({ reason, message })

const closedError = (): Refused => refused("closed", "the engine was closed: open it again")

const releasedError = (): Refused => refused("snapshot-released", "the snapshot was released: take a new one")

/** Bytes of keys and values, and the longest key. */
class Measure {
  userBytes = 0
  keyBytesMax = 0

  put(_: Uint8Array, keyFrom: number, keyTo: number, valueTo: number): void {
    this.userBytes += valueTo - keyFrom
    this.see(keyTo - keyFrom)
  }
  delete(_: Uint8Array, keyFrom: number, keyTo: number): void {
    this.userBytes += keyTo - keyFrom
    this.see(keyTo - keyFrom)
  }
  deleteRange(_: Uint8Array, fromFrom: number, fromTo: number, toTo: number): void {
    this.userBytes += toTo - fromFrom
    this.see(fromTo - fromFrom)
    this.see(toTo - fromTo)
  }

  private see(keyBytes: number): void {
    if (keyBytes > this.keyBytesMax) this.keyBytesMax = keyBytes
  }
}

export class AdapterPort<View> implements Engine.Port {
  private readonly parts: Parts<View>
  private readonly views: Views<View>
  private readonly writes: Array<Write | Barrier> = []
  private readonly cursors = new Set<AdapterCursor>()
  private waitingBytes = 0
  private userBytes = 0
  private batches = 0
  /** Foreign calls under way. */
  private calls = 0
  private isWriting = false
  private stopped: Stopped | undefined
  private isClosed = false
  private whenIdle: (() => void) | undefined

  constructor(parts: Parts<View>) {
    this.parts = parts
    this.views = new Views(parts.foreign)
  }

  get(key: Uint8Array, at?: Engine.Snapshot): Uint8Array | undefined | Engine.Elsewhere {
    const { foreign } = this.parts
    const taken = at === undefined ? undefined : this.views.taken(at)
    if (foreign.get === undefined || this.isClosed || taken?.isReleased === true) return Engine.elsewhere
    if (key.length > foreign.keyBytesMax) return undefined
    try {
      return foreign.get(key, taken === undefined ? this.views.current : taken.held.view)
    } catch {
      // `fetch` meets it again, and can say so.
      return Engine.elsewhere
    }
  }

  fetch(key: Uint8Array, at: Engine.Snapshot | undefined, done: Engine.Done<Uint8Array | undefined>): void {
    if (this.isClosed) return this.answer(done, closedError())
    const held = this.views.holdAt(at)
    if (held === undefined) return this.answer(done, releasedError())
    if (key.length > this.parts.foreign.keyBytesMax) {
      this.views.drop(held)
      return this.answer(done, undefined)
    }
    this.run(
      "read",
      () => this.parts.foreign.fetch(key, held.view),
      (error, value) => {
        this.views.drop(held)
        done(error, value)
      }
    )
  }

  scan({ at, bounds = {}, reverse = false }: Engine.ScanOptions): Engine.Cursor {
    const held = this.isClosed ? undefined : this.views.holdAt(at)
    const cursor: AdapterCursor = new AdapterCursor({
      foreign: held && this.parts.foreign.scan(held.view, bounds, reverse),
      refused: held === undefined ? (this.isClosed ? closedError() : releasedError()) : undefined,
      run: (call, done) => this.run("read", call, done),
      defer: (answer) => this.parts.deferral.defer(answer),
      closed: () => {
        this.cursors.delete(cursor)
        this.views.drop(held!)
      }
    })
    if (held !== undefined) this.cursors.add(cursor)
    return cursor
  }

  snapshot(): Engine.Snapshot {
    return this.views.snapshot()
  }

  write(batch: Batch, durability: Engine.Durability, done: Engine.Done<void>): void {
    const measure = new Measure()
    if (batch.refused === undefined) batch.forEach(measure)
    const refusal = batch.refused ?? this.refusal(measure.keyBytesMax, batch.sizeBytes)
    if (refusal !== undefined) return this.answer(done, refusal)
    const { userBytes } = measure
    this.submit({ batches: [batch], sizeBytes: batch.sizeBytes, userBytes, durability, done })
  }

  sync(done: Engine.Done<void>): void {
    if (this.isClosed) return this.answer(done, closedError())
    this.submit({ batches: [], sizeBytes: 0, userBytes: 0, durability: "synced", done })
  }

  flush(done: Engine.Done<void>): void {
    this.barrier(() => this.parts.foreign.flush(), done)
  }

  compact(done: Engine.Done<void>): void {
    this.barrier(() => this.parts.foreign.compact(), done)
  }

  checkpoint(directory: string, done: Engine.Done<void>): void {
    if (this.isClosed) return this.answer(done, closedError())
    const held = this.views.hold()
    const { copy, foreign } = this.parts
    this.run(
      "write",
      () => copy(foreign, held.view, directory),
      (error) => {
        this.views.drop(held)
        done(error, undefined)
      }
    )
  }

  /** The whole source is in memory until it is written: the packages know no larger unit than a batch. */
  ingest(source: Engine.Source, done: Engine.Done<void>): void {
    const batches: Array<Batch> = []
    let last: Uint8Array | undefined
    let [batch, sizeBytes, userBytes] = [new Batch(), 0, 0]
    while (source.next()) {
      const [key, value] = [source.key(), source.value()]
      if (last !== undefined && compare(last, key) >= 0) {
        return this.answer(done, refused("not-sorted", "an ingested key is not above the one before it"))
      }
      last = key.slice()
      if (batch.put(key, value).refused !== undefined) return this.answer(done, batch.refused)
      const refusal = this.refusal(key.length, 0)
      if (refusal !== undefined) return this.answer(done, refusal)
      userBytes += key.length + value.length
      if (batch.sizeBytes < partBytes) continue
      batches.push(batch)
      sizeBytes += batch.sizeBytes
      batch = new Batch()
    }
    if (batch.count > 0) batches.push(batch)
    this.submit({ batches, sizeBytes: sizeBytes + batch.sizeBytes, userBytes, durability: "synced", done })
  }

  verify(_: number, done: Engine.Done<Engine.Verified | undefined>): void {
    this.answer(done, refused("not-supported", "the package has no call that verifies its files"))
  }

  stats(): Engine.Stats {
    const { foreign } = this.parts
    const sizes = foreign.sizes()
    const details = { ...sizes.details, views: this.views.count, cursors: this.cursors.size }
    return { ...sizes, userBytes: this.userBytes, batches: this.batches, details }
  }

  /** Writes what waits, ends what reads, and then closes the store. */
  close(done: () => void): void {
    this.isClosed = true
    for (const cursor of this.cursors) cursor.close()
    const end = (): void => {
      this.views.close()
      this.run("write", () => this.parts.foreign.close(), done)
    }
    this.whenIdle = () => {
      if (this.stopped !== undefined) return end()
      this.submit({ batches: [], sizeBytes: 0, userBytes: 0, durability: "synced", done: () => {} })
      this.whenIdle = end
    }
    this.rest()
  }

  private refusal(keyBytes: number, sizeBytes: number): Refused | undefined {
    const { keyBytesMax } = this.parts.foreign
    if (this.isClosed) return closedError()
    if (keyBytes > keyBytesMax) {
      return refused("key-too-large", `a key of this engine has at most ${keyBytesMax} bytes, this one ${keyBytes}`)
    }
    return this.waitingBytes + sizeBytes > Limits.writesWaitingBytesMax
      ? refused("overloaded", "too many bytes wait to be written: try again when some have completed")
      : undefined
  }

  private submit(write: Write): void {
    this.waitingBytes += write.sizeBytes
    this.writes.push(write)
    this.pump()
  }

  private barrier(run: () => Promise<void>, done: Engine.Done<void>): void {
    if (this.isClosed) return this.answer(done, closedError())
    this.writes.push({ run, done })
    this.pump()
  }

  /** Begins what is next, unless something is under way. */
  private pump(): void {
    while (!this.isWriting && this.writes.length > 0) {
      if (this.stopped !== undefined) this.fail(this.writes.shift()!, this.stopped)
      else if ("run" in this.writes[0]) this.pass(this.writes.shift() as Barrier)
      else this.commit(this.nextGroup())
    }
    this.rest()
  }

  private fail(waiting: Write | Barrier, error: Stopped): void {
    if ("sizeBytes" in waiting) this.waitingBytes -= waiting.sizeBytes
    this.answer(waiting.done, error)
  }

  private pass({ done, run }: Barrier): void {
    this.isWriting = true
    this.run("write", run, (error) => {
      this.isWriting = false
      done(error, undefined)
      this.pump()
    })
  }

  private nextGroup(): ReadonlyArray<Write> {
    const group: Array<Write> = []
    let bytes = 0
    for (let next = this.writes[0]; next !== undefined && !("run" in next); next = this.writes[0]) {
      if (group.length > 0 && bytes + next.sizeBytes > groupBytesMax) break
      bytes += next.sizeBytes
      group.push(next)
      this.writes.shift()
    }
    return group
  }

  private commit(group: ReadonlyArray<Write>): void {
    const { foreign, path } = this.parts
    const batches = group.flatMap((write) => write.batches)
    const synced = group.some((write) => write.durability === "synced")
    const before = this.views.pin()
    this.isWriting = true
    this.run(
      "write",
      () => foreign.write(batches, synced, before),
      (error) => {
        if (error !== undefined) this.stopped ??= Failure.ofWrite(error, path)
        this.isWriting = false
        // After a failure nobody knows what was committed: what was visible stays.
        if (error === undefined) this.views.unpin()
        for (const { done, sizeBytes, userBytes, batches } of group) {
          this.waitingBytes -= sizeBytes
          if (error === undefined) {
            this.userBytes += userBytes
            if (userBytes > 0) this.batches += batches.length
          }
          done(this.stopped, undefined)
        }
        this.pump()
      }
    )
  }

  /** Makes a foreign call, and hands over how it ends in a turn of the node. */
  private run<A>(operation: DiskOperation, call: () => Promise<A>, done: Engine.Done<A | undefined>): void {
    this.calls++
    void this.settle(operation, call, done)
  }

  private async settle<A>(
    operation: DiskOperation,
    call: () => Promise<A>,
    done: Engine.Done<A | undefined>
  ): Promise<void> {
    let value: A | undefined
    let error: StorageError | undefined
    try {
      value = await call()
    } catch (cause) {
      error = Failure.ofRead(cause, operation, this.parts.path)
    }
    this.end(done, error, value)
  }

  private answer<A>(done: Engine.Done<A | undefined>, error: StorageError | undefined): void {
    this.calls++
    this.end(done, error, undefined)
  }

  private end<A>(done: Engine.Done<A | undefined>, error: StorageError | undefined, value: A | undefined): void {
    this.parts.deferral.defer(() => {
      this.calls--
      done(error, value)
      this.rest()
    })
  }

  /** Goes on with closing when nothing is under way any more. */
  private rest(): void {
    if (this.whenIdle === undefined || this.calls > 0 || this.isWriting || this.writes.length > 0) return
    const { whenIdle } = this
    this.whenIdle = undefined
    whenIdle()
  }
}
