/**
 * Read committed, read atomic and causal consistency as Biswas and Enea define them (On the Complexity of Checking
 * Transactional Consistency, OOPSLA 2019): there must be a total order of commits that extends the sessions and the reads,
 * such that whenever a transaction reads key x from t2, another writer t1 of x which it should have seen comes before t2.
 * Which it should have seen: by read committed, the ones from which it had read before; by read atomic, those and the ones
 * before it in its session; by causal consistency, all in its causal past.
 *
 * For these levels what comes before what can be told from the history at once, so the check is complete: an order of
 * commits exists exactly when the forced ones have no cycle. Costs as Plume's (Liu et al. 2024): for causal consistency a
 * vector clock a transaction, and n times the number of sessions; for the others n times the root of n.
 */
import { text } from "#sim/judges/Value.ts"
import type { Anomaly, Cycle, Edge } from "./Anomaly.ts"
import type { Committed } from "./Committed.ts"
import { cycle as shortCycle, path } from "./Path.ts"
import { components } from "./Components.ts"
import { Edges, type Graph, process, wr, ww } from "./Graph.ts"
import { Ints } from "./Grow.ts"
import { clocks } from "./VectorClocks.ts"
import { latestBefore, writersByKey } from "./WritersByKey.ts"
import { describe, type Transactions } from "./Transactions.ts"

export type Level = "read-committed" | "read-atomic" | "causal"

/** In a graph's kinds: a commit that an observed read forces before another. */
export const forced = 32

export interface Input {
  readonly transactions: Transactions
  readonly committed: Committed
  readonly level: Level
  /** Whether a session sees its own past; causal consistency always has it so. */
  readonly sessions: boolean
  /** Orders of versions that are known, between transactions of the history. */
  readonly versions?: Edges
}

export type Verdict =
  | { readonly type: "holds" }
  | { readonly type: "broken"; readonly anomaly: Omit<Anomaly, "type"> }
  /** Too many sessions for the memory of a check. */
  | { readonly type: "undecided" }

/** The reads by which commits are forced: edge i of `edges` from `first` on is due to the read `reads.at(i)`. */
export interface Forcing {
  readonly edges: Edges
  readonly first: number
  readonly reads: Ints
  /** A read of the initial state though this member's write should have been seen, if there is one. */
  stale: { readonly read: number; readonly writer: number } | undefined
}

export const check = (input: Input): Verdict => {
  const { committed, level, transactions } = input
  const edges = base(input)
  const graph = edges.graph(committed.count)
  const forcing: Forcing = { edges, first: edges.count, reads: new Ints(), stale: undefined }
  if (level === "causal") {
    const past = clocks(committed, graph)
    if (past.type === "cyclic") return broken(input, edges, forcing)
    if (past.type === "large") return { type: "undecided" }
    causal(committed, past.clocks, forcing)
  } else if (level === "read-atomic") readAtomic(committed, input.sessions, forcing)
  else readCommitted(committed, forcing)
  addVersions(input, edges)
  if (forcing.stale !== undefined) return { type: "broken", anomaly: staleRead(input, graph, forcing.stale) }
  const cyclic = components(edges.graph(committed.count)).count < committed.count
  return cyclic ? broken({ ...input, transactions }, edges, forcing) : { type: "holds" }
}

const base = ({ committed, sessions, level }: Input): Edges => {
  const edges = new Edges()
  const { count, readStarts, readFrom, bySession } = committed
  if (sessions || level === "causal") {
    for (const list of bySession) {
      for (let place = 1; place < list.length; place += 1) edges.add(list[place - 1]!, list[place]!, process)
    }
  }
  for (let member = 0; member < count; member += 1) {
    for (let at = readStarts[member]!; at < readStarts[member + 1]!; at += 1) {
      if (readFrom[at]! >= 0) edges.add(readFrom[at]!, member, wr)
    }
  }
  return edges
}

const addVersions = ({ versions, transactions, committed }: Input, edges: Edges): void => {
  if (versions === undefined) return
  const memberOf = new Int32Array(transactions.count).fill(-1)
  for (let member = 0; member < committed.count; member += 1) memberOf[committed.members[member]!] = member
  for (let edge = 0; edge < versions.count; edge += 1) {
    const source = memberOf[versions.sources.at(edge)] ?? -1
    const target = memberOf[versions.targets.at(edge)] ?? -1
    if ((versions.kinds.at(edge) & ww) !== 0 && source >= 0 && target >= 0) edges.add(source, target, ww)
  }
}

