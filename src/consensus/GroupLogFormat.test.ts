import { readFileSync, writeFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Format from "./GroupLogFormat.ts"
import { entryKinds, type Entry } from "./Message.ts"
import { groupMax } from "./Replica.ts"

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => Buffer.concat(parts)
const hexOf = (bytes: Uint8Array): string =>
  `${(
    Buffer.from(bytes)
      .toString("hex")
      .match(/.{1,64}/g) ?? []
  ).join("\n")}\n`

const large = 2 ** 53 - 1
const entries: ReadonlyArray<Entry> = [
  { term: 7, index: 5_000_000_000_000, kind: entryKinds.normal, data: Uint8Array.of(1, 2, 3) },
  { term: 7, index: 5_000_000_000_001, kind: entryKinds.confChangeV2, data: new Uint8Array(0) },
  { term: large, index: 5_000_000_000_002, kind: entryKinds.confChange, data: Uint8Array.of(255) }
]
const state: Format.State = {
  replica: 65_537,
  isRemoved: false,
  doubt: { entries: true, vote: false },
  hard: { term: large, vote: 4_294_967_295, commit: 5_000_000_000_001 },
  begin: { index: 4_999_999_999_999, term: 6 },
  entriesFrom: 1_000,
  entriesSeen: 70_000_000_000,
  configuration: { voters: [1, 65_537], votersOutgoing: [2], learners: [3, 4], learnersNext: [2], autoLeave: true }
}

const records: Readonly<Record<string, Uint8Array>> = {
  entries: joined(Format.encodeEntries([], 5_000_000_000_001, entries[0].index, entries, 0, 3)),
  commit: joined(Format.encodeEntries([], 17, 18, entries, 0, 0)),
  state: Format.encodeState(state),
  removed: Format.encodeState({
    ...state,
    isRemoved: true,
    doubt: undefined,
    configuration: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false }
  }),
  doubt: Format.encodeMark(Format.kinds.doubt),
  forgetful: Format.encodeMark(Format.kinds.forgetful)
}

const number = fc.maxSafeNat()
const id = fc.nat(4_294_967_295)
const ids = fc.array(id, { maxLength: 9 })
const entryList = fc.array(
  fc.record({
    term: number,
    kind: fc.constantFrom(...Object.values(entryKinds)),
    data: fc.uint8Array({ maxLength: 300 })
  }),
  { maxLength: 20 }
)

describe("the records of a group's log", () => {
  /** `UPDATE=1` writes the files anew: only ever for a new version, which gets files of its own. */
  it.each(Object.entries(records))("are written in version 1 as the golden file has them: %s", (name, bytes) => {
    const golden = new URL(`testdata/group-${name}-1.hex`, import.meta.url)
    if (process.env["UPDATE"] === "1") writeFileSync(golden, hexOf(bytes))
    expect(hexOf(bytes)).toBe(readFileSync(golden, "utf8"))
  })

  it("of entries come back as they were, at any place among other bytes", () => {
    fc.assert(
      fc.property(entryList, number, fc.nat(large - 20), fc.nat(9), (list, commit, first, at) => {
        const given = list.map((entry, i): Entry => ({ ...entry, index: first + i }))
        const record = joined(Format.encodeEntries([], commit, first, given, 0, given.length))
        const bytes = new Uint8Array(at + record.length + 3)
        bytes.set(record, at)
        const to = at + record.length
        expect(Format.kindOf(bytes, at, to)).toBe(Format.kinds.entries)
        expect(Format.decodeEntries(bytes, at, to)).toEqual({ commit, first, entries: given })
        for (const end of [to - 1, to + 1]) expect(Format.decodeEntries(bytes, at, end)).toBeUndefined()
      })
    )
  })

  it("of state come back as they were, at any place among other bytes", () => {
    const given = fc.record({
      replica: id,
      isRemoved: fc.boolean(),
      doubt: fc.constantFrom(undefined, { entries: true, vote: false }, { entries: true, vote: true }),
      hard: fc.record({ term: number, vote: id, commit: number }),
      begin: fc.record({ index: number, term: number }),
      entriesFrom: number,
      entriesSeen: number,
      configuration: fc.record({
        voters: ids,
        votersOutgoing: ids,
        learners: ids,
        learnersNext: ids,
        autoLeave: fc.boolean()
      })
    })
    fc.assert(
      fc.property(given, fc.nat(9), (drawn, at) => {
        const record = Format.encodeState(drawn)
        const bytes = new Uint8Array(at + record.length + 3)
        bytes.set(record, at)
        const to = at + record.length
        expect(Format.decodeState(bytes, at, to)).toEqual(drawn)
        for (const end of [to - 1, to + 1]) expect(Format.decodeState(bytes, at, end)).toBeUndefined()
      })
    )
  })

  it("have streams of their own for each group, which engines cannot have", () => {
    const groups = [1, 2, 3, groupMax - 1, groupMax]
    const streams = groups.flatMap((group) => [Format.entriesStreamOf(group), Format.stateStreamOf(group)])
    expect(new Set([...streams, Format.storeStream]).size).toBe(11)
    for (const stream of streams) expect(stream > 0x7fff_ffff && stream <= 0xffff_ffff).toBe(true)
    expect(streams.map(Format.groupOf)).toEqual(groups.flatMap((group) => [group, group]))
    expect([0, 1, 0x7fff_ffff, Format.storeStream].map(Format.groupOf)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined
    ])
    expect(() => Format.entriesStreamOf(groupMax + 1)).toThrow("a group's number")
  })

  it("of a newer version are told from all of this one", () => {
    expect(Format.kindOf(Uint8Array.of(2, 1), 0, 2)).toBeUndefined()
    expect(Format.kindOf(Uint8Array.of(1), 0, 1)).toBeUndefined()
  })
})
