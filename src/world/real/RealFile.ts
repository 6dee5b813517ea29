/**
 * RealFile: one open file, with its operations executed one at a time in the order of their submission.
 *
 * An operation is a small record in a queue; the callbacks of `node:fs` are made once a file, so an operation costs no
 * closure, promise or fiber. The next operation starts before the last one's completion is told: the device does not wait
 * for the caller. Short reads and writes are continued where they stopped. All calls to the system go to Node's thread pool
 * (`UV_THREADPOOL_SIZE`, 4 by default), where a slow sync takes one thread.
 *
 * Where `append` writes is decided here: at the end of the file, or behind what another open file of the same inode is
 * writing there. The system's O_APPEND would not do: it does not tell the offset, and it makes Linux append where
 * `writeAt` asks for an offset. The end is asked for by a synchronous fstat: it reads the inode in memory and takes 1
 * microsecond, where the thread pool takes 20.
 *
 * Needs of its caller: it bounds what it submits by its tickets; the queue has no bound of its own.
 */
import * as fs from "node:fs"
import { assert } from "#base/Assert.ts"
import type * as Disk from "../Disk.ts"
import type { DiskError, DiskOperation } from "../WorldError.ts"
import * as DiskFault from "./DiskFault.ts"

/** The open files of one inode. */
export interface Inode {
  readonly key: string
  readonly files: Set<RealFile>
}

/** A submitted operation. */
interface Operation {
  readonly kind: DiskOperation
  readonly ticket: number
  /** Where it begins; for `truncate` the new size. Decided for an `append` when it starts. */
  offset: number
  /** What to write, or where to read to. */
  readonly bytes: Uint8Array
  /** Submitted after `close`. */
  readonly refused: boolean
}

const noBytes = new Uint8Array(0)

export class RealFile implements Disk.File {
  readonly path: string
  readonly inode: Inode
  private readonly descriptor: number
  private readonly sink: Disk.Sink
  private readonly syncsWrites: boolean
  private readonly onClosed: (file: RealFile) => void
  private queue: Array<Operation> = []
  private head = 0
  private current: Operation | undefined
  /** Bytes of the current operation that are done. */
  private doneBytes = 0
  /** Where the write under way will end; 0 when there is none. */
  private endUnderWay = 0
  private closing = false
  private released = false
  private silenced = false

  constructor(options: {
    readonly path: string
    readonly descriptor: number
    readonly inode: Inode
    readonly sink: Disk.Sink
    /** A sync follows each write, as part of it. Default: false. */
    readonly syncsWrites?: boolean
    readonly onClosed: (file: RealFile) => void
  }) {
    this.path = options.path
    this.descriptor = options.descriptor
    this.inode = options.inode
    this.inode.files.add(this)
    this.sink = options.sink
    this.syncsWrites = options.syncsWrites === true
    this.onClosed = options.onClosed
  }

  readAt(ticket: number, offset: number, lengthBytes: number): void {
    assert(offset >= 0 && lengthBytes >= 0, "a read has an offset and a length of 0 or more")
    this.submit("read", ticket, offset, new Uint8Array(lengthBytes))
  }

  writeAt(ticket: number, offset: number, bytes: Uint8Array): void {
    assert(offset >= 0, "a write has an offset of 0 or more")
    this.submit("write", ticket, offset, bytes)
  }

  append(ticket: number, bytes: Uint8Array): void {
    this.submit("append", ticket, 0, bytes)
  }

  truncate(ticket: number, sizeBytes: number): void {
    assert(sizeBytes >= 0, "a file's size is 0 or more")
    this.submit("truncate", ticket, sizeBytes, noBytes)
  }

  sync(ticket: number): void {
    this.submit("sync", ticket, 0, noBytes)
  }

  size(ticket: number): void {
    this.submit("size", ticket, 0, noBytes)
  }

  close(): void {
    this.closing = true
    if (this.current === undefined) this.next()
  }

  /** Closes without another word to the sink: the operation under way ends, those behind it never start. */
  silence(): void {
    this.silenced = true
    this.queue = []
    this.head = 0
    this.close()
  }

  private submit(kind: DiskOperation, ticket: number, offset: number, bytes: Uint8Array): void {
    if (this.silenced) return
    this.queue.push({ kind, ticket, offset, bytes, refused: this.closing })
    if (this.current === undefined) this.next()
  }

