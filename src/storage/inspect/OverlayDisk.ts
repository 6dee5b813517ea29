/**
 * OverlayDisk: a disk over another one that is only read. What is written, renamed and removed is kept in memory and is gone when
 * the scope ends, so an engine opens, recovers and reads there as it would in earnest, and the store below stays as it is.
 *
 * It keeps the contract of `Disk`, one operation after the other; nothing is ever durable. It is made for little writing: a read
 * looks through all writes to its file.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as RelativePath from "#base/RelativePath.ts"
import * as Disk from "#world/Disk.ts"
import { DiskError, type DiskErrorCode, type DiskOperation } from "#world/WorldError.ts"
import * as Keys from "../Keys.ts"
import { Jobs } from "../memory/Jobs.ts"

type Below = Disk.Disk["Service"]
type Answer<A> = Effect.Effect<A, DiskError>

const fault = (code: DiskErrorCode, operation: DiskOperation, path: string, message: string): DiskError =>
  new DiskError({ code, operation, path, message })

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")))
const pathIn = (directory: string, name: string): string => (directory === "" ? name : `${directory}/${name}`)

/** `isBacked`: what the disk below has there shows, where nothing hides it. */
class Directory {
  readonly isBacked: boolean

  constructor(isBacked: boolean) {
    this.isBacked = isBacked
  }
}

class Inode {
  sizeBytes: number
  private readonly below: Disk.Handle | undefined
  /** Bytes of the file below that show. */
  private belowBytes: number
  private writes: Array<{ readonly offset: number; readonly bytes: Uint8Array }> = []

  constructor(below: Disk.Handle | undefined, sizeBytes: number) {
    this.below = below
    this.belowBytes = sizeBytes
    this.sizeBytes = sizeBytes
  }

  read(offset: number, lengthBytes: number): Answer<Uint8Array> {
    const { below, writes } = this
    const bytes = new Uint8Array(Math.max(0, Math.min(lengthBytes, this.sizeBytes - offset)))
    const overlaid = (from: Uint8Array): Uint8Array => {
      bytes.set(from)
      for (const write of writes) {
        const first = Math.max(offset, write.offset)
        const end = Math.min(offset + bytes.length, write.offset + write.bytes.length)
        if (first < end) bytes.set(write.bytes.subarray(first - write.offset, end - write.offset), first - offset)
      }
      return bytes
    }
    const fromBelow = Math.min(bytes.length, this.belowBytes - offset)
    if (below === undefined || fromBelow <= 0) return Effect.sync(() => overlaid(new Uint8Array(0)))
    return Effect.map(below.readAt(offset, fromBelow), overlaid)
  }

  write(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.writes.push({ offset, bytes: bytes.slice() })
    this.sizeBytes = Math.max(this.sizeBytes, offset + bytes.length)
  }

  truncate(sizeBytes: number): void {
    this.belowBytes = Math.min(this.belowBytes, sizeBytes)
    this.sizeBytes = sizeBytes
    this.writes = this.writes
      .filter(({ offset }) => offset < sizeBytes)
      .map(({ bytes, offset }) => ({ offset, bytes: bytes.subarray(0, sizeBytes - offset) }))
  }
}

class OverlayFile implements Disk.File {
  readonly path: string
  private readonly inode: Inode
  private readonly sink: Disk.Sink
  private readonly jobs: Jobs
  private isClosed = false

  constructor(options: {
    readonly path: string
    readonly inode: Inode
    readonly sink: Disk.Sink
    readonly jobs: Jobs
  }) {
    this.path = options.path
    this.inode = options.inode
    this.sink = options.sink
    this.jobs = options.jobs
  }

  readAt(ticket: number, offset: number, lengthBytes: number): void {
    this.post("read", ticket, () =>
      Effect.map(this.inode.read(offset, lengthBytes), (bytes) => this.sink.bytes(ticket, bytes))
    )
  }

  writeAt(ticket: number, offset: number, bytes: Uint8Array): void {
    this.change("write", ticket, () => {
      this.inode.write(offset, bytes)
      return 0
    })
  }

  append(ticket: number, bytes: Uint8Array): void {
    this.change("append", ticket, () => {
      const offset = this.inode.sizeBytes
      this.inode.write(offset, bytes)
      return offset
    })
  }

  truncate(ticket: number, sizeBytes: number): void {
    this.change("truncate", ticket, () => {
      this.inode.truncate(sizeBytes)
      return 0
    })
  }

