/**
 * PageFile: the tree's file as extents of pages: reads that check what they get, writes of many pages with few calls. It keeps
 * nothing.
 *
 * Operations of one open file wait for each other, so the file is opened several times: once with write-through for what one call
 * can make durable, and some times each for reads and for writes, which so do not wait for each other.
 */
import type * as Disk from "#world/Disk.ts"
import { DiskError } from "#world/WorldError.ts"
import { Corrupt } from "../StorageError.ts"
import { Page } from "./Page.ts"
import * as Format from "./PageFormat.ts"

export type Failure = Corrupt | DiskError

type Called = (error: DiskError | undefined, bytes: Uint8Array, value: number) => void

const noBytes = new Uint8Array(0)

/** Hands each completion to who made the call. Tickets are used again. */
class Calls implements Disk.Sink {
  waiting = 0
  private readonly called: Array<Called | undefined> = []
  private readonly tickets: Array<number> = []

  ticket(called: Called): number {
    const ticket = this.tickets.pop() ?? this.called.length
    this.called[ticket] = called
    this.waiting++
    return ticket
  }

  private settle(ticket: number, error: DiskError | undefined, bytes: Uint8Array, value: number): void {
    const called = this.called[ticket]!
    this.called[ticket] = undefined
    this.tickets.push(ticket)
    this.waiting--
    called(error, bytes, value)
  }

  done(ticket: number, value: number): void {
    this.settle(ticket, undefined, noBytes, value)
  }
  bytes(ticket: number, bytes: Uint8Array): void {
    this.settle(ticket, undefined, bytes, 0)
  }
  failed(ticket: number, error: DiskError): void {
    this.settle(ticket, error, noBytes, 0)
  }
}

interface Handle {
  readonly file: Disk.File
  readonly calls: Calls
}

/** As many reads, or writes, at a time as Node's thread pool has threads. */
const handlesMax = 4

const idlest = (handles: ReadonlyArray<Handle>): Handle => {
  let best = handles[0]
  for (const each of handles) if (each.calls.waiting < best.calls.waiting) best = each
  return best
}

export interface OpenOptions {
  readonly path: string
  /** Make it: it must not be there. Default: false. */
  readonly create?: boolean
  /** Bytes that are put together for one write. */
  readonly writeBytesMax: number
}

/** Opens a file in all the ways that it is used in. */
export const open = (
  port: Disk.Port,
  options: OpenOptions,
  done: (error: DiskError | undefined, file: PageFile | undefined) => void
): void => {
  const { create = false, path, writeBytesMax } = options
  const first: Disk.OpenOptions = create ? { create: true, exclusive: true } : {}
  const plain: ReadonlyArray<Disk.OpenOptions> = new Array(2 * handlesMax - 1).fill({})
  const ways = [first, { writeThrough: true }, ...plain]
  const handles: Array<Handle> = []
  const next = (): void => {
    if (handles.length === ways.length) {
      const [data, through, ...others] = handles
      const writers = [data, ...others.slice(handlesMax)]
      const readers = others.slice(0, handlesMax)
      return done(undefined, new PageFile({ path, writers, through, readers, writeBytesMax }))
    }
    const calls = new Calls()
    port.open(path, ways[handles.length], calls, (error, file) => {
      if (error !== undefined) {
        for (const handle of handles) handle.file.close()
        return done(error, undefined)
      }
      handles.push({ file: file!, calls })
      next()
    })
  }
  next()
}

export class PageFile {
  /** Changes when the file is renamed. */
  path: string
  /** Bytes that were written so far. */
  writtenBytes = 0
  /** Where the file ends, as far as it was written or read. */
  sizeBytes = 0
  /** Known once the meta is. */
  pageBytes = 0
  reads = 0
  private readonly writers: ReadonlyArray<Handle>
  private readonly through: Handle
  private readonly readers: ReadonlyArray<Handle>
  /** Pages that follow each other are put together here for one write. */
  private staging = noBytes
  private readonly stagingBytesMax: number

  constructor(options: {
    readonly path: string
    readonly writers: ReadonlyArray<Handle>
    readonly through: Handle
    readonly readers: ReadonlyArray<Handle>
    readonly writeBytesMax: number
  }) {
    this.path = options.path
    this.writers = options.writers
    this.through = options.through
    this.readers = options.readers
    this.stagingBytesMax = options.writeBytesMax
  }

  close(): void {
    for (const { file } of [...this.writers, this.through, ...this.readers]) file.close()
  }

  corrupt(number: number, message: string): Corrupt {
    return new Corrupt({ path: this.path, offsetBytes: number * this.pageBytes, message })
  }

  /** The pages' numbers have an end. */
  full(): DiskError {
    return this.failure("no-space", "the file has as many pages as it can: delete something")
  }

  /** A meta is overwritten in place: once that failed, even for lack of space, nobody knows what is there. */
  unknown(error: DiskError): DiskError {
    return error.code === "no-space" ? this.failure("io", error.message) : error
  }

  private failure(code: DiskError["code"], message: string): DiskError {
    return new DiskError({ code, operation: "write", path: this.path, message })
  }

