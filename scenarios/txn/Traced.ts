/**
 * Traced: what a trace with `trace.steps` says of transactions, in its order: what was asked of the keyspace and answered, what commands of ranges
 * did, who died. And what each transaction wrote and relied on, as its end shows.
 *
 * A command takes its place where the first replica knows that it is committed: whoever asked for it is answered before its effect is traced, and
 * nobody else can tell the difference, as its keys are latched until then.
 */
import { assert } from "#base/Assert.ts"
import type { Trace, TraceEvent } from "#sim/conformance/Conformance.ts"
import type { Isolation } from "#txn/Attempt.ts"
import type { Written } from "./Observed.ts"
import type { Answer, Ask, Relied } from "./ObservedKeyspace.ts"
import type { Swept } from "./ObservedSteps.ts"

/** Places are positions in what happened. */
export interface Call {
  readonly node: number
  readonly ask: Ask
  readonly askedAt: number
  /** Absent: it never was. */
  answer?: Answer
  answeredAt: number
}

export type What =
  | { readonly type: "asks" | "answered"; readonly call: Call }
  | { readonly type: "command"; readonly written: Written }
  | { readonly type: "swept"; readonly swept: Swept }
  | { readonly type: "down" }
  | { readonly type: "attempted"; readonly txn: number }
  | { readonly type: "told"; readonly txn: number; readonly at: number }

export interface Happening {
  readonly atMicros: number
  readonly node: number
  readonly what: What
}

export interface Traced {
  readonly happenings: ReadonlyArray<Happening>
  readonly calls: ReadonlyArray<Call>
  readonly levels: ReadonlyMap<number, Isolation>
}

const number = (event: TraceEvent, name: string): number => {
  const value = event.fields[name]
  assert(typeof value === "number", `${event.name} says ${name}`)
  return value
}
const json = (event: TraceEvent, name: string): unknown => JSON.parse(String(event.fields[name]))

/** What commands did, by group and index: the first replica that applies one says it. */
class Commands {
  private readonly all = new Map<number, Map<number, Array<What>>>()
  /** By group: told up to there. */
  private readonly upTo = new Map<number, number>()

  constructor(events: Trace["events"]) {
    const seen = new Set<string>()
    for (const event of events) {
      if (event.type !== "trace" || (event.name !== "keyspace/write" && event.name !== "txn/swept")) continue
      const [group, index] = [number(event, "group"), number(event, "index")]
      const key = `${event.name} ${group} ${index}`
      if (seen.has(key)) continue
      seen.add(key)
      const own = this.all.get(group) ?? new Map<number, Array<What>>()
      this.all.set(group, own)
      const what: What =
        event.name === "txn/swept"
          ? { type: "swept", swept: json(event, "swept") as Swept }
          : { type: "command", written: json(event, "written") as Written }
      own.set(index, [...(own.get(index) ?? []), what])
    }
  }

  /** Those that are told now, when everything up to there is known to be committed. */
  committed(group: number, index: number): ReadonlyArray<What> {
    const before = this.upTo.get(group) ?? 0
    if (index <= before) return []
    this.upTo.set(group, index)
    const own = this.all.get(group)
    if (own === undefined) return []
    return Array.from({ length: index - before }, (_, more) => own.get(before + 1 + more) ?? []).flat()
  }
}

export const read = ({ events }: Trace): Traced => {
  const happenings: Array<Happening> = []
  const calls: Array<Call> = []
  const levels = new Map<number, Isolation>()
  /** Of each node, in its present life. */
  const open = new Map<string, Call>()
  const commands = new Commands(events)
  const asks = (event: TraceEvent): What => {
    const { node } = event
    const ask = json(event, "ask") as Ask
    const call: Call = { node, ask, askedAt: happenings.length, answeredAt: Infinity }
    calls.push(call)
    open.set(`${node}/${number(event, "call")}`, call)
    return { type: "asks", call }
  }
  const answered = (event: TraceEvent): What => {
    const call = open.get(`${event.node}/${number(event, "call")}`)
    assert(call !== undefined, "what is answered was asked")
    call.answer = json(event, "answer") as Answer
    call.answeredAt = happenings.length
    return { type: "answered", call }
  }
  const traced = (event: TraceEvent): ReadonlyArray<What> => {
    switch (event.name) {
      case "txn/asks":
        return [asks(event)]
      case "txn/answered":
        return [answered(event)]
      case "raft/committed":
      case "keyspace/write":
        return commands.committed(number(event, "group"), number(event, "index"))
      case "txn/told":
        return [{ type: "told", txn: number(event, "id"), at: number(event, "at") }]
      case "txn/attempted":
        levels.set(number(event, "id"), event.fields["isolation"] as Isolation)
        return [{ type: "attempted", txn: number(event, "id") }]
    }
    return []
  }
  for (const event of events) {
    if (event.type !== "trace" && event.type !== "node") continue
    const isDown = event.type === "node" && (event.change === "crash" || event.change === "exit")
    const whats: ReadonlyArray<What> = event.type === "trace" ? traced(event) : isDown ? [{ type: "down" }] : []
    for (const what of whats) happenings.push({ atMicros: event.at, node: event.node, what })
  }
  return { happenings, calls, levels }
}

