/**
 * Opening: reads all segments of a log, cuts a torn tail, and makes durable what it found before anybody sees it.
 *
 * The last group of the last segment may be there without being durable: the process may have died, without power loss, before its
 * sync. It is written again, in place, because a sync alone would not help where an earlier one has failed.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Completion from "#world/Completion.ts"
import { Disk } from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import { Corrupt } from "../StorageError.ts"
import * as Format from "./Format.ts"
import { nowhere } from "./Positions.ts"
import { Recovery, type Tail } from "./Recovery.ts"
import * as Rotation from "./Rotation.ts"
import { Scanner } from "./Scanner.ts"
import { type Segment, Segments } from "./Segments.ts"

const readBytes = 1_048_576

/** What a segment's first bytes say. */
interface Head {
  readonly number: number
  readonly path: string
  readonly sizeBytes: number
  readonly header: Format.SegmentHeader | string
}

export interface Opened {
  readonly segments: Segments
  readonly recovery: Recovery
  /** The last segment is damaged: nothing is written behind that. */
  readonly isFull: boolean
  readonly isTorn: boolean
}

const ignored = { done: () => {}, bytes: () => {}, failed: () => {} }

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")))

/** The numbers of the segments, rising, all of them with durable names. */
const listSegments = Effect.fnUntraced(function* (directory: string) {
  const disk = yield* Disk
  yield* disk.makeDirectory(directory)
  yield* disk.syncDirectory(parentOf(directory))
  const names = yield* disk.list(directory)
  for (const name of names) {
    if (Format.numberOf(name, "new") !== undefined) yield* disk.remove(`${directory}/${name}`)
  }
  yield* disk.syncDirectory(directory)
  return names.flatMap((name) => Format.numberOf(name, "wal") ?? []).sort((left, right) => left - right)
})

const readHead = Effect.fnUntraced(function* (directory: string, number: number) {
  const disk = yield* Disk
  const path = `${directory}/${Format.nameOf(number)}`
  const file = yield* disk.open(path)
  const sizeBytes = yield* file.size
  const bytes = yield* file.readAt(0, Format.segmentHeaderBytes)
  const unknown = Format.unknownVersionOf(bytes)
  if (unknown !== undefined) {
    const message = `the format has version ${unknown}, this program knows ${Format.version}: use the program that wrote it`
    return yield* new Corrupt({ path, offsetBytes: 0, message })
  }
  return { number, path, sizeBytes, header: Format.decodeSegmentHeader(bytes, number) } satisfies Head
}, Effect.scoped)

/** The first segment of a log that never was. */
const makeFirst = Effect.fnUntraced(function* (directory: string) {
  const disk = yield* Disk
  const identity = new Uint8Array(Format.identityBytes)
  for (let index = 0; index < identity.length; index++) identity[index] = yield* Random.nextIntBetween(0, 256)
  const header = { segment: 1, identity, base: 0, previous: 0, previousEnd: 0 }
  const made = yield* Completion.submit<Rotation.Made | undefined, DiskError>((done) =>
    Rotation.make({ disk: disk.port, directory, header, table: [], sink: ignored }, done)
  )
  made!.file.close()
  const segments = new Segments(directory, identity)
  segments.add(1, 0, made!.sizeBytes)
  const recovery = new Recovery(segments.count)
  return { segments, recovery, isFull: false, isTorn: false } satisfies Opened
})

/** Feeds a segment's bytes up to `end` to the recovery. */
const scan = Effect.fnUntraced(function* (head: Head, salt: number, end: number, recovery: Recovery) {
  const disk = yield* Disk
  const file = yield* disk.open(head.path)
  const scanner = new Scanner(salt, Format.segmentHeaderBytes, recovery)
  let at = Format.segmentHeaderBytes
  while (at < end) {
    const bytes = yield* file.readAt(at, Math.min(readBytes, end - at))
    if (bytes.length === 0) break
    scanner.feed(bytes)
    at += bytes.length
  }
  scanner.finish()
  return at
}, Effect.scoped)

/** Looks in what is to be cut for the beginning of a group that belongs elsewhere. */
const strayIn = Effect.fnUntraced(function* ({ path }: Head, salt: number, from: number, to: number) {
  const disk = yield* Disk
  const file = yield* disk.open(path)
  for (let at = from; at < to; at += readBytes) {
    // A header may begin in one stretch and end in the next.
    const bytes = yield* file.readAt(at, Math.min(readBytes + Format.recordHeaderBytes - 1, to - at))
    const stray = Format.strayAt(bytes, salt, at)
    if (stray !== undefined) return stray
  }
  return undefined
}, Effect.scoped)

