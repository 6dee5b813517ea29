/**
 * Edit: one transaction on the tree, in memory. It never changes a page that others can see: what it touches it copies, from the
 * leaf up to the root, so the old root is still the old tree. A page that was copied once is changed in place from then on.
 *
 * Nothing here waits. An operation that needs a page that is not in memory returns false, has changed nothing that matters, and says
 * in `wanted` what it needs; with that page in memory it is called again.
 *
 * A node that has become less than a quarter full is merged with a neighbour when one is in memory and both fit into one page.
 */
import * as Keys from "../Keys.ts"
import type { Buffers } from "./Buffers.ts"
import { Detached } from "./Detached.ts"
import { Entries, type Made } from "./Entries.ts"
import { Freed } from "./Freed.ts"
import * as Node from "./Node.ts"
import { ofValue, Page } from "./Page.ts"
import { kinds, putExtra, type Reference } from "./PageFormat.ts"
import { putU32 } from "#base/Bytes.ts"

/** Pages in memory, by the reference that stands in a node's bytes. */
export interface Resident {
  page(bytes: Uint8Array, at: number): Page | undefined
}

export interface Wanted {
  readonly reference: Reference
  readonly kind: number
}

/** Values up to here stand in the leaf: one node holds two of them with short keys. */
export const inlineBytesMax = (pageBytes: number): number => (pageBytes >> 1) - 64

const zeros = new Uint8Array(Node.largeReferenceBytes)
const noKey = new Uint8Array(0)

/** Scratch of all edits: none of them waits while it uses it. */
const entries = new Entries()

export class Edit {
  root: Page
  readonly txn: number
  readonly freed = new Freed()
  wanted: Wanted | undefined
  /** Bytes of all pages in memory that are not on disk. */
  dirtyBytes: number
  private readonly pageBytes: number
  private readonly resident: Resident
  private readonly buffers: Buffers
  private readonly detached: Detached
  private readonly nodes: Array<Page> = []
  private readonly indexes: Array<number> = []
  private depth = 0
  private readonly entry = new Node.Entry()
  private readonly largePayload = new Uint8Array(Node.largeReferenceBytes)

  constructor(options: {
    readonly root: Page
    readonly txn: number
    readonly dirtyBytes: number
    readonly pageBytes: number
    readonly resident: Resident
    readonly buffers: Buffers
  }) {
    this.buffers = options.buffers
    this.root = options.root
    this.txn = options.txn
    this.dirtyBytes = options.dirtyBytes
    this.pageBytes = options.pageBytes
    this.resident = options.resident
    this.detached = new Detached(this)
  }

  /** A child of a branch, from memory; undefined: it is `wanted`. */
  child(page: Page, index: number): Page | undefined {
    const known = page.children?.[index]
    if (known !== undefined) return known
    const at = Node.payloadAt(page.bytes, Node.entryAt(page.bytes, index))
    const found = this.resident.page(page.bytes, at)
    if (found === undefined) {
      this.wanted = { reference: Node.childReference(page.bytes, index), kind: kinds.node }
    }
    return found
  }

  /** Finds the leaf of a key and the way to it; false: a page on the way is wanted. */
  private descend(key: Uint8Array, from: number, to: number): boolean {
    let page = this.root
    this.depth = 0
    for (;;) {
      this.nodes[this.depth] = page
      if (page.level === 0) return true
      const index = Node.childFor(page.bytes, key, from, to)
      this.indexes[this.depth] = index
      const child = this.child(page, index)
      if (child === undefined) return false
      this.depth++
      page = child
    }
  }

  /** Whether the way to a key is in memory; what is missing first is `wanted`. */
  reaches(key: Uint8Array, from: number, to: number): boolean {
    return this.descend(key, from, to)
  }

  /** The node at a depth of the way, as one that may be changed, and all above it. */
  private touch(depth: number): Page {
    let parent: Page | undefined
    for (let d = 0; d <= depth; d++) {
      let page = this.nodes[d]
      if (page.birth !== this.txn || page.number > 0) {
        page = this.copy(page)
        this.nodes[d] = page
        if (parent === undefined) this.root = page
        else this.setChild(parent, this.indexes[d - 1], page)
      }
      parent = page
    }
    return parent!
  }