/** What a transaction is about. */
export interface Plan {
  readonly id: number
  anchor: string
  readonly writes: Set<string>
  /** What has to hold until it commits, but for what it writes. */
  readonly reads: Set<string>
  /** What it has read as of one timestamp, with that of the version. */
  readonly seen: Map<string, number>
  /** When its command in one round took effect; undefined: it had none. */
  once: number | undefined
}

const spanned = (keys: Iterable<string>, [from, to]: readonly [string, string]): ReadonlyArray<string> =>
  [...keys].filter((key) => from <= key && key < to)

/** What is relied on, of the keys that there are. */
export const keysOf = (keys: ReadonlySet<string>, relied: Relied): ReadonlyArray<string> => [
  ...new Set([...relied.keys, ...relied.spans.flatMap((span) => spanned(keys, span))])
]

/** What a read that was answered has seen: by key, the timestamp of its version. Nothing is ever deleted. */
export const seenBy = (keys: ReadonlySet<string>, { ask, answer }: Call): ReadonlyMap<string, number> => {
  const { found = [], span, versions = [] } = answer ?? {}
  if (ask.type === "scan" && span !== undefined) {
    return new Map([...spanned(keys, span).map((key) => [key, 0] as const), ...found])
  }
  if (ask.type !== "read" && ask.type !== "lock") return new Map()
  return new Map(versions.map((at, index) => [ask.keys[index], at]))
}

/** Every key that anything is known of. */
export const universe = ({ calls, happenings }: Traced): ReadonlySet<string> => {
  const keys = new Set<string>()
  const add = (some: ReadonlyArray<string>): void => {
    for (const key of some) keys.add(key)
  }
  for (const { ask, answer } of calls) {
    if (ask.type === "read" || ask.type === "lock") add(ask.keys)
    if ("anchor" in ask) add([ask.anchor])
    if (ask.type === "prepare" || ask.type === "once") add(ask.writes)
    if (ask.type === "prepare" || ask.type === "once" || ask.type === "validate") add(ask.reads.keys)
    add((answer?.found ?? []).map(([key]) => key))
  }
  for (const { what } of happenings) {
    if (what.type !== "command") continue
    const { cleared, intents, records, versions } = what.written
    add([...cleared, ...[...intents, ...versions].map(({ key }) => key), ...records.flatMap((record) => record.keys)])
  }
  return keys
}

/** The transactions that came so far that somebody else could notice. */
const noticed = ({ calls, happenings }: Traced): ReadonlySet<number> => {
  const found = new Set<number>()
  for (const { ask, answer } of calls) {
    if (ask.type === "prepare" || ask.type === "decide") found.add(ask.txn)
    if (ask.type === "once" && answer?.at !== undefined) found.add(ask.txn)
  }
  for (const { what } of happenings) {
    if (what.type === "command")
      for (const { txn } of [...what.written.records, ...what.written.intents]) found.add(txn)
  }
  return found
}

export const plansOf = (traced: Traced, keys: ReadonlySet<string>): ReadonlyMap<number, Plan> => {
  const plans = new Map<number, Plan>()
  for (const id of [...noticed(traced)].sort((left, right) => left - right)) {
    plans.set(id, { id, anchor: "", writes: new Set(), reads: new Set(), seen: new Map(), once: undefined })
  }
  for (const call of traced.calls) {
    const { ask } = call
    const plan = plans.get(ask.txn ?? 0)
    if (plan === undefined) continue
    if (ask.type === "prepare" || ask.type === "once") {
      for (const key of ask.writes) plan.writes.add(key)
    }
    if ("anchor" in ask) plan.anchor = ask.anchor
    const level = traced.levels.get(plan.id)
    // Each statement of such a one reads as of a time of its own.
    if (ask.type !== "lock" && level === "read-committed") continue
    for (const [key, version] of seenBy(keys, call)) {
      plan.seen.set(key, version)
      if (ask.type === "lock" || level === "strict-serializable") plan.reads.add(key)
    }
  }
  traced.happenings.forEach(({ what }, place) => {
    if (what.type !== "command" || what.written.versions.length === 0) return
    for (const { txn } of what.written.records) {
      const plan = plans.get(txn)!
      plan.once ??= place
      for (const { key } of what.written.versions) plan.writes.add(key)
    }
  })
  for (const plan of plans.values()) for (const key of plan.writes) plan.reads.delete(key)
  return plans
}
