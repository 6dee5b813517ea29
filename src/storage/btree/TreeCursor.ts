/**
 * TreeCursor: a position in the tree of one transaction, and how it moves. It holds the pages from the root down to where it is, so
 * what the cache does meanwhile does not matter. Where a page is not in memory it stops, and goes on once `fill` has brought it.
 */
import * as Keys from "../Keys.ts"
import type { Bounds, Cursor, Done, Step } from "../Engine.ts"
import type { Refused } from "../StorageError.ts"
import * as Node from "./Node.ts"
import { valueOf, type Page } from "./Page.ts"
import { isMeant } from "./PageCache.ts"
import { kinds, type Reference } from "./PageFormat.ts"
import type { State, Store } from "./Store.ts"

/** What a cursor reads, as long as it may. */
export interface Reading {
  readonly store: Store
  readonly state: State
  /** Why it may not be read any more: its snapshot was released, or the engine closed. */
  readonly refusal: Refused | undefined
}

export interface CursorOptions {
  readonly reading: Reading
  readonly bounds: Bounds
  readonly reverse: boolean
  readonly close: () => void
  /** Calls after the call that asks. */
  readonly later: (call: () => void) => void
}

export class TreeCursor implements Cursor {
  private readonly reading: Reading
  private readonly store: Store
  private readonly options: CursorOptions
  private readonly step: 1 | -1
  /** Branches from the root down, and which child of each is the way. */
  private readonly nodes: Array<Page> = []
  private readonly indexes: Array<number> = []
  private depth = 0
  private leaf: Page | undefined
  private index = 0
  /** The entries of the leaf that are within the bounds: from `first` to before `end`. */
  private first = 0
  private end = 0
  private large: Page | undefined
  private started = false
  private ended = false
  private closed = false
  private wanted: { readonly reference: Reference; readonly kind: number } | undefined
  private brought: Page | undefined

  constructor(options: CursorOptions) {
    this.options = options
    this.reading = options.reading
    this.store = options.reading.store
    this.step = options.reverse ? -1 : 1
  }

  next(): Step {
    if (this.ended) return "end"
    if (this.reading.refusal !== undefined) return "wait"
    if (this.leaf === undefined) {
      if (!this.descend()) return "wait"
    } else if (this.wanted === undefined) this.index += this.step
    for (;;) {
      const leaf: Page = this.leaf!
      if (this.index >= this.first && this.index < this.end) return this.arrive(leaf)
      if (!this.turn()) {
        this.ended = true
        return "end"
      }
      if (!this.descend()) return "wait"
    }
  }

  /** The entry is there; its value may be a page of its own. */
  private arrive(leaf: Page): Step {
    const entry = Node.entryAt(leaf.bytes, this.index)
    if (Node.markAt(leaf.bytes, entry) !== Node.largeMark) {
      this.wanted = undefined
      return "entry"
    }
    const page = leaf.children?.[this.index] ?? this.find(leaf.bytes, entry)
    if (page === undefined) {
      this.wanted = { reference: Node.largeReference(leaf.bytes, entry, this.store.pageBytes), kind: kinds.value }
      return "wait"
    }
    this.large = page
    return "entry"
  }

  /** What an entry refers to, if it is in memory. */
  private find(bytes: Uint8Array, entry: number): Page | undefined {
    const at = Node.payloadAt(bytes, entry)
    const { brought } = this
    const page = brought !== undefined && isMeant(brought, bytes, at) ? brought : this.store.cache.get(bytes, at)
    this.brought = undefined
    this.wanted = undefined
    return page
  }

  /** Goes from where it is down to a leaf; false: a page is wanted. */
  private descend(): boolean {
    if (!this.started) {
      this.started = true
      this.enter(this.reading.state.root)
    }
    while (this.leaf === undefined) {
      const parent = this.nodes[this.depth - 1]
      const index = this.indexes[this.depth - 1]
      const child = parent.children?.[index] ?? this.find(parent.bytes, Node.entryAt(parent.bytes, index))
      if (child === undefined) {
        this.wanted = { reference: Node.childReference(parent.bytes, index), kind: kinds.node }
        return false
      }
      this.enter(child)
    }
    return true
  }

  /** Takes its place in a node: at the bound where the way begins, which later nodes lie behind. */
  private enter(page: Page): void {
    const { bounds, reverse } = this.options
    const { bytes, level } = page
    const count = Node.countOf(bytes)
    if (level > 0) {
      this.nodes[this.depth] = page
      const bound = reverse ? bounds.to : bounds.from
      this.indexes[this.depth] =
        bound !== undefined ? Node.childFor(bytes, bound, 0, bound.length) : reverse ? count - 1 : 0
      if (this.entered) this.indexes[this.depth] = reverse ? count - 1 : 0
      this.depth++
      return
    }
    this.leaf = page
    page.isLent = true
    this.first = bounds.from === undefined ? 0 : lowerBound(bytes, bounds.from)
    this.end = bounds.to === undefined ? count : lowerBound(bytes, bounds.to)
    this.index = reverse ? this.end - 1 : this.first
    this.entered = true
  }

  /** A leaf was reached: bounds are behind. */
  private entered = false

  /** Leaves a leaf for the child next to it, in the deepest branch that has one; false: there is none within the bounds. */
  private turn(): boolean {
    const { bounds, reverse } = this.options
    // The bound lies in this leaf: nothing behind it is wanted.
    const { bytes } = this.leaf!
    if (reverse ? this.first > 0 : this.end < Node.countOf(bytes)) return false
    while (this.depth > 0) {
      const node = this.nodes[this.depth - 1]
      const here = this.indexes[this.depth - 1]
      const index = here + this.step
      const isFirst = reverse && here > 0 && bounds.from !== undefined
      if (isFirst && Keys.compare(Node.keyAt(node.bytes, here), bounds.from) <= 0) return false
      if (index >= 0 && index < Node.countOf(node.bytes)) {
        if (!reverse && bounds.to !== undefined && Keys.compare(Node.keyAt(node.bytes, index), bounds.to) >= 0) {
          return false
        }
        this.indexes[this.depth - 1] = index
        this.leaf = undefined
        return true
      }
      this.depth--
    }
    return false
  }

  key(): Uint8Array {
    return Node.keyAt(this.leaf!.bytes, this.index)
  }

  value(): Uint8Array {
    const { bytes } = this.leaf!
    const entry = Node.entryAt(bytes, this.index)
    const mark = Node.markAt(bytes, entry)
    if (mark === Node.largeMark) return valueOf(this.large!)
    const at = Node.payloadAt(bytes, entry)
    return bytes.subarray(at, at + mark)
  }

  fill(done: Done<void>): void {
    const { refusal } = this.reading
    if (refusal !== undefined || this.wanted === undefined) return this.options.later(() => done(refusal))
    this.store.load(this.wanted.reference, this.wanted.kind, (error, page) => {
      this.brought = page
      done(error)
    })
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.ended = true
    this.options.close()
  }
}

const lowerBound = (bytes: Uint8Array, key: Uint8Array): number => {
  const found = Node.search(bytes, key, 0, key.length, 0)
  return found >= 0 ? found : ~found
}