  private setChild(parent: Page, index: number, child: Page): void {
    parent.children ??= new Array<Page | undefined>(Node.countOf(parent.bytes)).fill(undefined)
    parent.children[index] = child
  }

  private copy(page: Page): Page {
    this.free(page)
    const copied = new Page(this.buffers.copyOf(page.bytes), 0, page.pages, this.txn)
    copied.children = page.children?.slice()
    this.dirtyBytes += copied.sizeBytes
    return copied
  }

  /** The tree does not need the page any more. */
  free(page: Page): void {
    if (page.number > 0) return this.freed.extent(page.number, page.pages, page.birth)
    this.dirtyBytes -= page.sizeBytes
    // One of this transaction's own nobody has seen; the others may get a place before it ends.
    if (page.birth !== this.txn) this.freed.unplaced.push(page)
    else this.buffers.give(page)
  }

  /** The same for the large value of an entry, if it has one. */
  freeLarge(leaf: Page, index: number): void {
    const entry = Node.entryAt(leaf.bytes, index)
    if (Node.markAt(leaf.bytes, entry) !== Node.largeMark) return
    const page = leaf.children?.[index]
    if (page !== undefined) return this.free(page)
    const { number, pages } = Node.largeReference(leaf.bytes, entry, this.pageBytes)
    this.freed.extent(number, pages, 0)
  }

  /** The key is in [keyFrom, keyTo) of `bytes`, its value in [keyTo, valueTo). */
  put(bytes: Uint8Array, keyFrom: number, keyTo: number, valueTo: number): boolean {
    if (!this.descend(bytes, keyFrom, keyTo)) return false
    const leaf = this.touch(this.depth)
    const { entry } = this
    entry.key = bytes
    entry.keyFrom = keyFrom
    entry.keyTo = keyTo
    const large = this.setValue(bytes, keyTo, valueTo)
    const found = Node.search(leaf.bytes, bytes, keyFrom, keyTo, 0)
    const index = found >= 0 ? found : ~found
    if (found >= 0) {
      this.freeLarge(leaf, index)
      if (Node.replace(leaf.bytes, index, entry)) {
        if (large !== undefined) this.setChild(leaf, index, large)
        return true
      }
      this.removeEntry(leaf, index)
    }
    if (leaf.pages > 1 || !Node.insert(leaf.bytes, index, entry)) {
      this.rebuild(this.depth, index, large)
      return true
    }
    leaf.children?.splice(index, 0, undefined)
    if (large !== undefined) {
      putExtra(leaf.bytes, Node.hasLarge)
      this.setChild(leaf, index, large)
    }
    return true
  }

  /** Makes the value the entry's payload; returns its page when it is a large one. */
  private setValue(bytes: Uint8Array, from: number, to: number): Page | undefined {
    const { entry, largePayload } = this
    if (to - from <= inlineBytesMax(this.pageBytes)) {
      entry.payload = bytes
      entry.payloadFrom = from
      entry.mark = to - from
      return undefined
    }
    const page = ofValue(this.pageBytes, this.txn, bytes, from, to)
    this.dirtyBytes += page.sizeBytes
    putU32(largePayload, 8, to - from)
    entry.payload = largePayload
    entry.payloadFrom = 0
    entry.mark = Node.largeMark
    return page
  }

  private removeEntry(page: Page, index: number): void {
    Node.remove(page.bytes, index)
    page.children?.splice(index, 1)
  }

  /** Puts the entry into a node that has no room for it. */
  private rebuild(depth: number, index: number, child: Page | undefined): void {
    const page = this.nodes[depth]
    entries.clear()
    entries.load(page)
    const appending = index === entries.count && this.isLast(depth)
    entries.insert(index, this.entry, child)
    this.replaceNode(depth, entries.pack(this.make(page.level, appending)))
  }

  private make(level: number, appending = false) {
    return { pageBytes: this.pageBytes, level, birth: this.txn, buffers: this.buffers, appending }
  }

