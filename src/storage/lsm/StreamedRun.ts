/**
 * StreamedRun: all entries of tables that lie side by side, read in large stretches, each byte once: what a compaction merges.
 * It says what it wants to read and is fed with it; reading is its driver's.
 */
import { assert } from "#base/Assert.ts"
import type { Step } from "../Engine.ts"
import * as Keys from "../Keys.ts"
import { BlockCursor } from "./BlockCursor.ts"
import { Source } from "./Source.ts"
import * as TableFormat from "./TableFormat.ts"
import type { TableHead } from "./TableHead.ts"

/** A stretch of a table, whole blocks. */
export interface Wanted {
  readonly table: number
  readonly offset: number
  readonly lengthBytes: number
}

export interface RunTable {
  readonly meta: TableFormat.TableMeta
  readonly head: TableHead
}

export class StreamedRun extends Source {
  private readonly tables: ReadonlyArray<RunTable>
  private readonly readBytes: number
  private readonly cursor = new BlockCursor()
  /** The table that is being read. */
  private table = 0
  /** Its next block to enter, and the first one that is not in `stretch`. */
  private block = 0
  private stretchEnd = 0
  private stretch: Uint8Array = new Uint8Array(0)
  private stretchAt = 0
  private isIn = false
  /** The place of a block that is not what was written. */
  damaged: { readonly table: number; readonly offset: number } | undefined

  constructor(tables: ReadonlyArray<RunTable>, options: { readonly rank: number; readonly readBytes: number }) {
    super(options.rank)
    this.tables = tables
    this.readBytes = options.readBytes
  }

  step(): Step {
    for (;;) {
      if (this.isIn && this.cursor.next()) {
        this.enter()
        return "entry"
      }
      this.isIn = false
      if (this.table >= this.tables.length) return "end"
      const { head } = this.tables[this.table]
      if (this.block >= head.index.count) {
        this.table++
        this.block = 0
        this.stretchEnd = 0
      } else if (this.block >= this.stretchEnd || !this.openBlock()) return "wait"
    }
  }

  /** What it is to be fed with next, which may be read before it waits for it; undefined: nothing is left. */
  wanted(): Wanted | undefined {
    const first = { table: this.table, block: this.stretchEnd }
    while (first.table < this.tables.length && first.block >= this.tables[first.table].head.index.count) {
      first.table++
      first.block = 0
    }
    if (first.table === this.tables.length) return undefined
    const { index } = this.tables[first.table].head
    let end = first.block + 1
    const offset = index.offset(first.block)
    while (end < index.count && index.offset(end + 1) - offset <= this.readBytes) end++
    return { table: first.table, offset, lengthBytes: index.offset(end) - offset }
  }

  /** The bytes of what was wanted. */
  feed(wanted: Wanted, bytes: Uint8Array): void {
    const { index } = this.tables[this.table].head
    assert(wanted.table === this.table && bytes.length === wanted.lengthBytes, "a run is fed with what it wanted")
    this.stretch = bytes
    this.stretchAt = wanted.offset
    this.stretchEnd = this.block
    while (this.stretchEnd < index.count && index.offset(this.stretchEnd + 1) <= wanted.offset + bytes.length) {
      this.stretchEnd++
    }
  }

  private openBlock(): boolean {
    const { head, meta } = this.tables[this.table]
    const { index } = head
    const offset = index.offset(this.block)
    const stored = this.stretch.subarray(offset - this.stretchAt, index.offset(this.block + 1) - this.stretchAt)
    const block = TableFormat.unsealEntries(stored, meta.number, offset)
    if (block === undefined) {
      this.damaged = { table: this.table, offset }
      return false
    }
    this.block++
    this.cursor.open(block)
    this.values = block
    this.isIn = true
    return true
  }

  private enter(): void {
    const { cursor } = this
    const { meta } = this.tables[this.table]
    this.keys = cursor.key
    this.keyTo = cursor.keyLength
    this.prefix = Keys.prefixOf(cursor.key, 0, cursor.keyLength)
    this.sequence = meta.ingestedAt > 0 ? meta.ingestedAt : cursor.sequence
    this.isDelete = cursor.isDelete
    this.valueFrom = cursor.valueFrom
    this.valueTo = cursor.valueTo
  }
}
