/**
 * Disk: the files of one node, and what survives of them.
 *
 * Paths are relative, `/`-separated, without `.` or `..` (`RelativePath` has the rule); the node's disk is its own tree,
 * and a path that breaks the rule is `not-found` in it. Operations on one open file
 * are executed in the order in which they were submitted, one at a time; operations on different files are not ordered.
 *
 * What is durable (survives power loss), and after which call:
 *
 * | call                       | visible to reads            | durable after                                        |
 * | -------------------------- | --------------------------- | ---------------------------------------------------- |
 * | `writeAt`, `append`        | when it completes           | a later successful `sync` of the same file; at once with `writeThrough` |
 * | `truncate`                 | when it completes           | a later successful `sync` of the same file           |
 * | `open` that creates        | when it completes           | `syncDirectory` of its directory, and `sync` for its bytes |
 * | `rename`, `remove`, `makeDirectory` | when it completes  | `syncDirectory` of the directory (of both, when a rename crosses) |
 *
 * Until then power loss may keep, drop or tear each write on its own, sector by sector and in any order; and may keep
 * or drop each change of names on its own. A process crash without power loss keeps all that completed.
 * `rename` is atomic: over an existing file, a reader sees the old or the new one, never neither; and power loss leaves a
 * durable file under its old name or its new one, never under both or neither. Between two directories that holds until both are
 * synced: ext4 and XFS keep it as soon as one is, POSIX does not say so, and nobody may rely on it.
 *
 * Failures: every one is a `DiskError`. A failed write may have written any prefix. After a failed `sync` the caller
 * must treat the file's unsynced bytes as lost and must not retry and believe (see `WorldError`).
 *
 * Two faces, one contract: `Port` is completion-style, for hot paths (no fiber, no promise a write); the `Disk` service
 * is the same as Effects, made from the port by `make`. A port's completions never run inside the submitting call.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Completion from "./Completion.ts"
import type { DiskError } from "./WorldError.ts"

export interface OpenOptions {
  /** Create the file when it does not exist. Default: false, and a missing file is `not-found`. */
  readonly create?: boolean
  /** With `create`: fail with `exists` when the file is there already. Default: false. */
  readonly exclusive?: boolean
  /**
   * Each `writeAt` and `append` is durable when it completes, as if a `sync` came with it (O_DSYNC): one trip to the
   * device and one completion instead of two. A failed one counts as a failed sync. Default: false.
   */
  readonly writeThrough?: boolean
}

/** Gets exactly one call for each operation that was submitted to a file with its ticket. */
export interface Sink {
  /** Done. `value`: the offset where `append` put its bytes; the size for `size`; 0 otherwise. */
  done(ticket: number, value: number): void
  /** A read is done. Fewer bytes than asked for (or none) means end of file. The bytes are the receiver's. */
  bytes(ticket: number, bytes: Uint8Array): void
  failed(ticket: number, error: DiskError): void
}

/**
 * An open file. Bytes handed to `writeAt` and `append` belong to the disk until the completion: the caller must not
 * change them before. After `close`, submitted operations still complete; new ones fail with `closed`.
 */
export interface File {
  readonly path: string
  readAt(ticket: number, offset: number, lengthBytes: number): void
  writeAt(ticket: number, offset: number, bytes: Uint8Array): void
  append(ticket: number, bytes: Uint8Array): void
  truncate(ticket: number, sizeBytes: number): void
  /** Makes this file's completed writes and its size durable (fdatasync). */
  sync(ticket: number): void
  size(ticket: number): void
  close(): void
}

export type Done<A> = Completion.Done<A, DiskError>

export interface Port {
  open(path: string, options: OpenOptions, sink: Sink, done: Done<File | undefined>): void
  /**
   * A file replaces a file; nothing replaces a directory: that is `exists`. Nothing is moved below itself: its new place would
   * go with it, so that is `not-found`.
   */
  rename(from: string, to: string, done: Done<void>): void
  /** Removes a file, or an empty directory; one that is not empty is `exists`. */
  remove(path: string, done: Done<void>): void
  /** Names (not paths) in a directory, sorted by bytes; `""` is the root. */
  list(directory: string, done: Done<ReadonlyArray<string>>): void
  /** Makes a directory; its parent must exist. Existing already is no error; a file in its place is `exists`. */
  makeDirectory(path: string, done: Done<void>): void
  syncDirectory(path: string, done: Done<void>): void
}