  /** Whether the way to this depth goes along the tree's right edge. */
  private isLast(depth: number): boolean {
    for (let d = 0; d < depth; d++) {
      if (this.indexes[d] !== Node.countOf(this.nodes[d].bytes) - 1) return false
    }
    return true
  }

  /** Puts new nodes in the place of a touched one. */
  private replaceNode(depth: number, made: Made): void {
    this.free(this.nodes[depth])
    for (const page of made.pages) this.dirtyBytes += page.sizeBytes
    if (depth === 0) return this.grow(made)
    this.setChild(this.nodes[depth - 1], this.indexes[depth - 1], made.pages[0])
    if (made.pages.length > 1) this.insertChildren(depth - 1, this.indexes[depth - 1], made)
  }

  /** Puts new branches above new nodes until there is one root. */
  private grow(made: Made): void {
    let top = made
    while (top.pages.length > 1) {
      entries.clear()
      for (let i = 0; i < top.pages.length; i++) {
        this.setChildEntry(i === 0 ? noKey : top.separators[i - 1])
        entries.insert(i, this.entry, top.pages[i])
      }
      top = entries.pack(this.make(top.pages[0].level + 1))
      for (const page of top.pages) this.dirtyBytes += page.sizeBytes
    }
    this.root = top.pages[0]
  }

  private setChildEntry(key: Uint8Array): void {
    const { entry } = this
    entry.key = key
    entry.keyFrom = 0
    entry.keyTo = key.length
    entry.payload = zeros
    entry.payloadFrom = 0
    entry.mark = Node.childReferenceBytes
  }

  /** Puts all but the first of the new nodes into their parent, behind `index`. */
  private insertChildren(depth: number, index: number, made: Made): void {
    const parent = this.nodes[depth]
    let next = 1
    for (; next < made.pages.length; next++) {
      this.setChildEntry(made.separators[next - 1])
      if (parent.pages > 1 || !Node.insert(parent.bytes, index + next, this.entry)) break
      parent.children!.splice(index + next, 0, made.pages[next])
    }
    if (next === made.pages.length) return
    entries.clear()
    entries.load(parent)
    const appending = index + next === entries.count && this.isLast(depth)
    for (; next < made.pages.length; next++) {
      this.setChildEntry(made.separators[next - 1])
      entries.insert(index + next, this.entry, made.pages[next])
    }
    this.replaceNode(depth, entries.pack(this.make(parent.level, appending)))
  }

  delete(bytes: Uint8Array, keyFrom: number, keyTo: number): boolean {
    if (!this.descend(bytes, keyFrom, keyTo)) return false
    const index = Node.search(this.nodes[this.depth].bytes, bytes, keyFrom, keyTo, 0)
    if (index < 0) return true
    const leaf = this.touch(this.depth)
    this.freeLarge(leaf, index)
    this.removeEntry(leaf, index)
    this.balance(this.depth)
    return true
  }

  /** After entries of a touched node were removed: it may be empty, or small enough to be merged. */
  private balance(depth: number): void {
    const page = this.nodes[depth]
    const count = Node.countOf(page.bytes)
    if (depth === 0) return this.lower()
    if (count === 0) {
      this.free(page)
      this.removeEntry(this.nodes[depth - 1], this.indexes[depth - 1])
      return this.balance(depth - 1)
    }
    if (Node.usedBytes(page.bytes) >= this.pageBytes >> 2) return
    const index = this.indexes[depth - 1]
    if (this.merge(depth, index) || (index > 0 && this.merge(depth, index - 1))) this.balance(depth - 1)
  }

  /** Takes away roots that have one child or none. */
  private lower(): void {
    while (this.root.level > 0 || this.root.pages > 1) {
      const count = Node.countOf(this.root.bytes)
      if (count > 1 || (count > 0 && this.root.level === 0)) return
      const next = count === 1 ? this.child(this.root, 0) : new Page(Node.emptyLeaf(this.pageBytes), 0, 1, this.txn)
      this.wanted = undefined
      if (next === undefined) return
      if (count === 0) this.dirtyBytes += next.sizeBytes
      this.free(this.root)
      this.root = next
    }
  }

