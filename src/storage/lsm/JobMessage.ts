/**
 * JobMessage: what the engine tells a worker that builds tables, and what it answers, as bytes.
 */
import * as Bytes from "#base/Bytes.ts"
import { DiskError } from "#world/WorldError.ts"
import { Corrupt } from "../StorageError.ts"
import type { KeyRange } from "./Compaction.ts"
import type { BuilderOptions } from "./TableBuilder.ts"
import type { OrderedTree } from "../memory/OrderedTree.ts"
import * as TreeImage from "../memory/TreeImage.ts"
import { putBytes, readBytes } from "./Fields.ts"
import * as TableFormat from "./TableFormat.ts"

/** How tables are built; the same for all of a store. */
export type TableOptions = Omit<BuilderOptions, "number" | "ingestedAt">

export interface BuildInput {
  readonly directory: string
  readonly table: TableOptions
  readonly number: number
  readonly ranges: ReadonlyArray<KeyRange & { readonly sequences: ReadonlyArray<number> }>
  /** All versions of a memtable, as `TreeImage` has them. */
  readonly image: Uint8Array
}

export interface BuildMessage {
  /** Whole when `copying` is done. */
  readonly bytes: Uint8Array
  readonly copying: TreeImage.Copying
}

export interface CompactInput {
  readonly directory: string
  readonly table: TableOptions
  readonly tableBytes: number
  readonly numbers: ReadonlyArray<number>
  readonly snapshots: ReadonlyArray<number>
  readonly below: ReadonlyArray<KeyRange>
  /** Tables that lie side by side, the newest run first. */
  readonly runs: ReadonlyArray<ReadonlyArray<TableFormat.TableMeta>>
}

export type JobFailure = DiskError | Corrupt

export interface Output {
  readonly failure?: JobFailure
  readonly tables: ReadonlyArray<TableFormat.TableMeta>
}

const putNumbers = (writer: Bytes.Writer, numbers: ReadonlyArray<number>): void => {
  writer.u32(numbers.length)
  for (const number of numbers) writer.f64(number)
}
const readMany = <A>(reader: Bytes.Reader, read: () => A): ReadonlyArray<A> =>
  Array.from({ length: reader.u32() }, () => read())

const putOptions = (writer: Bytes.Writer, directory: string, table: TableOptions): void => {
  writer.text(directory).u32(table.blockBytes).u32(table.restartInterval).f64(table.bloomBitsPerKey)
  writer.u8(table.compression === "lz4" ? 1 : 0)
}
const readOptions = (reader: Bytes.Reader): { readonly directory: string; readonly table: TableOptions } => ({
  directory: reader.text(),
  table: {
    blockBytes: reader.u32(),
    restartInterval: reader.u32(),
    bloomBitsPerKey: reader.f64(),
    compression: reader.u8() === 1 ? "lz4" : "none"
  }
})

export const encodeBuild = (input: Omit<BuildInput, "image">, tree: OrderedTree): BuildMessage => {
  const writer = Bytes.Writer.make()
  putOptions(writer, input.directory, input.table)
  writer.f64(input.number).u32(input.ranges.length)
  for (const { from, to, sequences } of input.ranges) {
    putBytes(writer, from)
    putBytes(writer, to)
    putNumbers(writer, sequences)
  }
  const head = writer.finish()
  const copying = new TreeImage.Copying(tree, imageAt(head.length))
  const { bytes } = copying
  Bytes.putU32(bytes, 0, head.length)
  bytes.set(head, 4)
  return { bytes, copying }
}

/** The image begins at a whole word. */
const imageAt = (headBytes: number): number => 4 + ((headBytes + 3) & ~3)

export const decodeBuild = (bytes: Uint8Array): BuildInput => {
  const headBytes = new Bytes.Reader(bytes).u32()
  const reader = new Bytes.Reader(bytes.subarray(4, 4 + headBytes))
  const options = readOptions(reader)
  return {
    ...options,
    number: reader.f64(),
    ranges: readMany(reader, () => ({
      from: readBytes(reader),
      to: readBytes(reader),
      sequences: readMany(reader, () => reader.f64())
    })),
    image: bytes.subarray(imageAt(headBytes))
  }
}

export const encodeCompact = (input: CompactInput): Uint8Array => {
  const writer = Bytes.Writer.make()
  putOptions(writer, input.directory, input.table)
  writer.f64(input.tableBytes)
  putNumbers(writer, input.numbers)
  putNumbers(writer, input.snapshots)
  writer.u32(input.below.length)
  for (const { from, to } of input.below) {
    putBytes(writer, from)
    putBytes(writer, to)
  }
  writer.u32(input.runs.length)
  for (const run of input.runs) {
    writer.u32(run.length)
    for (const meta of run) TableFormat.putMeta(writer, meta)
  }
  return writer.finish()
}

export const decodeCompact = (bytes: Uint8Array): CompactInput => {
  const reader = new Bytes.Reader(bytes)
  const options = readOptions(reader)
  return {
    ...options,
    tableBytes: reader.f64(),
    numbers: readMany(reader, () => reader.f64()),
    snapshots: readMany(reader, () => reader.f64()),
    below: readMany(reader, () => ({ from: readBytes(reader), to: readBytes(reader) })),
    runs: readMany(reader, () => readMany(reader, () => TableFormat.readMeta(reader)))
  }
}

export const encodeOutput = (output: Output): Uint8Array => {
  const writer = Bytes.Writer.make()
  const { failure } = output
  if (failure === undefined) writer.u8(0)
  else if (failure._tag === "Corrupt") writer.u8(1).text(failure.path).f64(failure.offsetBytes).text(failure.message)
  else writer.u8(2).text(failure.code).text(failure.operation).text(failure.path).text(failure.message)
  writer.u32(output.tables.length)
  for (const meta of output.tables) TableFormat.putMeta(writer, meta)
  return writer.finish()
}

const readFailure = (reader: Bytes.Reader): JobFailure | undefined => {
  switch (reader.u8()) {
    case 1:
      return new Corrupt({ path: reader.text(), offsetBytes: reader.f64(), message: reader.text() })
    case 2:
      return new DiskError({
        code: reader.text() as DiskError["code"],
        operation: reader.text() as DiskError["operation"],
        path: reader.text(),
        message: reader.text()
      })
    default:
      return undefined
  }
}

export const decodeOutput = (bytes: Uint8Array): Output => {
  const reader = new Bytes.Reader(bytes)
  const failure = readFailure(reader)
  const tables = readMany(reader, () => TableFormat.readMeta(reader))
  return failure === undefined ? { tables } : { failure, tables }
}
