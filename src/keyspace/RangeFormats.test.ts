/** The bytes of ranges: what was written once can be read for ever, and is written so today (`testdata/ranges-1.txt`, `docs/formats.md`). */
import * as Bytes from "#base/Bytes.ts"
import { readFileSync } from "node:fs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Hex from "#base/Hex.ts"
import { emptyState } from "#consensus/Configuration.ts"
import * as AuditEntry from "./audit/AuditEntry.ts"
import * as Key from "./Key.ts"
import * as RangeCommand from "./RangeCommand.ts"
import * as RangeState from "./RangeState.ts"
import * as Records from "./Records.ts"

const key = Uint8Array.of(0x10, 0, 0x61)
const txn = { id: 1_700_000_000_000_001, age: 1_700_000_000_000_000, anchor: key }
const value = Uint8Array.of(1, 2, 3)

const state: RangeState.RangeState = {
  phase: "ready",
  descriptor: { range: 7, from: Uint8Array.of(8), to: key, generation: 3 },
  applied: { index: 12, term: 4, configuration: { ...emptyState, voters: [1, 2, 3] } },
  sizeBytes: 1_234,
  floor: 5,
  closed: 6,
  digest: 0xdead_beef,
  founders: [1, 2],
  frozen: 8,
  thawed: 9,
  merging: 10,
  before: undefined,
  trail: undefined
}

const trail = { sequence: 17, atMicros: 1_700_000_000_000_002, hash: new Uint8Array(32).fill(0xab) }
const decision = AuditEntry.encodeDecision({
  kind: "transaction",
  outcome: "committed",
  atMicros: txn.id,
  actor: "a",
  subject: "s",
  keys: [key],
  keysTotal: 1
})

const commands: ReadonlyArray<RangeCommand.RangeCommand> = [
  { type: "write", term: 4, sizeBytes: -3, floor: 5, closed: 6, count: 1, operations: value, decisions: undefined },
  { type: "split", term: 4, right: 9, rightSizeBytes: 77, key },
  { type: "begin-merge", term: 4, attempt: 5 },
  { type: "end-merge", term: 4, attempt: 5 },
  { type: "freeze", term: 4, attempt: 5 },
  { type: "thaw", term: 4, attempt: 5 },
  { type: "merge", term: 4, attempt: 5, snapshot: value }
]

const audited: RangeCommand.RangeCommand = {
  type: "write",
  term: 4,
  sizeBytes: -3,
  floor: 5,
  closed: 6,
  count: 1,
  operations: value,
  decisions: [decision]
}

/** What is written today, by name. */
const written: Readonly<Record<string, Uint8Array>> = {
  "key of a state": Key.state(7),
  "key of a latest version": Key.head(key),
  "key of an older version": Key.old(key, txn.id),
  "key of a record": Key.record(key, txn.id),
  "key of a stretch": Key.staged(7, 2),
  "key of an intent": Key.intent(key),
  "latest version": Bytes.concat([Records.headFrame({ value, at: txn.id }), value]),
  "latest version, deleted": Records.headFrame({ value: undefined, at: txn.id }),
  "older version": Records.old(value),
  intent: Records.intent(txn, { key, value }),
  "record, committed": Records.record({ outcome: { type: "committed", at: txn.id }, keys: [key] }),
  "record, aborted": Records.record({ outcome: { type: "aborted" }, keys: [] }),
  state: RangeState.encode(state),
  "state, restoring": RangeState.encode({ ...state, phase: "restoring", before: { from: key, to: value } }),
  "state, audited": RangeState.encode({ ...state, trail }),
  "key of an audit entry": Key.audit(7, 8, 4_294_967_297),
  "command write, audited": RangeCommand.encode(audited),
  ...Object.fromEntries(commands.map((command) => [`command ${command.type}`, RangeCommand.encode(command)]))
}

const golden = Object.fromEntries(
  readFileSync(new URL("./testdata/ranges-1.txt", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(": ") as [string, string])
)

describe("the bytes of ranges", () => {
  it("are those of version 1", () => {
    const hex = Object.fromEntries(Object.entries(written).map(([name, bytes]) => [name, Hex.of(bytes)]))
    expect(hex).toEqual(golden)
  })

  it("are read back as what they were written for", () => {
    const bytes = (name: string): Uint8Array => Hex.bytesOf(golden[name])
    expect(RangeState.decode(bytes("state"))).toEqual(state)
    expect(RangeState.decode(bytes("state, restoring"))).toEqual({
      ...state,
      phase: "restoring",
      before: { from: key, to: value }
    })
    expect(RangeState.decode(bytes("state, audited"))).toEqual({ ...state, trail })
    expect(RangeCommand.decode(bytes("command write, audited"))).toEqual(audited)
    for (const command of commands) expect(RangeCommand.decode(bytes(`command ${command.type}`))).toEqual(command)
    expect(Records.readIntent(bytes("intent"))).toEqual({ txn, value })
    expect(Records.readHead(bytes("latest version"))).toEqual({ value, at: txn.id })
    expect(Records.readRecord(bytes("record, committed")).keys).toEqual([key])
  })

  it("are refused when they are cut, and never read past their end", () => {
    fc.assert(
      fc.property(fc.constantFrom("state", "state, restoring", "state, audited"), fc.nat(200), (name, cut) => {
        const whole = Hex.bytesOf(golden[name])
        expect(RangeState.decode(whole.subarray(0, Math.min(cut, whole.length - 1)))).toBeUndefined()
      })
    )
    // What is behind the fixed fields of a command may have any length.
    fc.assert(
      fc.property(fc.constantFrom(...commands), fc.nat(9), ({ type }, cut) => {
        expect(RangeCommand.decode(Hex.bytesOf(golden[`command ${type}`]).subarray(0, cut))).toBeUndefined()
      })
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (wild) => {
        expect(() => [RangeCommand.decode(wild), RangeState.decode(wild)]).not.toThrow()
      })
    )
  })
})
