import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import * as Conformance from "#sim/conformance/Conformance.ts"
import type { Specification } from "#sim/conformance/Quint.ts"
import { run } from "#sim/run/Run.ts"
import { drawPlan } from "#sim/run/Swarm.ts"
import type { Wrote } from "./ObservedSteps.ts"
import { scenario } from "./Orders.ts"
import { mapping } from "./SagaConformance.ts"

const folder = fileURLToPath(new URL("../../models/quint", import.meta.url))
// A specification takes seconds to read, and longer where other tests run.
const patienceMillis = 180_000

const recorded = (seed: number): Conformance.Trace => {
  const plan = drawPlan(scenario, { seed: String(seed), durationMicros: 3_000_000 })
  const { recording } = run(scenario, { ...plan, options: { ...plan.options, ...mapping.options } }, { record: true })
  return recording!
}

// To read a specification takes longer than to follow a trace, and a run longer than both.
let instance: Specification | undefined
let kept: Conformance.Trace | undefined

const checked = (recording: Conformance.Trace): Conformance.Verdict =>
  Conformance.check((instance ??= Conformance.instance(folder, mapping, recording)), mapping.steps(recording))

it(
  "what a run did to its sagas is a behaviour of their specification, and has every kind of step that a run can have",
  () => {
    kept = recorded(14)
    const { divergence, steps } = checked(kept)
    expect(divergence).toBeUndefined()
    expect(steps).toBeGreaterThan(300)
    const tags = mapping.steps(kept).map(({ event }) => (event as { readonly tag: string }).tag)
    const expected = "Founded Claimed Looked Begun Did Failed Answered Kept Ended Undoes Undid Cancelled Stands"
    for (const tag of expected.split(" ")) expect(tags).toContain(tag)
  },
  patienceMillis
)

/** Of the same run, when some of what was written is something else. */
const refused = (change: (wrote: Wrote) => Wrote): ReadonlyArray<string> => {
  const recording = kept ?? recorded(14)
  let changed = 0
  const events = recording.events.map((event) => {
    if (event.type !== "trace" || event.name !== "saga/wrote") return event
    const before = String(event.fields["wrote"])
    const after = JSON.stringify(change(JSON.parse(before) as Wrote))
    if (after !== before) changed += 1
    return { ...event, fields: { ...event.fields, wrote: after } }
  })
  expect(changed).toBeGreaterThan(0)
  return checked({ ...recording, events }).divergence?.objections ?? []
}

type Kept = Wrote["versions"][number][1]

/** Each of what is kept is something else, or nothing. */
const others =
  (change: (kept: Kept) => ReadonlyArray<Kept>) =>
  (wrote: Wrote): Wrote => ({
    ...wrote,
    intents: wrote.intents.flatMap(([txn, each]) => change(each).map((other) => [txn, other] as const)),
    versions: wrote.versions.flatMap(([at, each]) => change(each).map((other) => [at, other] as const))
  })

it(
  "a payment that is taken back without a trace is none",
  () => {
    const objections = refused(others((each) => (each.type === "effect" && each.isUndone ? [] : [each])))
    expect(objections).toEqual(["what is answered is what the participant keeps"])
  },
  patienceMillis
)

it(
  "a saga whose record says that it is over when it is not is none",
  () => {
    const objections = refused(
      others((each) =>
        each.type === "record" && each.status === "compensating" ? [{ ...each, status: "compensated" }] : [each]
      )
    )
    expect(objections).toContain("its record says how it stands")
  },
  patienceMillis
)

it(
  "a step that is done without a beginning is none",
  () => {
    const objections = refused(others((each) => (each.type === "entry" && each.entry.type === "begun" ? [] : [each])))
    expect(objections).toEqual(["the journal said so before it was asked for"])
  },
  patienceMillis
)
