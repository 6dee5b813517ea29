/**
 * Carrier: writes old records again at the end of the log, so that a stream that is seldom written does not keep the segments of
 * all others alive. It works on the oldest segment, when the log is larger than its bound and more than half of it is not needed;
 * then a byte that is carried frees at least one other. It carries no more bytes than were written since, so what it costs is
 * spread over what made it necessary.
 */
import type { Done } from "../Engine.ts"
import type * as Log from "../Log.ts"
import type { Segment, Segments } from "./Segments.ts"
import type { Stream } from "./Stream.ts"

/** What is read and written again at a time. */
const stepBytes = 262_144

interface Parts {
  readonly segments: Segments
  readonly streams: ReadonlyMap<number, Stream>
  readonly aboveBytes: number
  /** Hands over the records of `stream` in [from, to). */
  readonly read: (stream: Stream, from: number, to: number, replay: Log.Replay, done: Done<void>) => void
  /** Writes the record again; false: it is not needed any more. */
  readonly carry: (stream: Stream, position: number, payload: Uint8Array) => boolean
  readonly sync: (done: Done<void>) => void
}

export class Carrier {
  private readonly parts: Parts
  private isBusy = false
  /** Bytes that may be carried: as many as were written since. */
  private creditBytes = 0
  /** A segment with a record that does not read stays where it is. */
  private damagedSegment = -1

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** What is carried itself gives no credit: it would carry on for ever where that frees nothing. */
  written(givenBytes: number): void {
    this.creditBytes = Math.min(this.creditBytes + givenBytes, stepBytes)
    if (!this.isBusy && this.creditBytes > 0 && this.isWorthIt()) this.step()
  }

  private isWorthIt(): boolean {
    const { aboveBytes, segments } = this.parts
    const { newest, oldest, sizeBytes } = segments
    if (sizeBytes <= aboveBytes || oldest === newest || oldest.needed === 0) return false
    return oldest.number !== this.damagedSegment && sizeBytes > 2 * segments.neededBytes
  }

  private step(): void {
    const { oldest } = this.parts.segments
    for (const stream of this.parts.streams.values()) {
      let from = -1
      let to = -1
      stream.positions.forEachRun((segment, first, end) => {
        if (segment !== oldest.number || from >= 0) return
        from = first
        to = end
      })
      if (from >= 0) return this.carry(oldest, stream, from, to)
    }
  }

  private carry(segment: Segment, stream: Stream, from: number, to: number): void {
    const count = Math.max(1, Math.floor(this.creditBytes / segment.recordBytes))
    this.isBusy = true
    const replay: Log.Replay = {
      record: (position, bytes, begin, end) => {
        if (this.parts.carry(stream, position, bytes.subarray(begin, end))) this.creditBytes -= end - begin
      },
      damaged: () => {
        this.damagedSegment = segment.number
      }
    }
    this.parts.read(stream, from, Math.min(to, from + count), replay, (error) => {
      if (error !== undefined) this.damagedSegment = segment.number
      // Until it is durable in its new place, nothing else is chosen by what is durable.
      this.parts.sync(() => {
        this.isBusy = false
      })
    })
  }
}
