/**
 * What is known of the order of each register's versions, and the dependencies that follow (elle.rw-register). Values are
 * unique, so a read tells its writer; an order of versions has to be inferred:
 *
 *   always             the initial state comes before every version
 *   wfrKeys            in one transaction, what is read of a key comes before what is written to it
 *   sequentialKeys     each key goes through its versions in the order in which every process sees them
 *   linearizableKeys   ... and in the order of real time
 *
 * The last three are assumptions about the system. One that contradicts the others is reported (`cyclic-versions`) and
 * left out. We differ from Elle in that versions of transactions of unknown outcome count once somebody has read them.
 */
import * as History from "#sim/judges/History.ts"
import { text } from "#sim/judges/Value.ts"
import { type Access, finalWrite, firstRead } from "./Access.ts"
import type { Findings } from "./Anomaly.ts"
import { components, knots } from "./Components.ts"
import type { Explained } from "./Explanation.ts"
import { Edges, type Graph, realtime, rw, wr, ww } from "./Graph.ts"
import { addBetween } from "./Order.ts"
import { initial, type Transactions } from "./Transactions.ts"

export interface Assumptions {
  readonly wfrKeys?: boolean
  readonly sequentialKeys?: boolean
  readonly linearizableKeys?: boolean
}

/** Dependencies between readers of initial states and writers can be quadratic: no more than this. */
const pairsMax = 20_000_000
const orderEdgesMax = 20_000_000

export class RegisterOrder {
  /** Whether some dependencies were left out. */
  truncated = false
  private readonly transactions: Transactions
  private readonly access: Access
  /** From version to later version; the initial state of key k is vertex `table.count + k`. */
  private graph: Graph

  constructor(transactions: Transactions, access: Access, assumptions: Assumptions, findings: Findings) {
    this.transactions = transactions
    this.access = access
    let edges = this.initialEdges()
    const vertices = transactions.table.count + transactions.keyCount
    this.graph = edges.graph(vertices)
    const sources: ReadonlyArray<readonly [string, boolean | undefined, (edges: Edges) => void]> = [
      ["wfr-keys", assumptions.wfrKeys, (into) => this.addReadThenWritten(into)],
      ["sequential-keys", assumptions.sequentialKeys, (into) => this.addSequential(into)],
      ["linearizable-keys", assumptions.linearizableKeys, (into) => this.addLinearizable(into)]
    ]
    for (const [name, assumed, add] of sources) {
      if (assumed !== true) continue
      const tried = copy(edges)
      add(tried)
      const graph = tried.graph(vertices)
      const cycles = knots(components(graph), vertices)
      for (const cycle of cycles) this.report(name, cycle, findings)
      if (cycles.length > 0) continue
      edges = tried
      this.graph = graph
    }
  }

  private report(source: string, cycle: Int32Array, findings: Findings): void {
    const { table, keyNames } = this.transactions
    findings.add("cyclic-versions", () => {
      const key = keyNames[this.keyOf(cycle[0]!)]!
      const values = [...cycle].slice(0, 16).map((vertex) => (vertex < table.count ? text(table.value(vertex)) : "nil"))
      return {
        transactions: [],
        key,
        explanation: `the versions ${values.join(", ")} of key ${text(key)} would each have to come before the others, as ${source} and what is read have it`
      }
    })
  }

  private keyOf(vertex: number): number {
    const { table } = this.transactions
    return vertex < table.count ? table.key(vertex) : vertex - table.count
  }

  private vertexOf(at: number): number {
    const version = this.transactions.versions[at]!
    return version === initial ? this.transactions.table.count + this.transactions.keys[at]! : version
  }

  private initialEdges(): Edges {
    const { table, writers } = this.transactions
    const edges = new Edges()
    for (let version = 0; version < table.count; version += 1) {
      if (writers[version]! >= 0) edges.add(table.count + table.key(version), version, ww)
    }
    return edges
  }

  private addReadThenWritten(edges: Edges): void {
    const { count, starts, keys, outcomes, keyCount } = this.transactions
    const readOf = new Int32Array(keyCount).fill(-1)
    for (let transaction = 0; transaction < count; transaction += 1) {
      if (outcomes[transaction] !== History.ok) continue
      for (let at = starts[transaction]!; at < starts[transaction + 1]!; at += 1) {
        const { external } = this.access
        if (external[at] === firstRead && this.vertexOf(at) >= 0) readOf[keys[at]!] = at
        if (external[at] !== finalWrite || readOf[keys[at]!]! < starts[transaction]!) continue
        edges.add(this.vertexOf(readOf[keys[at]!]!), this.vertexOf(at), ww)
      }
    }
  }

