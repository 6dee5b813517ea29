/**
 * TableRun: the entries of tables that lie side by side, as of one sequence number, in either direction: for each key the newest
 * version that shows, deletes included. A source of a cursor.
 *
 * Blocks come from the cache one at a time at first. A scan that goes on reads more and more of them at once, and those it keeps to
 * itself: they would drive out of the cache what others come back to.
 */
import type { Done, Step } from "../Engine.ts"
import * as Keys from "../Keys.ts"
import { BlockCursor } from "./BlockCursor.ts"
import { Source } from "./Source.ts"
import type { Table } from "./Table.ts"
import type { TableHead } from "./TableHead.ts"

export interface RunOptions {
  readonly rank: number
  /** Entries with a higher sequence number do not show. */
  readonly at: number
  readonly from: Uint8Array | undefined
  readonly to: Uint8Array | undefined
  readonly reverse: boolean
  /** Blocks that are read at once, at most. */
  readonly blocksMax: number
  /** And bytes of them, but one block at least. */
  readonly readAheadBytes: number
}

/** What comes next: a table has to be entered, a block has to be, or the entries of one are gone through. */
type Phase = "table" | "block" | "entries"

export class TableRun extends Source {
  private readonly tables: ReadonlyArray<Table>
  private readonly options: RunOptions
  private readonly cursor = new BlockCursor()
  private phase: Phase = "table"
  /** The table that it is in. */
  private place: number
  private head: TableHead | undefined
  /** The block that it is in or about to enter. */
  private ordinal = 0
  /** True until the bound that it begins at is behind it. */
  private atBound = true
  /** Blocks that were read for it alone: those from `aheadFrom` on. */
  private ahead: ReadonlyArray<Uint8Array> = []
  private aheadFrom = 0
  private blocksNext = 1
  /** The last key that was shown or, going back, that is a candidate. */
  private lastKey = new Uint8Array(64)
  private lastLength = -1
  private otherKey = new Uint8Array(64)
  /** Going back: the newest version so far of the key that it is at, already in the fields. */
  private hasCandidate = false
  /** Going back: the cursor stands at an entry that was not looked at. */
  private isUnread = false

  constructor(tables: ReadonlyArray<Table>, options: RunOptions) {
    super(options.rank)
    this.tables = tables
    this.options = options
    this.place = options.reverse ? tables.length - 1 : 0
  }

  step(): Step {
    for (;;) {
      if (this.phase === "entries") {
        if (this.options.reverse ? this.back() : this.forward()) return "entry"
        if (this.place < 0 || this.place >= this.tables.length) return "end"
      } else if (this.phase === "table") {
        if (this.place < 0 || this.place >= this.tables.length) return "end"
        if (!this.enterTable()) return "wait"
      } else if (!this.enterBlock()) return "wait"
    }
  }

  /** Brings what it waits for into memory. */
  fill(done: Done<void>): void {
    const table = this.tables[this.place]
    const { head } = this
    if (head === undefined) {
      table.loadHead((error, loaded) => {
        if (error === undefined) this.setHead(loaded!)
        done(error, undefined)
      })
      return
    }
    const count = this.countOf(head)
    const first = this.options.reverse ? this.ordinal - count + 1 : this.ordinal
    this.blocksNext = Math.min(this.blocksNext * 2, this.options.blocksMax)
    if (count === 1) {
      table.loadBlock(head, first, (error, block) => {
        if (error === undefined) this.setAhead(first, [block!])
        done(error, undefined)
      })
    } else {
      table.loadBlocks(head, first, count, (error, blocks) => {
        if (error === undefined) this.setAhead(first, blocks!)
        done(error, undefined)
      })
    }
  }

  /** Blocks to be read at once: none behind the bound, and of large ones fewer, for one of a large value may be a hundred of others. */
  private countOf({ index }: TableHead): number {
    const { from, readAheadBytes, reverse, to } = this.options
    const { blocksNext, ordinal } = this
    if (blocksNext === 1) return 1
    const step = reverse ? -1 : 1
    const bound = reverse ? from : to
    const last =
      bound === undefined
        ? reverse
          ? 0
          : index.count - 1
        : Math.min(index.count - 1, index.find(bound, 0, bound.length))
    let count = 1
    let bytes = index.sizeBytes(ordinal)
    for (let next = ordinal + step; count < blocksNext && (last - next) * step >= 0; next += step) {
      bytes += index.sizeBytes(next)
      if (bytes > readAheadBytes) break
      count += 1
    }
    return count
  }

  private setAhead(first: number, blocks: ReadonlyArray<Uint8Array>): void {
    this.ahead = blocks
    this.aheadFrom = first
  }

  private setHead(head: TableHead): void {
    this.head = head
    const { from, reverse, to } = this.options
    const { count } = head.index
    if (!reverse) this.ordinal = this.atBound && from !== undefined ? head.index.find(from, 0, from.length) : 0
    else {
      const last = this.atBound && to !== undefined ? head.index.find(to, 0, to.length) : count - 1
      this.ordinal = Math.min(last, count - 1)
    }
    this.phase = "block"
  }

