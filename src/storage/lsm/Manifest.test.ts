/** Manifest: reads as it was written; a torn end is cut off, and damage is not taken for one. */
import { describe, expect, it } from "vitest"
import * as Manifest from "./Manifest.ts"
import * as TestTables from "./TestTables.ts"
import * as Version from "./Version.ts"

const number = 77
const tuning = { blockBytes: 100, restartInterval: 2, bloomBitsPerKey: 10, compression: "none" as const }

const metaOf = (table: number, from: number, to: number) =>
  TestTables.build(
    tuning,
    table,
    [from, to].map((byte) => ({ key: Uint8Array.of(byte), sequence: 4_294_967_296 + table, value: Uint8Array.of(1) }))
  ).meta

const state = (logPosition: number): Manifest.State => ({ logPosition, sequence: 9_000_000_000_000, nextNumber: 90 })

const edits: ReadonlyArray<Manifest.Edit> = [
  {
    state: state(1),
    added: [
      { level: 0, meta: metaOf(1, 1, 9) },
      { level: 1, meta: metaOf(2, 1, 4) },
      { level: 1, meta: metaOf(3, 6, 8) }
    ],
    removed: []
  },
  { state: state(5_000_000_000), added: [{ level: 0, meta: metaOf(4, 2, 3) }], removed: [1] },
  { state: state(5_000_000_001), added: [{ level: 2, meta: metaOf(2, 1, 4) }], removed: [2] }
]

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]))

/** A manifest with these edits, each sealed but the last where that is asked for; and where each record begins. */
const write = (count: number, isSealed = true) => {
  const parts = [Manifest.header(number)]
  const places: Array<number> = []
  let at = Manifest.headerBytes
  const put = (record: Uint8Array): void => {
    places.push(at)
    parts.push(record)
    at += record.length
  }
  edits.slice(0, count).forEach((edit, index) => {
    put(Manifest.edit(edit, number, at))
    if (isSealed || index < count - 1) put(Manifest.seal(number, at))
  })
  return { bytes: joined(parts), places }
}

const contentsAfter = (count: number): Manifest.Contents => ({
  version: edits.slice(0, count).reduce((version, edit) => Version.apply(version, edit), Version.empty),
  state: edits[count - 1].state
})

const contentsOf = (bytes: Uint8Array): Manifest.Contents | string => {
  const read = Manifest.read(bytes, number)
  return "why" in read ? `damaged at ${read.damagedAt}` : { version: read.version, state: read.state }
}

describe("a manifest", () => {
  it.each([1, 2, 3])("with %i edits says what they come to", (count) => {
    const { bytes } = write(count)
    expect(contentsOf(bytes)).toEqual(contentsAfter(count))
    expect(Manifest.read(bytes, number)).toMatchObject({ isSealed: true })
  })

  it("counts an edit that is whole and has no seal yet, and says that it has none", () => {
    const { bytes, places } = write(2, false)
    const read = Manifest.read(bytes, number) as Manifest.Read
    expect(contentsOf(bytes)).toEqual(contentsAfter(2))
    expect([read.isSealed, read.tailAt, read.tail.length]).toEqual([false, places[2], bytes.length - places[2]])
  })

  it("does not count an edit that is torn off anywhere", () => {
    const { bytes, places } = write(3, false)
    for (let end = places[4]; end < bytes.length; end++) {
      expect(contentsOf(bytes.subarray(0, end))).toEqual(contentsAfter(2))
    }
    // What the file was longer by may be zeros; an edit that ends with zeros is then whole.
    const written = bytes.findLastIndex((byte) => byte !== 0)
    for (let end = places[4]; end <= written; end++) {
      const zeros = new Uint8Array(bytes.length)
      zeros.set(bytes.subarray(0, end))
      expect(contentsOf(zeros)).toEqual(contentsAfter(2))
    }
  })

  it("is damaged where a byte of something durable is changed, and names the place", () => {
    const { bytes, places } = write(3)
    const lastSeal = places.at(-1)!
    const foundAt = (at: number) => contentsOf(bytes.with(at, bytes[at] ^ (1 << (at % 8))))
    for (let at = 0; at < lastSeal; at++) {
      const record = places.findLast((place) => place <= at) ?? 0
      expect([at, foundAt(at)]).toEqual([at, `damaged at ${record}`])
    }
    // The last seal itself has nothing behind it that tells.
    for (let at = lastSeal; at < bytes.length; at++) expect(foundAt(at)).toEqual(contentsAfter(3))
  })

  it("does not read under another number, and its records not in another place", () => {
    const { bytes, places } = write(2)
    expect(Manifest.read(bytes, number + 1)).toMatchObject({ damagedAt: 0 })
    const moved = joined([bytes.subarray(0, places[0]), bytes.subarray(places[2])])
    expect(contentsOf(moved)).toBe(`damaged at ${places[0]}`)
  })

  it("without a first edit is damaged", () => {
    expect(contentsOf(Manifest.header(number))).toBe(`damaged at ${Manifest.headerBytes}`)
    expect(contentsOf(new Uint8Array(0))).toBe("damaged at 0")
  })
})

describe("CURRENT", () => {
  it("names a manifest, and nothing when any byte is changed or missing", () => {
    const bytes = Manifest.current(number)
    expect(Manifest.readCurrent(bytes)).toBe(number)
    for (let at = 0; at < bytes.length; at++) {
      expect(Manifest.readCurrent(bytes.with(at, bytes[at] ^ 4))).toBeUndefined()
      expect(Manifest.readCurrent(bytes.subarray(0, at))).toBeUndefined()
    }
    expect(Manifest.readCurrent(Manifest.header(number))).toBeUndefined()
  })
})
