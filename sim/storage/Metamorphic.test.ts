import { describe, expect, it, vi } from "vitest"
import * as Metamorphic from "./Metamorphic.ts"
import * as ReferenceEngine from "./ReferenceEngine.ts"
import * as Script from "./Script.ts"
import * as Scripts from "./Scripts.ts"
import type { OptionSet, Subject } from "./Subject.ts"
import * as Subjects from "./Subjects.ts"

// Scores of runs a test, on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000 })

const set: OptionSet = { name: "none", open: (directory) => ReferenceEngine.open(directory) }
const reference: Subject = { name: "reference", sets: [set], draw: () => set }

const seeds = Array.from({ length: 20 }, (_, index) => String(index))

describe("scripts", () => {
  it("read what they write", () => {
    for (const seed of seeds) {
      const script = Scripts.draw(seed, 100)
      expect(Script.parse(Script.text(script))).toEqual(script)
    }
  })
})

describe("the reference engine", () => {
  it.each(seeds)("keeps its promises in the script of seed %s, and a run comes out the same again", (seed) => {
    const examine = () => Metamorphic.examine(reference, { seed, operations: 150, set: 0 })
    const { played, report } = examine()
    expect(report).toBeUndefined()
    expect(examine().played.traceHash).toBe(played.traceHash)
  })
})

describe.each(Subjects.all)("the engine $name", (subject) => {
  it("has at least thirty sets of options", () => {
    expect(new Set(subject.sets.map(({ name }) => name)).size).toBeGreaterThanOrEqual(30)
  })

  it.each(["1", "2", "3"])("gives the same answers to the script of seed %s under all of them", (seed) => {
    for (const index of subject.sets.keys()) {
      expect(Metamorphic.examine(subject, { seed, operations: 100, set: index }).report).toBeUndefined()
    }
    expect(Metamorphic.examine(subject, { seed, operations: 100, set: "drawn" }).report).toBeUndefined()
  })
})
