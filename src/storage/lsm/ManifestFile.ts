/**
 * ManifestFile: the manifest on disk. `commit` makes an edit durable, then it is what `contents` says; edits come one after
 * the other. `Manifest` has the format, and why a seal follows each edit.
 *
 * A commit that the disk has no room for is taken back: cut off, and the cut made durable, so that it does not come back after a
 * crash. Any other failure leaves open what is durable: the manifest takes no more edits.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { assert } from "#base/Assert.ts"
import * as Disk from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import { Corrupt, Refused, Stopped } from "../StorageError.ts"
import * as Manifest from "./Manifest.ts"
import { pathOf } from "./TableFile.ts"
import * as Version from "./Version.ts"

const currentName = "CURRENT"
const nextName = "CURRENT.next"

export type CommitError = Refused | Stopped

const nothing = new Uint8Array(0)

const full = new Refused({ reason: "no-space", message: "the device is full: free some space" })

export const stoppedBy = (cause: DiskError | Corrupt): Stopped =>
  new Stopped({ cause, message: "a write failed, so it is not known what is durable: open the store again" })

const readWhole = Effect.fnUntraced(function* (path: string) {
  const disk = yield* Disk.Disk
  const file = yield* disk.open(path)
  return yield* file.readAt(0, yield* file.size)
}, Effect.scoped)

const corrupt = (path: string, offsetBytes: number, why: string): Corrupt =>
  new Corrupt({ path, offsetBytes, message: `${why}: take the store from a replica or a backup` })

export interface Loaded extends Manifest.Read {
  /** The number of the manifest that was read, and its size. */
  readonly number: number
  readonly sizeBytes: number
}

/** Reads what `CURRENT` leads to; `undefined`: there is no store in the directory. */
export const load = Effect.fnUntraced(function* (
  directory: string
): Effect.fn.Return<Loaded | undefined, Corrupt | DiskError, Disk.Disk> {
  const disk = yield* Disk.Disk
  const names = yield* disk.list(directory)
  const currentPath = pathOf(directory, currentName)
  if (!names.includes(currentName)) {
    if (!names.some((name) => name.endsWith(".table"))) return undefined
    return yield* Effect.fail(corrupt(currentPath, 0, "the file is gone, and tables are there"))
  }
  const number = Manifest.readCurrent(yield* readWhole(currentPath))
  if (number === undefined) return yield* Effect.fail(corrupt(currentPath, 0, "its bytes are not what was written"))
  const name = Manifest.manifestName(number)
  const path = pathOf(directory, name)
  if (!names.includes(name)) return yield* Effect.fail(corrupt(path, 0, "the file is gone"))
  const bytes = yield* readWhole(path)
  const read = Manifest.read(bytes, number)
  if ("why" in read) return yield* Effect.fail(corrupt(path, read.damagedAt, read.why))
  return { ...read, number, sizeBytes: bytes.length }
})

/** A file that is open until it is closed. */
interface Opened {
  readonly handle: Disk.Handle
  readonly close: Effect.Effect<void>
  readonly sizeBytes: number
}

/**
 * Opens a file and prepares it. It lives in a scope of its own: a manifest may be renewed while the engine's scope is closing already.
 */
const openWith = Effect.fnUntraced(function* <A>(
  path: string,
  options: Disk.OpenOptions,
  prepare: (handle: Disk.Handle) => Effect.Effect<number, DiskError, A>
) {
  const disk = yield* Disk.Disk
  const scope = yield* Scope.make()
  const close = Scope.close(scope, Exit.void)
  const handle = yield* Effect.provideService(disk.open(path, options), Scope.Scope, scope)
  const sizeBytes = yield* Effect.onError(prepare(handle), () => close)
  return { handle, close, sizeBytes }
})

/** Writes a manifest that begins with these contents, and makes it the one that counts. */
const start = (directory: string, number: number, contents: Manifest.Contents) =>
  openWith(pathOf(directory, Manifest.manifestName(number)), { create: true, exclusive: true }, (handle) =>
    begin(handle, directory, number, contents)
  )

const begin = Effect.fnUntraced(function* (
  handle: Disk.Handle,
  directory: string,
  number: number,
  contents: Manifest.Contents
) {
  const { state, version } = contents
  const added = version.levels.flatMap((level, depth) => level.map((meta) => ({ level: depth, meta })))
  const header = Manifest.header(number)
  const first = Manifest.edit({ state, added, removed: [] }, number, header.length)
  const seal = Manifest.seal(number, header.length + first.length)
  const bytes = new Uint8Array(header.length + first.length + seal.length)
  bytes.set(header)
  bytes.set(first, header.length)
  bytes.set(seal, header.length + first.length)
  yield* handle.append(bytes)
  yield* handle.sync
  yield* pointTo(directory, number)
  return bytes.length
})