  readBytes(
    offset: number,
    lengthBytes: number,
    done: (error: DiskError | undefined, bytes: Uint8Array) => void
  ): void {
    this.reads++
    const { calls, file } = idlest(this.readers)
    file.readAt(calls.ticket(done), offset, lengthBytes)
  }

  /** The area of the metas, after all writes to it that were asked for. */
  readMetas(lengthBytes: number, done: (error: DiskError | undefined, bytes: Uint8Array) => void): void {
    this.through.file.readAt(this.through.calls.ticket(done), 0, lengthBytes)
  }

  /** Asks how long the file is. */
  readSize(done: (error: DiskError | undefined) => void): void {
    const [{ calls, file }] = this.writers
    file.size(
      calls.ticket((error, _, value) => {
        this.sizeBytes = value
        done(error)
      })
    )
  }

  get memoryBytes(): number {
    return this.staging.length
  }

  /** Reads an extent: what the reference means, or `Corrupt`. */
  read(
    reference: Format.Reference,
    kind: number,
    done: (error: Failure | undefined, page: Page | undefined) => void
  ): void {
    const { number, pages } = reference
    this.readBytes(number * this.pageBytes, pages * this.pageBytes, (error, bytes) => {
      if (error !== undefined) return done(error, undefined)
      const problem = Format.problem(bytes, reference, this.pageBytes, kind)
      if (problem !== undefined) return done(this.corrupt(number, problem), undefined)
      done(undefined, new Page(bytes, number, pages, Format.birthOf(bytes)))
    })
  }

  /** Writes pages that have their numbers. With `durable`, they are so when it completes. */
  write(pages: ReadonlyArray<Page>, durable: boolean, done: (error: DiskError | undefined) => void): void {
    const sorted = pages.slice().sort((a, b) => a.number - b.number)
    this.writeFrom(sorted, 0, durable, done)
  }

  /** One round: as many pages as there is room to put together; the next one when all of it is written. */
  private writeFrom(
    pages: ReadonlyArray<Page>,
    from: number,
    durable: boolean,
    done: (error: DiskError | undefined) => void
  ): void {
    if (from >= pages.length) return durable ? this.sync(done) : done(undefined)
    const { to, stagedBytes } = this.round(pages, from)
    if (stagedBytes > this.staging.length) {
      this.staging = new Uint8Array(Math.min(this.stagingBytesMax, Math.max(stagedBytes, this.staging.length * 2)))
    }
    const runs = this.runs(pages, from, to)
    // What one call writes, one call makes durable.
    const alone = durable && from === 0 && runs.length === 1 && to === pages.length
    let left = runs.length
    let failure: DiskError | undefined
    const written = (error: DiskError | undefined): void => {
      failure = error === undefined || failure?.code === "io" ? failure : error
      if (--left > 0) return
      if (failure !== undefined) return done(failure)
      if (alone) return done(undefined)
      this.writeFrom(pages, to, durable, done)
    }
    for (const { bytes, number } of runs) {
      const offset = number * this.pageBytes
      this.writtenBytes += bytes.length
      this.sizeBytes = Math.max(this.sizeBytes, offset + bytes.length)
      const { calls, file } = alone ? this.through : idlest(this.writers)
      file.writeAt(calls.ticket(written), offset, bytes)
    }
  }

  /** How many pages from `from` on go into one round, and how many of their bytes are put together. */
  private round(pages: ReadonlyArray<Page>, from: number): { readonly to: number; readonly stagedBytes: number } {
    let stagedBytes = 0
    let to = from
    for (; to < pages.length; to++) {
      const { length } = pages[to].bytes
      if (length > this.stagingBytesMax) {
        if (to === from) return { to: from + 1, stagedBytes: 0 }
        break
      }
      if (stagedBytes + length > this.stagingBytesMax) break
      stagedBytes += length
    }
    return { to, stagedBytes }
  }

  private runs(
    pages: ReadonlyArray<Page>,
    from: number,
    to: number
  ): ReadonlyArray<{ readonly number: number; readonly bytes: Uint8Array }> {
    const { staging } = this
    const runs: Array<{ readonly number: number; readonly bytes: Uint8Array }> = []
    let used = 0
    for (let i = from; i < to;) {
      const first = pages[i]
      let end = i + 1
      let next = first.number + first.pages
      while (end < to && pages[end].number === next) next += pages[end++].pages
      if (end === i + 1) runs.push({ number: first.number, bytes: first.bytes })
      else {
        const start = used
        for (let j = i; j < end; j++) {
          staging.set(pages[j].bytes, used)
          used += pages[j].bytes.length
        }
        runs.push({ number: first.number, bytes: staging.subarray(start, used) })
      }
      i = end
    }
    return runs
  }

  sync(done: (error: DiskError | undefined) => void): void {
    const [{ calls, file }] = this.writers
    file.sync(calls.ticket(done))
  }

  /** Writes durably with one call. */
  writeThrough(offset: number, bytes: Uint8Array, done: (error: DiskError | undefined) => void): void {
    this.writtenBytes += bytes.length
    this.sizeBytes = Math.max(this.sizeBytes, offset + bytes.length)
    this.through.file.writeAt(this.through.calls.ticket(done), offset, bytes)
  }
}
