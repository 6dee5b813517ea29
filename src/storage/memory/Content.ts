/**
 * Content: what a memory engine holds and who reads it: the tree, the snapshots, the housekeeping between them. Pure.
 *
 * Each operation has a sequence number of its own. `visible` is the last one that readers see: it moves by whole batches.
 */
import * as Batch from "../Batch.ts"
import { Housekeeping } from "./Housekeeping.ts"
import { OrderedTree } from "./OrderedTree.ts"
import { Snapshots } from "./Snapshots.ts"
import { TreeCursor } from "./TreeCursor.ts"

export interface ContentOptions {
  readonly fanOut: number
  readonly slabBytes: number
}

export class Content implements Batch.Visitor {
  readonly snapshots = new Snapshots()
  readonly tree: OrderedTree
  readonly housekeeping: Housekeeping
  visible = 0
  /** Bytes of keys and values that were put, and of keys that were deleted. */
  userBytes = 0

  constructor(options: ContentOptions) {
    this.tree = new OrderedTree({ ...options, retention: this.snapshots })
    this.housekeeping = new Housekeeping(this.tree, this.snapshots, options.fanOut)
  }

  /** Applies a batch, and shows it; false: it is malformed, and part of it was applied. */
  apply(bytes: Uint8Array, from: number, to: number): boolean {
    const isWhole = this.applyHidden(bytes, from, to)
    this.visible = this.tree.sequence
    return isWhole
  }

  /** Applies part of what is to show at once. Needs `visible` among the snapshots meanwhile. */
  applyHidden(bytes: Uint8Array, from: number, to: number): boolean {
    const isWhole = Batch.visit(bytes, from, to, this)
    this.housekeeping.written(to - from)
    return isWhole
  }

  /** A view of the key's value as of a sequence number. */
  get(key: Uint8Array, at: number): Uint8Array | undefined {
    const record = this.tree.find(key, at)
    return record > 0 ? this.tree.value(record) : undefined
  }

  /** All entries as of a sequence number. */
  entries(at: number): TreeCursor {
    return new TreeCursor(this.tree, { at })
  }

  put(bytes: Uint8Array, keyFrom: number, keyTo: number, valueTo: number): void {
    this.userBytes += valueTo - keyFrom
    this.tree.put(this.tree.sequence + 1, bytes, keyFrom, keyTo, valueTo)
  }

  delete(bytes: Uint8Array, keyFrom: number, keyTo: number): void {
    this.userBytes += keyTo - keyFrom
    this.tree.delete(this.tree.sequence + 1, bytes, keyFrom, keyTo)
  }

  deleteRange(bytes: Uint8Array, fromFrom: number, fromTo: number, toTo: number): void {
    this.userBytes += toTo - fromFrom
    this.tree.deleteRange(this.tree.sequence + 1, bytes, fromFrom, fromTo, toTo)
    this.housekeeping.rangeDeleted(bytes.subarray(fromFrom, fromTo), bytes.subarray(fromTo, toTo))
  }
}
