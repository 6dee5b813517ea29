import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it, vi } from "vitest"
import type { Configuration } from "#consensus/Configuration.ts"
import { Farewell } from "#consensus/Farewell.ts"
import { kinds, type Entry } from "#consensus/Message.ts"
import { nobody } from "#consensus/NodeId.ts"
import * as Quorum from "#consensus/Quorum.ts"
import { Raft, type Outcome } from "#consensus/Raft.ts"
import { RaftLog } from "#consensus/RaftLog.ts"
import { Tracker } from "#consensus/Tracker.ts"
import { WriteOrder } from "#consensus/WriteOrder.ts"
import * as Conformance from "#sim/conformance/Conformance.ts"
import type { Specification } from "#sim/conformance/Quint.ts"
import { run } from "#sim/run/Run.ts"
import type { Scenario } from "#sim/run/Scenario.ts"
import { drawPlan } from "#sim/run/Swarm.ts"
import { scenario as exile } from "./Exile.ts"
import { scenario as keyValue } from "./KeyValue.ts"
import { scenario as membership } from "./Membership.ts"
import { mapping } from "./RaftConformance.ts"
import { scenario as restart } from "./Restart.ts"
import { scenario as snapshots } from "./Snapshots.ts"
import { scenario as stalls } from "./Stalls.ts"
import { scenario as transfer } from "./Transfer.ts"

const folder = fileURLToPath(new URL("../../models/quint", import.meta.url))
/** The first test reads the specification besides. */
const patience = 180_000

/** One entry a message, one message at a time: logs differ for longer. */
const small = { messageBytes: 1, inflight: 1, tickMillis: 10 }
const seedsMax = 200

/**
 * The first run from a seed on that shows what is wanted. To read a specification takes longer than to follow a short
 * trace: it is read once, for three members at first.
 */
const recorded = (
  scenario: Scenario,
  from: number,
  shows: (recording: Conformance.Trace) => boolean = () => true,
  options: Readonly<Record<string, number>> = {}
): Conformance.Trace => {
  for (let seed = from; seed < from + seedsMax; seed++) {
    const plan = drawPlan(scenario, { seed: String(seed), durationMicros: 800_000 })
    if (scenario.name !== membership.name && plan.nodes !== 3) continue
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
    ["raft/stalls", stalls, 1],
    // A start whose first step applies a change of the members.
    ["raft/membership", membership, 8187]
  ] as const)(
    "is a behaviour of its specification in %s, whatever the faults",
    (_, scenario, seed) => {
      const { divergence, steps } = checked(recorded(scenario, seed))
      expect(divergence).toBeUndefined()
      expect(steps).toBeGreaterThan(100)
    },
    patience
  )
})

describe("of a program with a bug, the specification refuses", () => {
  afterEach(() => vi.restoreAllMocks())

  /** Leaders commit by these voters as well; whether that made a difference. */
  const counting = (whom: (configuration: Configuration) => Quorum.Joint): (() => boolean) => {
    const committed: Tracker["committed"] = Reflect.get(Tracker.prototype, "committed")
    let acts = false
    vi.spyOn(Tracker.prototype, "committed").mockImplementation(function (this: Tracker) {
      const right = committed.call(this)
      const index = Quorum.committedIndex(whom(this.configuration), (id) => this.get(id)?.match ?? 0)
      acts ||= index > right && index < Infinity
      return index < Infinity ? Math.max(index, right) : right
    })
    return () => acts
  }

  it.each<[string, (configuration: Configuration) => Quorum.Joint]>([
    ["in a joint configuration by those who come", ({ voters }) => ({ ...voters, outgoing: new Set() })],
    [
      "for which a learner counts",
      ({ learners, voters }) => ({ ...voters, incoming: new Set([...voters.incoming, ...learners]) })
    ]
  ])(
    "a commit %s",
    (_, whom) => {
      const { divergence } = checked(recorded(membership, 8100, counting(whom)))
      expect(divergence?.objections).toEqual([state])
      expect(divergence?.differences.map(({ field }) => field)).toEqual(["commit"])
    },
    patience
  )

  it(
    "a second change of the members before the first is applied",
    () => {
      const proposes: (entries: ReadonlyArray<Entry>) => Outcome = Reflect.get(Raft.prototype, "proposeEntries")
      const last = new WeakMap<Raft, number>()
      let acts = false
      vi.spyOn(Raft.prototype, "proposeEntries" as "propose").mockImplementation(function (this: Raft, given) {
        const { core } = this
        core.pendingConfIndex = 0
        const outcome = proposes.call(this, given as unknown as ReadonlyArray<Entry>)
        if (core.pendingConfIndex > 0) {
          acts ||= (last.get(this) ?? 0) > core.log.applied
          last.set(this, core.pendingConfIndex)
        }
        core.pendingConfIndex = 0
        return outcome
      })
      const { divergence } = checked(recorded(membership, 8100, () => acts))
      expect(divergence?.objections).toEqual([state])
      expect(divergence?.step.words).toMatch(/^appends 1 entries/)
    },
    patience
  )

  it(
    "the end of who was removed, before a quorum of the others knows that for good",
    () => {
      vi.spyOn(Farewell.prototype, "isDue").mockImplementation(
        ({ raft: { core } }, { from }) => core.role === "leader" && !core.tracker.ids.includes(from)
      )
      const isEarly = (recording: Conformance.Trace): boolean =>
        recording.events.some((event) => event.type === "trace" && event.name === "raft/left") &&
        checked(recording).divergence !== undefined
      const { divergence } = checked(recorded(membership, 8100, isEarly))
      expect(divergence?.objections).toEqual(["it was removed, and a quorum of those who stay knows it for good"])
    },
    patience
  )

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
    patience
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
    patience
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
    patience
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
    const recording = recorded(scenario, scenario === membership ? 8100 : 13, ({ events }) =>
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
    patience
  )

  it(
    "another entry than the committed one, where it is applied",
    () => {
      const { objections } = refused("raft/applied", (fields) =>
        Number(fields["index"]) > 3 ? { ...fields, crc: 7 } : undefined
      )
      expect(objections).toEqual(["what is applied is committed"])
    },
    patience
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
    patience
  )

  it.each([
    ["a snapshot with other members than those up to it", "raft/sent", "message", "the server may say this"],
    [
      "a start with other members than those of what is applied",
      "raft/began",
      "learners",
      "the members are those of what it has applied"
    ],
    [
      "other members than those that a change makes",
      "raft/members",
      "learners",
      "the members are those that the change makes"
    ]
  ])(
    "%s",
    (_, name, field, objection) => {
      const { objections } = refused(
        name,
        (fields) => {
          const told = String(fields[field])
          if (name === "raft/sent") return told.startsWith("snapshot") ? { ...fields, [field]: `${told},9` } : undefined
          return Number(fields["index"] ?? fields["applied"]) > 2 ? { ...fields, [field]: "9" } : undefined
        },
        membership
      )
      expect(objections).toEqual([objection])
    },
    patience
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
    patience
  )
})
