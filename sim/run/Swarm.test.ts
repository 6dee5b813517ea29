import { describe, expect, it } from "vitest"
import { scenario as counter } from "#scenarios/counter/Durable.ts"
import { scenario as lease } from "#scenarios/register/Lease.ts"
import { policies } from "#sim/kernel/PolicyName.ts"
import type { Plan } from "./Plan.ts"
import { drawPlan } from "./Swarm.ts"

const seeds = Array.from({ length: 100 }, (_, index) => `${index}`)
const plans = seeds.map((seed) => drawPlan(lease, { seed, durationMicros: 2_000_000 }))

describe("a plan", () => {
  it("is the same for the same seed, and another for another", () => {
    expect(drawPlan(lease, { seed: "a" })).toEqual(drawPlan(lease, { seed: "a" }))
    expect(new Set(plans.map((plan) => JSON.stringify(plan))).size).toBe(seeds.length)
  })

  it("survives a journal: it is nothing but JSON", () => {
    for (const plan of plans.slice(0, 10)) expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
  })

  it("keeps to the bounds of its scenario, and reaches both ends of them", () => {
    const ranges: ReadonlyArray<readonly [bounds: { min: number; max: number }, size: (plan: Plan) => number]> = [
      [lease.nodes, (plan) => plan.nodes],
      [lease.clients, (plan) => plan.clients]
    ]
    for (const [bounds, size] of ranges) {
      const sizes = plans.map(size)
      expect([Math.min(...sizes), Math.max(...sizes)]).toEqual([bounds.min, bounds.max])
    }
    expect(drawPlan(counter, { seed: "a" }).nodes).toBe(1)
  })

  it("draws every policy, with and without preemption, and each option's every value", () => {
    expect(new Set(plans.map(({ policy }) => policy))).toEqual(new Set(Object.keys(policies)))
    const preemptions = plans.map(({ preemptionOneIn }) => preemptionOneIn)
    expect(preemptions).toContain(0)
    expect(preemptions.every((oneIn) => oneIn === 0 || (oneIn >= 8 && oneIn <= 16))).toBe(true)
    for (const [name, values] of Object.entries(lease.options ?? {})) {
      expect(new Set(plans.map(({ options }) => options[name]))).toEqual(new Set(values))
    }
    expect(new Set(plans.map(({ buggify }) => buggify)).size).toBe(2)
  })

  it("has operations for every client, for as long as the safety phase lasts", () => {
    for (const { clients, operations, options } of plans) {
      const wayMicros = Number(options["net.latencyMicrosMin"])
      for (let client = 0; client < clients; client++) {
        const own = operations.filter((operation) => operation.client === client)
        const gaps = own.reduce((sum, { gapMicros }) => sum + gapMicros + 2 * wayMicros, 0)
        expect(gaps).toBeGreaterThanOrEqual(2_000_000)
      }
      expect(operations.every(({ client }) => client < clients)).toBe(true)
    }
  })

  it("takes what it is told for granted, and draws the rest as before", () => {
    const drawn = drawPlan(lease, { seed: "a" })
    const told = drawPlan(lease, {
      seed: "a",
      nodes: 5,
      clients: 2,
      policy: "pct",
      durationMicros: 1_000_000,
      faults: ["crash"]
    })
    expect(told).toMatchObject({ nodes: 5, clients: 2, policy: "pct", durationMicros: 1_000_000 })
    expect(told.faults.length > 0 && told.faults.every(({ kind }) => kind === "crash")).toBe(true)
    expect([told.options, told.preemptionOneIn, told.buggify]).toEqual([
      drawn.options,
      drawn.preemptionOneIn,
      drawn.buggify
    ])
  })

  it("has only faults that its scenario declares to survive", () => {
    for (const { faults } of plans) for (const { kind } of faults) expect(lease.faults).toContain(kind)
  })
})
