/**
 * TestTables: tables in memory, for tests of what is pure: built, opened, compacted and listed without a disk.
 */
import * as Bytes from "#base/Bytes.ts"
import { assert } from "#base/Assert.ts"
import { BlockCursor } from "./BlockCursor.ts"
import { Compaction, type Fragment, type KeyRange } from "./Compaction.ts"
import { StreamedRun } from "./StreamedRun.ts"
import { TableBuilder, type BuilderOptions } from "./TableBuilder.ts"
import * as TableFormat from "./TableFormat.ts"
import * as TableHead from "./TableHead.ts"

export interface Entry {
  readonly key: Uint8Array
  readonly sequence: number
  /** `undefined`: a delete. */
  readonly value: Uint8Array | undefined
}

export interface RangeEntry extends KeyRange {
  readonly sequences: ReadonlyArray<number>
}

export interface TestTable {
  readonly meta: TableFormat.TableMeta
  readonly bytes: Uint8Array
}

export type Tuning = Omit<BuilderOptions, "number" | "ingestedAt">

const nothing = new Uint8Array(0)

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const writer = Bytes.Writer.make()
  for (const part of parts) writer.raw(part)
  return Bytes.copy(writer.finish())
}

/** Entries and fragments in their order. */
export const build = (
  tuning: Tuning,
  number: number,
  entries: ReadonlyArray<Entry>,
  ranges: ReadonlyArray<RangeEntry> = []
): TestTable => {
  const builder = new TableBuilder({ ...tuning, number })
  const parts: Array<Uint8Array> = []
  for (const { key, sequence, value } of entries) {
    const bytes = value ?? nothing
    builder.add(key, 0, key.length, sequence, value === undefined, bytes, 0, bytes.length)
    const part = builder.take()
    if (part !== undefined) parts.push(part)
  }
  for (const { from, sequences, to } of ranges) builder.addRange(from, to, sequences)
  const { meta, rest } = builder.finish()
  return { meta, bytes: joined([...parts, rest]) }
}

export const headOf = ({ bytes, meta }: TestTable): TableHead.TableHead | number =>
  TableHead.decode(bytes.subarray(meta.filterAt, meta.filterAt + TableHead.lengthOf(meta)), meta)

const open = (table: TestTable): TableHead.TableHead => {
  const head = headOf(table)
  assert(typeof head !== "number", "the table's head reads")
  return head
}

/** All entries, in the table's order. */
export const entriesOf = (table: TestTable): ReadonlyArray<Entry> => {
  const { index } = open(table)
  const cursor = new BlockCursor()
  const entries: Array<Entry> = []
  for (let block = 0; block < index.count; block++) {
    const stored = table.bytes.subarray(index.offset(block), index.offset(block + 1))
    const content = TableFormat.unsealEntries(stored, table.meta.number, index.offset(block))
    assert(content !== undefined, "the table's block reads")
    cursor.open(content)
    while (cursor.next()) {
      const value = cursor.isDelete ? undefined : content.slice(cursor.valueFrom, cursor.valueTo)
      entries.push({ key: cursor.key.slice(0, cursor.keyLength), sequence: cursor.sequence, value })
    }
  }
  return entries
}

export const rangesOf = (table: TestTable): ReadonlyArray<RangeEntry> => {
  const ranges: Array<RangeEntry> = []
  open(table).ranges?.forEach((from, to, sequences) => ranges.push({ from, to, sequences }))
  return ranges
}

export interface CompactOptions {
  readonly tableBytes: number
  readonly snapshots: ReadonlyArray<number>
  readonly below: ReadonlyArray<KeyRange>
  readonly readBytes: number
  /** Entries of a slice. Default: 3. */
  readonly sliceEntries?: number
  /** Hears after each slice what the table's builder holds. */
  readonly onSlice?: (memoryBytes: number) => void
}

/** Merges runs of tables, the newest run first. */
export const compact = (
  tuning: Tuning,
  runs: ReadonlyArray<ReadonlyArray<TestTable>>,
  { onSlice, readBytes, sliceEntries = 3, ...options }: CompactOptions
): ReadonlyArray<TestTable> => {
  const sources = runs.map(
    (tables, rank) =>
      new StreamedRun(
        tables.map((table) => ({ meta: table.meta, head: open(table) })),
        { rank, readBytes }
      )
  )
  const ranges = runs
    .flat()
    .flatMap((table): ReadonlyArray<Fragment> =>
      rangesOf(table).flatMap(({ from, sequences, to }) => sequences.map((sequence) => ({ from, to, sequence })))
    )
  const numbers = Array.from({ length: 1_000 }, (_, index) => 1_000 + index)
  const compaction = new Compaction(sources, { ...options, builder: tuning, numbers, ranges })
  const tables: Array<TestTable> = []
  let parts: Array<Uint8Array> = []
  for (;;) {
    const progress = compaction.run(sliceEntries)
    if (progress === "wait") {
      const run = compaction.waiting
      assert(run.damaged === undefined, "what is merged reads")
      const wanted = run.wanted()!
      const { bytes } = runs[run.rank][wanted.table]
      run.feed(wanted, bytes.slice(wanted.offset, wanted.offset + wanted.lengthBytes))
      continue
    }
    const { builder } = compaction
    onSlice?.(builder?.memoryBytes ?? 0)
    const part = builder?.take()
    if (part !== undefined) parts.push(part)
    if (progress === "slice") continue
    if (builder !== undefined) {
      const { meta, rest } = builder.finish()
      tables.push({ meta, bytes: joined([...parts, rest]) })
    }
    parts = []
    compaction.builder = undefined
    if (progress === "end") return tables
  }
}
