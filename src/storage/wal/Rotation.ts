/**
 * Rotation: makes a new segment. Header and table go to a file `.new`, durable before it gets its name; the name is durable before
 * the first record goes in.
 */
import type * as Disk from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import * as Format from "./Format.ts"
import type { Stream } from "./Stream.ts"

/** What a new segment's table says of the streams: all that is on disk. */
export const tableOf = (streams: ReadonlyMap<number, Stream>): ReadonlyArray<Format.TableEntry> => {
  const entries: Array<Format.TableEntry> = []
  for (const { doubt, epoch, isBorn, number, positions } of streams.values()) {
    if (!isBorn) continue
    const { end, first } = positions
    entries.push({ stream: number, epoch, inDoubt: doubt !== undefined, first, end })
  }
  return entries
}

export interface Options {
  readonly disk: Disk.Port
  readonly directory: string
  readonly header: Format.SegmentHeader
  readonly table: ReadonlyArray<Format.TableEntry>
  /** Gets the completions of the new file. */
  readonly sink: Disk.Sink
}

/** What a new segment is, beside its file. */
export interface Made {
  readonly file: Disk.File
  readonly sizeBytes: number
}

const truncateTicket = 0
const writeTicket = 1

/** Writes the first bytes of a file and closes it. */
class FirstWrite implements Disk.Sink {
  private readonly ended: (error: DiskError | undefined) => void
  private file: Disk.File | undefined

  constructor(ended: (error: DiskError | undefined) => void) {
    this.ended = ended
  }

  begin(file: Disk.File, preamble: Uint8Array): void {
    this.file = file
    // One may be left of an attempt that failed.
    file.truncate(truncateTicket, 0)
    file.writeAt(writeTicket, 0, preamble)
  }

  done(ticket: number): void {
    if (ticket === writeTicket) this.end(undefined)
  }

  private end(error: DiskError | undefined): void {
    const { file } = this
    if (file === undefined) return
    this.file = undefined
    file.close()
    this.ended(error)
  }

  bytes(): void {}
  failed(_: number, error: DiskError): void {
    this.end(error)
  }
}

/**
 * `done` has the segment's file, open for write-through. After a failure for want of space nothing is left of it; after any
 * other it may be there or not.
 */
export const make = (options: Options, done: Disk.Done<Made | undefined>): void => {
  const { directory, disk, header, sink } = options
  const newPath = `${directory}/${Format.newNameOf(header.segment)}`
  const path = `${directory}/${Format.nameOf(header.segment)}`
  const preamble = Format.preamble(header, options.table)
  const fail = (error: DiskError): void => done(error, undefined)
  const giveUp = (error: DiskError): void => {
    if (error.code !== "no-space") return fail(error)
    disk.remove(newPath, () => fail(error))
  }
  const open = (): void =>
    disk.open(path, { writeThrough: true }, sink, (error, file) => {
      if (error !== undefined) return fail(error)
      done(undefined, { file: file!, sizeBytes: preamble.length })
    })
  const name = (): void =>
    disk.rename(newPath, path, (error) => {
      if (error !== undefined) return giveUp(error)
      disk.syncDirectory(directory, (error) => (error === undefined ? open() : fail(error)))
    })
  const first = new FirstWrite((error) => (error === undefined ? name() : giveUp(error)))
  disk.open(newPath, { create: true, writeThrough: true }, first, (error, file) => {
    if (error !== undefined) return fail(error)
    first.begin(file!, preamble)
  })
}
