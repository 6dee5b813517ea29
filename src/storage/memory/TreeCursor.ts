/**
 * TreeCursor: moves over a tree as of one sequence number, forward or back, while the tree is written.
 *
 * The bytes that a cursor points at never change, also when the record is dropped later; positions in nodes are found
 * again by the key when entries have moved. Needs of its caller: `Retention` knows the sequence number while the cursor lives.
 */
import * as Keys from "../Keys.ts"
import * as Arena from "./Arena.ts"
import type { Leaf } from "./Node.ts"
import type { OrderedTree } from "./OrderedTree.ts"

const nothing = new Uint8Array(0)

export interface CursorOptions {
  readonly at: number
  /** Keys in [from, to); default: all. */
  readonly from?: Uint8Array | undefined
  readonly to?: Uint8Array | undefined
  readonly reverse?: boolean | undefined
  /** Stop at deleted keys too, as far as the tree knows them one by one (not those of range deletes). Default: false. */
  readonly tombstones?: boolean
}

export class TreeCursor {
  /** The record it stands on: key in `bytes`, value in `valueBytes`. */
  bytes: Uint8Array = nothing
  keyFrom = 0
  keyTo = 0
  valueBytes: Uint8Array = nothing
  valueFrom = 0
  valueTo = 0
  sequence = 0
  isTombstone = false

  private readonly tree: OrderedTree
  private readonly at: number
  private readonly from: Uint8Array | undefined
  private readonly to: Uint8Array | undefined
  private readonly reverse: boolean
  private readonly tombstones: boolean
  private leaf: Leaf | undefined = undefined
  private slot = -1
  private changes = -1
  private state: "new" | "on" | "end" = "new"

  constructor(tree: OrderedTree, options: CursorOptions) {
    this.tree = tree
    this.at = options.at
    this.from = options.from
    this.to = options.to
    this.reverse = options.reverse ?? false
    this.tombstones = options.tombstones ?? false
  }

  /** Moves to the next entry; false at the end, where it stays. */
  next(): boolean {
    if (this.state === "end") return false
    if (this.state === "new") {
      this.start()
      this.state = "on"
    } else if (this.changes !== this.tree.changes) this.again()
    const found = this.reverse ? this.back() : this.forward()
    if (!found) {
      this.state = "end"
      this.leaf = undefined
    }
    return found
  }

  /** Views. */
  key(): Uint8Array {
    return this.bytes.subarray(this.keyFrom, this.keyTo)
  }

  value(): Uint8Array {
    return this.valueBytes.subarray(this.valueFrom, this.valueTo)
  }

  private start(): void {
    const { tree } = this
    const bound = this.reverse ? this.to : this.from
    if (bound === undefined) {
      this.leaf = this.reverse ? tree.lastLeaf() : tree.firstLeaf()
      this.slot = this.reverse ? this.leaf.count : -1
    } else {
      this.leaf = tree.leafOf(bound)
      // Backwards from the first key that is not below the bound, forward from the last that is.
      this.slot = tree.lowerBound(this.leaf, bound) - (this.reverse ? 0 : 1)
    }
    this.changes = tree.changes
  }

  /** Finds its place again: the key that it stood on may be gone. */
  private again(): void {
    const { tree } = this
    const key = this.key()
    this.leaf = tree.leafOf(key)
    const slot = tree.lowerBound(this.leaf, key)
    if (this.reverse) this.slot = slot
    else {
      const { arena } = tree
      const record = slot < this.leaf.count ? this.leaf.records[slot] : Arena.none
      const isThere =
        record !== Arena.none &&
        Keys.compareIn(arena.slabOf(record), arena.keyFrom(record), arena.keyTo(record), key, 0, key.length) === 0
      this.slot = isThere ? slot : slot - 1
    }
    this.changes = tree.changes
  }

  private forward(): boolean {
    let leaf = this.leaf!
    let slot = this.slot + 1
    for (;;) {
      while (slot >= leaf.count) {
        if (leaf.next === undefined) return false
        leaf = leaf.next
        slot = 0
      }
      const visible = this.enter(leaf.records[slot])
      if (
        this.to !== undefined &&
        Keys.compareIn(this.bytes, this.keyFrom, this.keyTo, this.to, 0, this.to.length) >= 0
      )
        return false
      if (visible) {
        this.leaf = leaf
        this.slot = slot
        return true
      }
      slot++
    }
  }

  private back(): boolean {
    const { from } = this
    let leaf = this.leaf!
    let slot = this.slot - 1
    for (;;) {
      while (slot < 0) {
        if (leaf.previous === undefined) return false
        leaf = leaf.previous
        slot = leaf.count - 1
      }
      const visible = this.enter(leaf.records[slot])
      if (from !== undefined && Keys.compareIn(this.bytes, this.keyFrom, this.keyTo, from, 0, from.length) < 0)
        return false
      if (visible) {
        this.leaf = leaf
        this.slot = slot
        return true
      }
      slot--
    }
  }

  /** Takes over the key's record as of the cursor's sequence number; false when there is none to show. */
  private enter(newest: number): boolean {
    const { tree } = this
    const { arena } = tree
    this.bytes = arena.slabOf(newest)
    this.keyFrom = arena.keyFrom(newest)
    this.keyTo = arena.keyTo(newest)
    let record = newest
    while (arena.sequence(record) > this.at) {
      record = arena.older(record)
      if (record === Arena.none) return false
    }
    const sequence = arena.sequence(record)
    const isTombstone = arena.isTombstone(record)
    if (isTombstone && !this.tombstones) return false
    if (!tree.ranges.isEmpty && tree.ranges.newest(this.bytes, this.keyFrom, this.keyTo, this.at) > sequence)
      return false
    this.sequence = sequence
    this.isTombstone = isTombstone
    this.valueBytes = arena.valueSlabOf(record)
    this.valueFrom = arena.valueFrom(record)
    this.valueTo = this.valueFrom + arena.valueBytes(record)
    return true
  }
}
