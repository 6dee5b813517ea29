/**
 * TableJobs: the work on tables that is done beside the node's thread: building one from a memtable, and compacting some into
 * others. What they read and write are files; when a job has ended well, all its tables are durable. After a failure files with
 * its numbers may be there: who asked for the job removes them.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { assert } from "#base/Assert.ts"
import * as Disk from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import type { Job } from "#world/Workers.ts"
import { Corrupt } from "../StorageError.ts"
import { Versions } from "../memory/TreeImage.ts"
import { Compaction, type Fragment } from "./Compaction.ts"
import * as JobMessage from "./JobMessage.ts"
import { type RunTable, StreamedRun, type Wanted } from "./StreamedRun.ts"
import { TableBuilder } from "./TableBuilder.ts"
import * as TableFile from "./TableFile.ts"
import * as TableFormat from "./TableFormat.ts"
import * as TableHead from "./TableHead.ts"

/** Entries between two looks at what is to be written: few enough that others get their turn. */
const sliceEntries = 512
/** What a compaction reads of a table at a time; of each run the next stretch is read meanwhile. */
const readBytes = 262_144
/** Tables that a compaction opens side by side. */
const openingMax = 8
/** Tables whose ends are written and synced while the next one is built. A process has four threads for its disk: the log's syncs must find one. */
const finishingMax = 2

type Failure = DiskError | Corrupt

/** One that asks for so little of its world that it can also run where it is asked for. */
export interface TableJob extends Job {
  readonly run: (input: Uint8Array) => Effect.Effect<Uint8Array, never, Disk.Disk | Scope.Scope>
}

const answer = (
  tables: Effect.Effect<ReadonlyArray<TableFormat.TableMeta>, Failure, Disk.Disk | Scope.Scope>
): Effect.Effect<Uint8Array, never, Disk.Disk | Scope.Scope> =>
  Effect.match(tables, {
    onFailure: (failure) => JobMessage.encodeOutput({ failure, tables: [] }),
    onSuccess: (tables) => JobMessage.encodeOutput({ tables })
  })

const build = Effect.fnUntraced(function* (input: JobMessage.BuildInput) {
  const disk = yield* Disk.Disk
  const builder = new TableBuilder({ ...input.table, number: input.number })
  const file = yield* TableFile.create(input.directory, input.number)
  const versions = new Versions(input.image)
  while (versions.next()) {
    const { bytes, isTombstone, keyFrom, keyTo, sequence, valueBytes, valueFrom, valueTo } = versions
    builder.add(bytes, keyFrom, keyTo, sequence, isTombstone, valueBytes, valueFrom, valueTo)
    if (builder.hasStretch) yield* file.write(builder)
  }
  for (const { from, to, sequences } of input.ranges) builder.addRange(from, to, sequences)
  const meta = yield* file.finish(builder)
  yield* disk.syncDirectory(input.directory)
  return [meta]
})

/** A table that is read by a compaction: the file, and what stands in its head. */
interface Input extends RunTable {
  readonly handle: Disk.Handle
}

const corrupt = (path: string, offsetBytes: number): Corrupt =>
  new Corrupt({
    path,
    offsetBytes,
    message: "the table's bytes are not what was written there: repair it from a replica"
  })

const readExactly = (handle: Disk.Handle, offset: number, lengthBytes: number): Effect.Effect<Uint8Array, Failure> =>
  Effect.flatMap(handle.readAt(offset, lengthBytes), (bytes) =>
    bytes.length === lengthBytes ? Effect.succeed(bytes) : Effect.fail(corrupt(handle.path, offset + bytes.length))
  )

const openInput = Effect.fnUntraced(function* (directory: string, meta: TableFormat.TableMeta) {
  const disk = yield* Disk.Disk
  const handle = yield* disk.open(TableFile.pathOf(directory, TableFormat.tableName(meta.number)))
  const bytes = yield* readExactly(handle, meta.filterAt, TableHead.lengthOf(meta))
  const head = TableHead.decode(bytes, meta)
  if (typeof head === "number") return yield* Effect.fail(corrupt(handle.path, head))
  const input: Input = { meta, head, handle }
  return input
})

