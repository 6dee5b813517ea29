import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import * as Conformance from "#sim/conformance/Conformance.ts"
import type { Specification } from "#sim/conformance/Quint.ts"
import { run } from "#sim/run/Run.ts"
import type { Scenario } from "#sim/run/Scenario.ts"
import { drawPlan } from "#sim/run/Swarm.ts"
import { scenario as doubleGrant } from "../canary/DoubleGrant.ts"
import { scenario as lease } from "./Lease.ts"
import { mapping } from "./LeaseConformance.ts"

const folder = fileURLToPath(new URL("../../models/quint", import.meta.url))

const recorded = (scenario: Scenario, seed: string, durationMicros: number): Conformance.Trace => {
  const plan = drawPlan(scenario, { seed, durationMicros })
  const { recording } = run(scenario, { ...plan, options: { ...plan.options, ...mapping.options } }, { record: true })
  return recording!
}

const instances = new Map<string, Specification>()

/** To read a specification takes longer than to follow a short trace: each is read once. */
const checked = (recording: Conformance.Trace): Conformance.Verdict => {
  const constants = JSON.stringify(mapping.constants(recording))
  const instance = instances.get(constants) ?? Conformance.instance(folder, mapping, recording)
  instances.set(constants, instance)
  return Conformance.check(instance, mapping.steps(recording))
}

/** The recording with one of its trace events changed, or left out. */
const changed = (
  recording: Conformance.Trace,
  change: (event: Conformance.TraceEvent) => Conformance.TraceEvent | undefined
): Conformance.Trace => {
  let done = false
  const events = recording.events.flatMap((event) => {
    if (done || event.type !== "trace") return [event]
    const other = change(event)
    if (other === event) return [event]
    done = true
    return other === undefined ? [] : [other]
  })
  expect(done).toBe(true)
  return { ...recording, events }
}

const minute = 60_000

describe("the trace of the leased register", () => {
  it.each(["1", "2", "3", "4", "5", "6"])(
    "is a behaviour of its specification, whatever the faults of seed %s",
    (seed) => {
      const recording = recorded(lease, seed, 1_000_000)
      const { divergence, steps } = checked(recording)
      expect(divergence).toBeUndefined()
      expect(steps).toBeGreaterThan(100)
    },
    minute
  )

  it(
    "is refused where a lease is granted without a look at the one before",
    () => {
      const { divergence } = checked(recorded(doubleGrant, "45", 10_000_000))
      expect(divergence?.before?.words).toMatch(/^receives acquire/)
      expect(divergence?.objections.length).toBeGreaterThan(0)
      expect(divergence?.possible).toContain("tick")
    },
    minute
  )
})

describe("of a trace that conforms, the specification refuses", () => {
  const recording = recorded(lease, "1", 400_000)
  const refused = (
    change: (event: Conformance.TraceEvent) => Conformance.TraceEvent | undefined
  ): Conformance.Divergence => {
    const { divergence } = checked(changed(recording, change))
    expect(divergence).toBeDefined()
    return divergence!
  }

  it(
    "a reply that is sent before the promise in it is durable",
    () => {
      const divergence = refused((event) => (event.name === "lease/durable" ? undefined : event))
      expect(divergence.objections).toEqual(["the node may send this now"])
    },
    minute
  )

  it(
    "a state of a node that no step leads to, field by field",
    () => {
      const divergence = refused((event) =>
        event.name === "lease/received" && event.fields["phase"] === "holding"
          ? { ...event, fields: { ...event.fields, promised: Number(event.fields["promised"]) + 16 } }
          : event
      )
      expect(divergence.objections).toEqual(["the node's state is the specification's"])
      expect(divergence.differences.map(({ field }) => field)).toEqual(["promised"])
    },
    minute
  )

  it(
    "an answer with another value",
    () => {
      const two = "0000000000000040"
      const divergence = refused((event) =>
        event.name === "lease/answered" && String(event.fields["bytes"]).startsWith("02")
          ? { ...event, fields: { ...event.fields, bytes: `${String(event.fields["bytes"]).slice(0, -16)}${two}` } }
          : event
      )
      expect(divergence.objections).toEqual(["this is the answer to what the node met last"])
    },
    minute
  )

  it(
    "a message that nobody sent",
    () => {
      const divergence = refused((event) =>
        event.name === "lease/received" && String(event.fields["bytes"]).startsWith("0b")
          ? { ...event, fields: { ...event.fields, from: 1 - Number(event.fields["from"]) } }
          : event
      )
      expect(divergence.objections).toContain("a node may have sent this message, and it may be on its way")
    },
    minute
  )

  it(
    "a clock that is faster than clocks are",
    () => {
      const divergence = refused((event) =>
        event.name === "lease/ticked" && event.at > 200_000
          ? { ...event, fields: { ...event.fields, nowMicros: Number(event.fields["nowMicros"]) + 100_000 } }
          : event
      )
      expect(divergence.objections).toEqual(["time goes on, and the node's clock with it"])
    },
    minute
  )
})
