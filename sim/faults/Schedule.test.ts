import { describe, expect, it } from "vitest"
import { Draw } from "#sim/kernel/Draw.ts"
import { prngOf } from "#sim/kernel/Stream.ts"
import { definitions, driftPpmMax, isKind, kinds, type Fault, type Kind } from "./Fault.ts"
import { drawSchedule, type Shape } from "./Schedule.ts"

const shape: Shape = { nodes: 5, durationMicros: 10_000_000, versions: 2, driftPpmMax }
const seeds = Array.from({ length: 200 }, (_, index) => `${index}`)

const schedule = (
  seed: string,
  options: Partial<Parameters<typeof drawSchedule>[2]> = {},
  of = shape
): ReadonlyArray<Fault> =>
  drawSchedule(new Draw(prngOf(seed, "faults")), of, { allowed: kinds, all: false, ...options })

const kindsOf = (faults: ReadonlyArray<Fault>): Set<Kind> => new Set(faults.map(({ kind }) => kind))

describe("a drawn schedule", () => {
  it("is the same under the same seed, and another under another", () => {
    expect(schedule("a")).toEqual(schedule("a"))
    expect(new Set(seeds.map((seed) => JSON.stringify(schedule(seed)))).size).toBeGreaterThan(195)
  })

  it("is sorted by time, strikes within the safety phase, and only nodes that there are", () => {
    for (const of of [shape, { ...shape, nodes: 1 }, { ...shape, nodes: 2, durationMicros: 1_000 }]) {
      for (const seed of seeds) {
        const faults = schedule(seed, {}, of)
        expect(faults.map(({ atMicros }) => atMicros)).toEqual(
          faults.map(({ atMicros }) => atMicros).sort((left, right) => left - right)
        )
        for (const { atMicros, forMicros, nodes } of faults) {
          expect(atMicros >= 0 && atMicros < of.durationMicros && forMicros >= 0).toBe(true)
          expect(nodes.every((node) => node >= 0 && node < of.nodes) && new Set(nodes).size === nodes.length).toBe(true)
        }
      }
    }
  })

  it("is of whole numbers, which survive a journal", () => {
    for (const seed of seeds.slice(0, 20)) {
      const faults = schedule(seed)
      expect(JSON.parse(JSON.stringify(faults))).toEqual(faults)
      expect(
        faults.every(({ amount, atMicros, forMicros }) => [amount, atMicros, forMicros].every(Number.isSafeInteger))
      ).toBe(true)
    }
  })

  it("keeps clocks within the bound that protocols rely on", () => {
    const drifts = seeds.flatMap((seed) => schedule(seed, { allowed: ["drift"], all: true }))
    const amounts = drifts.map(({ amount }) => amount)
    expect(Math.max(...amounts)).toBeLessThanOrEqual(driftPpmMax)
    expect(Math.min(...amounts)).toBeGreaterThanOrEqual(-driftPpmMax)
    // At the bound, either way, and one node against the others.
    expect([amounts.includes(driftPpmMax), amounts.includes(-driftPpmMax)]).toEqual([true, true])
    expect(new Set(drifts.map(({ nodes }) => nodes.length)).size).toBe(shape.nodes)
  })

  it("leaves out each kind in most runs, so that every pair of kinds is met with and without each other", () => {
    const drawn = seeds.map((seed) => kindsOf(schedule(seed, {}, { ...shape, durationMicros: 100_000_000 })))
    for (const kind of kinds) {
      const runs = drawn.filter((each) => each.has(kind)).length
      expect(runs).toBeGreaterThan(30)
      expect(runs).toBeLessThan(120)
    }
    for (const one of ["crash", "partition"] as const) {
      for (const other of kinds.filter((kind) => kind !== one)) {
        expect(drawn.some((each) => each.has(one) && !each.has(other))).toBe(true)
        expect(drawn.some((each) => each.has(one) && each.has(other))).toBe(true)
      }
    }
  })

  it("has few kinds in some runs, which then strike again and again", () => {
    const few = seeds.map((seed) => schedule(seed)).filter((faults) => kindsOf(faults).size <= 3 && faults.length >= 10)
    expect(few.length).toBeGreaterThan(15)
  })

  it("comes in bursts in some runs: within moments of each other, and mostly on one node", () => {
    const bursts = seeds.map((seed) => {
      const single = schedule(seed, { allowed: ["crash", "pause", "stuck-sync"] })
      const followed = single.filter(({ atMicros, nodes }, index) => {
        const next = single[index + 1]
        return next !== undefined && next.atMicros - atMicros <= 100_000 && next.nodes[0] === nodes[0]
      })
      return { faults: single.length, followed: followed.length }
    })
    // A quarter of the time at most, had they come one by one: six a second, on one node of five.
    expect(bursts.filter(({ faults, followed }) => faults >= 10 && followed > faults / 3).length).toBeGreaterThan(20)
  })

  it("has every kind that is asked for by name, and no other", () => {
    const allowed: ReadonlyArray<Kind> = ["loss", "crash", "drift"]
    for (const seed of seeds.slice(0, 50))
      expect(kindsOf(schedule(seed, { allowed, all: true }))).toEqual(new Set(allowed))
    expect(schedule("a", { allowed: [] })).toEqual([])
  })

  it("is of its subject in every second fault, in every run", () => {
    const subject: ReadonlyArray<Kind> = ["bit-rot", "crash"]
    const schedules = seeds.map((seed) => schedule(seed, { subject }))
    const isOfSubject = ({ kind }: Fault): boolean => subject.includes(kind)
    const long = schedules.filter(({ length }) => length >= 20)
    expect(long.length).toBeGreaterThan(20)
    for (const faults of long) expect(faults.filter(isOfSubject).length / faults.length).toBeGreaterThan(0.2)
    expect(new Set(schedules.flatMap((faults) => [...kindsOf(faults)])).size).toBe(kinds.length)
  })

  it("leaves out what makes no sense in the cluster", () => {
    const single = schedule("a", { all: true }, { nodes: 1, durationMicros: 10_000_000, versions: 1, driftPpmMax })
    expect(kindsOf(single).has("partial")).toBe(false)
    expect(kindsOf(single).has("version")).toBe(false)
    expect(single.filter(({ kind }) => kind === "partition").every(({ amount }) => amount === 1)).toBe(true)
  })

  it("cuts a cluster in two, never all of it off at once", () => {
    const partitions = seeds.flatMap((seed) => schedule(seed, { allowed: ["partition"], all: true }))
    for (const { nodes } of partitions) expect(nodes.length > 0 && nodes.length < shape.nodes).toBe(true)
    expect(new Set(partitions.map(({ nodes }) => nodes.length)).size).toBe(4)
  })
})

describe("kinds", () => {
  it("are known by their names, each with a group and a sentence", () => {
    expect(new Set(kinds.map((kind) => definitions[kind].group)).size).toBe(4)
    for (const kind of kinds) expect(definitions[kind].summary.length).toBeGreaterThan(10)
    expect([isKind("crash"), isKind("toString"), isKind("meteor")]).toEqual([true, false, false])
  })
})