  sync(ticket: number): void {
    this.change("sync", ticket, () => 0)
  }

  size(ticket: number): void {
    this.change("size", ticket, () => this.inode.sizeBytes)
  }

  close(): void {
    this.isClosed = true
  }

  private change(operation: DiskOperation, ticket: number, change: () => number): void {
    this.post(operation, ticket, () => Effect.sync(() => this.sink.done(ticket, change())))
  }

  private post(operation: DiskOperation, ticket: number, run: () => Answer<void>): void {
    const closed = fault("closed", operation, this.path, "the file is closed: open it again")
    const attempt = this.isClosed ? Effect.fail(closed) : Effect.suspend(run)
    this.jobs.post({
      run: Effect.catch(attempt, (error) => Effect.sync(() => this.sink.failed(ticket, error))),
      cancel: () => {}
    })
  }
}

type Entry = Inode | Directory | undefined

class OverlayDisk implements Disk.Port {
  readonly jobs = new Jobs()
  private readonly below: Below
  private readonly scope: Scope.Scope
  /** What was looked at or changed, by path; undefined: there is nothing. */
  private readonly entries = new Map<string, Entry>([["", new Directory(true)]])

  constructor(below: Below, scope: Scope.Scope) {
    this.below = below
    this.scope = scope
  }

  open(path: string, options: Disk.OpenOptions, sink: Disk.Sink, done: Disk.Done<Disk.File | undefined>): void {
    const opened = Effect.gen({ self: this }, function* () {
      const entry = yield* this.look("open", path)
      if (entry instanceof Directory) return yield* fault("not-a-file", "open", path, "it is a directory")
      let inode = entry
      if (inode === undefined) {
        if (options.create !== true) return yield* fault("not-found", "open", path, "there is no such file")
        yield* this.mustHaveParent("open", path)
        inode = new Inode(undefined, 0)
        this.entries.set(path, inode)
      } else if (options.create === true && options.exclusive === true) {
        return yield* fault("exists", "open", path, "the file is there already")
      }
      return new OverlayFile({ path, inode, sink, jobs: this.jobs })
    })
    this.post<Disk.File | undefined>(opened, undefined, done)
  }

  rename(from: string, to: string, done: Disk.Done<void>): void {
    const renamed = Effect.gen({ self: this }, function* () {
      const source = yield* this.look("rename", from)
      const target = yield* this.look("rename", to)
      if (source === undefined) return yield* fault("not-found", "rename", from, "there is no such file")
      if (to.startsWith(`${from}/`)) return yield* fault("not-found", "rename", to, "it would go with what is moved")
      if (target instanceof Directory) return yield* fault("exists", "rename", to, "a directory is there")
      yield* this.mustHaveParent("rename", to)
      if (from === to) return
      if (source instanceof Inode) {
        this.entries.set(from, undefined)
        this.entries.set(to, source)
        return
      }
      if (target !== undefined) return yield* fault("not-a-file", "rename", to, "a file is there")
      yield* this.loadAll(from)
      for (const [path, entry] of [...this.entries]) {
        if (path !== from && !path.startsWith(`${from}/`)) continue
        this.entries.set(path, undefined)
        this.entries.set(to + path.slice(from.length), entry instanceof Directory ? new Directory(false) : entry)
      }
    })
    this.post<void>(renamed, undefined, done)
  }

  remove(path: string, done: Disk.Done<void>): void {
    const removed = Effect.gen({ self: this }, function* () {
      const entry = yield* this.look("remove", path)
      if (entry === undefined) return yield* fault("not-found", "remove", path, "there is no such file")
      if (entry instanceof Directory && (yield* this.names(path)).length > 0) {
        return yield* fault("exists", "remove", path, "the directory is not empty")
      }
      this.entries.set(path, undefined)
    })
    this.post<void>(removed, undefined, done)
  }

  list(directory: string, done: Disk.Done<ReadonlyArray<string>>): void {
    const listed = Effect.andThen(this.directory("list", directory), this.names(directory))
    this.post(listed, [], done)
  }

  makeDirectory(path: string, done: Disk.Done<void>): void {
    const made = Effect.gen({ self: this }, function* () {
      const entry = yield* this.look("make-directory", path, true)
      if (entry instanceof Inode) return yield* fault("exists", "make-directory", path, "a file is there")
      if (entry !== undefined) return
      yield* this.mustHaveParent("make-directory", path)
      this.entries.set(path, new Directory(false))
    })
    this.post<void>(made, undefined, done)
  }

