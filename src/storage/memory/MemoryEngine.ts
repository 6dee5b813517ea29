/**
 * MemoryEngine: an engine that holds everything in memory, durable by the log and by checkpoint files. Reads never touch the disk.
 *
 * - A batch is one record of the log. When the log says that it has it, the batch is applied to the tree and shows.
 * - When the records since the last checkpoint have more bytes than `logBytesMax`, and more than that checkpoint, a new one is
 *   written while writes go on, from a snapshot; then the log may drop what is before it.
 * - Opening reads the newest checkpoint and then the log from there. Damage in either fails it with `Corrupt`.
 * - `memoryBytesMax` bounds what the tree holds: puts above it are refused as `overloaded`, deletes pass.
 *
 * `openVolatile` makes one without log and files, for tests and caches: it takes every promise but durability.
 */
import { assert } from "#base/Assert.ts"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Buggify } from "#world/Buggify.ts"
import * as Completion from "#world/Completion.ts"
import * as Disk from "#world/Disk.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import * as Engine from "../Engine.ts"
import type * as Log from "../Log.ts"
import { Corrupt, type StorageError } from "../StorageError.ts"
import * as Checkpoints from "./Checkpoints.ts"
import { Content } from "./Content.ts"
import * as Background from "./Background.ts"
import { Deferral } from "./Deferral.ts"
import * as Ingestion from "./Ingestion.ts"
import { Jobs } from "./Jobs.ts"
import { Maintenance } from "./Maintenance.ts"
import { MemoryPort } from "./MemoryPort.ts"
import * as VolatileLog from "./VolatileLog.ts"
import { Writes } from "./Writes.ts"

export interface VolatileOptions {
  /** Bytes that the tree may hold, up to 8,192 slabs. Default: 1 GiB. */
  readonly memoryBytesMax?: number
  /** Size that slabs of the tree's memory grow to, a power of two from 4 KiB to 1 MiB. Default: 1 MiB. */
  readonly slabBytes?: number
  /** Entries of a node of the tree, 4 to 1,024. */
  readonly fanOut?: number
  /** Bytes of an ingestion that go into one record. Default: 1 MiB. */
  readonly partBytes?: number
}

export interface Options extends VolatileOptions {
  /** The directory of its files, made when it is not there. Nobody else has files in it. */
  readonly directory: string
  readonly log: Log.Log
  /** The number of its records in the log. */
  readonly stream: number
  /** Bytes of batches after which a checkpoint is due. Default: 64 MiB. */
  readonly logBytesMax?: number
  /** Bytes of entries in a block of a checkpoint, at least one entry. Default: 64 KiB. */
  readonly blockBytes?: number
}

const defaults = {
  memoryBytesMax: 1_073_741_824,
  slabBytes: 1_048_576,
  fanOut: 128,
  partBytes: 1_048_576,
  logBytesMax: 64 * 1_048_576,
  blockBytes: 65_536
}

/** Slabs have 14 bits of a record's id, and half of them may be held by what is not given back yet. */
const slabsMax = 8_192

const resolve = (options: VolatileOptions) => {
  const all = { ...defaults, ...options }
  const memoryBytesMax = options.memoryBytesMax ?? Math.min(defaults.memoryBytesMax, all.slabBytes * slabsMax)
  assert(memoryBytesMax > 0 && memoryBytesMax <= all.slabBytes * slabsMax, "a budget is at most 8,192 slabs")
  assert(all.partBytes > 0, "a part of an ingestion has at least one entry")
  return { ...all, memoryBytesMax }
}

/** Opens the engine for the life of the scope. */
export const open = Effect.fn("MemoryEngine.open")(function* (
  options: Options
): Effect.fn.Return<Engine.Port, StorageError, Disk.Disk | Timers | Trace | Scope.Scope> {
  const all = { ...defaults, ...options, ...resolve(options) }
  assert(all.logBytesMax > 0 && all.blockBytes > 0, "bounds are above 0")
  const { directory, log, stream } = options
  const disk = yield* Disk.Disk
  const trace = yield* Trace
  const buggify = yield* Buggify
  const deferral = new Deferral((yield* Timers).attach)
  const content = new Content(all)
  const found = yield* restore(disk, directory, content)
  const { next, loggedBytes } = yield* replay(options, content, found.current?.position ?? 1)
  trace.emit("info", "storage/memory-opened", { directory, entries: content.tree.count, position: next, loggedBytes })
  const jobs = new Jobs()
  const ingestions = new Jobs()
  const writes = new Writes({ log, stream, next, apply: (batch) => port.apply(batch) })
  const maintenance = new Maintenance({ ...all, ...found, disk, content, writes, jobs, trace, buggify, loggedBytes })
  const port: MemoryPort = new MemoryPort({ ...all, content, writes, deferral, ingestions, maintenance })
  yield* serve(port, deferral, [jobs, ingestions])
  return port
})

