import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it, vi } from "vitest"
import { Changes } from "#keyspace/Changes.ts"
import * as Conformance from "#sim/conformance/Conformance.ts"
import type { Specification } from "#sim/conformance/Quint.ts"
import { run } from "#sim/run/Run.ts"
import type { Scenario } from "#sim/run/Scenario.ts"
import { drawPlan } from "#sim/run/Swarm.ts"
import { Attempt } from "#txn/Attempt.ts"
import { scenario as abandoned } from "./Abandoned.ts"
import { scenario as bank } from "./Bank.ts"
import { scenario as listAppend } from "./ListAppend.ts"
import { scenario as readCommitted } from "./ReadCommitted.ts"
import { mapping } from "./TxnConformance.ts"

const folder = fileURLToPath(new URL("../../models/quint", import.meta.url))
// A specification takes seconds to read, and longer where other tests run.
const patienceMillis = 180_000

const recorded = (scenario: Scenario, seed: number, durationMicros = 2_000_000): Conformance.Trace => {
  const plan = drawPlan(scenario, { seed: String(seed), durationMicros })
  const { recording } = run(scenario, { ...plan, options: { ...plan.options, ...mapping.options } }, { record: true })
  return recording!
}

// To read a specification takes longer than to follow a trace.
let instance: Specification | undefined

const checked = (recording: Conformance.Trace): Conformance.Verdict =>
  Conformance.check((instance ??= Conformance.instance(folder, mapping, recording)), mapping.steps(recording))

const tagsOf = (recording: Conformance.Trace): ReadonlyArray<string> =>
  mapping.steps(recording).map(({ event }) => (event as { readonly tag: string }).tag)

const runs = [
  ["txn/bank", bank, 1],
  ["txn/list-append", listAppend, 1],
  ["txn/read-committed", readCommitted, 1],
  ["txn/abandoned", abandoned, 3],
  ["txn/abandoned", abandoned, 15]
] as const

describe("the trace of a run's transactions", () => {
  const taken = new Set<string>()

  it.each(runs)(
    "is a behaviour of their specification in %s, whatever the faults",
    (_, scenario, seed) => {
      const recording = recorded(scenario, seed)
      for (const tag of tagsOf(recording)) taken.add(tag)
      const { divergence, steps } = checked(recording)
      expect(divergence).toBeUndefined()
      expect(steps).toBeGreaterThan(300)
    },
    patienceMillis
  )

  it("takes every kind of step", () => {
    const protocol = "Began Proposed Laid Stamped Renewed Checked Decides Arrived Recorded Heard Resolved Swept Died"
    const others = "Founded Given Looked Read Told Kept"
    expect([...taken].sort()).toEqual(`${protocol} ${others}`.split(" ").sort())
  })
})

describe("of a program with a bug, the specification refuses", () => {
  afterEach(() => vi.restoreAllMocks())

  it(
    "a late message that ends another transaction than it speaks of",
    () => {
      const resolve: Changes["resolve"] = Reflect.get(Changes.prototype, "resolve")
      vi.spyOn(Changes.prototype, "resolve").mockImplementation(function (this: Changes, key, state, txn, outcome) {
        const { intent } = state
        return resolve.call(this, key, state, intent === undefined ? txn : intent.txn.id, outcome)
      })
      const { divergence } = checked(recorded(abandoned, 5, 1_500_000))
      expect(divergence?.objections).toEqual(["its transaction is decided like that"])
    },
    patienceMillis
  )

  it(
    "a transaction that commits without another look at what it read",
    () => {
      vi.spyOn(Attempt.prototype, "validated").mockImplementation(() => ({ since: 0, keys: [], spans: [] }))
      const { divergence } = checked(recorded(listAppend, 1))
      expect(divergence?.objections).toEqual(["it has its timestamp, and all that it relies on is valid until then"])
    },
    patienceMillis
  )
})

describe("of a trace that conforms, the specification refuses", () => {
  type Fields = Conformance.TraceEvent["fields"]

  /** Some events of this name are others. */
  const refused = (name: string, change: (fields: Fields) => Fields): ReadonlyArray<string> => {
    const recording = recorded(listAppend, 1)
    let changed = 0
    const events = recording.events.map((event) => {
      if (event.type !== "trace" || event.name !== name) return event
      const fields = change(event.fields)
      if (fields !== event.fields) changed += 1
      return { ...event, fields }
    })
    expect(changed).toBeGreaterThan(0)
    return checked({ ...recording, events }).divergence?.objections ?? []
  }

  /** The same thing of every replica that tells it. */
  const everywhere = (seed: number, matches: RegExp, by: (found: string) => string): ReadonlyArray<string> => {
    const recording = recorded(listAppend, seed)
    let place: string | undefined
    const events = recording.events.map((event) => {
      if (event.type !== "trace" || event.name !== "keyspace/write") return event
      const own = `${String(event.fields["group"])} ${String(event.fields["index"])}`
      const text = String(event.fields["written"])
      if (place === undefined && matches.test(text)) place = own
      return place === own ? { ...event, fields: { ...event.fields, written: text.replace(matches, by) } } : event
    })
    expect(place).toBeDefined()
    return checked({ ...recording, events }).divergence?.objections ?? []
  }

  const more = (text: string): string => text.replace(/\d+$/, (digits) => String(Number(digits) + 1))

  it(
    "a read of another version than the one in force",
    () => {
      const objections = refused("txn/answered", (fields) => {
        const answer = String(fields["answer"])
        return { ...fields, answer: answer.replace(/"versions":\[\d{9,}/, more) }
      })
      expect(objections).toContain("each key could be read like that at some time meanwhile")
    },
    patienceMillis
  )

  it(
    "a client that is told of another outcome",
    () => {
      const objections = refused("txn/told", (fields) => ({ ...fields, at: Number(fields["at"]) + 1 }))
      expect(objections).toEqual(["what a client is told is what the record says, or somebody was told before"])
    },
    patienceMillis
  )

  it(
    "a commit whose intents are not all laid",
    () => {
      expect(everywhere(4, /"intents":\[\{[^}]*\},?/, () => '"intents":[')).toEqual([
        "all intents are laid before the timestamp is given"
      ])
    },
    patienceMillis
  )

  it(
    "a version at another timestamp than its transaction was committed at",
    () => {
      expect(everywhere(1, /"records":\[\{"txn":\d+,"at":\d{9,}/, more)).toEqual([
        "its transaction is decided like that"
      ])
    },
    patienceMillis
  )
})