  /** By key, the transactions that touch it, each with the first and last version that others can see: in threes. */
  private touches(): ReadonlyArray<Array<number>> {
    const { count, starts, keys, outcomes, keyCount } = this.transactions
    const lists: Array<Array<number>> = Array.from({ length: keyCount }, () => [])
    for (let transaction = 0; transaction < count; transaction += 1) {
      if (outcomes[transaction] !== History.ok) continue
      for (let at = starts[transaction]!; at < starts[transaction + 1]!; at += 1) {
        const external = this.access.external[at]
        if (external !== firstRead && external !== finalWrite) continue
        const vertex = this.vertexOf(at)
        if (vertex < 0) continue
        const list = lists[keys[at]!]!
        if (list.length > 0 && list[list.length - 3] === transaction) list[list.length - 1] = vertex
        else list.push(transaction, vertex, vertex)
      }
    }
    return lists
  }

  private addSequential(edges: Edges): void {
    const { processes } = this.transactions.history
    for (const list of this.touches()) {
      const latest = new Map<number, number>()
      for (let at = 0; at < list.length; at += 3) {
        const process = processes[list[at]!]!
        const before = latest.get(process)
        if (before !== undefined) edges.add(before, list[at + 1]!, ww)
        latest.set(process, list[at + 2]!)
      }
    }
  }

  private addLinearizable(edges: Edges): void {
    for (const list of this.touches()) {
      const members = Int32Array.from({ length: list.length / 3 }, (_, index) => list[index * 3]!)
      const between = new Edges()
      const wanted = { process: false, realtime: true }
      if (!addBetween(between, this.transactions, members, wanted, orderEdgesMax)) this.truncated = true
      for (let edge = 0; edge < between.count; edge += 1) {
        if ((between.kinds.at(edge) & realtime) === 0) continue
        edges.add(list[between.sources.at(edge) * 3 + 2]!, list[between.targets.at(edge) * 3 + 1]!, ww)
      }
    }
  }

  addTo(edges: Edges): void {
    const { table, keyCount, writers, count, outcomes, starts, versions } = this.transactions
    const readers: Array<Array<number> | undefined> = Array.from({ length: table.count + keyCount })
    for (let transaction = 0; transaction < count; transaction += 1) {
      if (outcomes[transaction] === History.failed) continue
      for (let at = starts[transaction]!; at < starts[transaction + 1]!; at += 1) {
        if (this.access.external[at] !== firstRead) continue
        const vertex = this.vertexOf(at)
        if (vertex < 0) continue
        const list = readers[vertex]
        if (list === undefined) readers[vertex] = [transaction]
        else list.push(transaction)
        const version = versions[at]!
        if (version >= 0 && writers[version]! >= 0) edges.add(writers[version]!, transaction, wr)
      }
    }
    let pairs = 0
    for (let vertex = 0; vertex < this.graph.vertices; vertex += 1) {
      const source = vertex < table.count ? writers[vertex]! : -1
      const list = readers[vertex] ?? []
      for (let edge = this.graph.offsets[vertex]!; edge < this.graph.offsets[vertex + 1]!; edge += 1) {
        const target = writers[this.graph.targets[edge]!]!
        if (target < 0) continue
        if (source >= 0) edges.add(source, target, ww)
        pairs += list.length
        if (pairs > pairsMax) this.truncated = true
        else for (const reader of list) edges.add(reader, target, rw)
      }
    }
  }

  /** Why the data puts one transaction before another, by a dependency of this kind. */
  explain(first: number, second: number, kind: number): Explained | undefined {
    const { starts, keys, keyNames, table, versions } = this.transactions
    for (let at = starts[first]!; at < starts[first + 1]!; at += 1) {
      if (this.access.external[at] !== (kind === rw ? firstRead : finalWrite)) continue
      const from = this.vertexOf(at)
      if (from < 0) continue
      for (let other = starts[second]!; other < starts[second + 1]!; other += 1) {
        if (keys[other] !== keys[at] || this.access.external[other] !== (kind === wr ? firstRead : finalWrite)) continue
        const to = this.vertexOf(other)
        if (to < 0 || (kind === wr ? from !== to : !this.leads(from, to))) continue
        const key = keyNames[keys[at]!]!
        const value = from < table.count ? table.value(from) : null
        const next = table.value(versions[other]!)
        const did = kind === rw ? `read key ${text(key)} = ${text(value)}` : `set key ${text(key)} to ${text(value)}`
        if (kind === wr) {
          return {
            type: "wr",
            key,
            value,
            words: (a, b) => `${a} wrote ${text(key)} = ${text(value)}, which was read by ${b}`
          }
        }
        return {
          type: kind === rw ? "rw" : "ww",
          key,
          value,
          next,
          words: (a, b) => `${a} ${did}, and ${b} set it to ${text(next)}, which came later in the version order`
        }
      }
    }
    return undefined
  }

  private leads(from: number, to: number): boolean {
    const { offsets, targets } = this.graph
    for (let edge = offsets[from]!; edge < offsets[from + 1]!; edge += 1) if (targets[edge] === to) return true
    return false
  }
}

const copy = (edges: Edges): Edges => {
  const copied = new Edges()
  for (let edge = 0; edge < edges.count; edge += 1) {
    copied.add(edges.sources.at(edge), edges.targets.at(edge), edges.kinds.at(edge))
  }
  return copied
}
