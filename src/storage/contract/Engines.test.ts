/** Every engine of this house keeps the contract, on the simulated disk and on this machine's. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { afterAll, describe, expect, it } from "vitest"
import * as Incarnations from "#sim/storage/Incarnations.ts"
import * as Subjects from "#sim/storage/Subjects.ts"
import * as RealWorld from "#world/real/RealWorld.ts"
import type { EngineClaim, Subject } from "./EngineClaim.ts"
import * as EngineContract from "./EngineContract.ts"

const parent = mkdtempSync(join(tmpdir(), "orbit-storage-"))
afterAll(() => rmSync(parent, { recursive: true }))

const courses: ReadonlyArray<Incarnations.Course> = [
  { seed: "1", policy: "fifo", preemptionOneIn: 0, keeps: "nothing" },
  { seed: "2", policy: "uniform", preemptionOneIn: 8, keeps: "some" }
]

let roots = 0

/** On this machine, where the process dies between two incarnations. */
const realOutcome = async (claim: EngineClaim, subject: Subject): Promise<string> => {
  const root = join(parent, String(roots++))
  for (const program of claim.incarnations(subject)) {
    let done: (value: string) => void
    const ended = new Promise<string>((resolve) => {
      done = resolve
    })
    const noticed = Effect.andThen(
      Effect.sync(() => done("kept")),
      Effect.never
    )
    const running = RealWorld.runFork(Effect.andThen(program, noticed), {
      root,
      name: "n0",
      trace: { write: () => {} }
    })
    void Effect.runPromise(running.ended).then((end) => {
      if (end.type !== "finished") return done(`the node ${end.type}`)
      if (Exit.isFailure(end.exit)) done(Cause.pretty(end.exit.cause))
    })
    const outcome = await ended
    await Effect.runPromise(running.kill)
    if (outcome !== "kept") return outcome
  }
  return "kept"
}

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
    expect(await realOutcome(claim, defaults)).toBe("kept")
  })
})
