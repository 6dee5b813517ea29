/**
 * Replaying: hands over a stream's records from a position on, as they are on disk, a stretch of a file at a time. Records that are
 * cut meanwhile are left out; a record that does not read is told as `damaged`, and so is the position behind the last one when
 * the stream may have lost its end.
 */
import { crc32c } from "#base/Crc32c.ts"
import type * as Disk from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import type { Done } from "../Engine.ts"
import type { Replay } from "../Log.ts"
import { Corrupt } from "../StorageError.ts"
import * as Format from "./Format.ts"
import { nowhere } from "./Positions.ts"
import type { Segments } from "./Segments.ts"
import type { Stream } from "./Stream.ts"

/** A read of the disk, unless a record is larger: the first, and what they grow to. A log may have many streams of a few records. */
const stretchBytesMin = 4_096
const stretchBytesMax = 262_144
const nothing = new Uint8Array(0)

export class Replaying implements Disk.Sink {
  private readonly disk: Disk.Port
  private readonly segments: Segments
  private readonly stream: Stream
  private readonly replay: Replay
  private readonly ended: Done<void>
  private readonly header = new Format.RecordHeader()
  private position: number
  private readonly limit: number
  private file: Disk.File | undefined
  /** The segment of `file`, and the stretch of it that is in memory. */
  private segment = nowhere
  private from = -1
  private stretch: Uint8Array = nothing
  private stretchBytes = stretchBytesMin
  /** How many bytes were asked for; less is the end of the file. */
  private asked = 0

  constructor(parts: {
    readonly disk: Disk.Port
    readonly segments: Segments
    readonly stream: Stream
    readonly position: number
    /** Records before this one; Infinity: all. */
    readonly end: number
    readonly replay: Replay
    readonly done: Done<void>
  }) {
    this.disk = parts.disk
    this.segments = parts.segments
    this.stream = parts.stream
    this.position = parts.position
    this.limit = parts.end
    this.replay = parts.replay
    this.ended = parts.done
  }

  /** Goes on until something has to be read from disk, or to the end. */
  run(): void {
    const { positions } = this.stream
    for (;;) {
      if (this.position < positions.first) this.position = positions.first
      if (this.position >= Math.min(positions.end, this.limit)) return this.finish()
      const segment = positions.segmentOf(this.position)
      const offset = positions.offsetOf(this.position)
      if (segment === nowhere) this.tellDamage(segment, offset, "its segment is missing")
      else if (segment !== this.segment) return this.open(segment)
      else {
        const missing = this.tell(offset)
        if (missing > 0) return this.read(offset, missing)
      }
    }
  }

  done(): void {}

  bytes(_: number, bytes: Uint8Array): void {
    this.stretch = bytes
    this.run()
  }

  failed(_: number, error: DiskError): void {
    this.end(error)
  }

  private open(segment: number): void {
    this.file?.close()
    this.file = undefined
    this.segment = segment
    this.stretch = nothing
    this.from = -1
    this.disk.open(this.segments.pathOf(segment), {}, this, (error, file) => {
      if (error === undefined) {
        this.file = file
        return this.run()
      }
      if (error.code !== "not-found") return this.end(error)
      this.segment = nowhere
      this.tellDamage(segment, 0, "its segment is missing")
      this.run()
    })
  }

  private read(offset: number, lengthBytes: number): void {
    this.from = offset
    this.asked = lengthBytes
    this.stretchBytes = Math.min(2 * this.stretchBytes, stretchBytesMax)
    this.file!.readAt(0, offset, lengthBytes)
  }

  /** Tells the record at `offset`, or how many bytes from there on it needs. */
  private tell(offset: number): number {
    const { header, stretch } = this
    const at = offset - this.from
    const isAtEnd = at === 0 && stretch.length < this.asked
    if (at < 0 || at + Format.recordHeaderBytes > stretch.length) {
      if (!isAtEnd) return this.stretchBytes
      this.tellDamage(this.segment, offset, "the file ends within it")
      return 0
    }
    const salt = this.segments.get(this.segment)?.salt ?? Format.saltOf(this.segments.identity, this.segment)
    if (
      !header.read(stretch, at, salt, offset) ||
      header.stream !== this.stream.number ||
      header.position !== this.position
    ) {
      this.tellDamage(this.segment, offset, "its header does not read")
      return 0
    }
    const from = at + Format.recordHeaderBytes
    const to = from + header.payloadBytes
    if (to > stretch.length) {
      if (!isAtEnd) return Math.max(this.stretchBytes, Format.recordHeaderBytes + header.payloadBytes)
      this.tellDamage(this.segment, offset, "the file ends within it")
      return 0
    }
    if (crc32c(stretch, from, 0, to) !== header.payloadChecksum) {
      this.tellDamage(this.segment, offset, "it does not match its checksum")
      return 0
    }
    this.replay.record(this.position++, stretch, from, to)
    return 0
  }

  private tellDamage(segment: number, offsetBytes: number, what: string): void {
    const position = this.position++
    const path = segment === nowhere ? this.segments.directory : this.segments.pathOf(segment)
    const message = `record ${position} of stream ${this.stream.number}: ${what}; repair from a replica or a backup`
    this.replay.damaged(position, new Corrupt({ path, offsetBytes, message }))
  }

  private finish(): void {
    const { doubt, positions } = this.stream
    if (doubt !== undefined && this.limit === Infinity) this.replay.damaged(positions.end, doubt)
    this.end(undefined)
  }

  private end(error: DiskError | undefined): void {
    this.file?.close()
    this.file = undefined
    this.ended(error, undefined)
  }
}
