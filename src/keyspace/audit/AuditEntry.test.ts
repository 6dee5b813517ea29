import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Hex from "#base/Hex.ts"
import * as Limits from "#base/Limits.ts"
import * as Tripwire from "#sim/kernel/Tripwire.ts"
import * as AuditChain from "./AuditChain.ts"
import * as AuditEntry from "./AuditEntry.ts"
import * as TestTrail from "./TestTrail.ts"

const verdict = fc.constantFrom(
  ...(Object.keys(AuditEntry.outcomes) as ReadonlyArray<AuditEntry.Kind>).flatMap((kind) =>
    Object.keys(AuditEntry.outcomes[kind]).map((outcome) => ({ kind, outcome }) as AuditEntry.Verdict)
  )
)
const name = fc.string({ unit: "binary", maxLength: 60 })
const touched = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 80 }).map((keys) => AuditEntry.touched(keys))
const decision = fc
  .record({ verdict, touched, atMicros: fc.maxSafeNat(), actor: name, subject: name })
  .map(({ touched, verdict, ...rest }): AuditEntry.Decision => ({ ...verdict, ...touched, ...rest }))
const place = fc.record({
  chain: fc.nat(AuditEntry.chainMax),
  sequence: fc.maxSafeNat().map((sequence) => sequence || 1),
  previous: fc.uint8Array({ minLength: 32, maxLength: 32 })
})

describe("an entry of the audit trail", () => {
  /** `UPDATE=1` writes the file anew: only ever for a new version, which gets a file of its own. */
  it("is written in version 1 as the golden file has it", () => {
    const golden = new URL("testdata/entries-1.txt", import.meta.url)
    const text = TestTrail.chain(7, 5)
      .map(({ bytes }) => `${Hex.of(bytes)}\n`)
      .join("")
    if (process.env["UPDATE"] === "1") writeFileSync(golden, text)
    const lines = readFileSync(golden, "utf8")
    expect(text).toBe(lines)
    for (const [index, line] of lines.trimEnd().split("\n").entries()) {
      const entry = AuditEntry.decode(Hex.bytesOf(line))
      expect(entry).toMatchObject({ ...TestTrail.decision(index), chain: 7, sequence: index + 1 })
    }
  })

  it("comes back from its bytes, which end with the SHA-256 of those before", () => {
    fc.assert(
      fc.property(decision, place, (given, at) => {
        const bytes = AuditEntry.encode(given, at)
        const hash = createHash("sha256").update(bytes.subarray(0, -32)).digest()
        expect(AuditEntry.decode(bytes)).toEqual({ ...given, ...at, hash: Uint8Array.from(hash) })
      })
    )
  })

  it("is not found in bytes that are cut or longer, nor in any other", () => {
    fc.assert(
      fc.property(decision, place, fc.nat(), (given, at, cut) => {
        const bytes = AuditEntry.encode(given, at)
        expect(AuditEntry.decode(bytes.subarray(0, cut % bytes.length))).toBeTypeOf("string")
        expect(AuditEntry.decode(Uint8Array.from([...bytes, 0]))).toBeTypeOf("string")
      })
    )
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 92, maxLength: 200 }), (bytes) => {
        const entry = AuditEntry.decode(Uint8Array.from([1, 1, 1, 0, ...bytes]))
        return typeof entry === "string" || entry.sequence > 0
      })
    )
  })

  it("of a version, a kind or an outcome that is not known is said to be newer, not damaged", () => {
    const [{ bytes }] = TestTrail.chain(1, 1)
    expect(AuditEntry.decode(bytes.with(0, 2))).toContain("version 2")
    expect(AuditEntry.decode(bytes.with(1, 9))).toContain("newer")
    expect(AuditEntry.decode(bytes.with(2, 9))).toContain("newer")
    expect(AuditEntry.decode(bytes.with(3, 1))).toContain("parts")
  })

  it("names the first keys that fit, and how many there were", () => {
    const keys = Array.from({ length: 1_000 }, (_, index) => new Uint8Array(index % 7))
    expect(AuditEntry.touched(keys)).toEqual({ keys: keys.slice(0, Limits.auditKeysMax), keysTotal: 1_000 })
    const large = [...Array.from({ length: 2 }, () => new Uint8Array(Limits.keyBytesMax)), Uint8Array.of(1)]
    expect(AuditEntry.touched(large)).toEqual({ keys: large.slice(0, 2), keysTotal: 3 })
    expect(AuditEntry.touched([])).toEqual({ keys: [], keysTotal: 0 })
  })

  it("is made and read without anything ambient, as the simulator demands", () => {
    Tripwire.install()
    Tripwire.arm()
    let chain: ReadonlyArray<TestTrail.Written>
    try {
      chain = TestTrail.chain(1, 3)
      for (const { bytes } of chain) AuditEntry.decode(bytes)
    } finally {
      Tripwire.disarm()
    }
    expect(Tripwire.tripped()).toBeUndefined()
    expect(AuditEntry.hashOf(chain[2].bytes)).toEqual(chain[2].head.hash)
  })

  it("of the largest size is within its bound", () => {
    const longest = "\u{1f600}".repeat(Limits.auditNameBytesMax / 4)
    const keys = Array.from({ length: Limits.auditKeysMax }, () => {
      return new Uint8Array(Limits.auditKeysBytesMax / Limits.auditKeysMax)
    })
    const given = { ...TestTrail.decision(0), actor: longest, subject: longest, keys, keysTotal: 4_294_967_295 }
    const bytes = AuditEntry.encode(given, { chain: 1, sequence: 1, previous: new Uint8Array(32) })
    expect(bytes.length).toBeLessThanOrEqual(Limits.auditEntryBytesMax)
    expect(AuditEntry.decode(bytes)).toMatchObject(given)
  })
})

describe("a decision that no entry holds", () => {
  it.each<[string, Partial<AuditEntry.Decision>]>([
    ["the actor is no Unicode", { actor: "\ud800" }],
    ["the subject has more than", { subject: "é".repeat(600) }],
    ["the time is no whole number", { atMicros: 0.5 }],
    ["the time is no whole number", { atMicros: -1 }],
    ["the keys are over the bound", { keys: Array.from({ length: 65 }, () => new Uint8Array(0)), keysTotal: 65 }],
    ["the keys are over the bound", { keys: [new Uint8Array(17_000)], keysTotal: 1 }],
    ["fewer keys", { keys: [Uint8Array.of(1)], keysTotal: 0 }]
  ])("is refused with the reason: %s", (reason, change) => {
    const refused = AuditChain.append(AuditChain.genesisOf(1), { ...TestTrail.decision(0), ...change } as never)
    expect(refused).toMatchObject({ _tag: "AuditRefused", message: expect.stringContaining(reason) })
  })
})