  /** Makes one node of the child at `left` and its right neighbour, when both are in memory and fit. */
  private merge(depth: number, left: number): boolean {
    const parent = this.nodes[depth - 1]
    if (left + 1 >= Node.countOf(parent.bytes)) return false
    const first = this.child(parent, left)
    const second = this.child(parent, left + 1)
    this.wanted = undefined
    if (first === undefined || second === undefined) return false
    const together = Node.usedBytes(first.bytes) + Node.usedBytes(second.bytes)
    // Room for more, so that the next insertion does not split it again.
    if (together > (this.pageBytes >> 2) * 3) return false
    const { level } = first
    entries.clear()
    entries.load(first)
    entries.load(second, level > 0 ? Node.keyAt(parent.bytes, left + 1) : undefined)
    if (!entries.fits(this.make(level))) return false
    const { pages } = entries.pack(this.make(level))
    this.free(first)
    this.free(second)
    this.dirtyBytes += pages[0].sizeBytes
    this.setChild(parent, left, pages[0])
    this.removeEntry(parent, left + 1)
    return true
  }

  /**
   * Deletes the keys from [from, middle) of `bytes` up to, without, [middle, to). Whole subtrees are taken out by their reference;
   * `drain` must follow. Called again after a page was wanted, it goes on where it was.
   */
  deleteRange(bytes: Uint8Array, from: number, middle: number, to: number): boolean {
    if (Keys.compareIn(bytes, from, middle, bytes, middle, to) >= 0) return true
    let low = bytes.subarray(from, middle)
    const high = bytes.subarray(middle, to)
    for (;;) {
      if (!this.descend(low, 0, low.length)) return false
      const leaf = this.nodes[this.depth]
      const first = lowerBound(leaf, low)
      const end = lowerBound(leaf, high)
      const isLastLeaf = end < Node.countOf(leaf.bytes)
      if (first < end) {
        this.removeEntries(first, end)
        if (isLastLeaf) return true
        continue
      }
      if (isLastLeaf) return true
      const depth = this.turn()
      if (depth < 0) return true
      const next = this.indexes[depth] + 1
      const key = Node.keyAt(this.nodes[depth].bytes, next)
      if (Keys.compare(key, high) >= 0) return true
      const covered = this.covered(depth, next, high)
      if (covered > next) this.detach(depth, next, covered)
      else low = key.slice()
    }
  }

  private removeEntries(first: number, end: number): void {
    const leaf = this.touch(this.depth)
    for (let i = end - 1; i >= first; i--) {
      this.freeLarge(leaf, i)
      this.removeEntry(leaf, i)
    }
    this.balance(this.depth)
  }

  /** The deepest branch of the way that has a child to the right of it; -1: none has. */
  private turn(): number {
    let depth = this.depth - 1
    while (depth >= 0 && this.indexes[depth] + 1 >= Node.countOf(this.nodes[depth].bytes)) depth--
    return depth
  }

  /** The end of the children from `next` on whose keys are all below `high`. */
  private covered(depth: number, next: number, high: Uint8Array): number {
    const { bytes } = this.nodes[depth]
    const count = Node.countOf(bytes)
    let end = next
    while (end + 1 < count && Keys.compare(Node.keyAt(bytes, end + 1), high) <= 0) end++
    if (end + 1 < count) return end
    for (let d = depth - 1; d >= 0; d--) {
      const right = this.indexes[d] + 1
      if (right >= Node.countOf(this.nodes[d].bytes)) continue
      return Keys.compare(Node.keyAt(this.nodes[d].bytes, right), high) <= 0 ? count : end
    }
    return end
  }

  private detach(depth: number, from: number, to: number): void {
    const page = this.touch(depth)
    this.detached.add(page, from, to)
    for (let i = to - 1; i >= from; i--) this.removeEntry(page, i)
    this.balance(depth)
  }

  /** Frees what `deleteRange` took out; false: a page is wanted for it. */
  drain(): boolean {
    return this.detached.drain()
  }
}

/** The index of the first entry that is not below the key. */
const lowerBound = (leaf: Page, key: Uint8Array): number => {
  const found = Node.search(leaf.bytes, key, 0, key.length, 0)
  return found >= 0 ? found : ~found
}
