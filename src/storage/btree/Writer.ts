/**
 * Writer: the one that changes the tree. What callers hand in waits in a queue; all that arrived while a commit was under way is the
 * next commit.
 *
 * - A group that begins with a synced batch or a sync takes everything that waits, applies it in memory, and is one commit; readers see it
 *   when that is durable. A group that begins with a buffered batch takes the buffered ones that follow, and readers see it at once; what
 *   it changed is written with the next commit, or when it is more than half of what may be in memory.
 * - A commit that finds no room is undone, and all batches of its group are refused. Any other failure stops the writer for good:
 *   readers keep what they saw.
 */
import type { Buggify } from "#world/Buggify.ts"
import * as Limits from "#base/Limits.ts"
import type { Batch } from "../Batch.ts"
import type { Done, Durability } from "../Engine.ts"
import { Refused, Stopped, type StorageError } from "../StorageError.ts"
import type { Edit } from "./Edit.ts"
import { BatchOperations, type Operations, type SourceOperations } from "./Operations.ts"
import type { Failure } from "./PageFile.ts"
import type { State, Store } from "./Store.ts"
import { Transaction } from "./Transaction.ts"

export interface WriterOptions {
  readonly dirtyBytesMax: number
  readonly buggify: Buggify
  readonly later: (call: () => void) => void
  readonly stopped: (error: Stopped) => void
  readonly mark: (name: string) => void
}

/** Something that needs the tree for itself. It calls `done` once, later. */
export type Exclusive = (done: (error: StorageError | undefined) => void) => void

interface Item {
  readonly kind: "batch" | "sync" | "ingest" | "exclusive"
  readonly durability: Durability
  readonly batch: Batch | undefined
  readonly source: SourceOperations | undefined
  readonly exclusive: Exclusive | undefined
  readonly done: Done<void>
}

/** Batches that are looked at in advance. */
const batchesAheadMax = 64

/** Entries of a source that are put in one turn of the event loop. */
const operationsPerTurn = 4_096

export class Writer {
  batches = 0
  userBytes = 0
  private readonly options: WriterOptions
  private store: Store
  private queue: Array<Item> = []
  private head = 0
  private waitingBytes = 0
  private stop: Stopped | undefined
  private closed: Refused | undefined
  /** A group is under way. */
  private working = false
  /** Work was asked for, for the end of this turn. */
  private scheduled = false
  /** Inside a caller's call: answers have to wait. */
  private inCall = false
  /** Batches of the last group: callers who come in numbers are waited for till the end of the turn. */
  private lastGroup = 0
  private nextTxn: number
  private onIdle: (() => void) | undefined
  private readonly operations = new BatchOperations()
  private readonly ahead = new BatchOperations()

  constructor(store: Store, options: WriterOptions) {
    this.store = store
    this.options = options
    this.nextTxn = store.state.txn + 1
  }

  get waiting(): number {
    return this.waitingBytes
  }

  /** Another file takes the tree's place: for an exclusive. */
  use(store: Store): void {
    this.store = store
  }

  write(batch: Batch, durability: Durability, done: Done<void>): void {
    const refused = batch.refused ?? this.overload(batch.sizeBytes)
    if (refused !== undefined) return this.options.later(() => done(refused))
    this.waitingBytes += batch.sizeBytes
    this.submit({ kind: "batch", durability, batch, source: undefined, exclusive: undefined, done })
  }

  private overload(sizeBytes: number): Refused | undefined {
    return this.waitingBytes > 0 && this.waitingBytes + sizeBytes > Limits.writesWaitingBytesMax
      ? new Refused({ reason: "overloaded", message: "too many bytes wait to be written: wait for some of them" })
      : undefined
  }

  sync(done: Done<void>): void {
    this.submit({
      kind: "sync",
      durability: "synced",
      batch: undefined,
      source: undefined,
      exclusive: undefined,
      done
    })
  }

  ingest(source: SourceOperations, done: Done<void>): void {
    this.submit({ kind: "ingest", durability: "synced", batch: undefined, source, exclusive: undefined, done })
  }

  /** Runs when everything before it is done, and nothing behind it has begun. */
  alone(exclusive: Exclusive, done: Done<void>): void {
    this.submit({ kind: "exclusive", durability: "synced", batch: undefined, source: undefined, exclusive, done })
  }

