/**
 * Ingesting: sorted entries straight into tables, past log and memtables. What was written before is flushed first; then the tables
 * go, all at once, into the deepest level in and above which nothing overlaps them. They carry no sequence numbers: all
 * their entries have the one that the manifest gives them. Batches that come meanwhile wait.
 */
import * as Effect from "effect/Effect"
import * as Bytes from "#base/Bytes.ts"
import * as Limits from "#base/Limits.ts"
import * as Completion from "#world/Completion.ts"
import * as Disk from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import type { Source } from "../Engine.ts"
import * as Keys from "../Keys.ts"
import { Refused, type StorageError } from "../StorageError.ts"
import { judge, levelFor, type Maintenance } from "./Maintenance.ts"
import type { Store } from "./Store.ts"
import { TableBuilder } from "./TableBuilder.ts"
import * as TableFile from "./TableFile.ts"
import * as TableFormat from "./TableFormat.ts"
import * as Version from "./Version.ts"

/** Entries between two turns of others. */
const sliceEntries = 512

const refusalOf = (key: Uint8Array, value: Uint8Array, last: Uint8Array | undefined): Refused | undefined => {
  if (key.length > Limits.keyBytesMax) {
    const message = `a key has at most ${Limits.keyBytesMax} bytes, this one ${key.length}`
    return new Refused({ reason: "key-too-large", message })
  }
  if (value.length > Limits.valueBytesMax) {
    const message = `a value has at most ${Limits.valueBytesMax} bytes, this one ${value.length}`
    return new Refused({ reason: "value-too-large", message })
  }
  if (last === undefined || Keys.compare(last, key) < 0) return undefined
  return new Refused({ reason: "not-sorted", message: "keys of an ingestion rise: sort them, each key once" })
}

/** Builds the tables; `numbers` gets the number of each file before it is made. */
const build = Effect.fnUntraced(function* (
  store: Store,
  source: Source,
  numbers: Array<number>
): Effect.fn.Return<ReadonlyArray<TableFormat.TableMeta>, Refused | DiskError, Disk.Disk> {
  const { options } = store.parts
  const tables: Array<TableFormat.TableMeta> = []
  let last: Uint8Array | undefined
  let isAhead = source.next()
  const table = Effect.fnUntraced(function* () {
    const number = store.parts.numbers.take()
    numbers.push(number)
    const builder = new TableBuilder({ ...store.tableOptions, number })
    const file = yield* TableFile.create(options.directory, number)
    for (let entries = 1; isAhead && builder.dataBytes < options.tableBytes; entries++) {
      const key = source.key()
      const value = source.value()
      const refusal = refusalOf(key, value, last)
      if (refusal !== undefined) return yield* refusal
      builder.add(key, 0, key.length, 0, false, value, 0, value.length)
      last = Bytes.copy(key)
      isAhead = source.next()
      if (entries % sliceEntries === 0) {
        yield* file.write(builder)
        yield* Effect.yieldNow
      }
    }
    return yield* file.finish(builder)
  }, Effect.scoped)
  while (isAhead) tables.push(yield* table())
  return tables
})

/** Runs alone: no batch is taken until it ends. */
export const ingest = Effect.fnUntraced(function* (
  store: Store,
  maintenance: Maintenance,
  source: Source
): Effect.fn.Return<void, StorageError> {
  const { disk, memtables, options } = store.parts
  const numbers: Array<number> = []
  const make = Effect.gen(function* () {
    const tables = yield* build(store, source, numbers)
    if (tables.length === 0) return
    yield* disk.syncDirectory(options.directory)
    // All that was submitted before is applied when this completes.
    yield* Completion.submit<void, StorageError>((done) => options.log.sync(done))
    if (!memtables.isEmpty || memtables.frozen.length > 0) {
      yield* Completion.submit<void, StorageError>((done) => maintenance.flush(done))
    }
    yield* maintenance.levels.withPermits(1)(install(store, maintenance, tables))
  })
  yield* make.pipe(
    Effect.provideService(Disk.Disk, disk),
    Effect.mapError(judge),
    Effect.catch((error) => {
      if (error._tag === "Stopped") store.stop(error)
      return Effect.andThen(error._tag === "Stopped" ? Effect.void : maintenance.remove(numbers), Effect.fail(error))
    })
  )
})

const install = (store: Store, maintenance: Maintenance, tables: ReadonlyArray<TableFormat.TableMeta>) =>
  Effect.suspend(() => {
    const { memtables } = store.parts
    const { from, to } = Version.boundsOf(tables)
    const level = levelFor(store.view.version.version, from, to)
    const ingestedAt = memtables.sequence + 1
    const added = tables.map((meta) => ({ level, meta: { ...meta, ingestedAt } }))
    const state = { logPosition: memtables.active.logEnd, sequence: ingestedAt }
    return maintenance.commit([], { added, removed: [] }, state, () => {
      memtables.sequence = ingestedAt
      memtables.userBytes += tables.reduce((sum, meta) => sum + meta.userBytes, 0)
      store.visible = ingestedAt
      store.wrote(level, Version.bytesOf(tables))
    })
  })
