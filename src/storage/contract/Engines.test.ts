/** Every engine of this house keeps the contract, on the simulated disk and on this machine's. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Incarnations from "#sim/storage/Incarnations.ts"
import * as RealIncarnations from "#sim/storage/RealIncarnations.ts"
import * as Subjects from "#sim/storage/Subjects.ts"
import * as EngineContract from "./EngineContract.ts"

const parent = mkdtempSync(join(tmpdir(), "orbit-storage-"))
afterAll(() => rmSync(parent, { recursive: true }))

const courses: ReadonlyArray<Incarnations.Course> = [
  { seed: "1", policy: "fifo", preemptionOneIn: 0, keeps: "nothing" },
  { seed: "2", policy: "uniform", preemptionOneIn: 8, keeps: "some" }
]

let roots = 0

describe.each(Subjects.all)("the engine $name", (subject) => {
  const [smallest, defaults] = subject.sets

  it.each(EngineContract.claims)("keeps, simulated: $name", (claim) => {
    for (const set of [smallest, defaults]) {
      for (const course of courses) {
        const where = { set: set.name, seed: course.seed }
        expect({ ...where, outcome: Incarnations.outcomeOf(claim, set, course) }).toEqual({ ...where, outcome: "kept" })
      }
    }
  })

  it.each(EngineContract.claims)("keeps, on this machine: $name", async (claim) => {
    expect(
      await Effect.runPromise(RealIncarnations.outcomeOf(claim.incarnations(defaults), join(parent, String(roots++))))
    ).toBe("kept")
  })
})