const rangesOf = (inputs: ReadonlyArray<Input>): ReadonlyArray<Fragment> => {
  const fragments: Array<Fragment> = []
  for (const { head } of inputs) {
    head.ranges?.forEach((from, to, sequences) => {
      for (const sequence of sequences) fragments.push({ from, to, sequence })
    })
  }
  return fragments
}

/** A run of tables, and the stretch of it that is being read while the merge is at the one before. */
interface Reading {
  readonly run: StreamedRun
  readonly tables: ReadonlyArray<Input>
  ahead: { readonly wanted: Wanted; readonly bytes: Fiber.Fiber<Uint8Array, Failure> } | undefined
}

const readAhead = Effect.fnUntraced(function* (reading: Reading) {
  const wanted = reading.run.wanted()
  reading.ahead = undefined
  if (wanted === undefined) return
  const read = readExactly(reading.tables[wanted.table].handle, wanted.offset, wanted.lengthBytes)
  reading.ahead = { wanted, bytes: yield* Effect.forkScoped(read, { startImmediately: true }) }
})

const feed = Effect.fnUntraced(function* (reading: Reading) {
  const { ahead, run, tables } = reading
  if (run.damaged !== undefined) {
    return yield* Effect.fail(corrupt(tables[run.damaged.table].handle.path, run.damaged.offset))
  }
  assert(ahead !== undefined, "a run waits only while something of it is left")
  run.feed(ahead.wanted, yield* Fiber.join(ahead.bytes))
  yield* readAhead(reading)
})

const openRuns = Effect.fnUntraced(function* (input: JobMessage.CompactInput) {
  const open = (meta: TableFormat.TableMeta) => openInput(input.directory, meta)
  const inputs = yield* Effect.forEach(input.runs.flat(), open, { concurrency: openingMax })
  let opened = 0
  const readings: Array<Reading> = []
  for (const [rank, metas] of input.runs.entries()) {
    const tables = inputs.slice(opened, (opened += metas.length))
    const reading: Reading = { run: new StreamedRun(tables, { rank, readBytes }), tables, ahead: undefined }
    readings.push(reading)
    yield* readAhead(reading)
  }
  return readings
})

const compact = Effect.fnUntraced(function* (input: JobMessage.CompactInput) {
  const disk = yield* Disk.Disk
  const readings = yield* openRuns(input)
  const compaction = new Compaction(
    readings.map(({ run }) => run),
    {
      builder: input.table,
      tableBytes: input.tableBytes,
      numbers: input.numbers,
      snapshots: input.snapshots,
      below: input.below,
      ranges: rangesOf(readings.flatMap(({ tables }) => tables))
    }
  )
  const finishing: Array<Fiber.Fiber<TableFormat.TableMeta, Failure>> = []
  let file: TableFile.TableFile | undefined
  for (;;) {
    const progress = compaction.run(sliceEntries)
    if (progress === "wait") {
      yield* feed(readings[compaction.waiting.rank])
      continue
    }
    const { builder } = compaction
    if (progress === "slice") {
      if (builder?.hasStretch !== true) continue
      file ??= yield* TableFile.create(input.directory, builder.number)
      yield* file.write(builder)
      continue
    }
    if (builder !== undefined) {
      if (finishing.length >= finishingMax) yield* Fiber.join(finishing[finishing.length - finishingMax])
      finishing.push(yield* Effect.forkScoped(finish(input.directory, builder, file), { startImmediately: true }))
    }
    file = undefined
    compaction.builder = undefined
    if (progress === "end") break
  }
  const tables = yield* Effect.forEach(finishing, Fiber.join)
  if (tables.length > 0) yield* disk.syncDirectory(input.directory)
  return tables
})

const finish = Effect.fnUntraced(function* (
  directory: string,
  builder: TableBuilder,
  begun: TableFile.TableFile | undefined
) {
  const file = begun ?? (yield* TableFile.create(directory, builder.number))
  return yield* file.finish(builder)
})

export const buildTable: TableJob = {
  module: import.meta.url,
  name: "buildTable",
  run: (input) => answer(build(JobMessage.decodeBuild(input)))
}

export const compactTables: TableJob = {
  module: import.meta.url,
  name: "compactTables",
  run: (input) => answer(compact(JobMessage.decodeCompact(input)))
}
