/**
 * Wal: a `Log` in a directory of its own, as segments that are written one behind the other. `Format` has the bytes, `Recovery` how a torn
 * tail is told from damage and what cannot be told, `Writer` the order of things.
 *
 * Segments that no stream needs any more are removed, the oldest first, each durably before the next, so that what is left has
 * no holes. Where streams that are seldom written keep old segments alive, their records are written again (`Carrier`).
 *
 * Promises, beyond `Log`: opening fails with `Corrupt` only when nothing can be told any more (no header reads, or the oldest table of
 * streams does not); any other damage is in `damage`, is traced as an error, and comes up in the replays that it concerns.
 *
 * Needs of its caller: one log a directory at a time; no fault of a device that confirms syncs it has not made.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import { Buggify } from "#world/Buggify.ts"
import * as Completion from "#world/Completion.ts"
import * as Disk from "#world/Disk.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import type { DiskError } from "#world/WorldError.ts"
import type { Done, Durability, Verified } from "../Engine.ts"
import type * as Log from "../Log.ts"
import type { StorageError, Stopped } from "../StorageError.ts"
import { Carrier } from "./Carrier.ts"
import * as Opening from "./Opening.ts"
import type { Damage } from "./Recovery.ts"
import { Replaying } from "./Replaying.ts"
import type { Segments } from "./Segments.ts"
import type { Stream } from "./Stream.ts"
import { Sweeper } from "./Sweeper.ts"
import { Verifying } from "./Verifying.ts"
import { Writer, type WriterOptions, type WriterOwner } from "./Writer.ts"

export interface Options extends Partial<WriterOptions> {
  /** Of the log alone; its parent must exist. */
  readonly directory: string
  /** With more bytes than these, and more than twice of what is needed, old records are carried forward. */
  readonly carryAboveBytes?: number
}

export interface Wal extends Log.Log {
  /** What was found at opening to have been durable and not to read. */
  readonly damage: ReadonlyArray<Damage>
}

const mebibyte = 1_048_576

const defaults = {
  // Large enough that making one is no cost, small enough that space comes back soon.
  segmentBytesMax: 64 * mebibyte,
  // Half a millisecond of a fast disk.
  groupBytesMax: 4 * mebibyte,
  bufferedBytesMax: mebibyte,
  waitingBytesMax: Limits.writesWaitingBytesMax,
  // Written in less than a millisecond, and a hundred small groups long.
  aheadBytes: mebibyte / 4,
  idleMicros: 100_000,
  carryAboveBytes: 512 * mebibyte
}

/** A segment's offsets have four bytes, also with a record of the largest size at its end. */
const segmentBytesLimit = 1_024 * mebibyte

interface Parts {
  readonly disk: Disk.Port
  readonly opened: Opening.Opened
  readonly options: Required<Options>
  readonly timers: Timers["Service"]
  readonly trace: Trace["Service"]
  readonly buggify: (site: string) => boolean
}

class SegmentedLog implements Wal, WriterOwner {
  readonly damage: ReadonlyArray<Damage>
  readonly writer: Writer
  private readonly disk: Disk.Port
  private readonly trace: Trace["Service"]
  private readonly segments: Segments
  private readonly streams: Map<number, Stream>
  private readonly sweeper: Sweeper
  private readonly carrier: Carrier
  readonly buggify: (site: string) => boolean

  constructor(parts: Parts) {
    const { buggify, disk, opened, options, timers, trace } = parts
    this.disk = disk
    this.trace = trace
    this.buggify = buggify
    this.segments = opened.segments
    this.streams = opened.recovery.streams
    this.damage = opened.recovery.damage
    const { segments, streams } = this
    this.writer = new Writer({ options, disk, streams, segments, owner: this, attach: timers.attach })
    this.sweeper = new Sweeper({ disk, segments, trace })
    this.carrier = new Carrier({
      segments,
      streams,
      aboveBytes: options.carryAboveBytes,
      read: (stream, from, to, replay, done) => this.read(stream, from, to, replay, done),
      carry: (stream, position, payload) => this.writer.carry(stream, position, payload),
      sync: (done) => this.writer.sync(done)
    })
  }

  append(
    stream: number,
    position: number,
    parts: ReadonlyArray<Uint8Array>,
    durability: Durability,
    done: Done<void>
  ): void {
    this.writer.append(stream, position, parts, durability, done)
  }

  sync(done: Done<void>): void {
    this.writer.sync(done)
  }

  hold(): void {
    this.writer.hold()
  }

  flush(): void {
    this.writer.flush()
  }

  cutHead(stream: number, position: number): void {
    this.writer.cutHead(stream, position)
  }

  cutTail(stream: number, position: number): void {
    this.writer.cutTail(stream, position)
  }

