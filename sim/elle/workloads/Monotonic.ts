/**
 * Monotonic registers (elle.core/monotonic-key-graph, jepsen.tests.monotonic-cycle): registers only grow, so a read that saw
 * a lower value of any register comes before one that saw a higher one. Where two registers, or the order of a process or
 * of real time, say the opposite, there is a cycle. A read's value is a number, a map from register to number, or a list of
 * `[r register number]`.
 *
 * Instead of an edge for each two reads, each value of each register is a vertex between the reads of it and the next
 * higher ones: linear.
 */
import * as History from "#sim/judges/History.ts"
import { isArray, text, type Value } from "#sim/judges/Value.ts"
import { Findings } from "../Anomaly.ts"
import { components, knots } from "../Components.ts"
import { Edges, type Graph, process, realtime, ww } from "../Graph.ts"
import type { Report } from "./Report.ts"

export interface Options {
  /** Which orders count besides the values. Default: both, where the history has times, else the processes'. */
  readonly orders?: "none" | "process" | "realtime"
}

export const check = (history: History.History, options: Options = {}): Report => {
  const orders = options.orders ?? (history.order === "realtime" ? "realtime" : "process")
  const reads: Array<number> = []
  const byKey = new Map<string, Array<{ readonly read: number; readonly value: number }>>()
  for (let row = 0; row < history.count; row += 1) {
    if (history.outcomes[row] !== History.ok) continue
    const seen = seenBy(history.functions[row]!, history.outputs[row]!)
    if (seen.length === 0) continue
    for (const [key, value] of seen) {
      const list = byKey.get(key)
      if (list === undefined) byKey.set(key, [{ read: reads.length, value }])
      else list.push({ read: reads.length, value })
    }
    reads.push(row)
  }
  const edges = new Edges()
  let vertices = reads.length
  for (const list of byKey.values()) vertices = addValues(edges, list, vertices)
  if (orders !== "none") vertices = addOrders(edges, history, reads, vertices, orders === "realtime")
  const graph = edges.graph(vertices)
  const findings = new Findings()
  for (const knot of knots(components(graph), reads.length)) {
    findings.add("non-monotonic", () => {
      const rows = cycleOf(graph, knot[0]!, reads.length).map((read) => reads[read]!)
      const told = rows.slice(0, 8).map((row, index) => `T${index + 1} = ${text(history.outputs[row]!)}`)
      const explanation = `each of these reads comes before the next and the last before the first, by values that only grow and by the order of ${orders}: ${told.join(", ")}`
      return { transactions: rows, explanation }
    })
  }
  const valid = findings.anomalies.length === 0
  return { valid, anomalies: findings.anomalies, counts: { "read-count": reads.length, ...findings.counts } }
}

const readNames = new Set<Value | undefined>(["r", ":r", "read", ":read"])

const seenBy = (name: string, output: Value): ReadonlyArray<readonly [string, number]> => {
  if (output instanceof Map) {
    return [...(output as ReadonlyMap<Value, Value>)].flatMap(([key, value]) => numbered(text(key), value))
  }
  if (isArray(output)) {
    return output.flatMap((step) =>
      isArray(step) && readNames.has(step[0]) ? numbered(text(step[1]!), step[2] ?? null) : []
    )
  }
  return name === "read" ? numbered("", output) : []
}

const numbered = (key: string, value: Value): ReadonlyArray<readonly [string, number]> =>
  typeof value === "number" || typeof value === "bigint" ? [[key, Number(value)]] : []

/** Reads of a register lead to the vertex after their value, and that to the reads of the next value and on. */
const addValues = (
  edges: Edges,
  list: Array<{ readonly read: number; readonly value: number }>,
  first: number
): number => {
  list.sort((left, right) => left.value - right.value || left.read - right.read)
  let gate = first - 1
  for (let at = 0; at < list.length; at += 1) {
    const rises = at > 0 && list[at]!.value > list[at - 1]!.value
    if (rises) {
      gate += 1
      if (gate > first) edges.add(gate - 1, gate, ww)
      for (let before = at - 1; before >= 0 && list[before]!.value === list[at - 1]!.value; before -= 1) {
        edges.add(list[before]!.read, gate, ww)
      }
    }
    if (gate >= first) edges.add(gate, list[at]!.read, ww)
  }
  return gate + 1
}

const addOrders = (
  edges: Edges,
  { processes, calls, returns }: History.History,
  reads: ReadonlyArray<number>,
  first: number,
  times: boolean
): number => {
  const latest = new Map<number, number>()
  for (const [read, row] of reads.entries()) {
    const before = latest.get(processes[row]!)
    if (before !== undefined) edges.add(before, read, process)
    latest.set(processes[row]!, read)
  }
  if (!times) return first
  const ended = [...reads.keys()].sort((left, right) => returns[reads[left]!]! - returns[reads[right]!]!)
  let next = 0
  for (const [read, row] of reads.entries()) {
    for (; next < ended.length && returns[reads[ended[next]!]!]! < calls[row]!; next += 1) {
      edges.add(ended[next]!, first + next, realtime)
      if (next > 0) edges.add(first + next - 1, first + next, realtime)
    }
    if (next > 0) edges.add(first + next - 1, read, realtime)
  }
  return first + next
}

/** The reads on a shortest cycle through one. */
const cycleOf = (graph: Graph, start: number, limit: number): ReadonlyArray<number> => {
  const parents = new Int32Array(graph.vertices).fill(-1)
  const queue = [start]
  for (let at = 0; at < queue.length && parents[start] === -1; at += 1) {
    const vertex = queue[at]!
    for (let edge = graph.offsets[vertex]!; edge < graph.offsets[vertex + 1]!; edge += 1) {
      const target = graph.targets[edge]!
      if (parents[target] !== -1) continue
      parents[target] = vertex
      queue.push(target)
    }
  }
  const cycle = [start]
  for (let vertex = parents[start]!; vertex !== start; vertex = parents[vertex]!) if (vertex < limit) cycle.push(vertex)
  return cycle.reverse()
}
