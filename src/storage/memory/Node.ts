/**
 * Node: the nodes of an ordered tree. What a search compares lies side by side in one array of doubles: of each key the six
 * bytes behind those that all keys of the node share (`Keys.prefixOf`), so that keys which begin alike are told apart by
 * numbers too. A leaf holds the ids of its records, the newest version of each key; an inner node its children and what
 * separates them.
 *
 * Separators are the shortest keys above everything to their left and not above anything to their right, copies of
 * their own: a record may go while its separator stays.
 */
import * as Keys from "../Keys.ts"
import type { Arena } from "./Arena.ts"

/** Up to so many bytes V8 keeps a typed array in its own heap; keys that share more are compared as bytes. */
const sharedBytesMax = 64
/** Numbers are made anew when so many more bytes turn out to be shared: half of what they tell apart. */
const regrowBytes = 3

const nothing = new Uint8Array(0)

/** Whether the stretch is before (-1), behind (1) or among (0) the keys that begin with `shared`. */
const sideOf = (shared: Uint8Array, bytes: Uint8Array, from: number, to: number): number => {
  const { length } = shared
  for (let i = 0; i < length; i++) {
    if (from + i === to) return -1
    const difference = bytes[from + i] - shared[i]
    if (difference !== 0) return difference
  }
  return 0
}

export class Leaf {
  count = 0
  /** What all keys begin with, or less. */
  shared: Uint8Array = nothing
  readonly prefixes: Float64Array
  readonly records: Uint32Array
  private readonly arena: Arena
  next: Leaf | undefined = undefined
  previous: Leaf | undefined = undefined
  /** Where the last entry was put in, and how many in a row were each put in right behind the last: a split keeps with such a run. */
  lastAt = -1
  run = 0

  constructor(fanOut: number, arena: Arena) {
    this.prefixes = new Float64Array(fanOut)
    this.records = new Uint32Array(fanOut)
    this.arena = arena
  }

  /** Where the key is, or the complement of where it belongs. */
  search(bytes: Uint8Array, from: number, to: number): number {
    const { count, prefixes, records, shared } = this
    if (shared.length > 0) {
      const side = sideOf(shared, bytes, from, to)
      if (side !== 0) return side < 0 ? ~0 : ~count
    }
    const prefix = Keys.prefixOf(bytes, from + shared.length, to)
    let low = 0
    let high = count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (prefixes[middle] < prefix) low = middle + 1
      else high = middle
    }
    if (low === count || prefixes[low] !== prefix) return ~low
    const order = this.arena.compareKey(records[low], bytes, from, to)
    if (order === 0) return low
    return order > 0 ? ~low : this.searchEqual(low + 1, bytes, from, to, prefix)
  }

  /** The same among the entries from `first` on, whose numbers are not below the key's. */
  private searchEqual(first: number, bytes: Uint8Array, from: number, to: number, prefix: number): number {
    const { arena, prefixes, records } = this
    let low = first
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = prefixes[middle] > prefix ? 1 : arena.compareKey(records[middle], bytes, from, to)
      if (order === 0) return middle
      if (order < 0) low = middle + 1
      else high = middle
    }
    return ~low
  }

  /** The number of a record's key in this leaf. */
  private prefixOf(record: number): number {
    const { arena } = this
    return Keys.prefixOf(arena.slabOf(record), arena.keyFrom(record) + this.shared.length, arena.keyTo(record))
  }

  /** Shares `sharedBytes` of the record's key, which all keys here have in common with it. */
  private share(record: number, sharedBytes: number): void {
    if (sharedBytes === this.shared.length) return
    const from = this.arena.keyFrom(record)
    this.shared = sharedBytes === 0 ? nothing : this.arena.slabOf(record).slice(from, from + sharedBytes)
    for (let i = 0; i < this.count; i++) this.prefixes[i] = this.prefixOf(this.records[i])
  }

  /** Bytes that the keys of two records begin with in common. */
  private commonBytes(left: number, right: number): number {
    const { arena } = this
    const bytes = arena.slabOf(right)
    return Keys.commonBytes(
      arena.slabOf(left),
      arena.keyFrom(left),
      arena.keyTo(left),
      bytes,
      arena.keyFrom(right),
      arena.keyTo(right)
    )
  }

  /** Shares what all its keys have in common, if that is worth the work; together with `record`, which is about to come. */
  shareMore(record: number): void {
    const { count, records } = this
    const all = this.commonBytes(records[0], records[count - 1])
    const common = Math.min(all, this.commonBytes(records[0], record), sharedBytesMax)
    if (common >= this.shared.length + regrowBytes) this.share(records[0], common)
  }

  /** Puts a record in whose key belongs at `at`. */
  insert(at: number, record: number): void {
    const { arena, shared } = this
    if (shared.length > 0) {
      const from = arena.keyFrom(record)
      const common = Keys.commonBytes(shared, 0, shared.length, arena.slabOf(record), from, arena.keyTo(record))
      this.share(record, common)
    }
    const prefix = this.prefixOf(record)
    const { count, prefixes, records } = this
    for (let i = count; i > at; i--) {
      prefixes[i] = prefixes[i - 1]
      records[i] = records[i - 1]
    }
    prefixes[at] = prefix
    records[at] = record
    this.count = count + 1
    this.run = at === this.lastAt + 1 ? this.run + 1 : 0
    this.lastAt = at
  }

  remove(at: number): void {
    const { count, prefixes, records } = this
    for (let i = at + 1; i < count; i++) {
      prefixes[i - 1] = prefixes[i]
      records[i - 1] = records[i]
    }
    this.count = count - 1
    this.run = 0
  }

  /** Leaves the first `count` entries. */
  cut(count: number): void {
    this.count = count
    this.run = 0
  }

  /** Moves the entries from `from` on behind those of `target`, which is empty or has lower keys. */
  moveTo(target: Leaf, from: number): void {
    if (target.count === 0) target.shared = this.shared
    else {
      // What both share, as far as both know.
      const { shared } = target
      const common = Keys.commonBytes(shared, 0, shared.length, this.shared, 0, this.shared.length)
      target.share(target.records[0], common)
      if (this.count > 0) this.share(this.records[0], common)
    }
    for (let i = from; i < this.count; i++) {
      target.prefixes[target.count] = this.prefixes[i]
      target.records[target.count++] = this.records[i]
    }
    this.count = from
    this.run = 0
  }

  /** Puts `right` behind this leaf. */
  link(right: Leaf): void {
    right.next = this.next
    right.previous = this
    if (this.next !== undefined) this.next.previous = right
    this.next = right
  }

  unlink(): void {
    if (this.previous !== undefined) this.previous.next = this.next
    if (this.next !== undefined) this.next.previous = this.previous
  }
}

