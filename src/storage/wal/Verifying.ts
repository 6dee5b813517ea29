/** Verifying: reads a stretch of one segment as it is on disk, and reports what of it does not read. */
import type * as Disk from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import type { Done, Verified } from "../Engine.ts"
import { Corrupt } from "../StorageError.ts"
import * as Format from "./Format.ts"
import { Scanner } from "./Scanner.ts"
import type { Segment, Segments } from "./Segments.ts"

/** A step reads about this much: more only when a record is larger, or where nothing reads. */
const stepBytes = 1_048_576
const readBytes = 262_144

export class Verifying implements Disk.Sink {
  private readonly segments: Segments
  private readonly segment: Segment
  private readonly ended: Done<Verified | undefined>
  private readonly rot: Array<Corrupt> = []
  private readonly scanner: Scanner
  /** Where this step began, and how far it is. */
  private readonly from: number
  private at: number
  private file: Disk.File | undefined
  /** The end of what is on disk. */
  private readonly end: number

  constructor(parts: {
    readonly segments: Segments
    readonly segment: Segment
    readonly offset: number
    readonly done: Done<Verified | undefined>
  }) {
    this.segments = parts.segments
    this.segment = parts.segment
    this.ended = parts.done
    this.from = parts.offset
    this.at = parts.offset < Format.segmentHeaderBytes ? 0 : parts.offset
    this.end = parts.segment.end
    this.scanner = new Scanner(parts.segment.salt, Math.max(this.at, Format.segmentHeaderBytes), {
      record: (offset, header, sound) => {
        if (!sound)
          this.found(offset, `record ${header.position} of stream ${header.stream} does not match its checksum`)
      },
      gap: (from, to) => this.found(from, `nothing reads from here to ${to}, where records stood`)
    })
  }

  run(disk: Disk.Port): void {
    disk.open(this.segments.pathOf(this.segment.number), {}, this, (error, file) => {
      if (error !== undefined) {
        if (error.code !== "not-found") return this.ended(error, undefined)
        this.at = this.end
        if (this.segments.get(this.segment.number) !== undefined) this.found(0, "the segment is missing")
        return this.finish()
      }
      this.file = file
      this.read()
    })
  }

  done(): void {}

  bytes(_: number, bytes: Uint8Array): void {
    let begin = 0
    if (this.at === 0) {
      const header = Format.decodeSegmentHeader(bytes, this.segment.number)
      if (typeof header === "string") this.found(0, header)
      begin = Format.segmentHeaderBytes
    }
    this.scanner.feed(begin < bytes.length ? bytes.subarray(begin) : new Uint8Array(0))
    const isShort = bytes.length < Math.min(readBytes, this.end - this.at)
    this.at += bytes.length
    if (isShort) {
      this.found(this.at, "the file ends here, where records stood")
      this.at = this.end
    }
    if (this.at >= this.end) {
      this.scanner.finish()
      return this.finish()
    }
    if (this.at - this.from >= stepBytes && this.scanner.isBetween) {
      this.at = this.scanner.position
      return this.finish()
    }
    this.read()
  }

  failed(_: number, error: DiskError): void {
    this.file?.close()
    this.ended(error, undefined)
  }

  private read(): void {
    this.file!.readAt(0, this.at, Math.min(readBytes, this.end - this.at))
  }

  private found(offsetBytes: number, message: string): void {
    const path = this.segments.pathOf(this.segment.number)
    this.rot.push(new Corrupt({ path, offsetBytes, message: `${message}: repair from a replica or a backup` }))
  }

  private finish(): void {
    this.file?.close()
    const position = this.segment.base + this.at
    const isLast = this.segments.at(position) === undefined
    this.ended(undefined, { position: isLast ? 0 : position, bytesRead: this.at - this.from, rot: this.rot })
  }
}