const pointTo = Effect.fnUntraced(function* (directory: string, number: number) {
  const disk = yield* Disk.Disk
  const next = pathOf(directory, nextName)
  const file = yield* disk.open(next, { create: true })
  yield* file.truncate(0)
  yield* file.writeAt(0, Manifest.current(number))
  yield* file.sync
  // The manifest's own entry has to be there before CURRENT leads to it.
  yield* disk.syncDirectory(directory)
  yield* disk.rename(next, pathOf(directory, currentName))
  yield* disk.syncDirectory(directory)
}, Effect.scoped)

/** Writes a store's manifest into a directory whose tables are there and durable. */
export const write = (directory: string, number: number, contents: Manifest.Contents) =>
  Effect.flatMap(start(directory, number, contents), ({ close }) => close)

/**
 * Makes what was read durable; the size of the file then. A sync that failed before the last start may have lost what reads still
 * show, and one that succeeds now says nothing of it: so the last edit and CURRENT are written once more.
 */
const mend = Effect.fnUntraced(function* (
  handle: Disk.Handle,
  directory: string,
  { isSealed, number, sizeBytes, tail, tailAt }: Loaded
) {
  const end = tailAt + tail.length
  const seal = isSealed ? nothing : Manifest.seal(number, end)
  if (end < sizeBytes) yield* handle.truncate(end)
  yield* handle.writeAt(tailAt, tail)
  yield* handle.sync
  if (seal.length > 0) {
    yield* handle.writeAt(end, seal)
    yield* handle.sync
  }
  yield* pointTo(directory, number)
  return end + seal.length
})

export class ManifestFile {
  /** What is durable. */
  contents: Manifest.Contents
  number: number
  sizeBytes: number
  writtenBytes = 0
  /** What the file began with, where that is known: one that is mostly that is no smaller when it is written anew. */
  private begunBytes: number
  private opened: Opened
  private readonly disk: Disk.Disk["Service"]
  private readonly directory: string
  private readonly sizeBytesMax: number
  private readonly takeNumber: () => number
  private readonly turn = Semaphore.makeUnsafe(1)
  private stopped: Stopped | undefined

  private constructor(parts: {
    readonly disk: Disk.Disk["Service"]
    readonly directory: string
    readonly sizeBytesMax: number
    readonly takeNumber: () => number
    readonly number: number
    readonly contents: Manifest.Contents
    readonly opened: Opened
    readonly loaded: Loaded | undefined
  }) {
    this.disk = parts.disk
    this.directory = parts.directory
    this.sizeBytesMax = parts.sizeBytesMax
    this.takeNumber = parts.takeNumber
    this.number = parts.number
    this.contents = parts.contents
    this.opened = parts.opened
    this.sizeBytes = parts.opened.sizeBytes
    this.begunBytes = parts.loaded === undefined ? this.sizeBytes : 0
  }

  /**
   * Goes on in the manifest that was loaded or, when there is none, in a new one that begins with `contents`. Its file is open for the
   * life of the scope. What was read is durable then.
   */
  static readonly open = Effect.fnUntraced(function* (options: {
    readonly directory: string
    readonly sizeBytesMax: number
    /** The number of the next file. */
    readonly takeNumber: () => number
    readonly contents: Manifest.Contents
    readonly loaded: Loaded | undefined
  }) {
    const { directory, loaded } = options
    const disk = yield* Disk.Disk
    const manifest = yield* Effect.acquireRelease(
      Effect.gen(function* () {
        if (loaded === undefined) {
          const number = options.takeNumber()
          return new ManifestFile({
            ...options,
            disk,
            number,
            opened: yield* start(directory, number, options.contents)
          })
        }
        const { number } = loaded
        const path = pathOf(directory, Manifest.manifestName(number))
        const opened = yield* openWith(path, {}, (handle) => mend(handle, directory, loaded))
        return new ManifestFile({ ...options, contents: loaded, disk, number, opened })
      }),
      (manifest) => manifest.opened.close
    )
    return manifest
  })

  get path(): string {
    return pathOf(this.directory, Manifest.manifestName(this.number))
  }

