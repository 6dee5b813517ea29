/**
 * Entries: the entries of some neighbouring nodes, taken apart, changed, and put together as new nodes: how nodes split, merge,
 * and change their prefix. For all changes that `Node` cannot make in place.
 */
import type { Buffers } from "./Buffers.ts"
import * as Keys from "../Keys.ts"
import * as Node from "./Node.ts"
import { Page, type Children } from "./Page.ts"
import { headerBytes, putExtra } from "./PageFormat.ts"

/** What a branch needs at least: a split must shorten. */
const branchChildrenMin = 2

/** What nodes are made for. */
export interface Make {
  readonly pageBytes: number
  readonly level: number
  readonly birth: number
  readonly buffers: Buffers
  /** Leave everything but the last entry together: keys come in rising order. */
  readonly appending: boolean
}

/** New nodes, and the least key of each but the first. */
export interface Made {
  readonly pages: Array<Page>
  readonly separators: Array<Uint8Array>
}

export class Entries {
  count = 0
  private arena = new Uint8Array(65_536)
  private used = 0
  private readonly keyFrom: Array<number> = []
  private readonly keyTo: Array<number> = []
  /** The payload begins where the key ends. */
  private readonly marks: Array<number> = []
  private readonly children: Array<Page | undefined> = []
  /** Of a key in the arena: for nodes put together. */
  private readonly entry = new Node.Entry()

  clear(): void {
    this.count = 0
    this.used = 0
    this.children.length = 0
  }

  private reserve(bytes: number): void {
    if (this.used + bytes <= this.arena.length) return
    const larger = new Uint8Array(Math.max(this.arena.length * 2, this.used + bytes))
    larger.set(this.arena.subarray(0, this.used))
    this.arena = larger
  }

  private raw(source: Uint8Array, from: number, to: number): void {
    const { arena, used } = this
    if (to - from > 64) arena.set(source.subarray(from, to), used)
    else for (let i = from; i < to; i++) arena[used + i - from] = source[i]
    this.used = used + to - from
  }

  /** Puts all entries of a node behind those that are there. `firstKey`: what its first key is, when its own means nothing. */
  load(page: Page, firstKey?: Uint8Array): void {
    const { bytes, children } = page
    const prefixLength = Node.prefixLengthOf(bytes)
    const count = Node.countOf(bytes)
    for (let index = 0; index < count; index++) {
      const at = Node.entryAt(bytes, index)
      const suffix = at + Node.entryBytes
      const suffixTo = suffix + Node.suffixLengthAt(bytes, at)
      const mark = Node.markAt(bytes, at)
      const payloadBytes = Node.payloadBytesOf(mark)
      const known = index === 0 ? firstKey : undefined
      this.reserve((known?.length ?? prefixLength + suffixTo - suffix) + payloadBytes)
      this.keyFrom[this.count] = this.used
      if (known !== undefined) this.raw(known, 0, known.length)
      else {
        this.raw(bytes, headerBytes, headerBytes + prefixLength)
        this.raw(bytes, suffix, suffixTo)
      }
      this.keyTo[this.count] = this.used
      this.raw(bytes, suffixTo, suffixTo + payloadBytes)
      this.marks[this.count] = mark
      this.children[this.count] = children?.[index]
      this.count++
    }
  }

  insert(index: number, entry: Node.Entry, child: Page | undefined): void {
    const { key, keyFrom, keyTo, mark, payload, payloadFrom } = entry
    const payloadBytes = Node.payloadBytesOf(mark)
    this.reserve(keyTo - keyFrom + payloadBytes)
    const from = this.used
    this.raw(key, keyFrom, keyTo)
    const to = this.used
    this.raw(payload, payloadFrom, payloadFrom + payloadBytes)
    for (let i = this.count; i > index; i--) {
      this.keyFrom[i] = this.keyFrom[i - 1]
      this.keyTo[i] = this.keyTo[i - 1]
      this.marks[i] = this.marks[i - 1]
      this.children[i] = this.children[i - 1]
    }
    this.keyFrom[index] = from
    this.keyTo[index] = to
    this.marks[index] = mark
    this.children[index] = child
    this.count++
  }

  remove(index: number): void {
    this.count--
    for (let i = index; i < this.count; i++) {
      this.keyFrom[i] = this.keyFrom[i + 1]
      this.keyTo[i] = this.keyTo[i + 1]
      this.marks[i] = this.marks[i + 1]
      this.children[i] = this.children[i + 1]
    }
    this.children.length = this.count
  }