/** `File` as Effects. Interrupting a caller does not undo what was submitted. */
export interface Handle {
  readonly path: string
  readonly readAt: (offset: number, lengthBytes: number) => Effect.Effect<Uint8Array, DiskError>
  readonly writeAt: (offset: number, bytes: Uint8Array) => Effect.Effect<void, DiskError>
  /** Succeeds with the offset where the bytes begin. */
  readonly append: (bytes: Uint8Array) => Effect.Effect<number, DiskError>
  readonly truncate: (sizeBytes: number) => Effect.Effect<void, DiskError>
  readonly sync: Effect.Effect<void, DiskError>
  readonly size: Effect.Effect<number, DiskError>
}

export class Disk extends Context.Service<
  Disk,
  {
    readonly port: Port
    /** Opens a file for the life of the scope. */
    readonly open: (path: string, options?: OpenOptions) => Effect.Effect<Handle, DiskError, Scope.Scope>
    /** The same for a hot path: the completion-style file itself, for the life of the scope. */
    readonly openFile: (path: string, sink: Sink, options?: OpenOptions) => Effect.Effect<File, DiskError, Scope.Scope>
    readonly rename: (from: string, to: string) => Effect.Effect<void, DiskError>
    readonly remove: (path: string) => Effect.Effect<void, DiskError>
    readonly list: (directory: string) => Effect.Effect<ReadonlyArray<string>, DiskError>
    readonly makeDirectory: (path: string) => Effect.Effect<void, DiskError>
    readonly syncDirectory: (path: string) => Effect.Effect<void, DiskError>
  }
>()("orbit/world/Disk") {}

/** Hands each completion of a file to the fiber that waits for its ticket. Tickets are reused once they completed. */
class HandleSink implements Sink {
  private readonly waiting: Array<
    ((result: Effect.Effect<never, DiskError> | Effect.Effect<any>) => void) | undefined
  > = []
  private readonly free: Array<number> = []

  run<A>(call: (ticket: number) => void): Effect.Effect<A, DiskError> {
    return Effect.callback<A, DiskError>((resume) => {
      const ticket = this.free.pop() ?? this.waiting.length
      this.waiting[ticket] = resume
      call(ticket)
    })
  }

  private settle(ticket: number, result: Effect.Effect<any, DiskError>): void {
    const resume = this.waiting[ticket]
    this.waiting[ticket] = undefined
    this.free.push(ticket)
    if (resume !== undefined) resume(result as Effect.Effect<any>)
  }

  done(ticket: number, value: number): void {
    this.settle(ticket, Effect.succeed(value))
  }
  bytes(ticket: number, bytes: Uint8Array): void {
    this.settle(ticket, Effect.succeed(bytes))
  }
  failed(ticket: number, error: DiskError): void {
    this.settle(ticket, Effect.fail(error))
  }
}

const makeHandle = (sink: HandleSink, file: File): Handle => ({
  path: file.path,
  readAt: (offset, lengthBytes) => sink.run<Uint8Array>((ticket) => file.readAt(ticket, offset, lengthBytes)),
  writeAt: (offset, bytes) => sink.run<void>((ticket) => file.writeAt(ticket, offset, bytes)),
  append: (bytes) => sink.run<number>((ticket) => file.append(ticket, bytes)),
  truncate: (sizeBytes) => sink.run<void>((ticket) => file.truncate(ticket, sizeBytes)),
  sync: sink.run<void>((ticket) => file.sync(ticket)),
  size: sink.run<number>((ticket) => file.size(ticket))
})

const acquireFile = (
  port: Port,
  path: string,
  sink: Sink,
  options: OpenOptions
): Effect.Effect<File, DiskError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.map(
      Completion.submit<File | undefined, DiskError>((done) => port.open(path, options, sink, done)),
      (file) => file!
    ),
    (file) => Effect.sync(() => file.close())
  )

/** The service over a port: written once, used by the real and by the simulated disk. */
export const make = (port: Port): Disk["Service"] => ({
  port,
  openFile: (path, sink, options = {}) => acquireFile(port, path, sink, options),
  open: (path, options = {}) =>
    Effect.suspend(() => {
      const sink = new HandleSink()
      return Effect.map(acquireFile(port, path, sink, options), (file) => makeHandle(sink, file))
    }),
  rename: (from, to) => Completion.submit((done) => port.rename(from, to, done)),
  remove: (path) => Completion.submit((done) => port.remove(path, done)),
  list: (directory) => Completion.submit((done) => port.list(directory, done)),
  makeDirectory: (path) => Completion.submit((done) => port.makeDirectory(path, done)),
  syncDirectory: (path) => Completion.submit((done) => port.syncDirectory(path, done))
})