  private submit(item: Item): void {
    const ended = this.stop ?? this.closed
    if (ended !== undefined) {
      if (item.batch !== undefined) this.waitingBytes -= item.batch.sizeBytes
      return this.options.later(() => item.done(ended))
    }
    this.queue.push(item)
    if (this.working || this.scheduled) return
    if (item.durability === "buffered" || this.lastGroup > 1 || item.kind === "exclusive") return this.schedule()
    this.inCall = true
    this.work()
    this.inCall = false
  }

  private schedule(): void {
    this.scheduled = true
    this.options.later(() => {
      this.scheduled = false
      if (!this.working) this.work()
    })
  }

  private work(): void {
    if (this.head === this.queue.length) {
      this.queue = []
      this.head = 0
      this.onIdle?.()
      return
    }
    this.working = true
    const { kind } = this.queue[this.head]
    const { dirtyBytesMax } = this.options
    if (kind === "exclusive") return this.runAlone()
    if (this.store.dirtyBytes > dirtyBytesMax / 2 && !this.store.isDurable) {
      this.options.mark("storage/btree-buffered-written")
      return this.store.persist((error) => {
        if (error === undefined || (error.code === "no-space" && this.store.dirtyBytes <= dirtyBytesMax)) this.begin()
        else this.fail(error, this.take(Infinity), undefined)
      })
    }
    this.begin()
  }

  private runAlone(): void {
    const items = this.take(1)
    items[0].exclusive!((error) => {
      // A copy that met rot, or was refused, has changed nothing.
      if (error?._tag === "DiskError") this.fail(error, items, undefined)
      else this.finish(items, error)
    })
  }

  /** Takes items from the queue. */
  private take(count: number): Array<Item> {
    const items = this.queue.slice(this.head, this.head + count)
    this.head += items.length
    return items
  }

  private begin(): void {
    const { buggify, dirtyBytesMax } = this.options
    const { store } = this
    const transaction = new Transaction({ store, txn: this.nextTxn++, dirtyBytesMax, buggify })
    const { kind, source } = this.queue[this.head]
    if (kind === "ingest") this.ingestAll(transaction, source!)
    else this.applyNext(transaction, [], this.queue[this.head].durability)
  }

  /** Applies the next item of the group, or ends the group. */
  private applyNext(transaction: Transaction, group: Array<Item>, durability: Durability): void {
    const { buggify, dirtyBytesMax } = this.options
    while (this.head < this.queue.length) {
      const item = this.queue[this.head]
      if (item.kind !== "batch" && item.kind !== "sync") break
      if (durability === "buffered" && item.durability !== "buffered") break
      if (group.length > 0 && transaction.edit.dirtyBytes > dirtyBytesMax / 2) break
      if (group.length > 0 && buggify("storage/btree-small-group")) break
      group.push(item)
      this.head++
      if (item.batch === undefined) continue
      this.operations.load(item.batch)
      if (!this.operations.next()) continue
      const how = this.runNow(transaction, this.operations)
      if (how !== "done") return this.carryOn(transaction, this.operations, how, group, durability)
    }
    this.end(transaction, group, durability)
  }

  private runNow(transaction: Transaction, operations: Operations): "done" | "wait" | "full" {
    for (;;) {
      const how = transaction.run(operations, operationsPerTurn)
      if (how !== "more") return how
    }
  }

  /** The group waits for pages, or for its own pages to be written. */
  private carryOn(
    transaction: Transaction,
    operations: Operations,
    how: "wait" | "full",
    group: Array<Item>,
    durability: Durability
  ): void {
    const go = (error: Failure | undefined): void => {
      if (error !== undefined) return this.fail(error, group, transaction)
      const next = this.runNow(transaction, operations)
      if (next === "done") this.applyNext(transaction, group, durability)
      else this.carryOn(transaction, operations, next, group, durability)
    }
    if (how === "full") this.options.mark("storage/btree-spilled")
    if (how === "wait") transaction.bring({ lookAhead: (edit, visit) => this.lookAhead(edit, visit) }, go)
    else transaction.spill(go)
  }

