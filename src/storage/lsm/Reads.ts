/**
 * Reads: a file that is only read, opened at the first read and, after `release`, at the next one. A read that ends before its
 * length is damage: whoever reads knows the file's size.
 */
import type * as Disk from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import type { Done } from "../Engine.ts"
import { Corrupt } from "../StorageError.ts"

interface Read {
  readonly offset: number
  readonly lengthBytes: number
  readonly done: Done<Uint8Array | undefined>
}

export class Reads implements Disk.Sink {
  private readonly port: Disk.Port
  private readonly path: string
  private file: Disk.File | undefined
  /** Reads that wait for the file to be open; `undefined`: nobody has asked for it yet. */
  private waiting: Array<Read> | undefined
  private readonly underWay: Array<Read | undefined> = []
  private readonly freeTickets: Array<number> = []
  private closed = false

  constructor(port: Disk.Port, path: string) {
    this.port = port
    this.path = path
  }

  read(offset: number, lengthBytes: number, done: Done<Uint8Array | undefined>): void {
    const read = { offset, lengthBytes, done }
    if (this.file !== undefined) this.start(this.file, read)
    else if (this.waiting !== undefined) this.waiting.push(read)
    else {
      this.waiting = [read]
      this.port.open(this.path, {}, this, (error, file) => this.opened(error, file))
    }
  }

  /** Gives the open file back, of which a system has few. Reads under way still complete. */
  release(): void {
    this.file?.close()
    this.file = undefined
  }

  /** Whoever reads later still may, and leaves no file open. */
  close(): void {
    this.closed = true
    this.release()
  }

  done(): void {}

  bytes(ticket: number, bytes: Uint8Array): void {
    const read = this.settle(ticket)
    if (bytes.length === read.lengthBytes) return read.done(undefined, bytes)
    const offsetBytes = read.offset + bytes.length
    const message = "the file ends before it should: take the data from a replica or a backup"
    read.done(new Corrupt({ path: this.path, offsetBytes, message }), undefined)
  }

  failed(ticket: number, error: DiskError): void {
    this.settle(ticket).done(error, undefined)
  }

  private opened(error: DiskError | undefined, file: Disk.File | undefined): void {
    const waiting = this.waiting!
    this.waiting = undefined
    if (error !== undefined) {
      // A file that the manifest names is there, unless somebody took it away.
      const failure =
        error.code === "not-found"
          ? new Corrupt({ path: this.path, offsetBytes: 0, message: "the file is gone: take it from a backup" })
          : error
      for (const read of waiting) read.done(failure, undefined)
      return
    }
    this.file = file
    for (const read of waiting) this.start(file!, read)
    if (this.closed) this.release()
  }

  private start(file: Disk.File, read: Read): void {
    const ticket = this.freeTickets.pop() ?? this.underWay.length
    this.underWay[ticket] = read
    file.readAt(ticket, read.offset, read.lengthBytes)
  }

  private settle(ticket: number): Read {
    const read = this.underWay[ticket]!
    this.underWay[ticket] = undefined
    this.freeTickets.push(ticket)
    return read
  }
}
