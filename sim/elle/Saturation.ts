/**
 * What an order of commits must have, told before any search: from the orders of sessions, reads and real time follow orders
 * of versions, from these the anti-dependencies, from these again orders of versions, until nothing new follows. A cycle
 * refuses the history and shows why; otherwise the search gets the orders as what must hold, and a good order to try.
 *
 * For serializability every transaction is one event. For snapshot isolation it is two, its begin and its commit: a
 * dependency leads from a commit to a begin (so too between writers of one key, which must not overlap), an
 * anti-dependency from a begin to a commit. Rules, for a read of x from t2 by t3, and t1 that writes x too:
 *   1. what commits before t3 begins is seen: t1 comes before t2;
 *   2. if t2 begins before t1 commits, t2 comes before t1, and t3, which did not see t1, begins before t1 commits.
 *
 * Events form chains (sessions, and the moments of real time), so what comes before an event is one number a chain: vector
 * clocks, made anew in each round.
 */
import { never } from "#sim/judges/linear/Entries.ts"
import type * as History from "#sim/judges/History.ts"
import type { Committed } from "./Committed.ts"
import { Edges, type Graph, process, realtime, rw, wr, ww } from "./Graph.ts"
import { topological } from "./VectorClocks.ts"
import { firstAfter, type Groups, latestBefore, writersByKey } from "./WritersByKey.ts"

export interface Problem {
  readonly committed: Committed
  readonly history: History.History
  readonly snapshots: boolean
  readonly realtime: boolean
  /** Orders of versions that are known, between members. */
  readonly versions: Edges
}

/** Events times chains: 256 MB. */
const entriesMax = 64 * 1024 * 1024
const roundsMax = 64
/** Numbers compared in all rounds together: a few seconds. What is not known then is left to the search. */
const workMax = 2_000_000_000
/** What a lookup costs in such comparisons. */
const lookupWork = 16

export type Outcome =
  /** `graph` is of events: member m begins at `m * stride`, and commits `stride - 1` later. */
  | { readonly type: "cyclic"; readonly graph: Graph; readonly stride: number }
  | {
      readonly type: "saturated"
      readonly graph: Graph
      readonly edges: Edges
      readonly stride: number
      /** Commits that come before a begin, between members. */
      readonly before: Edges
      /** By member: where its begin and its commit stand in an order that has all that is known. */
      readonly begins: Int32Array
      readonly commits: Int32Array
    }

export class Saturation {
  readonly edges = new Edges(4096)
  private readonly problem: Problem
  private readonly committed: Committed
  private readonly groups: Groups
  private readonly stride: number
  private readonly chains: number
  private readonly events: number
  /** Events that a clock counts: by event its chain and its place in it. */
  private readonly chainOf: Int32Array
  private readonly placeOf: Int32Array
  private clocks = new Int32Array(0)
  private work = 0

  constructor(problem: Problem) {
    const { committed, snapshots } = problem
    this.problem = problem
    this.committed = committed
    this.groups = writersByKey(committed)
    this.stride = snapshots ? 2 : 1
    const moments = problem.realtime ? this.addMoments() : 0
    const lanes = committed.bySession.length
    this.chains = lanes + (moments > 0 ? 1 : 0)
    this.events = committed.count * this.stride + moments
    this.chainOf = new Int32Array(this.events).fill(lanes)
    this.placeOf = new Int32Array(this.events)
    for (let member = 0; member < committed.count; member += 1) {
      for (let part = 0; part < this.stride; part += 1) {
        const event = member * this.stride + part
        this.chainOf[event] = committed.sessions[member]!
        this.placeOf[event] = committed.places[member]! * this.stride + part
      }
    }
    for (let moment = 0; moment < moments; moment += 1) this.placeOf[committed.count * this.stride + moment] = moment
    this.addBase()
  }

  private begin(member: number): number {
    return member * this.stride
  }

  private commit(member: number): number {
    return member * this.stride + this.stride - 1
  }

  /** Moments between runs of completions and invocations, as in Order.ts; how many there are. */
  private addMoments(): number {
    const { count, members } = this.committed
    const { calls, returns } = this.problem.history
    const ended = Array.from(members.keys()).filter((member) => returns[members[member]!] !== never)
    ended.sort((left, right) => returns[members[left]!]! - returns[members[right]!]!)
    const first = count * this.stride
    let moments = 0
    let isOpen = false
    let next = 0
    for (let member = 0; member < count; member += 1) {
      for (; next < ended.length && returns[members[ended[next]!]!]! < calls[members[member]!]!; next += 1) {
        if (!isOpen) {
          moments += 1
          if (moments > 1) this.edges.add(first + moments - 2, first + moments - 1, realtime)
          isOpen = true
        }
        this.edges.add(this.commit(ended[next]!), first + moments - 1, realtime)
      }
      if (moments === 0) continue
      this.edges.add(first + moments - 1, this.begin(member), realtime)
      isOpen = false
    }
    return moments
  }

