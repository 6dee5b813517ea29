import { describe, expect, it } from "vitest"
import { Corrupt } from "../StorageError.ts"
import * as Format from "./Format.ts"
import { Group } from "./Group.ts"
import { Recovery, type Tail } from "./Recovery.ts"
import { Scanner } from "./Scanner.ts"
import { Segments } from "./Segments.ts"
import { Stream } from "./Stream.ts"

const identity = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const encoder = new TextEncoder()

/** One record of a small log: text, or a cut. */
interface Written {
  readonly kind: number
  readonly stream: number
  readonly position: number
  readonly text: string
  /** Where it stands, with its header. */
  readonly from: number
  readonly to: number
  readonly group: number
}

interface Small {
  readonly bytes: Uint8Array
  readonly records: ReadonlyArray<Written>
  readonly lastGroup: number
}

const append = (stream: number, position: number, text = `stream ${stream}, ${position}`) =>
  ({ kind: Format.kinds.append, stream, position, text }) as const
const cutTail = (stream: number, position: number) =>
  ({ kind: Format.kinds.cutTail, stream, position, text: "" }) as const

/** The bytes of one segment with these groups. */
const segmentOf = (
  groups: ReadonlyArray<ReadonlyArray<Pick<Written, "kind" | "stream" | "position" | "text">>>,
  given: { readonly header: Format.SegmentHeader; readonly table: ReadonlyArray<Format.TableEntry> }
): Small => {
  const streams = new Map<number, Stream>()
  const parts: Array<Uint8Array> = [Format.preamble(given.header, given.table)]
  let end = parts[0].length
  const records: Array<Written> = []
  const salt = Format.saltOf(identity, given.header.segment)
  for (const entry of given.table) {
    const stream = new Stream(entry.stream, 0, () => {})
    stream.epoch = entry.epoch
    streams.set(entry.stream, stream)
  }
  for (const members of groups) {
    const group = new Group()
    const begin = end
    for (const { kind, position, stream: number, text } of members) {
      const stream = streams.get(number) ?? new Stream(number, position, () => {})
      streams.set(number, stream)
      const from = begin + group.sizeBytes
      group.add({ kind, stream, position, parts: [encoder.encode(text)], waits: true })
      records.push({ kind, stream: number, position, text, from, to: begin + group.sizeBytes, group: begin })
    }
    parts.push(group.seal(salt, begin).slice())
    end += group.sizeBytes
  }
  const bytes = new Uint8Array(end)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return { bytes, records, lastGroup: records.at(-1)!.group }
}

/** What recovery makes of one segment, which is the first and the last. */
const recover = (bytes: Uint8Array): { readonly recovery: Recovery; readonly tail: Tail } => {
  const segments = new Segments("log", identity)
  const recovery = new Recovery(segments.count)
  segments.add(1, 0, bytes.length)
  recovery.begin(1, "log/00000001.wal", true)
  const scanner = new Scanner(Format.saltOf(identity, 1), Format.segmentHeaderBytes, recovery)
  // In two stretches, cut where it hurts.
  const cut = Format.segmentHeaderBytes + Math.floor((bytes.length - Format.segmentHeaderBytes) / 2)
  scanner.feed(bytes.subarray(Format.segmentHeaderBytes, cut))
  scanner.feed(bytes.subarray(cut))
  scanner.finish()
  const tail = recovery.endTorn(bytes.length)
  recovery.finish(
    (segment) => segment === 1,
    (segment) => String(segment)
  )
  return { recovery, tail }
}

const header = { segment: 1, identity, base: 0, previous: 0, previousEnd: 0 }

const small = segmentOf(
  [
    [append(1, 0), append(2, 10)],
    [append(1, 1)],
    [append(1, 2), append(3, 0), append(2, 11)],
    [cutTail(1, 2), append(1, 2, "again")],
    [append(2, 12), append(1, 3)]
  ],
  { header, table: [] }
)

/** What is left of a stream: its records, in whose place stands "!" where they do not read. */
const believed = (bytes: Uint8Array, stream: Stream | undefined): ReadonlyArray<string> => {
  const texts: Array<string> = []
  if (stream === undefined) return texts
  const found = new Format.RecordHeader()
  const salt = Format.saltOf(identity, 1)
  stream.positions.forEachRun((_, from, to) => {
    for (let position = from; position < to; position++) {
      const at = stream.positions.offsetOf(position)
      const record = small.records.find((each) => each.from === at)
      const intact =
        record !== undefined && bytes.subarray(at, record.to).every((byte, index) => byte === small.bytes[at + index])
      const reads = found.read(bytes, at, salt, at) && found.stream === stream.number && found.position === position
      texts.push(`${position}:${reads && intact ? record.text : "!"}`)
    }
  })
  if (stream.doubt !== undefined) texts.push("?")
  return texts
}

