import { readFileSync, writeFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as Disk from "#world/Disk.ts"
import * as Format from "./Format.ts"
import { Group } from "./Group.ts"
import { Stream } from "./Stream.ts"
import * as Wal from "./Wal.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const identity = Uint8Array.of(0x0f, 0x1e, 0x2d, 0x3c, 0x4b, 0x5a, 0x69, 0x78)
const { append, carry, cutHead, cutTail, mark } = Format.kinds

type Record = readonly [kind: number, stream: number, position: number, text?: string]

const segmentOf = (
  header: Format.SegmentHeader,
  table: ReadonlyArray<Format.TableEntry>,
  groups: ReadonlyArray<ReadonlyArray<Record>>
): Uint8Array => {
  const streams = new Map(
    [1, 2, 4_000_000_000].map((number) => {
      const stream = new Stream(number, 0, () => {})
      stream.epoch = table.find((entry) => entry.stream === number)?.epoch ?? 0
      return [number, stream]
    })
  )
  const parts = [Format.preamble(header, table)]
  let end = parts[0].length
  for (const records of groups) {
    const group = new Group()
    for (const [kind, number, position, text] of records) {
      const given = text === undefined ? [] : [encoder.encode(text)]
      group.add({ kind, stream: streams.get(number), position, parts: given, waits: true })
    }
    parts.push(group.seal(Format.saltOf(identity, header.segment), end).slice())
    end += group.sizeBytes
  }
  return Buffer.concat(parts)
}

const large = 5_000_000_000_000

/** A log whose first segments are gone: every kind of record, two streams, positions of six bytes. */
const segments: ReadonlyArray<readonly [number: number, bytes: Uint8Array]> = (() => {
  const seventh = segmentOf(
    { segment: 7, identity, base: 12_345_678_901, previous: 6, previousEnd: 64_000 },
    [
      { stream: 1, epoch: 255, inDoubt: false, first: 40, end: 42 },
      { stream: 4_000_000_000, epoch: 0, inDoubt: false, first: large, end: large }
    ],
    [
      [
        [append, 1, 42, "forty-two"],
        [append, 4_000_000_000, large, "large"]
      ],
      [
        [cutTail, 1, 42],
        [append, 1, 42, "forty-two again"]
      ],
      [
        [carry, 1, 41, "forty-one"],
        [cutHead, 1, 41]
      ]
    ]
  )
  const eighth = segmentOf(
    { segment: 8, identity, base: 12_345_678_901 + seventh.length, previous: 7, previousEnd: seventh.length },
    [
      { stream: 1, epoch: 0, inDoubt: false, first: 41, end: 43 },
      { stream: 4_000_000_000, epoch: 0, inDoubt: false, first: large, end: large + 1 }
    ],
    [[[append, 2, 0, ""]], [[mark, 0, 0]], [[append, 2, 1, "x".repeat(100)]]]
  )
  return [
    [7, seventh],
    [8, eighth]
  ]
})()

const goldenOf = (segment: number): URL => new URL(`testdata/segment-${segment}-1.hex`, import.meta.url)
const hexOf = (bytes: Uint8Array): string =>
  `${(
    Buffer.from(bytes)
      .toString("hex")
      .match(/.{1,64}/g) ?? []
  ).join("\n")}\n`
const stored = (segment: number): Uint8Array =>
  Buffer.from(readFileSync(goldenOf(segment), "utf8").replaceAll("\n", ""), "hex")

const writeFiles = Effect.fnUntraced(function* (files: ReadonlyArray<readonly [number: number, bytes: Uint8Array]>) {
  const disk = yield* Disk.Disk
  yield* disk.makeDirectory("log")
  for (const [number, bytes] of files) {
    const file = yield* disk.open(`log/${Format.nameOf(number)}`, { create: true })
    yield* file.append(bytes)
  }
})

/** Opens what is stored, and reads a stream. */
const readBack = (stream: number): ReadonlyArray<string> => {
  const bench = new TestBench()
  const texts: Array<string> = []
  const files = segments.map(([number]) => [number, stored(number)] as const)
  const program = Effect.gen(function* () {
    yield* Effect.scoped(writeFiles(files))
    const log = yield* Wal.open({ directory: "log" })
    const replay = {
      record: (position: number, bytes: Uint8Array, from: number, to: number) =>
        texts.push(`${position}: ${decoder.decode(bytes.subarray(from, to))}`),
      damaged: (position: number) => texts.push(`${position} is damaged`)
    }
    log.replay(stream, 0, replay, () => texts.push(`damage: ${log.damage.length}`))
  })
  bench.start(0, program)
  bench.pass(1_000_000)
  return texts
}

describe("the format of segments", () => {
  /** `UPDATE=1` writes the files anew: only ever for a new version, which gets files of its own. */
  it.each(segments)("writes version 1 as the golden file of segment %i has it", (number, bytes) => {
    if (process.env["UPDATE"] === "1") writeFileSync(goldenOf(number), hexOf(bytes))
    expect(hexOf(bytes)).toBe(readFileSync(goldenOf(number), "utf8"))
  })

  it("opens version 1 as the golden files have it", () => {
    expect(readBack(1)).toEqual(["41: forty-one", "42: forty-two again", "damage: 0"])
    expect(readBack(2)).toEqual(["0: ", `1: ${"x".repeat(100)}`, "damage: 0"])
    expect(readBack(4_000_000_000)).toEqual([`${large}: large`, "damage: 0"])
  })

  it("refuses a log of a version that it does not know, instead of taking it for damaged", () => {
    const [[number, seventh], [, eighth]] = segments
    const newer = new Uint8Array(eighth)
    newer[8] = 2
    new DataView(newer.buffer).setUint32(60, crc32c(newer, 0, 0, 60), true)
    const bench = new TestBench()
    bench.startOnce(
      0,
      Effect.gen(function* () {
        yield* Effect.scoped(
          writeFiles([
            [number, seventh],
            [8, newer]
          ])
        )
        yield* Wal.open({ directory: "log" })
      })
    )
    bench.pass(1_000_000)
    expect(bench.story.at(-1)).toContain("n0 exited: Corrupt: the format has version 2, this program knows 1")
  })

  it("takes no header with any bit of it changed, nor under another number", () => {
    const header = stored(7).slice(0, Format.segmentHeaderBytes)
    expect(Format.decodeSegmentHeader(header, 7)).toBeTypeOf("object")
    expect(Format.decodeSegmentHeader(header, 8)).toBeTypeOf("string")
    for (let bit = 0; bit < header.length * 8; bit++) {
      const changed = header.with(bit >>> 3, header[bit >>> 3] ^ (1 << (bit & 7)))
      expect(Format.decodeSegmentHeader(changed, 7)).toBeTypeOf("string")
    }
  })
})
