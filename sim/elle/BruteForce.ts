/**
 * Levels by their definitions, for tiny histories: tries every order of the transactions that took effect, and every choice
 * of the ones of unknown outcome that did. What the judges of this folder are compared with.
 *
 * Serializability: in some order every transaction sees what those before it left. Snapshot isolation: the same for orders
 * of begins and commits, reads as of the begin, writers of one key apart. Read committed, read atomic and causal: Biswas
 * and Enea's axiom holds of some order of commits.
 */
import { text, type Value } from "#sim/judges/Value.ts"
import type { Kind } from "./Transactions.ts"
import type { Row } from "./Mvcc.ts"

export interface Question {
  readonly kind: Kind
  readonly level: "serial" | "snapshot"
  readonly sessions: boolean
  readonly realtime: boolean
}

/** Whether some order explains the history. */
export const holds = (rows: ReadonlyArray<Row>, question: Question): boolean => {
  const maybe = rows.filter((row) => row.outcome === "unknown")
  const sure = rows.filter((row) => row.outcome === "ok")
  for (let chosen = 0; chosen < 1 << maybe.length; chosen += 1) {
    const took = [...sure, ...maybe.filter((_, index) => ((chosen >> index) & 1) === 1)]
    if (new Orders(took, question).explained()) return true
  }
  return false
}

type State = ReadonlyMap<string, ReadonlyArray<Value>>

class Orders {
  private readonly rows: ReadonlyArray<Row>
  private readonly question: Question
  /** 0: not begun, 1: begun, 2: committed. */
  private readonly phases: Array<number>

  constructor(rows: ReadonlyArray<Row>, question: Question) {
    this.rows = rows
    this.question = question
    this.phases = rows.map(() => 0)
  }

  explained(state: State = new Map()): boolean {
    if (this.phases.every((phase) => phase === 2)) return true
    for (let index = 0; index < this.rows.length; index += 1) {
      if (this.phases[index] === 2) continue
      const snapshots = this.question.level === "snapshot"
      if (this.phases[index] === 0) {
        if (!this.mayBegin(index) || !this.readsFit(index, state)) continue
        if (snapshots) {
          this.phases[index] = 1
          if (this.explained(state)) return true
          this.phases[index] = 0
          continue
        }
      }
      const before = this.phases[index]!
      this.phases[index] = 2
      if (this.explained(written(this.rows[index]!, state))) return true
      this.phases[index] = before
    }
    return false
  }

  private mayBegin(index: number): boolean {
    const { sessions, realtime, level } = this.question
    const row = this.rows[index]!
    return this.rows.every((other, at) => {
      if (at === index || this.phases[at] === 2) return true
      if (other.outcome === "ok") {
        if (sessions && other.process === row.process && other.call < row.call) return false
        if (realtime && other.return < row.call) return false
      }
      return level === "serial" || this.phases[at] === 0 || !shares(row, other)
    })
  }

  private readsFit(index: number, state: State): boolean {
    const row = this.rows[index]!
    if (row.outcome !== "ok") return true
    const own = new Map(state)
    for (const [name, key, value] of row.done) {
      const list = own.get(text(key!)) ?? []
      if (name !== "r") own.set(text(key!), [...list, value!])
      else {
        const expected = this.question.kind === "list-append" ? list : (list.at(-1) ?? null)
        if (text(expected) !== text(value ?? (this.question.kind === "list-append" ? [] : null))) return false
      }
    }
    return true
  }
}

const writes = (row: Row): ReadonlyArray<ReadonlyArray<Value>> => row.done.filter(([name]) => name !== "r")

const shares = (row: Row, other: Row): boolean => {
  const keys = new Set(writes(row).map(([, key]) => text(key!)))
  return writes(other).some(([, key]) => keys.has(text(key!)))
}

const written = (row: Row, state: State): State => {
  const next = new Map(state)
  for (const [, key, value] of writes(row)) next.set(text(key!), [...(next.get(text(key!)) ?? []), value!])
  return next
}

/** Whether some order of commits has what Biswas and Enea's axiom of a weak level asks, of registers read from others. */
export const holdsWeakly = (rows: ReadonlyArray<Row>, level: "read-committed" | "read-atomic" | "causal"): boolean => {
  const took = rows.filter((row) => row.outcome === "ok")
  const writer = new Map(
    took.flatMap((row, index) => writes(row).map(([, key, value]) => [`${text(key!)} ${text(value!)}`, index] as const))
  )
  const reads = took.map((row) => externalReads(row, writer))
  if (reads.some((list) => list === undefined)) return false
  const visible = took.map((_, index) => past(took, reads as Reads, index, level))
  const forced: Array<readonly [number, number]> = []
  for (const [reader, list] of (reads as Reads).entries()) {
    for (const [place, { key, from }] of list.entries()) {
      const seen =
        level === "read-committed" ? new Set(list.slice(0, place).map((read) => read.from)) : visible[reader]!
      for (const other of seen) {
        if (other < 0 || other === from || !writes(took[other]!).some(([, written]) => text(written!) === key)) continue
        if (from === -1) return false
        forced.push([other, from])
      }
    }
    for (const { from } of list) if (from >= 0) forced.push([from, reader])
  }
  for (const [index, row] of took.entries()) {
    for (const [later, other] of took.entries()) {
      if (other.process === row.process && row.call < other.call) forced.push([index, later])
    }
  }
  return acyclic(took.length, forced)
}

type Reads = ReadonlyArray<ReadonlyArray<{ readonly key: string; readonly from: number }>>

/** Reads before an own write; `undefined` when one saw what no committed transaction left. */
const externalReads = (row: Row, writer: ReadonlyMap<string, number>): Reads[number] | undefined => {
  const own = new Set<string>()
  const list: Array<{ readonly key: string; readonly from: number }> = []
  for (const [name, name2, value] of row.done) {
    const key = text(name2!)
    if (name !== "r") own.add(key)
    else if (!own.has(key)) {
      const from = value === null ? -1 : writer.get(`${key} ${text(value!)}`)
      if (from === undefined) return undefined
      list.push({ key, from })
    }
  }
  return list
}

/** What a transaction should have seen: all before it in its session and all it read from, and for causal their past too. */
const past = (
  took: ReadonlyArray<Row>,
  reads: Reads,
  index: number,
  level: "read-committed" | "read-atomic" | "causal"
): ReadonlySet<number> => {
  const direct = (one: number): ReadonlyArray<number> => [
    ...reads[one]!.map(({ from }) => from).filter((from) => from >= 0),
    ...took.flatMap((row, at) => (row.process === took[one]!.process && row.call < took[one]!.call ? [at] : []))
  ]
  const seen = new Set(direct(index))
  if (level === "causal") for (const one of seen) for (const earlier of direct(one)) seen.add(earlier)
  return seen
}

const acyclic = (count: number, edges: ReadonlyArray<readonly [number, number]>): boolean => {
  const left = new Set(Array.from({ length: count }, (_, index) => index))
  for (let removed = true; removed;) {
    removed = false
    for (const index of left) {
      if (edges.some(([from, to]) => to === index && left.has(from))) continue
      left.delete(index)
      removed = true
    }
  }
  return left.size === 0
}
