/**
 * LsmEngine: an engine for more data than fits in memory (O'Neil et al., "The Log-Structured Merge-Tree", 1996; levels as in
 * LevelDB). A batch goes into the log and a memtable; full memtables become tables, and compaction merges tables level by
 * level, so that a read looks into few of them. Tables are never changed.
 *
 * | file              | what                                                        |
 * | ----------------- | ----------------------------------------------------------- |
 * | `N.table`         | sorted entries, see `TableFormat`                           |
 * | `N.manifest`      | which tables make up the store, see `Manifest`              |
 * | `CURRENT`         | which manifest counts                                       |
 *
 * Building and merging tables is done by `Workers`, in production in threads, on the same code; tables of some kilobytes the
 * node's own thread does. What is compacted, and when it is due, follows from what was written alone.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Buggify } from "#world/Buggify.ts"
import * as Completion from "#world/Completion.ts"
import * as Disk from "#world/Disk.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import { Workers } from "#world/Workers.ts"
import * as Engine from "../Engine.ts"
import * as Background from "../memory/Background.ts"
import { Deferral } from "../memory/Deferral.ts"
import { Jobs } from "../memory/Jobs.ts"
import { Snapshots } from "../memory/Snapshots.ts"
import type { StorageError } from "../StorageError.ts"
import { Cache } from "./Cache.ts"
import * as LsmOptions from "./LsmOptions.ts"
import { LsmPort } from "./LsmPort.ts"
import { Maintenance } from "./Maintenance.ts"
import * as Opening from "./Opening.ts"
import { Store } from "./Store.ts"
import { TableSet } from "./TableSet.ts"
import { Writing } from "./Writing.ts"

type Needs = Disk.Disk | Timers | Trace | Workers

/** Opens the engine for the life of the scope. */
export const open = Effect.fn("LsmEngine.open")(function* (
  options: LsmOptions.Options
): Effect.fn.Return<Engine.Port, StorageError, Needs | Scope.Scope> {
  const all = LsmOptions.complete(options)
  const disk = yield* Disk.Disk
  const timers = yield* Timers
  const trace = yield* Trace
  const workers = yield* Workers
  const buggify = yield* Buggify
  const { manifest, numbers } = yield* Opening.files(all)
  const snapshots = new Snapshots()
  const { memtables, next } = yield* Opening.replay(all, manifest.contents.state, snapshots)
  const cache = new Cache(all.cacheBytes)
  const tables = new TableSet(manifest.contents.version, {
    directory: all.directory,
    port: disk.port,
    cache,
    obsolete: (table) => {
      // One that stays is removed at the next opening.
      if (!buggify("storage/lsm-keeps-tables")) disk.port.remove(table.path, () => {})
    }
  })
  const deferral = new Deferral(timers.attach)
  const store = new Store({
    options: all,
    disk,
    trace,
    buggify,
    cache,
    snapshots,
    memtables,
    tables,
    manifest,
    numbers
  })
  const maintenance: Maintenance = new Maintenance({ store, workers, progressed: () => writing.drain() })
  const writing = new Writing({ store, maintenance, deferral, attach: timers.attach, next })
  const [ingestions, jobs] = [new Jobs(), new Jobs()]
  const port = new LsmPort({ store, writing, maintenance, deferral, ingestions, jobs })
  const { levels } = manifest.contents.version
  trace.emit("info", "storage/lsm-opened", {
    directory: all.directory,
    tables: levels.reduce((sum, level) => sum + level.length, 0),
    replayedBatches: next - manifest.contents.state.logPosition
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => tables.close()))
  yield* Background.fork(deferral, [...maintenance.runs, ingestions.run, jobs.run])
  yield* Effect.addFinalizer(() =>
    Completion.submit<void, never>((done) => port.close(() => done(undefined, undefined)))
  )
  if (memtables.frozen.length > 0) maintenance.frozen()
  return port
})
