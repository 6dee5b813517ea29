/** The B+tree engine keeps the contract of engines, in simulated worlds and with sizes that make everything happen. */
import { describe, expect, it } from "vitest"
import * as Incarnations from "#sim/storage/Incarnations.ts"
import type { Subject } from "../contract/EngineClaim.ts"
import * as EngineContract from "../contract/EngineContract.ts"
import * as BtreeEngine from "./BtreeEngine.ts"
import type { Options } from "./Options.ts"

const subject = (options: Omit<Options, "directory">): Subject => ({
  open: (directory) => BtreeEngine.open({ ...options, directory })
})

const courses: ReadonlyArray<Incarnations.Course> = [
  { seed: "1", policy: "fifo", preemptionOneIn: 0, keeps: "nothing" },
  { seed: "2", policy: "uniform", preemptionOneIn: 8, keeps: "some" },
  { seed: "3", policy: "pct", preemptionOneIn: 16, keeps: "everything" }
]

describe("the B+tree engine keeps the contract", () => {
  it.each(EngineContract.claims)("$name", (claim) => {
    for (const course of courses) expect(Incarnations.outcomeOf(claim, subject({}), course)).toBe("kept")
  })
})

describe("with pages of a sector and no memory to speak of, too", () => {
  it.each(EngineContract.claims)("$name", (claim) => {
    const tiny = subject({ pageBytes: 512, memoryBytesMax: 4_096 })
    for (const course of courses) expect(Incarnations.outcomeOf(claim, tiny, course)).toBe("kept")
  })
})
