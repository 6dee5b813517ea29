/**
 * Memtables: what is not in tables yet. Batches go into the active one; a full one is frozen, and waits, with others, to be flushed
 * in the order in which they were frozen.
 */
import { assert } from "#base/Assert.ts"
import * as Batch from "../Batch.ts"
import type { Done } from "../Engine.ts"
import { OrderedTree } from "../memory/OrderedTree.ts"
import type { Retention } from "../memory/Retention.ts"

export interface Memtable {
  readonly tree: OrderedTree
  /** Position in the log behind the last batch that is in it. */
  logEnd: number
  /** Called when it is in a table, or when that failed. */
  readonly waiting: Array<Done<void>>
}

/** What an entry takes of a node, about. */
const entryBytes = 18

export class Memtables implements Batch.Visitor {
  active: Memtable
  /** The oldest first. */
  frozen: ReadonlyArray<Memtable> = []
  /** Of the last operation. */
  sequence: number
  /** Bytes of keys and values that were written. */
  userBytes = 0
  private readonly memtableBytes: number
  private readonly retention: Retention

  constructor(options: {
    readonly sequence: number
    readonly logEnd: number
    readonly memtableBytes: number
    readonly retention: Retention
  }) {
    this.sequence = options.sequence
    this.memtableBytes = options.memtableBytes
    this.retention = options.retention
    this.active = this.make(options.logEnd)
  }

  get memoryBytes(): number {
    return this.frozen.reduce((sum, { tree }) => sum + tree.memoryBytes, this.active.tree.memoryBytes)
  }

  get isFull(): boolean {
    return !this.isEmpty && this.fill >= 1
  }

  /** How much of what it may hold the active one holds; 1: all, or more. */
  get fill(): number {
    const { arena, count, ranges } = this.active.tree
    return Math.min(1, (arena.usedBytes + ranges.memoryBytes + count * entryBytes) / this.memtableBytes)
  }

  /** Nothing was applied since the last freeze. */
  get isEmpty(): boolean {
    const { tree } = this.active
    return tree.count === 0 && tree.ranges.isEmpty
  }

  /** All, the newest first. */
  trees(): ReadonlyArray<OrderedTree> {
    return [this.active.tree, ...this.frozen.map(({ tree }) => tree).reverse()]
  }

  /** Applies a batch that is in the log before `logEnd`; false: it is malformed. */
  apply(bytes: Uint8Array, from: number, to: number, logEnd: number): boolean {
    this.active.logEnd = logEnd
    return Batch.visit(bytes, from, to, this)
  }

  freeze(): Memtable {
    const full = this.active
    this.frozen = [...this.frozen, full]
    this.active = this.make(full.logEnd)
    return full
  }

  /** The oldest frozen one is in a table. */
  drop(memtable: Memtable): void {
    assert(this.frozen[0] === memtable, "memtables are flushed in their order")
    this.frozen = this.frozen.slice(1)
  }

  put(bytes: Uint8Array, keyFrom: number, keyTo: number, valueTo: number): void {
    this.userBytes += valueTo - keyFrom
    this.active.tree.put(++this.sequence, bytes, keyFrom, keyTo, valueTo)
  }

  delete(bytes: Uint8Array, keyFrom: number, keyTo: number): void {
    this.userBytes += keyTo - keyFrom
    this.active.tree.delete(++this.sequence, bytes, keyFrom, keyTo)
  }

  deleteRange(bytes: Uint8Array, fromFrom: number, fromTo: number, toTo: number): void {
    this.userBytes += toTo - fromFrom
    this.active.tree.deleteRange(++this.sequence, bytes, fromFrom, fromTo, toTo)
  }

  private make(logEnd: number): Memtable {
    return { tree: new OrderedTree({ hides: true, retention: this.retention }), logEnd, waiting: [] }
  }
}
