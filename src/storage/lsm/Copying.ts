/**
 * Copying: a version of the store as a store of its own, in another directory of the same disk. Its files are copied, not linked: a
 * byte that rots in one does not rot in the other, and what has rotted already is not copied.
 */
import * as Effect from "effect/Effect"
import * as Disk from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import { Corrupt, Refused, type StorageError } from "../StorageError.ts"
import * as Inspection from "./Inspection.ts"
import type * as Manifest from "./Manifest.ts"
import * as ManifestFile from "./ManifestFile.ts"
import * as Opening from "./Opening.ts"
import { pathOf } from "./TableFile.ts"
import * as TableFormat from "./TableFormat.ts"

const corrupt = (path: string, offsetBytes: number): Corrupt =>
  new Corrupt({
    path,
    offsetBytes,
    message: "the table's bytes are not what was written there: take the data from a replica or a backup"
  })

const readExactly = (handle: Disk.Handle, offset: number, lengthBytes: number) =>
  Effect.flatMap(handle.readAt(offset, lengthBytes), (bytes): Effect.Effect<Uint8Array, Corrupt> =>
    bytes.length === lengthBytes ? Effect.succeed(bytes) : Effect.fail(corrupt(handle.path, offset + bytes.length))
  )

/** Copies a table, and nothing of it that is not what was written. */
const copyTable = Effect.fnUntraced(function* (from: string, to: string, meta: TableFormat.TableMeta) {
  const disk = yield* Disk.Disk
  const source = yield* disk.open(from)
  const target = yield* disk.open(to, { create: true, exclusive: true })
  const endBytes = yield* readExactly(source, meta.filterAt, meta.sizeBytes - meta.filterAt)
  const { damage, head } = Inspection.end(endBytes, meta)
  if (head === undefined || damage.length > 0) return yield* corrupt(from, damage[0])
  const stretches = Inspection.stretches(head)
  for (let stretch = 0; stretch + 1 < stretches.length; stretch++) {
    const [first, end] = [stretches[stretch], stretches[stretch + 1]]
    const offset = head.index.offset(first)
    const bytes = yield* readExactly(source, offset, head.index.offset(end) - offset)
    const damage = Inspection.blocks(bytes, head, { number: meta.number, first, end })
    if (damage.length > 0) return yield* corrupt(from, damage[0])
    yield* target.append(bytes)
  }
  yield* target.append(endBytes)
  yield* target.sync
}, Effect.scoped)

/** Copies the tables of `contents`, which stay as long as it runs, and makes them a store. */
export const copy = Effect.fnUntraced(function* (
  from: string,
  to: string,
  contents: Manifest.Contents
): Effect.fn.Return<void, StorageError, Disk.Disk> {
  const disk = yield* Disk.Disk
  yield* Effect.catch(Opening.makeDirectory(to), (error) => Effect.fail(occupied(error)))
  if ((yield* disk.list(to)).length > 0) {
    return yield* new Refused({ reason: "exists", message: `${to} holds something: name a directory that is new` })
  }
  const number = contents.state.nextNumber
  const names = contents.version.levels.flat().map((meta) => TableFormat.tableName(meta.number))
  const make = Effect.gen(function* () {
    for (const meta of contents.version.levels.flat()) {
      const name = TableFormat.tableName(meta.number)
      yield* copyTable(pathOf(from, name), pathOf(to, name), meta)
    }
    yield* disk.syncDirectory(to)
    const state = { ...contents.state, nextNumber: number + 1 }
    yield* ManifestFile.write(to, number, { version: contents.version, state })
  })
  yield* Effect.catch(make, (error) => {
    const failure: StorageError =
      error._tag === "DiskError" && error.code === "no-space"
        ? new Refused({ reason: "no-space", message: "the device is full: free some space" })
        : error
    return Effect.andThen(ManifestFile.erase(to, number, names), Effect.fail(failure))
  })
})

const occupied = (error: DiskError): StorageError =>
  error.code === "exists" ? new Refused({ reason: "exists", message: `${error.path} is a file` }) : error