  syncDirectory(path: string, done: Disk.Done<void>): void {
    this.post<void>(Effect.asVoid(this.directory("sync-directory", path)), undefined, done)
  }

  private post<A>(answer: Answer<A>, nothing: A, done: Disk.Done<A>): void {
    const run = Effect.match(answer, {
      onFailure: (error) => done(error, nothing),
      onSuccess: (value) => done(undefined, value)
    })
    this.jobs.post({ run, cancel: () => {} })
  }

  /** What has this path, which must be a good one. */
  private look(operation: DiskOperation, path: string, allowRoot = false): Answer<Entry> {
    const problem = RelativePath.problem(path, { allowRoot })
    if (problem === undefined) return this.find(path)
    const code = path !== "" ? "not-found" : operation === "open" ? "not-a-file" : "exists"
    return Effect.fail(fault(code, operation, path, problem))
  }

  private readonly find: (path: string) => Answer<Entry> = Effect.fnUntraced({ self: this }, function* (path: string) {
    if (this.entries.has(path)) return this.entries.get(path)
    const parent = yield* this.find(parentOf(path))
    if (!(parent instanceof Directory) || !parent.isBacked) return undefined
    const entry = yield* this.load(path)
    this.entries.set(path, entry)
    return entry
  })

  /** What the disk below has at the path. */
  private load(path: string): Answer<Entry> {
    const file = Effect.gen({ self: this }, function* () {
      const handle = yield* this.below.open(path)
      return new Inode(handle, yield* handle.size)
    })
    const entry: Effect.Effect<Entry, DiskError, Scope.Scope> = Effect.catch(
      Effect.as(this.below.list(path), new Directory(true)),
      (error): Effect.Effect<Entry, DiskError, Scope.Scope> => {
        if (error.code === "not-found") return Effect.succeed(undefined)
        return error.code === "not-a-file" ? file : Effect.fail(error)
      }
    )
    return Effect.provideService(entry, Scope.Scope, this.scope)
  }

  private readonly loadAll: (directory: string) => Answer<void> = Effect.fnUntraced(
    { self: this },
    function* (directory: string) {
      for (const name of yield* this.names(directory)) {
        const path = pathIn(directory, name)
        if ((yield* this.find(path)) instanceof Directory) yield* this.loadAll(path)
      }
    }
  )

  private readonly directory = Effect.fnUntraced(
    { self: this },
    function* (operation: DiskOperation, path: string): Effect.fn.Return<Directory, DiskError> {
      const entry = yield* this.look(operation, path, true)
      if (entry instanceof Directory) return entry
      if (entry === undefined) return yield* fault("not-found", operation, path, "there is no such directory")
      return yield* fault("not-a-file", operation, path, "it is a file")
    }
  )

  private readonly mustHaveParent = Effect.fnUntraced(
    { self: this },
    function* (operation: DiskOperation, path: string): Effect.fn.Return<void, DiskError> {
      const parent = yield* this.find(parentOf(path))
      if (parent === undefined) return yield* fault("not-found", operation, path, "its directory is not there")
      if (parent instanceof Inode) return yield* fault("not-a-file", operation, path, "it is below a file")
    }
  )

  /** The names in a directory that is there. */
  private readonly names = Effect.fnUntraced({ self: this }, function* (directory: string): Effect.fn.Return<
    ReadonlyArray<string>,
    DiskError
  > {
    const entry = yield* this.find(directory)
    const names = new Set(entry instanceof Directory && entry.isBacked ? yield* this.below.list(directory) : [])
    for (const [path, changed] of this.entries) {
      if (path === "" || parentOf(path) !== directory) continue
      const name = path.slice(directory === "" ? 0 : directory.length + 1)
      if (changed === undefined) names.delete(name)
      else names.add(name)
    }
    const encoder = new TextEncoder()
    return [...names].sort((a, b) => Keys.compare(encoder.encode(a), encoder.encode(b)))
  })
}

/** A disk over `below`, for the life of the scope. */
export const make = Effect.fnUntraced(function* (
  below: Below
): Effect.fn.Return<Disk.Disk["Service"], never, Scope.Scope> {
  const scope = yield* Effect.scope
  const overlay = new OverlayDisk(below, scope)
  yield* Effect.forkScoped(overlay.jobs.run, { startImmediately: true })
  return Disk.make(overlay)
})