  /**
   * Makes an edit durable. It is asked for when its turn has come, so that it fits what is there then; `installed` is called with
   * the new contents in the same step in which they become what counts.
   */
  commit(
    edit: (before: Manifest.Contents) => Manifest.Edit,
    installed: (contents: Manifest.Contents) => void
  ): Effect.Effect<void, CommitError> {
    const commit = Effect.gen({ self: this }, function* () {
      if (this.stopped !== undefined) return yield* Effect.fail(this.stopped)
      const next = edit(this.contents)
      const contents = { state: next.state, version: Version.apply(this.contents.version, next) }
      assert(next.state.logPosition >= this.contents.state.logPosition, "the log's position rises")
      if (this.sizeBytes >= Math.max(this.sizeBytesMax, 2 * this.begunBytes)) yield* this.renew()
      yield* this.append(next)
      this.contents = contents
      installed(contents)
    })
    // What was submitted to the disk cannot be called back: who closes the store waits for it.
    return Effect.uninterruptible(this.turn.withPermits(1)(commit))
  }

  /** Begins a new file, which is as small as what there is allows. */
  readonly shrink: Effect.Effect<void, CommitError> = Effect.uninterruptible(
    this.turn.withPermits(1)(
      Effect.suspend(() => (this.stopped === undefined ? this.renew() : Effect.fail(this.stopped)))
    )
  )

  /** Reads CURRENT and the manifest as they are on disk; what is wrong with them. */
  readonly verify: Effect.Effect<Corrupt | undefined, DiskError> = Effect.suspend(() => {
    const loaded = Effect.match(Effect.provideService(load(this.directory), Disk.Disk, this.disk), {
      onFailure: (error) => error,
      onSuccess: () => undefined
    })
    // Between two edits, so that what is being written is not read.
    return this.turn.withPermits(1)(
      Effect.flatMap(loaded, (error) => (error?._tag === "DiskError" ? Effect.fail(error) : Effect.succeed(error)))
    )
  })

  private append(edit: Manifest.Edit): Effect.Effect<void, CommitError> {
    const { number, sizeBytes } = this
    const { handle } = this.opened
    const bytes = Manifest.edit(edit, number, sizeBytes)
    const seal = Manifest.seal(number, sizeBytes + bytes.length)
    const put = Effect.gen({ self: this }, function* () {
      yield* handle.writeAt(sizeBytes, bytes)
      yield* handle.sync
      yield* handle.writeAt(sizeBytes + bytes.length, seal)
      yield* handle.sync
      this.sizeBytes = sizeBytes + bytes.length + seal.length
      this.writtenBytes += bytes.length + seal.length
    })
    return Effect.catch(put, (error) =>
      error.code === "no-space" && error.operation !== "sync" ? this.takeBack(sizeBytes) : this.stop(error)
    )
  }

  private takeBack(sizeBytes: number): Effect.Effect<never, CommitError> {
    const { handle } = this.opened
    return Effect.matchEffect(Effect.andThen(handle.truncate(sizeBytes), handle.sync), {
      onFailure: (error) => this.stop(error),
      onSuccess: () => Effect.fail(full)
    })
  }

  private stop(cause: DiskError): Effect.Effect<never, Stopped> {
    this.stopped = stoppedBy(cause)
    return Effect.fail(this.stopped)
  }

  /** Goes on in a new file. The old one counts until CURRENT leads to the new one. */
  private renew(): Effect.Effect<void, CommitError> {
    const before = this.path
    const number = this.takeNumber()
    const renew = Effect.gen({ self: this }, function* () {
      const opened = yield* start(this.directory, number, this.contents)
      yield* this.opened.close
      this.opened = opened
      this.sizeBytes = opened.sizeBytes
      this.begunBytes = opened.sizeBytes
      this.writtenBytes += opened.sizeBytes
      this.number = number
      yield* Effect.ignore(this.disk.remove(before))
    })
    return renew.pipe(
      Effect.provideService(Disk.Disk, this.disk),
      // Once CURRENT is renamed the new one may count already.
      Effect.catch((error): Effect.Effect<void, CommitError> =>
        error.code === "no-space" && !["rename", "sync", "sync-directory"].includes(error.operation)
          ? Effect.fail(full)
          : this.stop(error)
      )
    )
  }
}

/** Removes what there is of a store that was not finished: what leads to it first. */
export const erase = Effect.fnUntraced(function* (directory: string, number: number, names: ReadonlyArray<string>) {
  const disk = yield* Disk.Disk
  const all = [currentName, nextName, Manifest.manifestName(number), ...names]
  for (const name of all) yield* Effect.ignore(disk.remove(pathOf(directory, name)))
})
