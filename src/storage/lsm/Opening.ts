/**
 * Opening: finds out what a store's directory and log hold. What nobody names is removed; file numbers begin above all that are
 * there; what is in the log alone goes into memtables, and is durable before
 * anybody sees it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Completion from "#world/Completion.ts"
import * as Disk from "#world/Disk.ts"
import { Corrupt, type StorageError } from "../StorageError.ts"
import type { Snapshots } from "../memory/Snapshots.ts"
import type { All } from "./LsmOptions.ts"
import * as Manifest from "./Manifest.ts"
import * as ManifestFile from "./ManifestFile.ts"
import { Memtables } from "./Memtables.ts"
import { Numbers } from "./Store.ts"
import { pathOf } from "./TableFile.ts"
import * as TableFormat from "./TableFormat.ts"
import * as Version from "./Version.ts"

/** The log's positions and the sequence numbers of a store that is new begin here. */
const fresh: Manifest.Contents = {
  version: Version.empty,
  state: { logPosition: 1, sequence: 0, nextNumber: 1 }
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")))

/** Makes a directory that survives power loss. */
export const makeDirectory = Effect.fnUntraced(function* (directory: string) {
  const disk = yield* Disk.Disk
  if (directory === "") return
  yield* disk.makeDirectory(directory)
  yield* disk.syncDirectory(parentOf(directory))
})

const numberOf = (name: string): number => {
  const found = /^(\d{8,})\.(table|manifest)$/.exec(name)
  return found === null ? 0 : Number(found[1])
}

export const files = Effect.fnUntraced(function* (
  options: All
): Effect.fn.Return<
  { readonly manifest: ManifestFile.ManifestFile; readonly numbers: Numbers },
  StorageError,
  Disk.Disk | Scope.Scope
> {
  const { directory } = options
  const disk = yield* Disk.Disk
  yield* makeDirectory(directory)
  const loaded = yield* ManifestFile.load(directory)
  const contents = loaded ?? fresh
  const names = yield* disk.list(directory)
  const highest = names.reduce((high, name) => Math.max(high, numberOf(name)), 0)
  const numbers = new Numbers(Math.max(contents.state.nextNumber, highest + 1))
  const kept = new Set(contents.version.levels.flat().map((meta) => TableFormat.tableName(meta.number)))
  const present = new Set(names)
  for (const name of kept) {
    if (!present.has(name)) {
      const message = "the file is gone: take the store from a replica or a backup"
      return yield* new Corrupt({ path: pathOf(directory, name), offsetBytes: 0, message })
    }
  }
  const manifest = yield* ManifestFile.ManifestFile.open({
    directory,
    sizeBytesMax: options.manifestBytesMax,
    takeNumber: numbers.take,
    // One more than the manifest's own.
    contents: { ...contents, state: { ...contents.state, nextNumber: numbers.next + 1 } },
    loaded
  })
  kept.add(Manifest.manifestName(manifest.number))
  for (const name of names) {
    if (numberOf(name) > 0 && !kept.has(name)) yield* Effect.ignore(disk.remove(pathOf(directory, name)))
  }
  return { manifest, numbers }
})

/** The memtables with what only the log has, and the position of its next record. */
export const replay = Effect.fnUntraced(function* (
  options: All,
  state: Manifest.State,
  snapshots: Snapshots
): Effect.fn.Return<{ readonly memtables: Memtables; readonly next: number }, StorageError> {
  const { directory, log, memtableBytes, stream } = options
  const { logPosition, sequence } = state
  const memtables = new Memtables({ sequence, logEnd: logPosition, memtableBytes, retention: snapshots })
  const { end, first } = log.extent(stream)
  const isNew = first === 0 && end === 0
  const failed = (position: number, message: string): Corrupt =>
    new Corrupt({ path: directory, offsetBytes: 0, message: `record ${position} of stream ${stream} ${message}` })
  if (!isNew && first > logPosition) return yield* failed(logPosition, "is not in the log any more")
  // A log that was behind goes on where the tables end.
  if (!isNew && end < logPosition) log.cutHead(stream, logPosition)
  let next = logPosition
  let corrupt: Corrupt | undefined
  yield* Completion.submit<void, StorageError>((done) =>
    log.replay(
      stream,
      logPosition,
      {
        record: (position, bytes, from, to) => {
          if (corrupt !== undefined) return
          if (position !== next) corrupt = failed(next, "is missing")
          else if (!memtables.apply(bytes, from, to, ++next)) corrupt = failed(position, "is not a batch")
          if (memtables.isFull) memtables.freeze()
        },
        damaged: (_, damage) => (corrupt ??= damage)
      },
      done
    )
  )
  if (corrupt !== undefined) return yield* corrupt
  yield* Completion.submit<void, StorageError>((done) => log.sync(done))
  memtables.userBytes = 0
  return { memtables, next }
})
