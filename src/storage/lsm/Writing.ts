/**
 * Writing: batches into the log and then into the memtables. A batch waits before the log while there is no room: as many
 * memtables wait to be flushed as may, or all their memory is used; level 0 has as many tables as it may; or a memtable's worth
 * is on its way already. So memory is bounded, and so is what a read has to look into. `stalls` counts such waits; so that they
 * are rare, and nobody waits for a whole flush, batches are held back a little each when room gets short (`Pacing`).
 */
import type { Batch } from "../Batch.ts"
import type { Done, Durability } from "../Engine.ts"
import type { Deferral } from "../memory/Deferral.ts"
import { Writes } from "../memory/Writes.ts"
import { Refused, type StorageError } from "../StorageError.ts"
import * as Limits from "#base/Limits.ts"
import { assert } from "#base/Assert.ts"
import type { Timers } from "#world/Timers.ts"
import type { Maintenance } from "./Maintenance.ts"
import { Pacing } from "./Pacing.ts"
import type { Store } from "./Store.ts"

const crowded = new Refused({
  reason: "overloaded",
  message: "too many bytes wait to be written: try again when some have completed"
})

interface Waiting {
  readonly submit: () => void
  readonly done: Done<void>
  readonly sizeBytes: number
}

export class Writing {
  readonly writes: Writes
  batches = 0
  private readonly store: Store
  private readonly maintenance: Maintenance
  private readonly deferral: Deferral
  private readonly pacing: Pacing
  private waiting: Array<Waiting> = []
  private waitingFrom = 0
  private waitingBytes = 0
  private isDraining = false
  private isStalled = false

  constructor(options: {
    readonly store: Store
    readonly maintenance: Maintenance
    readonly deferral: Deferral
    readonly attach: Timers["Service"]["attach"]
    readonly next: number
  }) {
    this.store = options.store
    this.maintenance = options.maintenance
    this.deferral = options.deferral
    this.pacing = new Pacing({ attach: options.attach, due: () => this.letIn() })
    const { log, stream } = options.store.parts.options
    this.writes = new Writes({
      log,
      stream,
      next: options.next,
      apply: (batch) => this.apply(batch),
      failed: () => this.drain()
    })
  }

  write(batch: Batch, durability: Durability, done: Done<void>): void {
    const error = this.end ?? batch.refused
    if (error !== undefined) return this.answer(error, done)
    if (this.maintenance.trouble !== undefined) this.maintenance.ask()
    const { writes } = this
    const { sizeBytes } = batch
    if (this.waiting.length === 0 && this.mayGo(sizeBytes)) return writes.write(batch.encoded(), durability, done)
    if (this.waitingBytes + sizeBytes > Limits.writesWaitingBytesMax) return this.answer(crowded, done)
    this.wait({ submit: () => writes.write(batch.encoded(), durability, done), done, sizeBytes })
  }

  sync(done: Done<void>): void {
    this.inOrder(() => this.writes.sync(done), done)
  }

  /** Runs something alone, between the batches before it and those after it. */
  exclusively(run: (finish: () => void) => void, done: Done<void>): void {
    this.inOrder(() => this.writes.exclusively(run, done), done)
  }

  /** Why nothing is written any more. */
  get end(): StorageError | undefined {
    return this.writes.end ?? this.store.end
  }

  /** There may be room now, or never will be. */
  drain(): void {
    if (this.waiting.length === 0 || this.isDraining) return
    this.isDraining = true
    this.deferral.defer(() => {
      this.isDraining = false
      this.letIn()
    })
  }

  close(): void {
    this.refuseWaiting(this.end!)
    this.writes.close()
  }

  private inOrder(submit: () => void, done: Done<void>): void {
    const { end } = this
    if (end !== undefined) return this.answer(end, done)
    if (this.waiting.length === 0) submit()
    else this.wait({ submit, done, sizeBytes: 0 })
  }

  private answer(error: StorageError, done: Done<void>): void {
    this.deferral.defer(() => done(error, undefined))
  }

  private wait(entry: Waiting): void {
    this.waiting.push(entry)
    this.waitingBytes += entry.sizeBytes
    if (!this.mustWait()) return
    this.stall()
    this.maintenance.ask()
    // What makes room may have happened, or failed, already.
    this.drain()
  }

  /** Nothing goes until there is room. */
  private stall(): void {
    if (this.isStalled) return
    this.isStalled = true
    this.store.stalls++
    this.store.parts.trace.mark("storage/lsm-stall")
  }

  private mayGo(sizeBytes: number): boolean {
    return !this.mustWait() && this.pacing.letsGo(sizeBytes, this.used())
  }

  /** The share of the room that is used, of what there is beside a memtable that is flushed while another one fills. */
  private used(): number {
    const { memtables, options } = this.store.parts
    const { level0Tables, level0TablesMax } = options
    const memory = (memtables.frozen.length + memtables.fill - 1) / options.frozenMax
    const tables = this.store.view.version.levels[0].length
    return Math.max(memory, (tables - level0Tables) / (level0TablesMax - level0Tables + 1))
  }

  private mustWait(): boolean {
    const { memtables, options } = this.store.parts
    return (
      (memtables.frozen.length > 0 && this.isMemoryFull()) ||
      this.store.view.version.levels[0].length >= options.level0TablesMax ||
      this.writes.waitingBytes >= options.memtableBytes
    )
  }

  /** Nothing is full where no memtable waits to be flushed: then there is nothing to wait for. */
  private isMemoryFull(): boolean {
    const { memtables, options } = this.store.parts
    if (memtables.frozen.length >= options.frozenMax && memtables.isFull) return true
    const memtablesBytes = memtables.memoryBytes + this.writes.waitingBytes + this.store.copyBytes
    return memtablesBytes > options.memoryBytesMax - options.cacheBytes
  }

  private letIn(): void {
    const { end } = this
    if (end !== undefined) return this.refuseWaiting(end)
    const { trouble } = this.maintenance
    while (this.waitingFrom < this.waiting.length && this.mayGo(this.waiting[this.waitingFrom].sizeBytes)) {
      const entry = this.waiting[this.waitingFrom++]
      this.waitingBytes -= entry.sizeBytes
      this.isStalled = false
      entry.submit()
    }
    if (this.waitingFrom === this.waiting.length) {
      this.waiting = []
      this.waitingFrom = 0
      return
    }
    if (this.mustWait()) {
      if (trouble !== undefined) return this.refuseWaiting(trouble)
      this.stall()
    }
    if (this.waitingFrom > 1_024) {
      this.waiting = this.waiting.slice(this.waitingFrom)
      this.waitingFrom = 0
    }
  }

  private refuseWaiting(error: StorageError): void {
    this.isStalled = false
    const waiting = this.waiting.slice(this.waitingFrom)
    this.waiting = []
    this.waitingFrom = 0
    this.waitingBytes = 0
    for (const { done } of waiting) done(error, undefined)
  }

  /** The log has the batch. */
  private apply(batch: Uint8Array): void {
    const { store } = this
    const { memtables, options } = store.parts
    const isWhole = memtables.apply(batch, 0, batch.length, this.writes.applied + 1)
    assert(isWhole, "a batch reads as it was written")
    store.visible = memtables.sequence
    this.batches++
    const isWanted = store.parts.buggify("storage/lsm-small-memtable") && !memtables.isEmpty
    if ((memtables.isFull || isWanted) && memtables.frozen.length < options.frozenMax) this.maintenance.freeze()
    if (this.waiting.length > 0) this.drain()
  }
}