/** Cuts the last segment at its end, and makes its last group durable. */
const settle = Effect.fnUntraced(function* (head: Head, salt: number, tail: Tail, isDamaged: boolean) {
  const disk = yield* Disk
  const file = yield* disk.open(head.path, { writeThrough: true })
  // Also when the size is right already: an earlier cut may have been seen and not be durable.
  if (!isDamaged) yield* file.truncate(tail.end)
  if (tail.group === tail.end) return yield* file.sync
  const bytes = yield* file.readAt(tail.group, tail.end - tail.group)
  let reads = bytes.length === tail.end - tail.group
  const scanner = new Scanner(salt, tail.group, {
    record: (_offset, _header, sound) => (reads &&= sound),
    gap: () => (reads = false)
  })
  scanner.feed(bytes)
  scanner.finish()
  if (!reads) {
    const message = "the last group reads otherwise than a moment ago: the device is failing, replace it"
    return yield* new Corrupt({ path: head.path, offsetBytes: tail.group, message })
  }
  yield* file.writeAt(tail.group, bytes)
}, Effect.scoped)

/** Tells the recovery what is wrong with a segment before its records are read; an error when it is not of this log. */
const judgeHead = (
  head: Head,
  before: Segment | undefined,
  segments: Segments,
  recovery: Recovery
): Corrupt | undefined => {
  const { header, number, path } = head
  if (typeof header === "string") recovery.lost(path, number, `${header}: repair from a replica or a backup`)
  else if (header.identity.some((byte, at) => byte !== segments.identity[at])) {
    return new Corrupt({ path, offsetBytes: 0, message: "this segment belongs to another log: take it away" })
  } else if (before !== undefined && header.previous !== before.number) {
    const message = "the segment is missing: bring it back, or repair from a replica"
    recovery.lost(segments.pathOf(header.previous), header.previous, message)
  }
  return undefined
}

const openExisting = Effect.fnUntraced(function* (directory: string, heads: ReadonlyArray<Head>) {
  const known = heads.find(({ header }) => typeof header !== "string")?.header
  if (known === undefined || typeof known === "string") {
    const message = "no segment has a header that reads: repair from a replica or a backup"
    return yield* new Corrupt({ path: heads[0].path, offsetBytes: 0, message })
  }
  const segments = new Segments(directory, known.identity)
  const recovery = new Recovery(segments.count)
  let before: Segment | undefined
  let damageBefore = 0
  let end = 0
  for (let index = 0; index < heads.length; index++) {
    const head = heads[index]
    damageBefore = recovery.damage.length
    const stranger = judgeHead(head, before, segments, recovery)
    if (stranger !== undefined) return yield* stranger
    const base = typeof head.header === "string" ? (before?.base ?? 0) + (before?.end ?? 0) : head.header.base
    const segment = segments.add(head.number, base, 0)
    // The next header says where this segment's records end.
    const next = heads.at(index + 1)?.header
    const endKnown = typeof next === "object" && next.previous === head.number
    const limit = endKnown ? next.previousEnd : head.sizeBytes
    recovery.begin(head.number, head.path, index === 0)
    end = yield* scan(head, segment.salt, limit, recovery)
    if (end < limit) recovery.gap(end, limit, false)
    if (index === heads.length - 1) break
    recovery.endDurable({ endKnown })
    segments.grow(limit)
    before = segment
  }
  const last = heads[heads.length - 1]
  const tail = recovery.endTorn(end)
  const stray = tail.torn ? yield* strayIn(last, segments.newest.salt, tail.end, end) : undefined
  if (stray !== undefined) recovery.strayed(tail.end, stray)
  segments.grow(tail.end)
  if (!recovery.isFounded) {
    const message = "the oldest segment's table of streams does not read: repair from a replica or a backup"
    return yield* new Corrupt({ path: heads[0].path, offsetBytes: Format.segmentHeaderBytes, message })
  }
  const isFull = recovery.damage.length > damageBefore
  yield* settle(last, segments.newest.salt, tail, isFull)
  recovery.finish(
    (number) => segments.get(number) !== undefined,
    (number) => (number === nowhere ? directory : segments.pathOf(number))
  )
  return { segments, recovery, isFull, isTorn: tail.torn } satisfies Opened
})

/** Reads the log in this directory, or makes one there. */
export const open = Effect.fnUntraced(function* (directory: string) {
  const numbers = yield* listSegments(directory)
  if (numbers.length === 0) return yield* makeFirst(directory)
  const heads: Array<Head> = []
  for (const number of numbers) heads.push(yield* readHead(directory, number))
  return yield* openExisting(directory, heads)
})
