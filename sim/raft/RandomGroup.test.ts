import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { prngOf } from "#sim/kernel/Stream.ts"
import { RandomGroup, type Options } from "./RandomGroup.ts"

const options: fc.Arbitrary<Options> = fc.record({
  nodes: fc.constantFrom(1, 2, 3, 3, 5),
  preVote: fc.boolean(),
  checkQuorum: fc.boolean(),
  changesMembership: fc.boolean(),
  electionTicks: fc.constantFrom(2, 4, 10),
  inflightMax: fc.constantFrom(1, 3, 256),
  messageBytesMax: fc.constantFrom(0, 100, Infinity),
  crashWeight: fc.constantFrom(0, 1, 10),
  damageWeight: fc.constantFrom(0, 1, 5),
  campaignWeight: fc.constantFrom(0, 2, 15),
  lost: fc.constantFrom(0, 2, 10),
  repeated: fc.constantFrom(0, 10)
})

const steps = 3_000

describe("a Raft group", () => {
  it("keeps the properties of the paper whatever is lost, late, repeated, crashes or rots, and goes on afterwards", () => {
    const seen: Record<string, number> = {}
    fc.assert(
      fc.property(fc.integer(), options, (seed, drawn) => {
        const group = new RandomGroup(prngOf(String(seed), "group"), drawn)
        for (let i = 0; i < steps; i++) group.step()
        expect(group.heal(400)).toBe(true)
        for (const [what, times] of Object.entries(group.seen)) seen[what] = (seen[what] ?? 0) + times
      }),
      { seed: 1, numRuns: 120 }
    )
    // None of the ways was left out.
    expect(Object.keys(seen).sort()).toEqual([
      "change",
      "compacted",
      "crash",
      "leader",
      "lost",
      "lost entries",
      "lost vote",
      "made good",
      "read",
      "repeated",
      "snapshot"
    ])
  })

  it("is found out when it takes damage for the end of its log, and votes on", () => {
    const rotting: Options = {
      nodes: 3,
      preVote: false,
      checkQuorum: false,
      changesMembership: false,
      electionTicks: 4,
      inflightMax: 3,
      messageBytesMax: 100,
      crashWeight: 1,
      damageWeight: 5,
      campaignWeight: 2,
      lost: 2,
      repeated: 10
    }
    const outcomes = (ignoresDoubt: boolean): ReadonlyArray<string> =>
      Array.from({ length: 30 }, (_, seed) => {
        const group = new RandomGroup(prngOf(String(seed), "group"), { ...rotting, ignoresDoubt })
        try {
          for (let i = 0; i < steps; i++) group.step()
        } catch (error) {
          return String(error).replaceAll(/\d+/g, "#")
        }
        return "safe"
      })
    expect(new Set(outcomes(false))).toEqual(new Set(["safe"]))
    const found = outcomes(true)
    expect(found).toContain("Error: n# leads in term # without the committed entry #")
    expect(found.filter((outcome) => outcome !== "safe").length).toBeGreaterThan(15)
  })
})
