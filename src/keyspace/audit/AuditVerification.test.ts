import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Limits from "#base/Limits.ts"
import * as AuditChain from "./AuditChain.ts"
import * as AuditEntry from "./AuditEntry.ts"
import { AuditVerification, type Finding } from "./AuditVerification.ts"
import * as TestTrail from "./TestTrail.ts"

type Bytes = ReadonlyArray<Uint8Array>

const bytesOf = (written: ReadonlyArray<TestTrail.Written>): Bytes => written.map(({ bytes }) => bytes)

const verify = (trail: Bytes, known: ReadonlyArray<AuditChain.Head> = []) => {
  const verification = new AuditVerification(known)
  for (const [index, bytes] of trail.entries()) verification.add(bytes, index)
  return verification.finish()
}

/** `type chain:sequence`, or with `-last`. */
const shown = ({ chain, last, sequence, type }: Finding): string =>
  `${type} ${chain}:${sequence}${last === undefined || last === sequence ? "" : `-${last}`}`

const found = (trail: Bytes, known?: ReadonlyArray<AuditChain.Head>): ReadonlyArray<string> =>
  verify(trail, known).findings.map(shown)

/** The entry as somebody would write it who wants it to look like one. */
const forged = (bytes: Uint8Array, previous?: Uint8Array): Uint8Array => {
  const entry = AuditEntry.decode(bytes) as AuditEntry.Entry
  const decision = { ...entry, subject: "nothing at all" }
  return AuditEntry.encode(decision, { ...entry, previous: previous ?? entry.previous })
}

const written = TestTrail.chain(7, 20)
const trail = bytesOf(written)
const { head } = written[19]
const sequence = fc.integer({ min: 1, max: 20 })

describe("a trail that is what was written", () => {
  it("has nothing against it, also where chains are mixed and their heads known", () => {
    const [a, b] = [TestTrail.chain(1, 9), TestTrail.chain(2, 9)]
    const mixed = a.flatMap((each, index) => [each, b[index]])
    const report = verify(bytesOf(mixed), [a[8].head, a[3].head, b[8].head])
    expect(report.findings).toEqual([])
    expect(report.chains.map(({ chain, entries, head }) => [chain, entries, head])).toEqual([
      [1, 9, a[8].head],
      [2, 9, b[8].head]
    ])
    expect(report.entries).toBe(18)
    expect(verify([])).toEqual({ chains: [], entries: 0, findings: [], unlisted: 0 })
  })

  it("gives back its entries, and no others", () => {
    const verification = new AuditVerification()
    expect(verification.add(trail[0], 0)).toMatchObject({ ...TestTrail.decision(0), chain: 7, sequence: 1 })
    expect(verification.add(trail[1].with(70, 0), 1)).toBeUndefined()
  })
})

describe("a changed entry", () => {
  it("is found at its sequence, whichever bit changed", () => {
    fc.assert(
      fc.property(sequence, fc.nat(), fc.nat(7), (at, place, bit) => {
        const bytes = trail[at - 1]
        const index = place % bytes.length
        const changed = trail.with(at - 1, bytes.with(index, bytes[index] ^ (1 << bit)))
        // The first entry also says which chain it is that is read; the rest of the chain tells then that it is missing.
        const isLost = at === 1 && index >= 4 && index < 8
        expect(found(changed).filter((each) => each.includes(" 7:"))).toEqual(
          isLost ? ["missing 7:1"] : [`changed 7:${at}`]
        )
        expect(verify(changed).findings.some(({ type }) => type === "changed")).toBe(true)
      }),
      { numRuns: 500 }
    )
  })

  it("is found at its sequence by the next one, where its own hash was made anew", () => {
    for (let at = 1; at < 20; at++)
      expect(found(trail.with(at - 1, forged(trail[at - 1])))).toEqual([`changed 7:${at}`])
    const first = forged(trail[0], new Uint8Array(32).fill(1))
    expect(found([first])).toEqual(["changed 7:1"])
  })

  it("is found by a known head, where all hashes since were made anew", () => {
    for (let at = 1; at <= 20; at++) {
      const anew = [...trail]
      let previous = at === 1 ? undefined : AuditEntry.hashIn(trail[at - 2])
      for (let index = at - 1; index < 20; index++) {
        anew[index] = forged(trail[index], previous)
        previous = AuditEntry.hashIn(anew[index])
      }
      expect(found(anew)).toEqual([])
      expect(found(anew, [head])).toEqual(["replaced 7:20"])
      const verification = new AuditVerification()
      for (const [index, bytes] of anew.entries()) verification.add(bytes, index)
      expect(verification.finish([head]).findings.map(shown)).toEqual(["replaced 7:20"])
      expect(found(anew, [written[9].head])).toEqual(at <= 10 ? ["replaced 7:10"] : [])
    }
  })

  it("is found beside others, and the entries between are believed", () => {
    const twice = trail.with(4, trail[4].with(65, 0)).with(11, trail[11].with(65, 0))
    expect(found(twice)).toEqual(["changed 7:5", "changed 7:12"])
    expect(found([...twice.slice(0, 7), ...twice.slice(8)])).toEqual(["changed 7:5", "missing 7:8", "changed 7:12"])
  })

  it("of which nothing can be read is the chain's, where there is one only", () => {
    expect(found(trail.with(2, new Uint8Array(5)))).toEqual(["changed 7:3"])
    const both = [trail[0], ...bytesOf(TestTrail.chain(8, 1)), new Uint8Array(5), trail[2]]
    expect(found(both)).toEqual(["changed undefined:undefined", "missing 7:2"])
  })

  it("is the first of its chain where it says so, and no other chain's", () => {
    const other = bytesOf(TestTrail.chain(8, 3))
    const mixed = [...trail.slice(0, 3), other[0].with(70, 1), trail[3], ...other.slice(1), ...trail.slice(4)]
    expect(found(mixed)).toEqual(["changed 8:1"])
    const stray = [...trail.slice(0, 3), ...other.slice(0, 2), other[2].with(4, 9), ...trail.slice(3)]
    expect(found(stray)).toEqual(["changed undefined:undefined"])
  })
})