export class Inner {
  /** What all separators begin with, or less. */
  private shared: Uint8Array = nothing
  /** Separator i stands between child i and child i + 1. */
  private readonly prefixes: Float64Array
  readonly separators: Array<Uint8Array> = []
  readonly children: Array<Leaf | Inner> = []

  constructor(fanOut: number) {
    this.prefixes = new Float64Array(fanOut)
  }

  /** The child in whose reach the key is: behind all separators that are not above it. */
  childOf(bytes: Uint8Array, from: number, to: number): number {
    const { prefixes, separators, shared } = this
    const count = separators.length
    if (shared.length > 0) {
      const side = sideOf(shared, bytes, from, to)
      if (side !== 0) return side < 0 ? 0 : count
    }
    const prefix = Keys.prefixOf(bytes, from + shared.length, to)
    let low = 0
    let high = count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (prefixes[middle] < prefix) low = middle + 1
      else high = middle
    }
    if (low === count || prefixes[low] !== prefix) return low
    high = count
    while (low < high) {
      const middle = (low + high) >>> 1
      const separator = separators[middle]
      const isAbove = prefixes[middle] > prefix || Keys.compareIn(separator, 0, separator.length, bytes, from, to) > 0
      if (isAbove) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Puts a child right of child `at`, with the separator between them. */
  insert(at: number, separator: Uint8Array, child: Leaf | Inner): void {
    this.separators.splice(at, 0, separator)
    this.children.splice(at + 1, 0, child)
    this.renumber(at)
  }

  /** Removes child `at` with the separator on its left; of the first child, that on its right. */
  remove(at: number): void {
    const separator = at === 0 ? 0 : at - 1
    this.separators.splice(separator, 1)
    this.children.splice(at, 1)
    this.renumber(separator)
  }

  /** Moves the children from `at` on, and the separators between them, to a new node. The separator before them is left last. */
  splitAt(at: number, fanOut: number): Inner {
    const right = new Inner(fanOut)
    right.children.push(...this.children.splice(at))
    right.separators.push(...this.separators.splice(at))
    right.renumber(0)
    return right
  }

  /** Makes the numbers from separator `from` on, or all of them when what is shared has changed. */
  private renumber(from: number): void {
    const { prefixes, separators, shared } = this
    const count = separators.length
    if (count === 0) return
    const [first, last] = [separators[0], separators[count - 1]]
    const common = Math.min(Keys.commonBytes(first, 0, first.length, last, 0, last.length), sharedBytesMax)
    const isOf = Keys.commonBytes(first, 0, first.length, shared, 0, shared.length) === shared.length
    // One separator alone shares all of itself, and tells nothing of the next.
    const isSame = isOf && common >= shared.length && (common < shared.length + regrowBytes || count < 4)
    if (!isSame) this.shared = first.slice(0, count < 4 ? 0 : common)
    const sharedBytes = this.shared.length
    for (let i = isSame ? from : 0; i < count; i++) {
      prefixes[i] = Keys.prefixOf(separators[i], sharedBytes, separators[i].length)
    }
  }
}
