/**
 * Vector clocks: of each session, how many of its transactions are in the causal past of a transaction (Mattern 1989). One
 * row of `Int32Array` a transaction, in one pass in topological order.
 */
import type { Committed } from "./Committed.ts"
import type { Graph } from "./Graph.ts"

/** Transactions times sessions: 512 MB. */
const entriesMax = 128 * 1024 * 1024

export type Clocks =
  /** Of member m and session s: `clocks[m * sessions + s]`. */
  | { readonly type: "clocks"; readonly clocks: Int32Array; readonly order: Int32Array }
  | { readonly type: "cyclic" }
  | { readonly type: "large" }

/** Members in an order in which every edge leads forward; shorter than `vertices` when there is a cycle (Kahn 1962). */
export const topological = (graph: Graph): Int32Array => {
  const { vertices, offsets, targets } = graph
  const waiting = new Int32Array(vertices)
  for (const target of targets) waiting[target]! += 1
  const order = new Int32Array(vertices)
  let count = 0
  for (let vertex = 0; vertex < vertices; vertex += 1) if (waiting[vertex] === 0) order[count++] = vertex
  for (let at = 0; at < count; at += 1) {
    for (let edge = offsets[order[at]!]!; edge < offsets[order[at]! + 1]!; edge += 1) {
      if (--waiting[targets[edge]!]! === 0) order[count++] = targets[edge]!
    }
  }
  return order.subarray(0, count)
}

export const clocks = ({ count, bySession, sessions, places }: Committed, graph: Graph): Clocks => {
  const width = bySession.length
  if (count * width > entriesMax) return { type: "large" }
  const order = topological(graph)
  if (order.length < count) return { type: "cyclic" }
  const table = new Int32Array(count * width)
  for (const member of order) {
    const row = member * width
    const { offsets, targets } = graph
    for (let edge = offsets[member]!; edge < offsets[member + 1]!; edge += 1) {
      const target = targets[edge]! * width
      for (let session = 0; session < width; session += 1) {
        const value = table[row + session]!
        if (value > table[target + session]!) table[target + session] = value
      }
      const known = target + sessions[member]!
      if (table[known]! < places[member]! + 1) table[known] = places[member]! + 1
    }
  }
  return { type: "clocks", clocks: table, order }
}
