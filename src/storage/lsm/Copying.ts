/**
 * Copying: a version of the store as a store of its own, in another directory of the same disk. Its files are copied, not linked: a
 * byte that rots in one does not rot in the other.
 */
import * as Effect from "effect/Effect"
import * as Disk from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import { Corrupt, Refused, type StorageError } from "../StorageError.ts"
import type * as Manifest from "./Manifest.ts"
import * as ManifestFile from "./ManifestFile.ts"
import * as Opening from "./Opening.ts"
import { pathOf } from "./TableFile.ts"
import * as TableFormat from "./TableFormat.ts"

const stretchBytes = 1_048_576

const copyFile = Effect.fnUntraced(function* (from: string, to: string, sizeBytes: number) {
  const disk = yield* Disk.Disk
  const source = yield* disk.open(from)
  const target = yield* disk.open(to, { create: true, exclusive: true })
  for (let offset = 0; offset < sizeBytes;) {
    const bytes = yield* source.readAt(offset, Math.min(stretchBytes, sizeBytes - offset))
    if (bytes.length === 0) {
      const message = "the file ends before it should: take the data from a replica or a backup"
      return yield* new Corrupt({ path: from, offsetBytes: offset, message })
    }
    yield* target.append(bytes)
    offset += bytes.length
  }
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
      yield* copyFile(pathOf(from, name), pathOf(to, name), meta.sizeBytes)
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
