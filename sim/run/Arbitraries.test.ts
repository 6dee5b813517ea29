import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { scenario as archive } from "#scenarios/archive/WriteAll.ts"
import { scenario as doubleGrant } from "#scenarios/canary/DoubleGrant.ts"
import { scenario as counter } from "#scenarios/counter/Durable.ts"
import { scenario as echo } from "#scenarios/echo/Stream.ts"
import { scenario as lease } from "#scenarios/register/Lease.ts"
import * as Arbitraries from "./Arbitraries.ts"
import type { Plan } from "./Plan.ts"
import { failedCheck } from "./Result.ts"
import { run } from "./Run.ts"
import type { Scenario } from "./Scenario.ts"
import { shrink } from "./Shrink.ts"

const scenarios: Readonly<Record<string, Scenario>> = { lease, counter, echo, archive }
const bounds: Arbitraries.Bounds = { durationMicros: 2_000_000, faultsMax: 8, operationsMax: 40 }

const judgeOf = (scenario: Scenario, plan: Plan): string | undefined => failedCheck(run(scenario, plan).result)?.name

describe("an arbitrary plan", () => {
  it.each(Object.keys(scenarios))("of %s keeps to the scenario's bounds, and is nothing but JSON", (name) => {
    const scenario = scenarios[name]
    fc.assert(
      fc.property(Arbitraries.plan(scenario, bounds), (plan) => {
        expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
        expect(plan.nodes >= scenario.nodes.min && plan.nodes <= scenario.nodes.max).toBe(true)
        expect(plan.clients >= scenario.clients.min && plan.clients <= scenario.clients.max).toBe(true)
        expect(plan.operations.every(({ client }) => client < plan.clients)).toBe(true)
        const times = plan.faults.map(({ atMicros }) => atMicros)
        expect(times).toEqual([...times].sort((left, right) => left - right))
        for (const { atMicros, kind, nodes } of plan.faults) {
          expect(scenario.faults).toContain(kind)
          expect(atMicros < plan.durationMicros && nodes.every((node) => node < plan.nodes)).toBe(true)
        }
        for (const [option, values] of Object.entries(scenario.options ?? {}))
          expect(values).toContain(plan.options[option])
      }),
      { seed: 51, numRuns: 100 }
    )
  })

  it("has workloads and schedules of its own for those who want no more", () => {
    const [operations] = fc.sample(Arbitraries.workload(lease, 2, { operationsMax: 50 }), { seed: 52, numRuns: 1 })
    expect(operations.every(({ client }) => client < 2)).toBe(true)
    const schedules = fc.sample(Arbitraries.schedule(lease, 1, { kinds: ["partial", "version", "crash"] }), {
      seed: 53,
      numRuns: 20
    })
    expect(new Set(schedules.flat().map(({ kind }) => kind))).toEqual(new Set(["crash"]))
  })

  it.each(Object.keys(scenarios))("of %s, which is right, passes", (name) => {
    const scenario = scenarios[name]
    fc.assert(
      fc.property(Arbitraries.plan(scenario, bounds), (plan) => {
        expect(judgeOf(scenario, plan)).toBeUndefined()
      }),
      { seed: 54, numRuns: 20 }
    )
  })
})

describe("a counterexample", () => {
  const found = () => {
    const arbitrary = Arbitraries.plan(doubleGrant, { durationMicros: 2_500_000, faultsMax: 8, operationsMax: 400 })
    return fc.check(
      fc.property(arbitrary, (plan) => judgeOf(doubleGrant, plan) !== "single-holder"),
      { seed: 56, numRuns: 1_000 }
    )
  }

  it("of a canary is found, and has few faults and operations when fast-check has shrunk it", () => {
    const { counterexample, failed, numShrinks } = found()
    const [plan] = counterexample!
    expect([failed, numShrinks > 3]).toEqual([true, true])
    expect(plan.faults.length).toBeLessThanOrEqual(3)
    expect(plan.operations.length).toBeLessThanOrEqual(5)
    // It is a plan like any other: its journal replays without the generator, and shrinks further.
    expect(judgeOf(doubleGrant, plan)).toBe("single-holder")
    const journal = Arbitraries.journalOf(doubleGrant, plan)
    expect(journal.failed?.judge).toBe("single-holder")
    const { result } = run(doubleGrant, journal.plan, { decisions: journal.decisions })
    expect([failedCheck(result)?.name, result.traceHash]).toEqual([
      "single-holder",
      run(doubleGrant, plan).result.traceHash
    ])
    const smaller = shrink(doubleGrant, journal, { budgetMillis: 60_000 }).journal
    expect(smaller.failed?.judge).toBe("single-holder")
    expect(smaller.plan.faults.length).toBeLessThanOrEqual(plan.faults.length)
    expect(Object.keys(smaller.decisions).length).toBeLessThan(Object.keys(journal.decisions).length)
  })
})
