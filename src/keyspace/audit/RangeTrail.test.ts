/** Chains of ranges that split, merge and get other members: what is written of them, and what a verification says. */
import { describe, expect, it } from "vitest"
import { emptyState } from "#consensus/Configuration.ts"
import * as Batch from "#storage/Batch.ts"
import * as AuditEntry from "./AuditEntry.ts"
import { AuditVerification } from "./AuditVerification.ts"
import * as RangeTrail from "./RangeTrail.ts"
import * as TestTrail from "./TestTrail.ts"

const span = { from: Uint8Array.of(8), to: Uint8Array.of(0xff) }
const middle = Uint8Array.of(0x80)
const decision = AuditEntry.encodeDecision(TestTrail.decision(1))

const written = (batch: Batch.Batch): ReadonlyArray<Uint8Array> => {
  const bytes = batch.encoded()
  const entries: Array<Uint8Array> = []
  Batch.visit(bytes, 0, bytes.length, {
    put: (_bytes, _from, to, valueTo) => void entries.push(bytes.slice(to, valueTo)),
    delete: () => {},
    deleteRange: () => {}
  })
  return entries
}

const entriesIn = (batch: Batch.Batch): ReadonlyArray<AuditEntry.Entry> =>
  written(batch).map((bytes) => AuditEntry.decode(bytes) as AuditEntry.Entry)

const findings = (trail: ReadonlyArray<Uint8Array>): ReadonlyArray<string> => {
  const verification = new AuditVerification()
  trail.forEach((bytes, index) => verification.add(bytes, index))
  return verification.finish().findings.map(({ chain, sequence, type }) => `${type} ${chain}:${sequence}`)
}

/** Range 2 begins, is split at the middle into 2 and 3, decides in both, and takes 3 in again: 5 entries, and 2 of chain 3. */
const story = (): ReadonlyArray<Uint8Array> => {
  const batch = new Batch.Batch()
  const place = { batch, range: 2, atMicros: 5 }
  const first = RangeTrail.add(place, RangeTrail.begin(place, span), decision)
  const { left, right } = RangeTrail.split(place, first, { right: 3, to: { from: middle, to: span.to } })
  const further = RangeTrail.add({ batch, range: 3 }, right, decision)
  const last = RangeTrail.add(place, left, decision)
  RangeTrail.merged(place, last, { range: 3, trail: further, span: { from: middle, to: span.to } })
  return written(batch)
}

const chainOf = (bytes: Uint8Array): number => AuditEntry.placeOf(bytes)!.chain

describe("the chains of ranges that were split and merged", () => {
  it("are sound, each beginning and ending where another one says", () => {
    const trail = story()
    expect(trail.map((bytes) => AuditEntry.decode(bytes))).toMatchObject([
      { chain: 2, kind: "range", outcome: "begun", subject: "", keys: [span.from, span.to] },
      { chain: 2, sequence: 2, kind: "lock" },
      { chain: 2, kind: "range", outcome: "split", subject: "3", keys: [middle] },
      { chain: 3, sequence: 1, outcome: "begun", subject: expect.stringMatching(/^2:3:/), keys: [middle, span.to] },
      { chain: 3, sequence: 2, kind: "lock" },
      { chain: 2, sequence: 4, kind: "lock" },
      { chain: 2, sequence: 5, outcome: "merged", subject: expect.stringMatching(/^3:2:/) }
    ])
    expect(findings(trail)).toEqual([])
    // In whatever order the chains stand.
    expect(
      findings([...trail.filter((each) => chainOf(each) === 3), ...trail.filter((each) => chainOf(each) === 2)])
    ).toEqual([])
  })

  it("are not objected to where one of them is not there, or has not come so far", () => {
    const trail = story()
    expect(findings(trail.filter((each) => chainOf(each) === 3))).toEqual([])
    expect(findings(trail.filter((each) => chainOf(each) === 2))).toEqual([])
    expect(findings([trail[0], trail[1], trail[3], trail[4]])).toEqual([])
  })

  it("are found to be cut where one ends before, or behind, what whoever took it in says", () => {
    const trail = story()
    expect(findings(trail.toSpliced(4, 1))).toEqual(["unconnected 3:1"])
    const place = AuditEntry.placeOf(trail[4])!
    const behind = { ...place, sequence: 3, previous: AuditEntry.hashIn(trail[4]) }
    expect(findings([...trail, AuditEntry.entryOf(decision, behind)])).toEqual(["unconnected 3:2"])
  })

  it("are found to be forged where one was begun anew", () => {
    const trail = story()
    const batch = new Batch.Batch()
    const begun = RangeTrail.begin({ batch, range: 3, atMicros: 5 }, { from: middle, to: span.to })
    RangeTrail.add({ batch, range: 3 }, begun, decision)
    const forged = written(batch)
    expect(findings(trail.filter((each) => chainOf(each) === 2).concat(forged))).toEqual([
      "unconnected 3:1",
      "unconnected 3:2"
    ])
  })
})

describe("a change of a range's members", () => {
  it("is an entry for each store that comes, goes, gets a vote or loses it", () => {
    const batch = new Batch.Batch()
    const place = { batch, range: 2, atMicros: 5 }
    const before = { ...emptyState, voters: [1, 2, 3], learners: [5] }
    const joint = { ...before, voters: [1, 5, 6], learners: [], learnersNext: [2], votersOutgoing: [1, 2, 3] }
    const after = { ...emptyState, voters: [1, 5, 6], learners: [2] }
    const begun = RangeTrail.begin(place, span)
    const changed = RangeTrail.members(place, begun, before, joint)
    expect(entriesIn(batch).map(({ outcome, subject }) => `${outcome} ${subject}`)).toEqual([
      "begun ",
      "demoted store 2",
      "removed store 3",
      "promoted store 5",
      "added store 6"
    ])
    expect(RangeTrail.members(place, changed, joint, after)).toEqual(changed)
  })
})