  private next(): void {
    if (this.head < this.queue.length) {
      const operation = this.queue[this.head++]
      this.current = operation
      this.doneBytes = 0
      this.start(operation)
      return
    }
    this.queue = []
    this.head = 0
    if (this.closing && !this.released) {
      this.released = true
      // A failed close says nothing that a caller could act on: what was not synced has no promise.
      this.inode.files.delete(this)
      fs.close(this.descriptor, () => this.onClosed(this))
    }
  }

  private start(operation: Operation): void {
    if (operation.refused) {
      setImmediate(this.onRefused)
      return
    }
    switch (operation.kind) {
      case "read":
        return this.transfer(operation)
      case "write":
        return this.startWrite(operation)
      case "append":
        return this.startAppend(operation)
      case "truncate":
        return fs.ftruncate(this.descriptor, operation.offset, this.onPlain)
      case "sync":
        return fs.fdatasync(this.descriptor, this.onPlain)
      default:
        return fs.fstat(this.descriptor, this.onSize)
    }
  }

  private startAppend(operation: Operation): void {
    try {
      operation.offset = fs.fstatSync(this.descriptor).size
    } catch (error) {
      setImmediate(() => this.fail(error as NodeJS.ErrnoException))
      return
    }
    for (const file of this.inode.files) operation.offset = Math.max(operation.offset, file.endUnderWay)
    this.startWrite(operation)
  }

  private startWrite(operation: Operation): void {
    this.endUnderWay = operation.offset + operation.bytes.length
    this.transfer(operation)
  }

  /** Reads or writes what is left of the current operation. */
  private transfer(operation: Operation): void {
    const done = this.doneBytes
    const left = operation.bytes.length - done
    const position = operation.offset + done
    if (operation.kind === "read") fs.read(this.descriptor, operation.bytes, done, left, position, this.onTransferred)
    else fs.write(this.descriptor, operation.bytes, done, left, position, this.onTransferred)
  }

  private readonly onTransferred = (error: NodeJS.ErrnoException | null, count: number): void => {
    const operation = this.current!
    if (error !== null) return this.fail(error)
    this.doneBytes += count
    if (count > 0 && this.doneBytes < operation.bytes.length) return this.transfer(operation)
    if (operation.kind === "read") return this.completeRead(operation)
    if (this.doneBytes < operation.bytes.length) {
      return this.complete(
        DiskFault.make("no-space", operation.kind, this.path, "the system wrote nothing; free some space"),
        0
      )
    }
    if (this.syncsWrites) return fs.fdatasync(this.descriptor, this.onWritten)
    this.onWritten(null)
  }

  private readonly onWritten = (error: NodeJS.ErrnoException | null): void => {
    if (error !== null) return this.fail(error)
    const operation = this.current!
    this.complete(undefined, operation.kind === "append" ? operation.offset : 0)
  }

  private readonly onPlain = (error: NodeJS.ErrnoException | null): void => {
    if (error !== null) return this.fail(error)
    this.complete(undefined, 0)
  }

  private readonly onSize = (error: NodeJS.ErrnoException | null, stats: fs.Stats): void => {
    if (error !== null) return this.fail(error)
    this.complete(undefined, stats.size)
  }

  private readonly onRefused = (): void => {
    const operation = this.current!
    this.complete(DiskFault.make("closed", operation.kind, this.path, "the file is closed; open it again"), 0)
  }

  private fail(error: NodeJS.ErrnoException): void {
    this.complete(DiskFault.fromSystem(error, this.current!.kind, this.path), 0)
  }

  private completeRead(operation: Operation): void {
    const bytes = this.doneBytes === operation.bytes.length ? operation.bytes : operation.bytes.slice(0, this.doneBytes)
    this.advance()
    if (!this.silenced) this.sink.bytes(operation.ticket, bytes)
  }

  private complete(error: DiskError | undefined, value: number): void {
    const ticket = this.current!.ticket
    this.advance()
    if (this.silenced) return
    if (error === undefined) this.sink.done(ticket, value)
    else this.sink.failed(ticket, error)
  }

  /** The operation under way is over: the next one starts. */
  private advance(): void {
    this.current = undefined
    this.endUnderWay = 0
    this.next()
  }
}