  /** Looks at what is left of the batch under way, and at those that follow it. */
  private lookAhead(edit: Edit, visit: () => boolean): boolean {
    if (!this.operations.lookAhead(edit, visit)) return false
    const end = Math.min(this.queue.length, this.head + batchesAheadMax)
    for (let at = this.head; at < end; at++) {
      const { batch } = this.queue[at]
      if (batch === undefined) continue
      this.ahead.load(batch)
      if (!this.ahead.lookAhead(edit, visit)) return false
    }
    return true
  }

  private ingestAll(transaction: Transaction, source: SourceOperations): void {
    const group = this.take(1)
    const go = (error: Failure | undefined): void => {
      if (error !== undefined) return this.fail(error, group, transaction)
      const how = transaction.run(source, operationsPerTurn)
      if (how === "wait") return transaction.bring(source, go)
      if (how === "full") return transaction.spill(go)
      if (how === "more") return this.options.later(() => go(undefined))
      if (source.refused !== undefined) return this.refuse(transaction, group, source.refused)
      this.userBytes += source.userBytes
      this.end(transaction, group, "synced")
    }
    if (source.next()) go(undefined)
    else if (source.refused !== undefined) this.refuse(transaction, group, source.refused)
    else this.end(transaction, group, "synced")
  }

  private refuse(transaction: Transaction, group: ReadonlyArray<Item>, refused: Refused): void {
    transaction.abandon()
    this.finish(group, refused)
  }

  /** All of the group is applied. */
  private end(transaction: Transaction, group: ReadonlyArray<Item>, durability: Durability): void {
    const { store } = this
    const { edit, taken } = transaction
    const changed = edit.root !== store.state.root
    const state: State = changed ? { txn: edit.txn, root: edit.root } : store.state
    const publish = (dirtyBytes: number): void => {
      if (changed) store.publish({ state, freed: edit.freed, dirtyBytes })
      this.finish(group, undefined)
    }
    if (durability === "buffered") return publish(edit.dirtyBytes)
    if (!changed) {
      if (store.isDurable) return this.finish(group, undefined)
      return store.persist((error) => {
        if (error === undefined) this.finish(group, undefined)
        else this.fail(error, group, transaction)
      })
    }
    store.commit(state, edit.freed, taken, (error) => {
      if (error === undefined) publish(0)
      else this.fail(error, group, transaction)
    })
  }

  /** Nothing of the group has happened, or nobody knows. */
  private fail(error: Failure, group: ReadonlyArray<Item>, transaction: Transaction | undefined): void {
    if (error._tag === "DiskError" && error.code === "no-space") {
      this.options.mark("storage/btree-no-space")
      transaction?.abandon()
      return this.finish(group, new Refused({ reason: "no-space", message: "the disk is full: free some space on it" }))
    }
    this.stop = new Stopped({ cause: error, message: `no more writes until it is opened again: ${error.message}` })
    this.options.stopped(this.stop)
    this.finish(group.concat(this.take(Infinity)), this.stop)
  }

  private finish(group: ReadonlyArray<Item>, error: StorageError | undefined): void {
    this.lastGroup = group.length
    for (const { batch } of group) {
      if (batch === undefined) continue
      this.waitingBytes -= batch.sizeBytes
      if (error !== undefined) continue
      this.batches++
      this.userBytes += batch.sizeBytes
    }
    if (this.inCall) {
      this.options.later(() => this.tell(group, error))
      return
    }
    this.tell(group, error)
  }

  private tell(group: ReadonlyArray<Item>, error: StorageError | undefined): void {
    for (const { done } of group) done(error)
    this.working = false
    // In a turn of its own: who answers at once to what was done just now must not keep all others waiting.
    if (this.scheduled) return
    if (this.head < this.queue.length) this.schedule()
    else this.work()
  }

  /** Takes no more, makes durable what readers saw if it can, and calls back when nothing is under way. */
  close(done: () => void): void {
    this.closed = new Refused({ reason: "closed", message: "the engine is closed: open it again" })
    const persist = (): void => {
      this.onIdle = undefined
      if (this.stop !== undefined || this.store.isDurable) return this.options.later(done)
      this.working = true
      this.store.persist(() => done())
    }
    if (this.working || this.head < this.queue.length) this.onIdle = persist
    else persist()
  }
}
