/**
 * ReadOnlyDisk: a directory of this machine that can only be read: it opens files for reading, and has no call that could write. So it
 * works on read-only media, and whatever stands on it changes nothing.
 */
import * as fs from "node:fs"
import * as Disk from "#world/Disk.ts"
import * as DiskFault from "#world/real/DiskFault.ts"
import type { DiskError, DiskOperation } from "#world/WorldError.ts"

const refusal = (operation: DiskOperation, path: string): DiskError =>
  DiskFault.make("io", operation, path, "it is only looked at")

/** Calls of the system that fail, as a `DiskError`. */
const attempt = <A>(operation: DiskOperation, path: string, call: () => A): A | DiskError => {
  try {
    return call()
  } catch (error) {
    return DiskFault.fromSystem(error as NodeJS.ErrnoException, operation, path)
  }
}

const isFault = (value: unknown): value is DiskError => (value as DiskError)._tag === "DiskError"

/** Operations happen when they are submitted, so in order; their completions come later. */
class ReadOnlyFile implements Disk.File {
  readonly path: string
  private readonly descriptor: number
  private readonly sink: Disk.Sink
  private readonly onRead: (sizeBytes: number) => void
  private isClosed = false

  constructor(options: {
    readonly path: string
    readonly descriptor: number
    readonly sink: Disk.Sink
    readonly onRead: (sizeBytes: number) => void
  }) {
    this.path = options.path
    this.descriptor = options.descriptor
    this.sink = options.sink
    this.onRead = options.onRead
  }

  readAt(ticket: number, offset: number, lengthBytes: number): void {
    const bytes = this.attempt("read", () => this.read(offset, lengthBytes))
    setImmediate(() => (isFault(bytes) ? this.sink.failed(ticket, bytes) : this.sink.bytes(ticket, bytes)))
  }

  size(ticket: number): void {
    const size = this.attempt("size", () => fs.fstatSync(this.descriptor).size)
    setImmediate(() => (isFault(size) ? this.sink.failed(ticket, size) : this.sink.done(ticket, size)))
  }

  writeAt(ticket: number): void {
    this.refuse("write", ticket)
  }

  append(ticket: number): void {
    this.refuse("append", ticket)
  }

  truncate(ticket: number): void {
    this.refuse("truncate", ticket)
  }

  sync(ticket: number): void {
    this.refuse("sync", ticket)
  }

  close(): void {
    if (!this.isClosed) fs.closeSync(this.descriptor)
    this.isClosed = true
  }

  private read(offset: number, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(lengthBytes, fs.fstatSync(this.descriptor).size - offset)))
    let read = 0
    while (read < bytes.length) {
      const more = fs.readSync(this.descriptor, bytes, read, bytes.length - read, offset + read)
      if (more === 0) break
      read += more
    }
    this.onRead(read)
    return bytes.subarray(0, read)
  }

  private attempt<A>(operation: DiskOperation, call: () => A): A | DiskError {
    if (this.isClosed) return DiskFault.make("closed", operation, this.path, "the file is closed")
    return attempt(operation, this.path, call)
  }

  private refuse(operation: DiskOperation, ticket: number): void {
    setImmediate(() => this.sink.failed(ticket, refusal(operation, this.path)))
  }
}

/** The disk whose root is this directory; `onRead` is told of the bytes of each read. */
export const make = (root: string, onRead: (sizeBytes: number) => void): Disk.Disk["Service"] => {
  const absolute = (path: string): string => (path === "" ? root : `${root}/${path}`)
  const refuse = (operation: DiskOperation, path: string, done: Disk.Done<void>): void => {
    setImmediate(() => done(refusal(operation, path), undefined))
  }
  return Disk.make({
    open: (path, _options, sink, done) => {
      const opened = attempt("open", path, () => {
        const descriptor = fs.openSync(absolute(path), "r")
        if (fs.fstatSync(descriptor).isFile()) return new ReadOnlyFile({ path, descriptor, sink, onRead })
        fs.closeSync(descriptor)
        throw Object.assign(new Error("not a regular file"), { code: "EISDIR" })
      })
      setImmediate(() => (isFault(opened) ? done(opened, undefined) : done(undefined, opened)))
    },
    list: (directory, done) => {
      const names = attempt("list", directory, () => fs.readdirSync(absolute(directory), "buffer"))
      setImmediate(() => {
        if (isFault(names)) return done(names, [])
        const sorted = names.sort((a, b) => Buffer.compare(a, b)).map((name) => name.toString("utf8"))
        done(undefined, sorted)
      })
    },
    rename: (from, _to, done) => refuse("rename", from, done),
    remove: (path, done) => refuse("remove", path, done),
    makeDirectory: (path, done) => refuse("make-directory", path, done),
    syncDirectory: (path, done) => refuse("sync-directory", path, done)
  })
}