  /** What was appended before is written first; a log that has stopped gives what is on disk. */
  replay(number: number, position: number, replay: Log.Replay, done: Done<void>): void {
    this.writer.sync(() => {
      const stream = this.streams.get(number)
      if (stream === undefined) return done(undefined, undefined)
      this.read(stream, position, Infinity, replay, done)
    })
  }

  extent(number: number): { readonly first: number; readonly end: number } {
    const stream = this.streams.get(number)
    if (stream === undefined || !stream.isKnown) return { first: 0, end: 0 }
    return { first: stream.first, end: stream.next }
  }

  listed(): { readonly numbers: ReadonlyArray<number>; readonly isComplete: boolean } {
    const numbers: Array<number> = []
    for (const { isKnown, number } of this.streams.values()) if (isKnown) numbers.push(number)
    // Where nothing reads, there may have been the only records of a stream.
    return { numbers, isComplete: this.damage.every(({ stream }) => stream !== undefined) }
  }

  verify(position: number, done: Done<Verified | undefined>): void {
    const { segments } = this
    const segment = segments.at(position) ?? segments.oldest
    const offset = Math.max(0, position - segment.base)
    const release = this.sweeper.hold()
    const verifying = new Verifying({
      segments,
      segment,
      offset: segment.base + segment.end > position ? offset : 0,
      done: (error, verified) => {
        release()
        done(error, verified)
      }
    })
    verifying.run(this.disk)
  }

  /** Ends when nothing is under way any more: then the directory is free for a successor. */
  readonly close = Effect.andThen(
    Completion.submit<void, never>((done) => this.writer.close(() => done(undefined, undefined))),
    Completion.submit<void, never>((done) => this.sweeper.close(() => done(undefined, undefined)))
  )

  stats(): Log.LogStats {
    const { all, needed, sizeBytes } = this.segments
    return { diskBytes: sizeBytes, segments: all.length, records: needed, syncs: this.writer.syncs }
  }

  written(givenBytes: number): void {
    this.carrier.written(givenBytes)
    if (this.buggify("storage/wal-keeps-segments")) return
    this.sweeper.sweep()
  }

  stopped(error: Stopped): void {
    this.trace.emit("error", "storage/log-stopped", { path: this.segments.directory, message: error.message })
  }

  mark(name: string): void {
    this.trace.mark(name)
  }

  private read(stream: Stream, position: number, end: number, replay: Log.Replay, done: Done<void>): void {
    const { disk, segments } = this
    const release = this.sweeper.hold()
    const replaying = new Replaying({
      disk,
      segments,
      stream,
      position,
      end,
      replay,
      done: (error) => {
        release()
        done(error, undefined)
      }
    })
    replaying.run()
  }
}

const validated = (options: Options): Required<Options> => {
  const all = { ...defaults, ...options }
  assert(all.segmentBytesMax > 0 && all.segmentBytesMax <= segmentBytesLimit, "a segment has at most 1 GiB")
  assert(all.groupBytesMax > 0, "a group has room for something")
  assert(all.bufferedBytesMax >= 0 && all.aheadBytes >= 0 && all.idleMicros >= 0, "bounds are not negative")
  assert(all.waitingBytesMax <= Limits.writesWaitingBytesMax, "at most Limits.writesWaitingBytesMax wait to be written")
  // A group that would not fit into a segment is two.
  return { ...all, groupBytesMax: Math.min(all.groupBytesMax, all.segmentBytesMax) }
}

/** Opens the log in a directory, or makes one, for the life of the scope. */
export const open = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Wal, StorageError, Disk.Disk | Timers | Trace | Scope.Scope> {
  const { port: disk } = yield* Disk.Disk
  const timers = yield* Timers
  const trace = yield* Trace
  const buggify = yield* Buggify
  const all = validated(options)
  const opened = yield* Opening.open(all.directory)
  if (opened.isTorn) trace.mark("storage/wal-torn-tail")
  for (const { corrupt, from, stream, to } of opened.recovery.damage) {
    const { message, offsetBytes, path } = corrupt
    trace.emit("error", "storage/log-damaged", { path, offsetBytes, message, stream: stream ?? -1, from, to })
  }
  const log = new SegmentedLog({ disk, opened, options: all, timers, trace, buggify })
  const { newest } = opened.segments
  const file = yield* Completion.submit<Disk.File | undefined, DiskError>((done) =>
    disk.open(opened.segments.pathOf(newest.number), { writeThrough: true }, log.writer, done)
  )
  yield* Effect.addFinalizer(() =>
    Effect.andThen(Effect.ignore(Completion.submit<void, StorageError>((done) => log.sync(done))), log.close)
  )
  log.writer.begin(file!, opened.isFull)
  return log satisfies Wal
})
