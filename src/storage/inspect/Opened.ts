/**
 * Opened: an engine opened from outside the program that owns it, to look at what it holds or to compact it: which one, the files
 * say. To look at a store, provide a disk that keeps nothing (`OverlayDisk`), since opening repairs.
 *
 * Without its log an engine shows, and compacts, what its own files have. What only the log has stays as it is there.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Disk } from "#world/Disk.ts"
import { Timers } from "#world/Timers.ts"
import type { World } from "#world/World.ts"
import type { DiskError } from "#world/WorldError.ts"
import * as BtreeEngine from "../btree/BtreeEngine.ts"
import type * as Engine from "../Engine.ts"
import type * as Log from "../Log.ts"
import * as Compression from "../lsm/Compression.ts"
import * as LsmEngine from "../lsm/LsmEngine.ts"
import * as ManifestFile from "../lsm/ManifestFile.ts"
import * as TableFormat from "../lsm/TableFormat.ts"
import * as CheckpointFormat from "../memory/CheckpointFormat.ts"
import * as Checkpoints from "../memory/Checkpoints.ts"
import { Deferral } from "../memory/Deferral.ts"
import * as MemoryEngine from "../memory/MemoryEngine.ts"
import { Corrupt, type StorageError } from "../StorageError.ts"
import * as WalOpening from "../wal/Opening.ts"
import * as AbsentLog from "./AbsentLog.ts"
import * as OverlayDisk from "./OverlayDisk.ts"
import { fileKind, type StoreKind } from "./StoreKind.ts"
import * as TableUnits from "./TableUnits.ts"

export type EngineKind = Exclude<StoreKind, "log">

export interface Options {
  readonly directory: string
  readonly kind: EngineKind
  /** The log, and the engine's number in it; undefined: without what only the log has. */
  readonly log: { readonly log: Log.Log; readonly stream: number } | undefined
  /** Nothing is flushed and nothing compacted on the way. */
  readonly isReading: boolean
}

/** All slabs that its tree may have: whoever looks at a store looks at all of it. */
const memoryBytesMax = 8_192 * 1_048_576

/** Bounds that are never reached. */
const never = { memtableBytes: 1e15, level0Tables: 1e9, level0TablesMax: 1e9, level1Bytes: 1e15 }

/** The first log record that the engine's own files do not have; 0: it has no log. */
export const positionOf = Effect.fnUntraced(function* (
  directory: string,
  kind: EngineKind
): Effect.fn.Return<number, StorageError, Disk> {
  if (kind === "btree") return 0
  if (kind === "lsm") return (yield* ManifestFile.load(directory))?.state.logPosition ?? 1
  const disk = yield* Disk
  const { newest } = yield* Checkpoints.find(disk, directory)
  if (newest === 0) return 1
  const path = Checkpoints.pathOf(directory, newest)
  const head = yield* Effect.scoped(
    Effect.flatMap(disk.open(path), (file) => file.readAt(0, CheckpointFormat.headerBytes))
  )
  const position = CheckpointFormat.decodeHeader(head, newest)
  if (typeof position === "string") return yield* new Corrupt({ path, offsetBytes: 0, message: position })
  return position
})

/** Tables that are looked at for their compression. */
const samplesMax = 16

/** Whether the store's tables hold compressed blocks: the option is in no file, and compaction is not to change it. */
const compressionOf = Effect.fnUntraced(function* (
  directory: string
): Effect.fn.Return<Compression.Compression, DiskError, Disk> {
  const disk = yield* Disk
  const tables = (yield* disk.list(directory)).filter((name) => fileKind(name)?.what === "table")
  for (const name of tables.slice(-samplesMax)) {
    const tag = yield* Effect.scoped(
      Effect.gen(function* () {
        const path = directory === "" ? name : `${directory}/${name}`
        const handle = yield* disk.open(path)
        const { number } = fileKind(name)!
        const end = yield* TableUnits.readEnd({ path, number, handle, sizeBytes: yield* handle.size })
        if ("what" in end || end.head === undefined || end.head.index.count === 0) return Compression.tags.none
        // The trailer begins with it.
        return (yield* handle.readAt(end.head.index.offset(1) - TableFormat.trailerBytes, 1)).at(0)
      })
    )
    if (tag === Compression.tags.lz4) return "lz4"
  }
  return "none"
})

/** Opens the engine for the life of the scope. */
export const open = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Engine.Port, StorageError, World | Scope.Scope> {
  const { directory, isReading, kind } = options
  if (kind === "btree") return yield* BtreeEngine.open({ directory })
  const deferral = new Deferral((yield* Timers).attach)
  const log = options.log ?? { log: AbsentLog.make(deferral, yield* positionOf(directory, kind)), stream: 0 }
  if (kind === "memory") return yield* MemoryEngine.open({ ...log, directory, memoryBytesMax })
  if (isReading) return yield* LsmEngine.open({ ...log, ...never, directory })
  return yield* LsmEngine.open({ ...log, directory, compression: yield* compressionOf(directory) })
})

export interface LogContents {
  readonly segments: number
  readonly diskBytes: number
  readonly isTorn: boolean
  /** A stream's records are those in [first, end). */
  readonly streams: ReadonlyArray<{ readonly stream: number; readonly first: number; readonly end: number }>
}

/** What a log holds, read without a trace on the disk. */
export const logContents = Effect.fnUntraced(function* (
  directory: string
): Effect.fn.Return<LogContents, StorageError, Disk | Scope.Scope> {
  const disk = yield* OverlayDisk.make(yield* Disk)
  const { isTorn, recovery, segments } = yield* Effect.provideService(WalOpening.open(directory), Disk, disk)
  const streams = [...recovery.streams.values()]
    .map(({ first, next, number }) => ({ stream: number, first, end: next }))
    .toSorted((a, b) => a.stream - b.stream)
  return { segments: segments.all.length, diskBytes: segments.sizeBytes, isTorn, streams }
}, Effect.scoped)