  /** A branch's first key is not stored. */
  private keyEnd(index: number, first: number, level: number): number {
    return level > 0 && index === first ? this.keyFrom[index] : this.keyTo[index]
  }

  private prefixLength(from: number, to: number, level: number): number {
    const first = level > 0 ? from + 1 : from
    if (to - first < 2) return 0
    const { arena, keyFrom, keyTo } = this
    const last = to - 1
    return Keys.commonBytes(arena, keyFrom[first], keyTo[first], arena, keyFrom[last], keyTo[last])
  }

  /** Bytes of a node of the entries in [from, to). */
  private sizeBytes(from: number, to: number, level: number): number {
    const prefixLength = this.prefixLength(from, to, level)
    let size = headerBytes + prefixLength
    for (let i = from; i < to; i++) {
      const keyBytes = this.keyEnd(i, from, level) - this.keyFrom[i]
      size += Node.slotBytes + Node.entryBytes + Math.max(0, keyBytes - prefixLength)
      size += Node.payloadBytesOf(this.marks[i])
    }
    return size
  }

  fits(make: Make): boolean {
    return this.sizeBytes(0, this.count, make.level) <= make.pageBytes
  }

  /** Makes nodes of all entries: as few as it needs, about equally full unless `appending`. */
  pack(make: Make): Made {
    const made: Made = { pages: [], separators: [] }
    this.split(0, this.count, make, made)
    return made
  }

  private split(from: number, to: number, make: Make, made: Made): void {
    const each = make.level > 0 ? branchChildrenMin : 1
    if (to - from < 2 * each || this.sizeBytes(from, to, make.level) <= make.pageBytes) {
      if (from > 0) made.separators.push(this.separator(from, make.level))
      made.pages.push(this.node(from, to, make))
      return
    }
    const at = make.appending && to === this.count ? to - each : this.middle(from, to, each)
    this.split(from, at, make, made)
    this.split(at, to, make, made)
  }

  /** Where both sides have about the same number of bytes. */
  private middle(from: number, to: number, each: number): number {
    let total = 0
    for (let i = from; i < to; i++) total += this.weight(i)
    let left = 0
    let at = from
    while (at < to - each && (at < from + each || left + this.weight(at) / 2 < total / 2)) left += this.weight(at++)
    return at
  }

  private weight(index: number): number {
    const bytes = this.keyTo[index] - this.keyFrom[index] + Node.payloadBytesOf(this.marks[index])
    return Node.slotBytes + Node.entryBytes + bytes
  }

  /** The shortest key that is above all before `index` and not above what is there; for branches the key itself. */
  private separator(index: number, level: number): Uint8Array {
    const { arena, keyFrom, keyTo } = this
    const from = keyFrom[index]
    if (level > 0) return arena.slice(from, keyTo[index])
    const common = Keys.commonBytes(arena, keyFrom[index - 1], keyTo[index - 1], arena, from, keyTo[index])
    return arena.slice(from, from + common + 1)
  }

  private node(from: number, to: number, { birth, buffers, level, pageBytes }: Make): Page {
    const pages = Math.ceil(this.sizeBytes(from, to, level) / pageBytes)
    const bytes = buffers.zeroed(pages * pageBytes)
    const prefixLength = this.prefixLength(from, to, level)
    const { arena, entry } = this
    Node.setHeader(bytes, { level, prefixLength, count: 0, heap: bytes.length })
    const last = this.keyFrom[to - 1]
    bytes.set(arena.subarray(last, last + prefixLength), headerBytes)
    const page = new Page(bytes, 0, pages, birth)
    entry.key = arena
    entry.payload = arena
    for (let i = from; i < to; i++) {
      entry.keyFrom = this.keyFrom[i]
      entry.keyTo = this.keyEnd(i, from, level)
      entry.payloadFrom = this.keyTo[i]
      entry.mark = this.marks[i]
      if (level > 0 && i === from) Node.insertFirstChild(bytes, entry)
      else Node.insert(bytes, i - from, entry)
      if (this.isAboveLarge(i, level)) putExtra(bytes, Node.hasLarge)
    }
    page.children = this.childrenOf(from, to)
    return page
  }

  /** Whether an entry is a large value, or a child that has one below it. */
  private isAboveLarge(index: number, level: number): boolean {
    if (level === 0) return this.marks[index] === Node.largeMark
    return (this.arena[this.keyTo[index] + Node.childFlagsAt] & Node.hasLarge) !== 0
  }

  private childrenOf(from: number, to: number): Children | undefined {
    for (let i = from; i < to; i++) if (this.children[i] !== undefined) return this.children.slice(from, to)
    return undefined
  }
}
