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

/** How a node ended that was not to end. */
const endOf = async (running: RealWorld.Running<void, unknown>): Promise<string> => {
  const end = await Effect.runPromise(running.ended)
  if (end.type !== "finished") return `the node ${end.type}`
  return Exit.isFailure(end.exit) ? Cause.pretty(end.exit.cause) : "the node ended"
}

/** On this machine, where the process dies between two incarnations. */
const realOutcome = async (claim: EngineClaim, subject: Subject): Promise<string> => {
  const root = join(parent, String(roots++))
  for (const program of claim.incarnations(subject)) {
    let done = (): void => {}
    const kept = new Promise<string>((resolve) => {
      done = () => resolve("kept")
    })
    const whole = Effect.andThen(
      Effect.andThen(
        program,
        Effect.sync(() => done())
      ),
      Effect.never
    )
    const running = RealWorld.runFork(whole, { root, name: "n0", trace: { write: () => {} } })
    const outcome = await Promise.race([kept, endOf(running)])
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