  private addBase(): void {
    const { count, bySession, readStarts, readFrom } = this.committed
    const { versions } = this.problem
    for (let edge = 0; edge < versions.count; edge += 1) {
      this.edges.add(this.commit(versions.sources.at(edge)), this.begin(versions.targets.at(edge)), ww)
    }
    for (const list of bySession) {
      for (let at = 1; at < list.length; at += 1) {
        this.edges.add(this.commit(list[at - 1]!), this.begin(list[at]!), process)
      }
    }
    for (let member = 0; member < count; member += 1) {
      if (this.stride === 2) this.edges.add(this.begin(member), this.commit(member), process)
      for (let at = readStarts[member]!; at < readStarts[member + 1]!; at += 1) {
        if (readFrom[at]! >= 0) this.edges.add(this.commit(readFrom[at]!), this.begin(member), wr)
      }
    }
  }

  /** What is known at first. */
  known(): { readonly graph: Graph; readonly edges: Edges; readonly stride: number } {
    return { graph: this.edges.graph(this.events), edges: this.edges, stride: this.stride }
  }

  run(): Outcome {
    const { count } = this.committed
    for (let round = 0; ; round += 1) {
      const graph = this.edges.graph(this.events)
      const order = topological(graph)
      if (order.length < this.events) return { type: "cyclic", graph, stride: this.stride }
      const known = this.edges.count
      this.work += this.edges.count * this.chains
      if (round < roundsMax && this.work < workMax && this.events * this.chains <= entriesMax) {
        this.tick(graph, order)
        for (let member = 0; member < count; member += 1) this.infer(member)
      }
      if (this.edges.count === known) return this.saturated(graph, order)
    }
  }

  private saturated(graph: Graph, order: Int32Array): Outcome {
    const { count } = this.committed
    const rank = new Int32Array(this.events)
    for (let at = 0; at < order.length; at += 1) rank[order[at]!] = at
    const begins = Int32Array.from({ length: count }, (_, member) => rank[this.begin(member)]!)
    const commits = Int32Array.from({ length: count }, (_, member) => rank[this.commit(member)]!)
    const before = new Edges(this.edges.count)
    for (let edge = 0; edge < this.edges.count; edge += 1) {
      const source = this.edges.sources.at(edge)
      const target = this.edges.targets.at(edge)
      if (Math.max(source, target) >= count * this.stride || target % this.stride !== 0) continue
      if (this.stride === 2 && source % 2 === 0) continue
      before.add(Math.floor(source / this.stride), Math.floor(target / this.stride), this.edges.kinds.at(edge))
    }
    const { edges, stride } = this
    return { type: "saturated", graph, edges, stride, before, begins, commits }
  }

  private tick({ offsets, targets }: Graph, order: Int32Array): void {
    const { chains } = this
    if (this.clocks.length === 0) this.clocks = new Int32Array(this.events * chains)
    else this.clocks.fill(0)
    const { clocks } = this
    for (const event of order) {
      const row = event * chains
      for (let edge = offsets[event]!; edge < offsets[event + 1]!; edge += 1) {
        const target = targets[edge]! * chains
        for (let chain = 0; chain < chains; chain += 1) {
          if (clocks[row + chain]! > clocks[target + chain]!) clocks[target + chain] = clocks[row + chain]!
        }
        const own = target + this.chainOf[event]!
        if (clocks[own]! <= this.placeOf[event]!) clocks[own] = this.placeOf[event]! + 1
      }
    }
  }

  /** Whether one event is known to come before another. */
  private precedes(event: number, other: number): boolean {
    return this.clocks[other * this.chains + this.chainOf[event]!]! > this.placeOf[event]!
  }

  private add(event: number, other: number, kind: number): void {
    if (!this.precedes(event, other)) this.edges.add(event, other, kind)
  }

  private infer(member: number): void {
    const { committed, groups } = this
    const { readStarts, readKeys, readFrom } = committed
    for (let at = readStarts[member]!; at < readStarts[member + 1]!; at += 1) {
      const key = readKeys[at]!
      const from = readFrom[at]!
      if (key + 1 >= groups.starts.length) continue
      for (let group = groups.starts[key]!; group < groups.starts[key + 1]!; group += 1) {
        this.work += lookupWork
        if (from !== -1) this.seen(member, from, group)
        this.unseen(member, from, group)
      }
    }
  }

  /** Rule 1, for the latest writer of a session: the ones before it follow. */
  private seen(reader: number, from: number, group: number): void {
    const { committed, groups, stride } = this
    const chain = groups.sessions[group]!
    const bound = Math.floor(this.clocks[this.begin(reader) * this.chains + chain]! / stride)
    const known = Math.floor(this.clocks[this.begin(from) * this.chains + chain]! / stride)
    if (bound <= known) return
    const writer = latestBefore(committed, groups, group, bound)
    if (writer !== -1 && writer !== from) this.add(this.commit(writer), this.begin(from), ww)
  }

  /** Rule 2, for the first writer of a session: the ones after it follow. */
  private unseen(reader: number, from: number, group: number): void {
    const { committed, groups } = this
    const isOwn = from !== -1 && this.chainOf[this.begin(from)] === groups.sessions[group]
    const start = isOwn ? committed.places[from]! + 1 : 0
    const writer = firstAfter(committed, groups, group, start, (member) =>
      from === -1 ? true : this.precedes(this.begin(from), this.commit(member))
    )
    if (writer === -1) return
    if (from !== -1) this.add(this.commit(from), this.begin(writer), ww)
    if (writer !== reader) this.add(this.begin(reader), this.commit(writer), rw)
  }
}
