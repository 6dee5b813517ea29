/**
 * LsmCursor: the merge of all that a store holds, as of one sequence number, without what is deleted or hidden. It holds its version
 * of the tables and its snapshot until it is closed.
 */
import * as Bytes from "#base/Bytes.ts"
import type { Bounds, Cursor, Done, Step } from "../Engine.ts"
import * as Keys from "../Keys.ts"
import type { RangeDeletes } from "../memory/RangeDeletes.ts"
import type { OrderedTree } from "../memory/OrderedTree.ts"
import { TreeCursor } from "../memory/TreeCursor.ts"
import type { View } from "./Lookup.ts"
import { Merge } from "./Merge.ts"
import { Source } from "./Source.ts"
import type { Table } from "./Table.ts"
import { TableRun, type RunOptions } from "./TableRun.ts"
import * as Version from "./Version.ts"

/** The entries of a memtable. */
class TreeSource extends Source {
  private readonly cursor: TreeCursor

  constructor(tree: OrderedTree, options: RunOptions) {
    super(options.rank)
    const { at, from, reverse, to } = options
    this.cursor = new TreeCursor(tree, { at, from, to, reverse, tombstones: true })
  }

  step(): Step {
    const { cursor } = this
    if (!cursor.next()) return "end"
    this.keys = cursor.bytes
    this.keyFrom = cursor.keyFrom
    this.keyTo = cursor.keyTo
    this.prefix = Keys.prefixOf(cursor.bytes, cursor.keyFrom, cursor.keyTo)
    this.sequence = cursor.sequence
    this.isDelete = cursor.isTombstone
    this.values = cursor.valueBytes
    this.valueFrom = cursor.valueFrom
    this.valueTo = cursor.valueTo
    return "entry"
  }
}

export interface CursorOptions {
  readonly view: View
  readonly at: number
  readonly bounds: Bounds
  readonly reverse: boolean
  readonly blocksMax: number
  readonly readAheadBytes: number
  readonly closed: () => void
}

/** Whether a table has something in the bounds. */
const isWithin = ({ meta }: Table, { from, to }: Bounds): boolean =>
  (to === undefined || Keys.compare(meta.from, to) < 0) && (from === undefined || Keys.compare(from, meta.to) < 0)

const lowest = new Uint8Array(0)

/** The tables of a level (not level 0) that have something in the bounds. */
const tablesWithin = (view: View, level: number, { from, to }: Bounds): ReadonlyArray<Table> => {
  const metas = view.version.version.levels[level]
  const tables = view.version.levels[level]
  const first = Version.firstAbove(metas, from ?? lowest)
  let end = first
  while (end < tables.length && isWithin(tables[end], { ...(to !== undefined && { to }) })) end++
  return first === 0 && end === tables.length ? tables : tables.slice(first, end)
}

export class LsmCursor implements Cursor {
  private readonly options: CursorOptions
  private readonly merge: Merge<Source>
  /** What hides entries of all sources. */
  private readonly ranges: Array<RangeDeletes> = []
  /** Tables whose range deletes are not in memory yet. */
  private readonly unread: Array<Table> = []
  private lastKey = new Uint8Array(64)
  private lastLength = -1
  private lastPrefix = 0
  private isClosed = false

  constructor(options: CursorOptions) {
    this.options = options
    const { at, blocksMax, bounds, readAheadBytes, reverse, view } = options
    const sources: Array<Source> = []
    const runOptions = (): RunOptions => ({
      rank: sources.length,
      at,
      from: bounds.from,
      to: bounds.to,
      reverse,
      blocksMax,
      readAheadBytes
    })
    for (const tree of view.trees) {
      if (tree.count > 0) sources.push(new TreeSource(tree, runOptions()))
      if (!tree.ranges.isEmpty) this.ranges.push(tree.ranges)
    }
    for (const table of view.version.levels[0]) {
      if (isWithin(table, bounds)) this.add(sources, [table], runOptions())
    }
    for (let level = 1; level <= view.version.deepest; level++) {
      const tables = tablesWithin(view, level, bounds)
      if (tables.length > 0) this.add(sources, tables, runOptions())
    }
    this.merge = new Merge(sources, { reverse })
  }

  next(): Step {
    while (this.unread.length > 0) {
      const { head } = this.unread[this.unread.length - 1]
      if (head === undefined) return "wait"
      this.readRanges(head.ranges)
    }
    const { merge } = this
    for (;;) {
      const step = merge.next()
      if (step !== "entry") return step
      const { top } = merge
      if (top.prefix === this.lastPrefix && this.isLast(top)) continue
      this.remember(top)
      if (!top.isDelete && (this.ranges.length === 0 || !this.isCovered(top))) return "entry"
    }
  }

  key(): Uint8Array {
    const { keyFrom, keyTo, keys } = this.merge.top
    return Bytes.copy(keys, keyFrom, keyTo)
  }

  value(): Uint8Array {
    const { valueFrom, valueTo, values } = this.merge.top
    return values.subarray(valueFrom, valueTo)
  }

  fill(done: Done<void>): void {
    const table = this.unread.at(-1)
    if (table === undefined) {
      const { waiting } = this.merge
      // Only tables are ever waited for.
      return (waiting as TableRun).fill(done)
    }
    table.loadHead((error, head) => {
      if (error === undefined) this.readRanges(head!.ranges)
      done(error, undefined)
    })
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.options.closed()
  }

  private add(sources: Array<Source>, tables: ReadonlyArray<Table>, options: RunOptions): void {
    sources.push(new TableRun(tables, options))
    for (const table of tables) if (table.meta.rangeDeletes > 0) this.unread.push(table)
  }

  private readRanges(ranges: RangeDeletes | undefined): void {
    this.unread.pop()
    if (ranges !== undefined) this.ranges.push(ranges)
  }

  private isCovered(source: Source): boolean {
    const { ranges } = this
    const { keyFrom, keyTo, keys, sequence } = source
    for (let i = 0; i < ranges.length; i++) {
      if (ranges[i].newest(keys, keyFrom, keyTo, this.options.at) > sequence) return true
    }
    return false
  }

  private isLast({ keyFrom, keyTo, keys }: Source): boolean {
    return (
      this.lastLength === keyTo - keyFrom &&
      Keys.compareIn(this.lastKey, 0, this.lastLength, keys, keyFrom, keyTo) === 0
    )
  }

  private remember(source: Source): void {
    const { keyFrom, keyTo, keys } = source
    const length = keyTo - keyFrom
    if (length > this.lastKey.length) this.lastKey = new Uint8Array(length * 2)
    const { lastKey } = this
    for (let i = 0; i < length; i++) lastKey[i] = keys[keyFrom + i]
    this.lastLength = length
    this.lastPrefix = source.prefix
  }
}
