/**
 * BtreeEngine: the copy-on-write B+tree as an `Engine`: one file, no log. Reads and snapshots cost nothing beside their pages; a batch
 * costs copies of the pages that it touches, up to the root, which all batches that wait together share.
 *
 * What each part does: `Edit` changes trees in memory, `Store` has the file and commits, `Writer` makes groups of batches, `TreeCursor` moves
 * through a tree, `Opening` makes and finds files, `Copying` compacts, `Verifying` reads everything again.
 *
 * Memory: `memoryBytesMax` counts cached pages, pages that are not written yet, the map of used pages, and the buffer for writes. Beyond it go
 * what one operation needs at once (a large value, the pages on its way), and what callers hold: cursors the pages that they
 * stand on, snapshots of buffered batches the pages that were replaced before they were written.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Buggify } from "#world/Buggify.ts"
import * as Completion from "#world/Completion.ts"
import { Disk } from "#world/Disk.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import * as Engine from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"
import { BtreePort } from "./BtreePort.ts"
import { Later } from "./Later.ts"
import * as Opening from "./Opening.ts"
import * as Options from "./Options.ts"
import type { Store } from "./Store.ts"

const makeDirectory = Effect.fnUntraced(function* (directory: string) {
  const disk = yield* Disk
  if (directory === "") return
  yield* disk.makeDirectory(directory)
  yield* disk.syncDirectory(directory.slice(0, Math.max(0, directory.lastIndexOf("/"))))
})

/** Opens the tree of a directory, a new one when there is none, for the life of the scope. At its end buffered batches are written. */
export const open = Effect.fnUntraced(function* (
  options: Options.Options
): Effect.fn.Return<Engine.Port, StorageError, Disk | Timers | Trace | Scope.Scope> {
  const settings = Options.settle(options)
  const disk = yield* Disk
  const timers = yield* Timers
  const trace = yield* Trace
  const buggify = yield* Buggify
  yield* makeDirectory(options.directory)
  const place = { port: disk.port, directory: options.directory }
  const opening = Completion.submit<Store | undefined, StorageError>((done) => Opening.open(place, settings, done))
  const later = new Later(timers.attach)
  const port = yield* Effect.acquireRelease(
    Effect.map(
      opening,
      (store) => new BtreePort({ store: store!, place, settings, trace, buggify, later: later.call })
    ),
    (port) => Completion.submit<void, never>((done) => port.close(() => done(undefined)))
  )
  const { commit, pageCount, txn } = port.meta
  if (port.metasRepaired > 0) {
    trace.emit("warn", "storage/metas-repaired", { directory: options.directory, copies: port.metasRepaired })
  }
  trace.emit("info", "storage/btree-opened", { directory: options.directory, commit, txn, pageCount })
  return port
})