/** The streams after the first `count` records. */
const truth = (count: number): ReadonlyMap<number, ReadonlyArray<string>> => {
  const streams = new Map<number, Array<string>>()
  for (const { kind, position, stream, text } of small.records.slice(0, count)) {
    const texts = streams.get(stream) ?? []
    streams.set(stream, texts)
    if (kind === Format.kinds.cutTail) texts.length = texts.findIndex((each) => each.startsWith(`${position}:`))
    else texts.push(`${position}:${text}`)
  }
  return streams
}

const expectSound = (bytes: Uint8Array, count: number): void => {
  const { recovery } = recover(bytes)
  expect(recovery.damage).toEqual([])
  const expected = truth(count)
  for (const stream of [1, 2, 3]) {
    expect(believed(bytes, recovery.streams.get(stream))).toEqual(expected.get(stream) ?? [])
  }
}

/**
 * What a stream believes although it is not so. Each record must be as it should be, or known not to be; and a stream that is
 * not in doubt must know its end. A stream of which no record was found has nobody who could doubt.
 */
const misbelieved = (bytes: Uint8Array, stream: number, recovery: Recovery): ReadonlyArray<string> => {
  const found = believed(bytes, recovery.streams.get(stream))
  const due = truth(small.records.length).get(stream)!
  if (found.length === 0 || found.at(-1) === "?") return []
  const wrong = found.filter((text) => !text.endsWith("!") && !due.includes(text))
  const positionOf = (text: string): string => text.split(":")[0]
  return positionOf(found.at(-1)!) === positionOf(due.at(-1)!) ? wrong : [...wrong, `ends with ${found.at(-1)}`]
}

const damages: Readonly<Record<string, (bytes: Uint8Array, at: number) => void>> = {
  "a flipped bit": (bytes, at) => (bytes[at] ^= 1 << (at % 8)),
  "another byte": (bytes, at) => (bytes[at] ^= 0xff),
  "a stretch of zeros": (bytes, at) => bytes.fill(0, at, at + 40)
}

describe("a segment that ends anywhere", () => {
  it("has the records before, and no damage", () => {
    for (let end = small.records[0].from; end <= small.bytes.length; end++) {
      const whole = small.records.filter((record) => record.to <= end).length
      expectSound(small.bytes.slice(0, end), whole)
      const padded = new Uint8Array(small.bytes.length + 100)
      padded.set(small.bytes.subarray(0, end))
      // The end of a record may be zeros itself: then it is whole.
      const { recovery } = recover(padded)
      expect(recovery.damage).toEqual([])
    }
  })

  it("has the records before the first torn one, whatever of the last group is on disk", () => {
    const { bytes, lastGroup, records } = small
    for (let hole = lastGroup; hole < bytes.length; hole += 3) {
      const torn = bytes.slice()
      torn.fill(0, hole, hole + 12)
      const { recovery, tail } = recover(torn)
      expect(recovery.damage).toEqual([])
      const whole = records.filter((record) => record.to <= hole).length
      expect(tail.end).toBe(records[whole]?.from ?? bytes.length)
      expect(tail.torn).toBe(true)
      expectSound(torn.slice(0, tail.end), whole)
    }
  })
})

describe.each(Object.keys(damages))("%s", (name) => {
  it("before the last group is damage, with file and offset, and no stream believes what it took", () => {
    for (let at = small.records[0].from; at < small.lastGroup; at++) {
      const bytes = small.bytes.slice()
      damages[name](bytes, at)
      if (at + 40 > small.lastGroup && name === "a stretch of zeros") continue
      if (bytes.every((byte, index) => byte === small.bytes[index])) continue
      const { recovery } = recover(bytes)
      expect(recovery.damage.length).toBeGreaterThan(0)
      const [{ corrupt }] = recovery.damage
      expect(corrupt).toBeInstanceOf(Corrupt)
      expect(corrupt.path).toBe("log/00000001.wal")
      const struck = small.records.find((record) => record.to > at)!
      expect(corrupt.offsetBytes).toBe(struck.from)
      for (const stream of [1, 2, 3]) expect(misbelieved(bytes, stream, recovery)).toEqual([])
    }
  })

  it("in a payload before the last group names stream and position", () => {
    for (const record of small.records.filter(({ group, text }) => group < small.lastGroup && text !== "")) {
      const bytes = small.bytes.slice()
      bytes[record.from + Format.recordHeaderBytes + 2] ^= 0x10
      const { recovery } = recover(bytes)
      const [{ corrupt, from, stream, to }] = recovery.damage
      expect(recovery.damage.length).toBe(1)
      expect([corrupt.offsetBytes, stream, from, to]).toEqual([
        record.from,
        record.stream,
        record.position,
        record.position + 1
      ])
    }
  })
})

describe("behind the last group", () => {
  it("a mark makes every damage of it known", () => {
    const marked = segmentOf(
      [[append(1, 0), append(2, 10)], [append(1, 1)], [{ kind: Format.kinds.mark, stream: 0, position: 0, text: "" }]],
      { header, table: [] }
    )
    for (let at = marked.records[0].from; at < marked.lastGroup; at++) {
      const bytes = marked.bytes.slice()
      bytes[at] ^= 0x40
      expect(recover(bytes).recovery.damage.length).toBeGreaterThan(0)
    }
  })
})