  /** False: its head is not in memory. */
  private enterTable(): boolean {
    const { head, meta } = this.tables[this.place]
    // Nothing of it shows.
    if (meta.ingestedAt > this.options.at || meta.sequenceMin > this.options.at || meta.entries === 0) {
      this.leaveTable()
      return true
    }
    if (head === undefined) return false
    this.setHead(head)
    return true
  }

  private leaveTable(): void {
    this.place += this.options.reverse ? -1 : 1
    this.head = undefined
    this.ahead = []
    if (!this.hasCandidate) this.lastLength = -1
    this.phase = "table"
  }

  /** False: the block is not in memory. */
  private enterBlock(): boolean {
    const { options, ordinal } = this
    if (ordinal < 0 || ordinal >= this.head!.index.count) {
      this.leaveTable()
      if (this.hasCandidate) this.phase = "entries"
      return true
    }
    const block = this.ahead[ordinal - this.aheadFrom] ?? this.tables[this.place].block(ordinal)
    if (block === undefined) return false
    this.cursor.open(block)
    this.phase = "entries"
    const bound = options.reverse ? options.to : options.from
    if (!this.atBound || bound === undefined) {
      if (options.reverse) this.cursor.toEnd()
    } else if (options.reverse) {
      // The entry before the first that is not below the bound.
      if (!this.cursor.seek(bound, 0, bound.length, Infinity)) this.cursor.toEnd()
    } else if (this.cursor.seek(bound, 0, bound.length, Infinity)) this.isUnread = true
    this.atBound = false
    return true
  }

  /** Moves to the next entry that shows; false: this block has none. */
  private forward(): boolean {
    const { cursor } = this
    const { at, to } = this.options
    const { ingestedAt, olderVersions } = this.tables[this.place].meta
    while (this.isUnread || cursor.next()) {
      this.isUnread = false
      const sequence = ingestedAt > 0 ? ingestedAt : cursor.sequence
      if (sequence > at || (olderVersions > 0 && this.isLast())) continue
      if (to !== undefined && Keys.compareIn(cursor.key, 0, cursor.keyLength, to, 0, to.length) >= 0) {
        this.place = this.tables.length
        return false
      }
      if (olderVersions > 0) this.remember()
      this.show(cursor.key, cursor.keyLength, sequence)
      return true
    }
    this.ordinal++
    this.phase = "block"
    return false
  }

  /** The same to the one before. A key's versions come from the oldest to the newest, so one is shown when the next key is met. */
  private back(): boolean {
    const { cursor, options } = this
    // All blocks of the table that the candidate is of are behind it.
    if (this.head === undefined) return this.showCandidate("table")
    const { ingestedAt } = this.tables[this.place].meta
    while (this.isUnread || cursor.previous()) {
      this.isUnread = false
      if (this.hasCandidate && !this.isLast()) {
        this.isUnread = true
        return this.showCandidate("entries")
      }
      const { from } = options
      if (from !== undefined && Keys.compareIn(cursor.key, 0, cursor.keyLength, from, 0, from.length) < 0) {
        this.place = -1
        this.head = undefined
        return this.hasCandidate && this.showCandidate("table")
      }
      const sequence = ingestedAt > 0 ? ingestedAt : cursor.sequence
      if (sequence > options.at) continue
      this.remember()
      this.hasCandidate = true
      this.sequence = sequence
      this.isDelete = cursor.isDelete
      this.values = cursor.block
      this.valueFrom = cursor.valueFrom
      this.valueTo = cursor.valueTo
    }
    this.ordinal--
    this.phase = "block"
    return false
  }

  /** Puts the candidate's key into the fields, where the rest of it is. */
  private showCandidate(phase: Phase): boolean {
    this.hasCandidate = false
    this.phase = phase
    // The next candidate is put into the other memory.
    const shown = this.lastKey
    this.keys = shown
    this.keyTo = this.lastLength
    this.prefix = Keys.prefixOf(shown, 0, this.lastLength)
    this.lastKey = this.otherKey
    this.otherKey = shown
    this.lastLength = -1
    return true
  }

  private show(key: Uint8Array, length: number, sequence: number): void {
    const { cursor } = this
    this.keys = key
    this.keyTo = length
    this.prefix = Keys.prefixOf(key, 0, length)
    this.sequence = sequence
    this.isDelete = cursor.isDelete
    this.values = cursor.block
    this.valueFrom = cursor.valueFrom
    this.valueTo = cursor.valueTo
  }

  /** Whether the entry that the cursor is at has the last key. */
  private isLast(): boolean {
    const { key, keyLength } = this.cursor
    return this.lastLength === keyLength && Keys.compareIn(this.lastKey, 0, keyLength, key, 0, keyLength) === 0
  }

  private remember(): void {
    const { key, keyLength } = this.cursor
    if (keyLength > this.lastKey.length) this.lastKey = new Uint8Array(keyLength * 2)
    for (let i = 0; i < keyLength; i++) this.lastKey[i] = key[i]
    this.lastLength = keyLength
  }
}