/** `writer` should have been seen by the read, so it commits before what was read. */
const force = (committed: Committed, forcing: Forcing, read: number, writer: number): void => {
  const from = committed.readFrom[read]!
  if (from === writer) return
  if (from === -1) {
    forcing.stale ??= { read, writer }
    return
  }
  forcing.edges.add(writer, from, forced)
  forcing.reads.push(read)
}

const hasWritten = ({ writeStarts, writeKeys }: Committed, member: number, key: number): boolean => {
  let low = writeStarts[member]!
  let high = writeStarts[member + 1]!
  while (low < high) {
    const middle = (low + high) >>> 1
    if (writeKeys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low < writeStarts[member + 1]! && writeKeys[low] === key
}

const readCommitted = (committed: Committed, forcing: Forcing): void => {
  const { count, readStarts, readFrom } = committed
  for (let member = 0; member < count; member += 1) {
    const reads = new Reads(committed, member)
    const met = new Set<number>()
    for (let at = readStarts[member]!; at < readStarts[member + 1]!; at += 1) {
      const writer = readFrom[at]!
      if (writer < 0 || met.has(writer)) continue
      met.add(writer)
      reads.shared(writer, at + 1, (read) => force(committed, forcing, read, writer))
    }
  }
}

/** A member's reads, to be met with what others wrote. */
class Reads {
  private readonly committed: Committed
  private readonly start: number
  private readonly end: number
  private byKey: Map<number, Array<number>> | undefined

  constructor(committed: Committed, member: number) {
    this.committed = committed
    this.start = committed.readStarts[member]!
    this.end = committed.readStarts[member + 1]!
  }

  /** Visits the reads from `start` on of keys that `writer` wrote: walks the fewer of its writes and these reads. */
  shared(writer: number, start: number, visit: (read: number) => void): void {
    const { readKeys, writeStarts, writeKeys } = this.committed
    const first = writeStarts[writer]!
    const last = writeStarts[writer + 1]!
    if (last - first >= this.end - start) {
      for (let read = start; read < this.end; read += 1) {
        if (hasWritten(this.committed, writer, readKeys[read]!)) visit(read)
      }
      return
    }
    const byKey = (this.byKey ??= this.index())
    for (let at = first; at < last; at += 1) {
      for (const read of byKey.get(writeKeys[at]!) ?? []) if (read >= start) visit(read)
    }
  }

  private index(): Map<number, Array<number>> {
    const byKey = new Map<number, Array<number>>()
    for (let read = this.start; read < this.end; read += 1) {
      const key = this.committed.readKeys[read]!
      const list = byKey.get(key)
      if (list === undefined) byKey.set(key, [read])
      else list.push(read)
    }
    return byKey
  }
}

const readAtomic = (committed: Committed, sessions: boolean, forcing: Forcing): void => {
  const { readStarts, readFrom, bySession, readKeys, writeStarts, writeKeys } = committed
  for (const list of bySession) {
    const latest = new Map<number, number>()
    for (const member of list) {
      const start = readStarts[member]!
      const reads = new Reads(committed, member)
      const met = new Set<number>()
      for (let at = start; at < readStarts[member + 1]!; at += 1) {
        const own = sessions ? latest.get(readKeys[at]!) : undefined
        if (own !== undefined) force(committed, forcing, at, own)
        const writer = readFrom[at]!
        if (writer < 0 || met.has(writer)) continue
        met.add(writer)
        reads.shared(writer, start, (read) => force(committed, forcing, read, writer))
      }
      for (let at = writeStarts[member]!; at < writeStarts[member + 1]!; at += 1) latest.set(writeKeys[at]!, member)
    }
  }
}

const causal = (committed: Committed, clock: Int32Array, forcing: Forcing): void => {
  const { count, readStarts, readKeys, readFrom, bySession, sessions, places } = committed
  const width = bySession.length
  const groups = writersByKey(committed)
  for (let member = 0; member < count; member += 1) {
    for (let at = readStarts[member]!; at < readStarts[member + 1]!; at += 1) {
      const from = readFrom[at]!
      const key = readKeys[at]!
      if (key + 1 >= groups.starts.length) continue
      for (let group = groups.starts[key]!; group < groups.starts[key + 1]!; group += 1) {
        const session = groups.sessions[group]!
        const bound = clock[member * width + session]!
        const known = from === -1 ? 0 : session === sessions[from] ? places[from]! + 1 : clock[from * width + session]!
        // Whatever of this session the writer's past has comes before it anyway.
        if (bound <= known) continue
        const writer = latestBefore(committed, groups, group, bound)
        if (writer !== -1 && places[writer]! >= known) force(committed, forcing, at, writer)
      }
    }
  }
}

/** Makes a cycle's words and data; `reason` tells why member i leads to the next. */
const anomalyOf = (
  { transactions, committed, level }: Input,
  list: ReadonlyArray<number>,
  reason: (index: number, from: string, to: string) => Omit<Edge, "from" | "to">
): Omit<Anomaly, "type"> => {
  const rows = list.map((member) => committed.members[member]!)
  const size = rows.length
  const edges = rows.map((from, index): Edge => {
    const next = (index + 1) % size
    return { from, to: rows[next]!, ...reason(index, `T${index + 1}`, `T${next + 1}`) }
  })
  const cycle: Cycle = { transactions: rows, edges }
  const names = rows.map((row, index) => `  T${index + 1} = ${describe(transactions, row)}`)
  const steps = edges.map(
    (edge, index) =>
      `  - ${index === size - 1 ? "However, " : ""}T${index + 1} < T${((index + 1) % size) + 1}, because ${edge.reason}${index === size - 1 ? ": a contradiction!" : "."}`
  )
  const explanation = [
    `No order of commits explains the reads, as ${level} wants it. Let:`,
    ...names,
    "Then:",
    ...steps
  ]
  return { transactions: rows, cycle, explanation: explanation.join("\n") }
}

/** A member read the initial state of a key that one in its past had written. */
const staleRead = (input: Input, graph: Graph, stale: { read: number; writer: number }): Omit<Anomaly, "type"> => {
  const { committed, transactions } = input
  const reader = readerOf(committed, stale.read)
  const past = path(graph, stale.writer, reader)
  const key = transactions.keyNames[committed.readKeys[stale.read]!]!
  const list = [reader, ...past.vertices.slice(0, -1)]
  return anomalyOf(input, list, (index, from, to) =>
    index === 0
      ? { type: "rw", key, reason: `${from} read key ${text(key)} in its initial state, and ${to} wrote it` }
      : reasonOf(input, list[index]!, list[(index + 1) % list.length]!, graph.kinds[past.edges[index - 1]!]!, from, to)
  )
}

const readerOf = ({ readStarts, count }: Committed, read: number): number => {
  let low = 0
  let high = count - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (readStarts[middle]! <= read) low = middle
    else high = middle - 1
  }
  return low
}

const reasonOf = (
  { transactions, committed }: Input,
  source: number,
  target: number,
  kinds: number,
  from: string,
  to: string
): Omit<Edge, "from" | "to"> => {
  if ((kinds & wr) !== 0) {
    for (let at = committed.readStarts[target]!; at < committed.readStarts[target + 1]!; at += 1) {
      if (committed.readFrom[at] !== source) continue
      const key = transactions.keyNames[committed.readKeys[at]!]!
      return { type: "wr", key, reason: `${from} wrote key ${text(key)}, which ${to} read from it` }
    }
  }
  if ((kinds & process) !== 0) return { type: "process", reason: `one process executed ${from} before ${to}` }
  return { type: "ww", reason: `${from} wrote a version of a key that ${to} replaced` }
}

/** A short cycle among forced and known edges. */
const broken = (input: Input, edges: Edges, forcing: Forcing): Verdict => {
  const { committed, transactions } = input
  const graph = edges.graph(committed.count)
  const list = shortCycle(graph).vertices
  const anomaly = anomalyOf(input, list, (index, from, to) => {
    const source = list[index]!
    const target = list[(index + 1) % list.length]!
    for (let edge = 0; edge < edges.count; edge += 1) {
      if (edges.sources.at(edge) !== source || edges.targets.at(edge) !== target) continue
      const kinds = edges.kinds.at(edge)
      if (kinds !== forced) return reasonOf(input, source, target, kinds, from, to)
      const read = forcing.reads.at(edge - forcing.first)
      const key = transactions.keyNames[committed.readKeys[read]!]!
      const reader = describe(transactions, committed.members[readerOf(committed, read)]!)
      const reason = `${from} and ${to} both wrote key ${text(key)}, and ${reader}, which must have seen ${from}, read it from ${to}`
      return { type: "ww", key, reason }
    }
    return { type: "ww", reason: `${from} comes before ${to}` }
  })
  return { type: "broken", anomaly }
}
