/**
 * Adapter: opens a store of a package as an `Engine`, on this machine only: a package knows neither the node's disk nor its faults.
 *
 * What the packages take from the contract of `Engine`, and what each of them takes besides:
 * - Full disk: the engine stops, like after any write that failed; nothing in the packages' answers says what is on disk.
 * - `verify` is refused (`not-supported`), and what rots is found as far as the package checks what it reads.
 * - An ingestion is in memory whole, and a deleted range too where the package has no such operation.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Completion from "#world/Completion.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import { Batch } from "../Batch.ts"
import type * as Engine from "../Engine.ts"
import { Deferral } from "../memory/Deferral.ts"
import { Refused, type StorageError } from "../StorageError.ts"
import { AdapterPort, partBytes } from "./AdapterPort.ts"
import * as Failure from "./Failure.ts"
import * as Files from "./Files.ts"
import type { Foreign } from "./Foreign.ts"

export interface Options {
  /** Of the machine: the directory that the node's paths are in. */
  readonly root: string
  /** Of the store alone, in `root`; made when it is not there, its parent must be. */
  readonly directory: string
  /**
   * Where to note how the store is closed, as long as it is open: a node that is killed in a process which goes on leaves it
   * open, and whoever kills nodes calls what stands here then.
   */
  readonly holders?: Set<() => Promise<void>> | undefined
}

export type Needs = Timers | Trace

/** Opens the store in a directory of the machine. */
export type OpenForeign<View> = (path: string) => Promise<Foreign<View>>

/** A checkpoint: all entries of the view as a new store, which is where it shall be only when it is whole and durable. */
const copyInto = async <View>(
  open: OpenForeign<View>,
  { foreign, view, target }: { readonly foreign: Foreign<View>; readonly view: View; readonly target: string }
): Promise<void> => {
  if (existsSync(target) && readdirSync(target).length > 0) {
    throw new Refused({
      reason: "exists",
      message: `${target} holds something: a checkpoint takes a directory of its own`
    })
  }
  const partial = `${target}.partial`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial)
  try {
    await copyEntries(await open(partial), foreign, view)
    await Files.syncDirectory(partial)
    renameSync(partial, target)
    await Files.syncDirectory(dirname(target))
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    throw error
  }
}

const copyEntries = async <View>(copy: Foreign<View>, foreign: Foreign<View>, view: View): Promise<void> => {
  const cursor = foreign.scan(view, {}, false)
  const put = async (batches: ReadonlyArray<Batch>, synced: boolean): Promise<void> => {
    const before = copy.view()
    await copy.write(batches, synced, before)
    copy.release(before)
  }
  try {
    let batch = new Batch()
    for (let block = await cursor.read(); block.length > 0; block = await cursor.read()) {
      for (const [key, value] of block) {
        batch.put(key, value)
        if (batch.sizeBytes < partBytes) continue
        await put([batch], false)
        batch = new Batch()
      }
    }
    await put([batch], true)
    await copy.flush()
  } finally {
    await cursor.close()
    await copy.close()
  }
}

/** Opens the engine for the life of the scope. At its end what was written is made durable. */
export const open = Effect.fnUntraced(function* <View>(
  name: string,
  { directory, holders, root }: Options,
  openForeign: OpenForeign<View>
): Effect.fn.Return<Engine.Port, StorageError, Needs | Scope.Scope> {
  const trace = yield* Trace
  const deferral = new Deferral((yield* Timers).attach)
  const path = join(root, directory)
  const foreign = yield* Effect.tryPromise({
    try: async () => {
      if (!existsSync(path)) {
        mkdirSync(path)
        await Files.syncDirectory(dirname(path))
      }
      return openForeign(path)
    },
    catch: (error) => Failure.ofRead(error, "open", path)
  })
  const close = (): Promise<void> => foreign.close()
  holders?.add(close)
  const port = new AdapterPort({
    foreign,
    path,
    deferral,
    copy: (from, view, to) => copyInto(openForeign, { foreign: from, view, target: join(root, to) })
  })
  yield* Effect.addFinalizer(() =>
    Effect.andThen(
      Completion.submit<void, never>((done) => port.close(() => done(undefined, undefined))),
      Effect.sync(() => holders?.delete(close))
    )
  )
  trace.emit("info", "storage/adapter-opened", { adapter: name, directory })
  return port
})
