/**
 * A small multi-version store with a known isolation level, to make histories for the tests of judges: clients run
 * transactions step by step, interleaved as a draw decides, and what they see is what such a store would show them.
 *
 *   serializable     a transaction happens at once, at a moment between its call and its return
 *   snapshot         it reads as of its begin, sees its own writes, and fails when another has since committed a write to a
 *                    key that it writes (first committer wins)
 *   read-committed   every read sees the last commit at that moment, and the transaction's own writes on top; who writes a
 *                    key that another under way has written fails
 *
 * Some transactions fail and some have an unknown outcome, whether or not they took effect. Values are unique.
 */
import * as History from "#sim/judges/History.ts"
import type { Value } from "#sim/judges/Value.ts"
import type { Kind } from "./Transactions.ts"

export type Isolation = "serializable" | "snapshot" | "read-committed"

/** A whole number from 0 to below `bound`. */
export type Draw = (bound: number) => number

export interface Shape {
  readonly kind: Kind
  readonly isolation: Isolation
  readonly transactions: number
  readonly clients: number
  readonly keys: number
  readonly stepsMax: number
  readonly failedPercent: number
  readonly unknownPercent: number
}

/** A history as rows, to be changed and built. */
export interface Row {
  readonly process: number
  readonly outcome: History.OutcomeName
  readonly asked: ReadonlyArray<ReadonlyArray<Value>>
  readonly done: ReadonlyArray<ReadonlyArray<Value>>
  /** Places of its two events among all events. */
  readonly call: number
  readonly return: number
}

type List = ReadonlyArray<Value>

class Store {
  private readonly kind: Kind
  /** By key, states with the commits that made them. */
  private readonly states = new Map<number, Array<{ readonly commit: number; readonly list: List }>>()
  commits = 0

  constructor(kind: Kind) {
    this.kind = kind
  }

  /** The state of a key after so many commits. */
  at(key: number, commits: number): List {
    const states = this.states.get(key) ?? []
    return states.findLast(({ commit }) => commit <= commits)?.list ?? []
  }

  changedSince(key: number, commits: number): boolean {
    return (this.states.get(key)?.at(-1)?.commit ?? 0) > commits
  }

  commit(writes: ReadonlyMap<number, List>): void {
    const before = this.commits
    this.commits += 1
    for (const [key, added] of writes) {
      const list = [...this.at(key, before), ...added]
      const states = this.states.get(key)
      if (states === undefined) this.states.set(key, [{ commit: this.commits, list }])
      else states.push({ commit: this.commits, list })
    }
  }

  seen(list: List): Value {
    return this.kind === "list-append" ? list : (list.at(-1) ?? null)
  }
}

interface Running {
  readonly process: number
  readonly call: number
  readonly asked: ReadonlyArray<ReadonlyArray<Value>>
  readonly done: Array<ReadonlyArray<Value>>
  readonly snapshot: number
  readonly writes: Map<number, Array<Value>>
  /** It has met a key that another had written. */
  blocked: boolean
}

export const generate = (shape: Shape, draw: Draw): ReadonlyArray<Row> => {
  const store = new Store(shape.kind)
  const rows: Array<Row> = []
  const running: Array<Running | undefined> = Array.from({ length: shape.clients })
  const processes = Array.from({ length: shape.clients }, (_, client) => client)
  let events = 0
  let started = 0
  let values = 0
  const ask = (): ReadonlyArray<ReadonlyArray<Value>> =>
    Array.from({ length: 1 + draw(shape.stepsMax) }, () => {
      const key = draw(shape.keys)
      if (draw(2) === 0) return ["r", key, null]
      values += 1
      return [shape.kind === "list-append" ? "append" : "w", key, values]
    })
  const end = (client: number, one: Running): void => {
    let applies = draw(100) >= shape.failedPercent && !one.blocked
    if (shape.isolation === "snapshot") {
      for (const key of one.writes.keys()) if (store.changedSince(key, one.snapshot)) applies = false
    }
    const isUnknown = draw(100) < shape.unknownPercent
    if (applies && !(isUnknown && draw(2) === 0)) store.commit(one.writes)
    const outcome = isUnknown ? "unknown" : applies ? "ok" : "failed"
    const done = outcome === "ok" ? one.done : one.asked
    rows.push({ process: one.process, outcome, asked: one.asked, done, call: one.call, return: events })
    if (isUnknown) processes[client]! += shape.clients
    events += 1
    running[client] = undefined
  }
  while (started < shape.transactions || running.some((one) => one !== undefined)) {
    const client = draw(shape.clients)
    const one = running[client]
    if (one === undefined) {
      if (started === shape.transactions) continue
      started += 1
      const process = processes[client]!
      running[client] = {
        process,
        call: events,
        asked: ask(),
        done: [],
        snapshot: store.commits,
        writes: new Map(),
        blocked: false
      }
      events += 1
    } else if (shape.isolation === "serializable" && one.done.length === 0) {
      while (one.done.length < one.asked.length) advance(store, shape, one, store.commits)
      // Between its moment and its end others may go on, which must not see it half done: it ends here and now.
      end(client, one)
    } else if (one.done.length < one.asked.length && !one.blocked) {
      const [name, key] = one.asked[one.done.length]!
      const held = running.some((other) => other !== undefined && other !== one && other.writes.has(key as number))
      one.blocked = shape.isolation === "read-committed" && name !== "r" && held
      if (one.blocked) continue
      advance(store, shape, one, shape.isolation === "snapshot" ? one.snapshot : store.commits)
    } else end(client, one)
  }
  return rows.sort((left, right) => left.call - right.call)
}

const advance = (store: Store, { kind }: Shape, one: Running, commits: number): void => {
  const step = one.asked[one.done.length]!
  const key = step[1] as number
  if (step[0] !== "r") {
    const own = one.writes.get(key)
    if (own === undefined) one.writes.set(key, [step[2]!])
    else own.push(step[2]!)
    one.done.push(step)
    return
  }
  const list = [...store.at(key, commits), ...(one.writes.get(key) ?? [])]
  one.done.push(["r", key, kind === "list-append" ? list : store.seen(list)])
}

/** The history of some rows, in the order of their events. */
export const build = (rows: ReadonlyArray<Row>, order: History.History["order"] = "realtime"): History.History => {
  const events = rows.flatMap((row) => [
    { at: row.call, run: (to: History.Builder) => to.invoke(row.process, "txn", row.asked) },
    { at: row.return, run: (to: History.Builder) => to.complete(row.process, row.outcome, row.done) }
  ])
  events.sort((left, right) => left.at - right.at)
  const builder = new History.Builder()
  for (const { run } of events) {
    const problem = run(builder)
    if (problem !== undefined) throw new Error(problem)
  }
  return builder.build(order)
}