describe("missing entries", () => {
  it("are found with their sequences", () => {
    fc.assert(
      fc.property(sequence, sequence, (a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)]
        const rest = [...trail.slice(0, from - 1), ...trail.slice(to)]
        const missing = `7:${from}${from === to ? "" : `-${to}`}`
        expect(found(rest, [head])).toEqual([`${to === 20 ? "truncated" : "missing"} ${missing}`])
        expect(found(rest)).toEqual(to === 20 ? [] : [`missing ${missing}`])
      })
    )
  })

  it("are found where the whole chain is", () => {
    expect(found([], [head])).toEqual(["truncated 7:1-20"])
    const verification = new AuditVerification()
    expect(verification.finish([head]).findings.map(shown)).toEqual(["truncated 7:1-20"])
  })

  it("are found by the heads that the trail itself ends with", () => {
    const verification = new AuditVerification()
    for (const [index, bytes] of trail.slice(0, 12).entries()) verification.add(bytes, index)
    expect(verification.finish([head]).findings.map(shown)).toEqual(["truncated 7:13-20"])
    expect(found(trail.slice(0, 19), [head])).toEqual(["truncated 7:20"])
  })
})

describe("entries in another order", () => {
  it("are found where they stand too late", () => {
    fc.assert(
      fc.property(sequence, sequence, (from, to) => {
        fc.pre(from < to)
        // One moves behind a later one.
        const moved = [...trail.slice(0, from - 1), ...trail.slice(from, to), trail[from - 1], ...trail.slice(to)]
        expect(found(moved, [head])).toEqual([`reordered 7:${from}`])
      })
    )
    expect(found([...trail].reverse())).toEqual(Array.from({ length: 19 }, (_, index) => `reordered 7:${index + 1}`))
  })

  it("are still compared with their neighbours", () => {
    const [two, three] = [trail[1], trail[2]]
    expect(found([trail[0], three, forged(two), ...trail.slice(3)])).toEqual(["reordered 7:2", "changed 7:2"])
    const other = forged(two, new Uint8Array(32))
    expect(found([trail[0], trail[3], three, other, ...trail.slice(4)])).toEqual([
      "changed 7:1",
      "reordered 7:2",
      "changed 7:2",
      "reordered 7:3"
    ])
    expect(found([trail[0], three, two.with(70, 0), ...trail.slice(3)])).toEqual(["changed 7:2"])
    expect(found([trail[0], trail[5], forged(three), trail[3]])).toEqual([
      "missing 7:2",
      "reordered 7:3",
      "changed 7:3",
      "reordered 7:4",
      "missing 7:5"
    ])
  })

  it("are told from those that are there twice", () => {
    expect(found([...trail.slice(0, 5), trail[2], ...trail.slice(5)])).toEqual(["repeated 7:3"])
    expect(found([...trail.slice(0, 5), trail[4], ...trail.slice(5)])).toEqual(["repeated 7:5"])
  })
})

describe("a trail that is none", () => {
  it("is told from one of a newer version, which is verified all the same", () => {
    const newer = trail[3].with(0, 2)
    newer.set(AuditEntry.hashOf(newer), newer.length - AuditEntry.hashBytes)
    expect(found(trail.with(3, newer))).toEqual(["unreadable 7:4", "changed 7:4"])
    const relinked = forged(trail[4], AuditEntry.hashIn(newer))
    expect(found([...trail.slice(0, 3), newer, relinked])).toEqual(["unreadable 7:4"])
  })

  it("costs no more memory than its bounds", () => {
    const wild = Array.from({ length: 2_000 }, () => trail[0])
    const { findings, unlisted } = verify(wild)
    expect(findings).toHaveLength(Limits.auditFindingsMax)
    expect(unlisted).toBe(999)
    // Every other entry is missing.
    const verification = new AuditVerification()
    const chain = TestTrail.chain(1, 2 * Limits.auditGapsMax + 20)
    for (let index = 1; index < chain.length; index += 2) verification.add(chain[index].bytes, index)
    // The oldest gaps are given up: what comes for them then counts as known.
    verification.add(chain[0].bytes, 0)
    verification.add(chain[2 * Limits.auditGapsMax].bytes, 0)
    const report = verification.finish()
    expect(report.findings.slice(0, 2).map(shown)).toEqual(["missing 1:1", "repeated 1:1"])
    expect(report.findings.map(shown)).toContain(`reordered 1:${2 * Limits.auditGapsMax + 1}`)
    expect(report.findings.length + report.unlisted).toBe(Limits.auditGapsMax + 11)
  })
})
