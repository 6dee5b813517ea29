import { readFileSync, writeFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Hex from "#base/Hex.ts"
import * as SagaEntry from "./SagaEntry.ts"

const number = fc.nat(4_294_967_295)
const at = fc.maxSafeNat()
const text = fc.string({ unit: "grapheme", maxLength: 20 })
const bytes = fc.uint8Array({ maxLength: 40 })

const entry: fc.Arbitrary<SagaEntry.Entry> = fc.oneof(
  fc.record({ type: fc.constant("started" as const), at, input: bytes }),
  fc.record({ type: fc.constantFrom("begun" as const, "undoing" as const), at, step: number, epoch: number }),
  fc.record({ type: fc.constant("done" as const), at, step: number, result: bytes }),
  fc.record({
    type: fc.constant("failed" as const),
    at,
    step: number,
    isDefinite: fc.boolean(),
    isFinal: fc.boolean(),
    message: text
  }),
  fc.record({ type: fc.constant("undone" as const), at, step: number, byHand: fc.boolean() }),
  fc.record({ type: fc.constant("undo-failed" as const), at, step: number, message: text }),
  fc.record({
    type: fc.constant("cancelled" as const),
    at,
    by: fc.constantFrom("caller" as const, "deadline" as const, "parent" as const),
    message: text
  }),
  fc.record({ type: fc.constant("resumed" as const), at })
)

const record: fc.Arbitrary<SagaEntry.Record> = fc.record({
  definition: text,
  version: number,
  fingerprint: number,
  parent: fc.option(fc.record({ id: text, step: number }), { nil: undefined }),
  status: fc.constantFrom(...SagaEntry.statuses),
  epoch: number,
  isOwned: fc.boolean(),
  dueAt: fc.oneof(at, fc.constant(Infinity)),
  entries: number
})

const goldenEntries: ReadonlyArray<SagaEntry.Entry> = [
  { type: "started", at: 1, input: Uint8Array.of(1, 2) },
  { type: "begun", at: 2, step: 0, epoch: 1 },
  { type: "done", at: 3, step: 0, result: Uint8Array.of(3) },
  { type: "failed", at: 4, step: 1, isDefinite: true, isFinal: true, message: "nö" },
  { type: "undoing", at: 5, step: 0, epoch: 2 },
  { type: "undone", at: 6, step: 0, byHand: true },
  { type: "undo-failed", at: 7, step: 0, message: "later" },
  { type: "cancelled", at: 8, by: "parent", message: "" },
  { type: "resumed", at: 1_700_000_000_000_000 }
]
const goldenRecord: SagaEntry.Record = {
  definition: "order",
  version: 2,
  fingerprint: 0xdead_beef,
  parent: { id: "trip", step: 3 },
  status: "parked",
  epoch: 4,
  isOwned: false,
  dueAt: Infinity,
  entries: 9
}

describe("what the keyspace has of a saga", () => {
  /** `UPDATE=1` writes the file anew: only ever for a new version, which gets a file of its own. */
  it("is written in version 1 as the golden file has it", () => {
    const golden = new URL("testdata/saga-1.txt", import.meta.url)
    const lines = [...goldenEntries.map(SagaEntry.encode), SagaEntry.encodeRecord(goldenRecord)].map(Hex.of)
    if (process.env["UPDATE"] === "1") writeFileSync(golden, `${lines.join("\n")}\n`)
    const read = readFileSync(golden, "utf8").trimEnd().split("\n")
    expect(lines).toEqual(read)
    expect(read.slice(0, -1).map((line) => SagaEntry.decode(Hex.bytesOf(line)))).toEqual(goldenEntries)
    expect(SagaEntry.decodeRecord(Hex.bytesOf(read.at(-1)!))).toEqual(goldenRecord)
  })

  it("comes back from its bytes, and from no others", () => {
    fc.assert(
      fc.property(entry, record, fc.nat(), (one, other, cut) => {
        const written = SagaEntry.encode(one)
        expect(SagaEntry.decode(written)).toEqual(one)
        expect(SagaEntry.decode(written.subarray(0, cut % written.length))).toBeUndefined()
        expect(SagaEntry.decode(Uint8Array.from([...written, 0]))).toBeUndefined()
        expect(SagaEntry.decode(written.with(0, 2))).toBeUndefined()
        const bytesOfRecord = SagaEntry.encodeRecord(other)
        expect(SagaEntry.decodeRecord(bytesOfRecord)).toEqual(other)
        expect(SagaEntry.decodeRecord(bytesOfRecord.subarray(0, cut % bytesOfRecord.length))).toBeUndefined()
        expect(SagaEntry.decodeRecord(Uint8Array.from([...bytesOfRecord, 0]))).toBeUndefined()
      })
    )
  })
})
