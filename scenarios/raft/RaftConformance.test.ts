import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it, vi } from "vitest"
import { kinds } from "#consensus/Message.ts"
import { nobody } from "#consensus/NodeId.ts"
import { Raft } from "#consensus/Raft.ts"
import { RaftLog } from "#consensus/RaftLog.ts"
import { WriteOrder } from "#consensus/WriteOrder.ts"
import * as Conformance from "#sim/conformance/Conformance.ts"
import type { Specification } from "#sim/conformance/Quint.ts"
import { run } from "#sim/run/Run.ts"
import type { Scenario } from "#sim/run/Scenario.ts"
import { drawPlan } from "#sim/run/Swarm.ts"
import { scenario as exile } from "./Exile.ts"
import { scenario as keyValue } from "./KeyValue.ts"
import { mapping } from "./RaftConformance.ts"
import { scenario as restart } from "./Restart.ts"
import { scenario as snapshots } from "./Snapshots.ts"
import { scenario as stalls } from "./Stalls.ts"
import { scenario as transfer } from "./Transfer.ts"

const folder = fileURLToPath(new URL("../../models/quint", import.meta.url))
const minute = 60_000

/** One entry a message, one message at a time: logs differ for longer. */
const small = { messageBytes: 1, inflight: 1, tickMillis: 10 }
const seedsMax = 200

/**
 * The first run from a seed on that shows what is wanted. To read a specification takes longer than to follow a short
 * trace: it is read once, for three members.
 */
const recorded = (
  scenario: Scenario,
  from: number,
  shows: (recording: Conformance.Trace) => boolean = () => true,
  options: Readonly<Record<string, number>> = {}
): Conformance.Trace => {
  for (let seed = from; seed < from + seedsMax; seed++) {
    const plan = drawPlan(scenario, { seed: String(seed), durationMicros: 800_000 })
    if (plan.nodes !== 3) continue
    const told = { ...plan.options, ...options, ...mapping.options }
    const { recording } = run(scenario, { ...plan, options: told }, { record: true })
    if (recording !== undefined && shows(recording)) return recording
  }
  throw new Error(`no run of ${scenario.name} shows what is wanted`)
}

let instance: Specification | undefined

const specification = (recording: Conformance.Trace): Specification =>
  (instance ??= Conformance.instance(folder, mapping, recording))

const checked = (recording: Conformance.Trace): Conformance.Verdict =>
  Conformance.check(specification(recording), mapping.steps(recording))

const state = "the state that this leaves the server in is one of the specification's"

describe("the trace of a replicated group", () => {
  it.each([
    ["raft/kv", keyValue, 13],
    ["raft/restart", restart, 20],
    ["raft/snapshots", snapshots, 5],
    ["raft/transfer", transfer, 3],
    ["raft/exile", exile, 1],
    ["raft/stalls", stalls, 1]
  ] as const)(
    "is a behaviour of its specification in %s, whatever the faults",
    (_, scenario, seed) => {
      const { divergence, steps } = checked(recorded(scenario, seed))
      expect(divergence).toBeUndefined()
      expect(steps).toBeGreaterThan(100)
    },
    minute
  )
})

describe("of a program with a bug, the specification refuses", () => {
  afterEach(() => vi.restoreAllMocks())

  it(
    "a vote for two candidates in a term",
    () => {
      const step: Raft["step"] = Reflect.get(Raft.prototype, "step")
      let acts = false
      vi.spyOn(Raft.prototype, "step").mockImplementation(function (this: Raft, message) {
        const { core } = this
        if (message.kind === kinds.vote && message.term === core.term && core.role === "follower") {
          acts ||= core.vote !== nobody && core.vote !== message.from
          core.vote = nobody
          core.lead = nobody
        }
        return step.call(this, message)
      })
      const { divergence } = checked(recorded(transfer, 1, () => acts))
      expect(divergence?.objections).toEqual([state])
      expect(divergence?.differences.map(({ field }) => field)).toEqual(["votedFor"])
      expect(divergence?.step.words).toMatch(/^takes from s\d vote of term/)
    },
    minute
  )

  it(
    "a commit of an older term's entry by counting replicas",
    () => {
      let acts = false
      vi.spyOn(RaftLog.prototype, "commitOwn").mockImplementation(function (this: RaftLog, { index, term }) {
        if (index <= this.committed) return false
        acts ||= this.term(index) !== term
        this.commitTo(index)
        return true
      })
      const { divergence } = checked(recorded(keyValue, 15, () => acts, small))
      expect(divergence?.objections).toEqual([state])
      expect(divergence?.differences.map(({ field }) => field)).toEqual(["commit"])
      expect(divergence?.step.words).toMatch(/^takes from s\d appended of term/)
    },
    minute
  )

  it(
    "a promise that leaves before it is durable",
    () => {
      vi.spyOn(WriteOrder.prototype, "hold").mockImplementation(function (this: WriteOrder<unknown>, what) {
        this["letGo"](what)
      })
      const { divergence } = checked(recorded(keyValue, 13))
      expect(divergence?.objections).toEqual(["this message may have been sent, and be on its way"])
      expect(divergence?.step.words).toMatch(/voted of term/)
    },
    minute
  )
})

describe("of a trace that conforms, the specification refuses", () => {
  /** The first event of this name that `change` makes another of is that other. */
  const refused = (
    name: string,
    change: (fields: Conformance.TraceEvent["fields"]) => Conformance.TraceEvent["fields"] | undefined,
    scenario: Scenario = keyValue
  ): Conformance.Divergence => {
    let done = false
    const recording = recorded(scenario, 13, ({ events }) =>
      events.some((event) => event.type === "trace" && event.name === name && change(event.fields) !== undefined)
    )
    const events = recording.events.map((event) => {
      if (done || event.type !== "trace" || event.name !== name) return event
      const fields = change(event.fields)
      if (fields === undefined) return event
      done = true
      return { ...event, fields }
    })
    const { divergence } = checked({ ...recording, events })
    expect(divergence).toBeDefined()
    return divergence!
  }

  it(
    "a committed entry that is overwritten",
    () => {
      const { objections } = refused("raft/written", ({ entries, from, ...fields }) =>
        typeof from === "number" && from > 4
          ? { ...fields, from: from - 2, entries: `2.7 2.7 ${String(entries)}` }
          : undefined
      )
      expect(objections).toEqual(["term, vote and log go to the disk as they are"])
    },
    minute
  )

  it(
    "another entry than the committed one, where it is applied",
    () => {
      const { objections } = refused("raft/applied", (fields) =>
        Number(fields["index"]) > 3 ? { ...fields, crc: 7 } : undefined
      )
      expect(objections).toEqual(["what is applied is committed"])
    },
    minute
  )

  it(
    "entries of a leader's that are not in its log",
    () => {
      const { objections } = refused("raft/sent", (fields) => {
        const message = String(fields["message"])
        return /^append .*yes 2\.[1-9]\d+$/.test(message)
          ? { ...fields, message: message.replace(/\d+$/, "7") }
          : undefined
      })
      expect(objections).toEqual(["the server may say this"])
    },
    minute
  )

  it(
    "a vote that was lost in a crash",
    () => {
      const { objections } = refused(
        "raft/began",
        (fields) => (Number(fields["vote"]) > 0 ? { ...fields, vote: 0 } : undefined),
        restart
      )
      expect(objections).toEqual(["what it finds is durable, or was on its way to the disk"])
    },
    minute
  )
})
