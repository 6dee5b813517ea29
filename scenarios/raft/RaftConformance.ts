/**
 * RaftConformance: the trace of a run of one replicated group in the words of models/quint/RaftTrace.qnt. Only texts and fields are
 * translated here; what they may say is the specification's business.
 *
 * Servers of the specification are replicas, under the numbers they have: a store that is removed and added again is another one. Of runs
 * with many groups (raft/groups, ranges of the keyspace) each would be a trace of its own, ranges begin in other ways than a group that is
 * founded, and what doubts its disk (raft/disk-damage) promises less than a server of the specification: those are not checked.
 */
import { assert } from "#base/Assert.ts"
import type { Mapping, Step, Trace, TraceEvent } from "#sim/conformance/Conformance.ts"
import type { Json } from "#sim/conformance/Quint.ts"
import type { kindNames } from "./ObservedSteps.ts"

const number = (event: TraceEvent, name: string): number => {
  const value = event.fields[name]
  assert(typeof value === "number", `${event.name} says ${name}`)
  return value
}
const text = (event: TraceEvent, name: string): string => String(event.fields[name] ?? "")

const numbers = (list: string, between: string): ReadonlyArray<number> =>
  list === "" ? [] : list.split(between).map(Number)

const transitions = ["Auto", "Implicit", "Explicit"]
const alterations: Readonly<Record<string, string>> = { v: "AddVoter", l: "AddLearner", r: "Remove" }

const changeOf = (written: string): Json => ({
  transition: { tag: transitions[Number(written[0])] },
  alterations: written.length === 1 ? [] : written.slice(1).split(",").map(alterationOf)
})
const alterationOf = (written: string): Json => {
  const tag = alterations[written[0]]
  assert(tag !== undefined, "members are added and removed")
  return { tag, value: Number(written.slice(1)) }
}

/** As `Observed` has it. */
const entryOf = (written: string): Json => {
  const [id, change] = written.split("c")
  const [term, value] = numbers(id, ".")
  return {
    term,
    value: change === undefined ? { tag: "Command", value } : { tag: "Members", value: changeOf(change) }
  }
}
const entriesOf = (written: string): ReadonlyArray<Json> =>
  written === "" ? [] : written.split(" ").map((entry) => entryOf(entry))

/** A message as `ObservedSteps` has it. */
const membersOf = (lists: ReadonlyArray<string>, between: string): Json => {
  const [voters, outgoing, learners] = lists.map((list): Json => ({ set: numbers(list, between) }))
  return { voters, outgoing, learners }
}
const members = (event: TraceEvent): Json =>
  membersOf([text(event, "voters"), text(event, "outgoing"), text(event, "learners")], " ")

const parse = (message: string) => {
  const [kind, from, to, term, index, logTerm, commit, commitTerm, answer, ...entries] = message.split(" ")
  return {
    kind: kind as (typeof kindNames)[number],
    from: Number(from),
    to: Number(to),
    term: Number(term),
    index: Number(index),
    logTerm: Number(logTerm),
    commit: Number(commit),
    commitTerm: Number(commitTerm),
    granted: answer === "yes",
    entries
  }
}
type Parsed = ReturnType<typeof parse>

const core = (tag: string, value: Json): Json => ({ tag: "Core", value: { tag, value } })

const wireOf = ({ commit, commitTerm, entries, from, granted, index, kind, logTerm, term }: Parsed): Json => {
  const known = { index: commit, term: commitTerm }
  switch (kind) {
    case "vote":
      return core("RequestVote", { term, from, lastIndex: index, lastTerm: logTerm, known })
    case "voted":
      return core("Voted", { term, from, granted, known })
    case "append":
      return core("Append", { term, from, before: index, beforeTerm: logTerm, entries: entries.map(entryOf), commit })
    case "appended":
      return core("Appended", { term, from, success: granted, upTo: granted ? index : 0 })
    case "heartbeat":
      return { tag: "Heartbeat", value: { term, from, commit } }
    case "snapshot": {
      const members = membersOf(entries[0].split("/"), ",")
      return { tag: "Snapshot", value: { term, from, index, indexTerm: logTerm, members } }
    }
    case "preVote":
      return { tag: "Question", value: { term, from, known } }
    case "preVoted":
      return { tag: "Reply", value: { term, from, granted, known } }
    default:
      return { tag: "Word", value: { term, from } }
  }
}

const wordsOf = ({ entries, granted, index, kind, term }: Parsed): string =>
  `${granted ? "" : "refusing "}${kind} of term ${term}${kind.startsWith("append") ? ` at ${index}` : ""}` +
  (entries.length === 0 || kind === "snapshot" ? "" : ` with ${entries.length} entries`)

/** Whoever only asks whether it would be elected is a follower still. */
const roles: Readonly<Record<string, string>> = {
  follower: "Follower",
  "pre-candidate": "Follower",
  candidate: "Candidate",
  leader: "Leader"
}

const viewOf = (event: TraceEvent): Json => ({
  term: number(event, "term"),
  votedFor: number(event, "vote"),
  role: { tag: roles[text(event, "role")] },
  commit: number(event, "commit"),
  last: number(event, "last"),
  lastTerm: number(event, "lastTerm")
})

/** How often each message is taken after a place of the trace. What is one to the specification is one here. */
class Deliveries {
  private readonly left = new Map<string, number>()

  private static key(message: Parsed): string {
    return `${message.to} ${JSON.stringify(wireOf(message))}`
  }