/** An engine that keeps nothing when its scope ends. */
export const openVolatile = Effect.fn("MemoryEngine.openVolatile")(function* (
  options: VolatileOptions = {}
): Effect.fn.Return<Engine.Port, never, Timers | Scope.Scope> {
  const all = resolve(options)
  const deferral = new Deferral((yield* Timers).attach)
  const content = new Content(all)
  const ingestions = new Jobs()
  const log = VolatileLog.make(deferral)
  const writes = new Writes({ log, stream: 0, next: 1, apply: (batch) => port.apply(batch) })
  const port: MemoryPort = new MemoryPort({ ...all, content, writes, deferral, ingestions, maintenance: undefined })
  yield* serve(port, deferral, [ingestions])
  return port
})

/** Runs the jobs, and at the end of the scope lets what is under way come to its end. */
const serve = Effect.fnUntraced(function* (port: MemoryPort, deferral: Deferral, workers: ReadonlyArray<Jobs>) {
  yield* Background.fork(
    deferral,
    workers.map(({ run }) => run)
  )
  yield* Effect.addFinalizer(() =>
    Completion.submit<void, never>((done) => port.close(() => done(undefined, undefined)))
  )
})

/** Reads the newest checkpoint, and removes what is not needed. */
const restore = Effect.fnUntraced(function* (disk: Disk.Disk["Service"], directory: string, content: Content) {
  yield* Checkpoints.makeDirectory(disk, directory)
  const found = yield* Checkpoints.find(disk, directory)
  const { newest, numberMax } = found
  const current =
    newest === 0
      ? undefined
      : yield* Checkpoints.load(disk, directory, newest, (bytes, keyFrom, keyTo, valueTo) =>
          content.put(bytes, keyFrom, keyTo, valueTo)
        )
  // Its name may not be durable yet; when the older file goes, it has to be.
  yield* disk.syncDirectory(directory)
  yield* Checkpoints.remove(disk, directory, found.leftOver)
  content.visible = content.tree.sequence
  return { current, numberMax }
})

/** Applies what the log has from `position` on, and makes sure that it stays: the position of the next record. */
const replay = Effect.fnUntraced(function* (
  { directory, log, stream }: Options,
  content: Content,
  position: number
): Effect.fn.Return<{ readonly next: number; readonly loggedBytes: number }, StorageError> {
  const { first, end } = log.extent(stream)
  const isNew = end === 0 && position === 1
  if (!isNew && (first > position || end < position)) {
    return yield* new Corrupt({
      path: directory,
      offsetBytes: 0,
      message: `the log has the records from ${first} to ${end}, and ${position} is missing: it is not this engine's log, or parts of it are lost`
    })
  }
  const replayed = new Ingestion.Replayed()
  let next = position
  let loggedBytes = 0
  let corrupt: Corrupt | undefined
  const malformed = (at: number): Corrupt =>
    new Corrupt({ path: directory, offsetBytes: 0, message: `record ${at} of stream ${stream} is not a batch` })
  yield* Completion.submit<void, StorageError>((done) =>
    log.replay(
      stream,
      position,
      {
        record: (at, bytes, from, to) => {
          if (corrupt !== undefined) return
          assert(at === next, "a log replays records in their order, none left out")
          next++
          loggedBytes += to - from
          const batches = replayed.record(bytes, from, to)
          if (batches === undefined) corrupt = malformed(at)
          else for (const batch of batches) if (!content.apply(batch, 0, batch.length)) corrupt ??= malformed(at)
        },
        damaged: (_, damage) => (corrupt ??= damage)
      },
      done
    )
  )
  if (corrupt !== undefined) return yield* corrupt
  yield* Completion.submit<void, StorageError>((done) => log.sync(done))
  content.userBytes = 0
  return { next: Math.max(next, end), loggedBytes }
})
