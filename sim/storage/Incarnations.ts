/**
 * Incarnations: runs the programs of an engine's claim on a simulated machine, one after the other, with a power loss between two
 * of them. What is not durable is gone then, or, as the course says, kept and torn by draws.
 */
import type { PolicyName } from "#sim/kernel/PolicyName.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import * as Effect from "effect/Effect"
import type { EngineClaim, Subject } from "#storage/contract/EngineClaim.ts"

export interface Course {
  readonly seed: string
  readonly policy: PolicyName
  readonly preemptionOneIn: number
  /** What power loss leaves of what is not durable. */
  readonly keeps: "nothing" | "some" | "everything"
}

/** Claims wait some seconds at most; a starved one somewhat longer. */
const withinMicros = 600_000_000

/** "kept", or what broke. */
export const outcomeOf = (claim: EngineClaim, subject: Subject, { keeps, ...course }: Course): string => {
  const bench = new TestBench(course)
  const [machine] = bench.machines
  machine.faults.losesUnsynced = machine.faults.losesEntries = keeps !== "everything"
  machine.faults.tearsWrites = keeps === "some"
  machine.faults.losesAll = keeps === "nothing"
  const programs = claim.incarnations(subject)
  for (const [index, program] of programs.entries()) {
    let done = false
    const noticed = Effect.sync(() => {
      done = true
      bench.kernel.halt()
    })
    bench.start(0, Effect.andThen(program, noticed))
    bench.pass(withinMicros)
    const incarnation = programs.length === 1 ? "" : `incarnation ${index}: `
    const last = bench.notes.at(-1)
    if (last?.what !== "started") return `${incarnation}${last?.what} ${last?.error}`
    if (!done) return `${incarnation}it did not end in time`
    bench.watched(() => machine.crash({ powerLost: true }))
  }
  return "kept"
}