  constructor(events: Trace["events"]) {
    for (const event of events) {
      if (event.type !== "trace" || event.name !== "raft/stepped" || text(event, "message") === "") continue
      const key = Deliveries.key(parse(text(event, "message")))
      this.left.set(key, (this.left.get(key) ?? 0) + 1)
    }
  }

  /** Another has come; true: one more will. */
  took(message: Parsed): boolean {
    const key = Deliveries.key(message)
    const left = this.left.get(key)! - 1
    this.left.set(key, left)
    return left > 0
  }

  awaits(message: Parsed): boolean {
    return (this.left.get(Deliveries.key(message)) ?? 0) > 0
  }
}

class Reading {
  readonly steps: Array<Step> = []
  private readonly deliveries: Deliveries
  /** By machine: its replica, while it is up. */
  private readonly up = new Map<number, number>()

  constructor({ events, lanes }: Trace) {
    this.deliveries = new Deliveries(events)
    const servers = lanes.filter(({ kind }) => kind === "server").length
    for (const [place, event] of events.entries()) {
      if (event.type === "trace" && event.node < servers) this.traced(event, events, place)
      if (event.type === "node" && (event.change === "crash" || event.change === "exit")) {
        const node = this.up.get(event.node)
        if (this.up.delete(event.node)) this.add({ at: event.at, node: node! }, "crashes", "Crashed", {})
      }
    }
  }

  private tell(
    event: TraceEvent,
    words: string,
    tag: string,
    more: { readonly [field: string]: Json },
    view?: Json
  ): void {
    this.add({ at: event.at, node: number(event, "replica") }, words, tag, more, view)
  }

  private add(
    { at, node }: { readonly at: number; readonly node: number },
    words: string,
    tag: string,
    more: { readonly [field: string]: Json },
    view?: Json
  ): void {
    const event = { tag, value: { node, ...more, ...(view === undefined ? {} : { view }) } }
    this.steps.push({ atMicros: at, node, words, event, ...(view === undefined ? {} : { view }) })
  }

  private traced(event: TraceEvent, events: Trace["events"], place: number): void {
    switch (event.name) {
      case "raft/began":
        return this.booted(event)
      case "raft/stepped":
        return this.stepped(event)
      case "raft/sent": {
        const message = parse(text(event, "message"))
        // A snapshot goes its own way: where it arrives says which it was.
        const arrives = message.kind !== "snapshot" && this.deliveries.awaits(message)
        const words = `sends s${message.to} ${wordsOf(message)}`
        return this.tell(event, words, "Sent", { to: message.to, wire: wireOf(message), arrives })
      }
      case "raft/written":
        return this.wrote(event, events, place)
      case "raft/durable":
        return this.tell(event, "has one more written", "Synced", {})
      case "raft/members": {
        const index = number(event, "index")
        const words = `has voters ${text(event, "voters")} from ${index} on`
        return this.tell(event, words, "Configured", { index, members: members(event) })
      }
      case "raft/applied": {
        const index = number(event, "index")
        const entry = { index, term: number(event, "term"), value: number(event, "crc") }
        return this.tell(event, `applies ${index}`, "Applied", entry)
      }
      case "raft/left":
        this.up.delete(event.node)
        return this.tell(event, "was removed, and ends", "Left", {})
    }
  }

  private booted(event: TraceEvent): void {
    this.up.set(event.node, number(event, "replica"))
    const found = {
      term: number(event, "term"),
      votedFor: number(event, "vote"),
      commit: number(event, "commit"),
      before: number(event, "before"),
      beforeTerm: number(event, "beforeTerm"),
      entries: entriesOf(text(event, "entries")),
      applied: number(event, "applied"),
      members: members(event)
    }
    this.tell(event, "boots", "Booted", { found })
  }

  private stepped(event: TraceEvent): void {
    const view = viewOf(event)
    const taken = text(event, "message")
    if (taken === "") {
      const entries = entriesOf(text(event, "entries"))
      const words = entries.length === 0 ? `becomes ${text(event, "role")}` : `appends ${entries.length} entries`
      return this.tell(event, words, "Acted", { entries }, view)
    }
    const message = parse(taken)
    const again = this.deliveries.took(message)
    const words = `takes from s${message.from} ${wordsOf(message)}`
    this.tell(event, words, "Took", { wire: wireOf(message), again }, view)
  }

  private wrote(event: TraceEvent, events: Trace["events"], place: number): void {
    const hard =
      event.fields["term"] === undefined
        ? []
        : [{ term: number(event, "term"), votedFor: number(event, "vote"), commit: number(event, "commit") }]
    const entries = entriesOf(text(event, "entries"))
    const from = entries.length === 0 ? 0 : number(event, "from")
    // That it was a snapshot's write is told right behind it.
    const after = events.slice(place + 1, place + 2)[0]
    const isSnapshots = after?.type === "trace" && after.name === "raft/restored" && after.node === event.node
    const snapshot = isSnapshots ? number(after, "index") : 0
    this.tell(event, "writes", "Wrote", { hard, from, entries, snapshot })
  }
}

/** Those that the group was founded with, the first servers. */
const founders = ({ events }: Trace): number => {
  const first = events.find(
    (event) => event.type === "trace" && event.name === "raft/began" && text(event, "voters") !== ""
  )
  return first === undefined ? 1 : numbers(text(first as TraceEvent, "voters"), " ").length
}

export const mapping: Mapping = {
  module: "RaftTrace",
  options: { "trace.steps": true },
  constants: (trace) => ({ MEMBERS: founders(trace) }),
  steps: (trace) => new Reading(trace).steps
}
