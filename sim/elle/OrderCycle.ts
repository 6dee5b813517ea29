/**
 * A cycle among events (Saturation.ts) as an anomaly: in words, and as data. What is known by real time or by a session, by
 * a read, or only by what all reads together leave possible, is told apart.
 */
import * as History from "#sim/judges/History.ts"
import { text } from "#sim/judges/Value.ts"
import type { Anomaly, Edge } from "./Anomaly.ts"
import type { Committed } from "./Committed.ts"
import { words } from "./Explanation.ts"
import { type Graph, process, realtime, rw, wr } from "./Graph.ts"
import { cycle as shortCycle } from "./Path.ts"
import type { Transactions } from "./Transactions.ts"

type Reason = Omit<Edge, "from" | "to">

export const anomalyOf = (
  transactions: Transactions,
  committed: Committed,
  { graph, stride }: { readonly graph: Graph; readonly stride: number }
): Omit<Anomaly, "type"> => {
  const found = shortCycle(graph)
  const memberOf = (event: number): number => (event < committed.count * stride ? Math.floor(event / stride) : -1)
  // Steps between two events of one transaction, and between moments, are no steps of the story.
  const first = found.vertices.findIndex((event) => memberOf(event) !== -1)
  const story: Array<{ readonly member: number; kinds: number }> = []
  for (let step = 0; step < found.vertices.length; step += 1) {
    const at = (first + step) % found.vertices.length
    const member = memberOf(found.vertices[at]!)
    const kinds = graph.kinds[found.edges[at]!]!
    const last = story.at(-1)
    if (last === undefined || (member !== -1 && member !== last.member)) story.push({ member, kinds })
    else last.kinds = member === -1 ? realtime : kinds
  }
  if (story.length > 1 && story.at(-1)!.member === story[0]!.member) story.pop()
  const rows = story.map(({ member }) => committed.members[member]!)
  const edges = story.map(({ member, kinds }, index): Edge => {
    const next = (index + 1) % story.length
    const names = [`T${index + 1}`, `T${next + 1}`] as const
    const why = reason(transactions, committed, member, story[next]!.member, kinds, names)
    return { from: rows[index]!, to: rows[next]!, ...why }
  })
  const cycle = { transactions: rows, edges }
  return { transactions: rows, cycle, explanation: words(transactions, cycle) }
}

const reason = (
  { keyNames, history }: Transactions,
  committed: Committed,
  source: number,
  target: number,
  kinds: number,
  [from, to]: readonly [string, string]
): Reason => {
  const { readStarts, readKeys, readFrom, writeStarts, writeKeys, members } = committed
  const written = (member: number): ReadonlyArray<number> => [
    ...writeKeys.subarray(writeStarts[member], writeStarts[member + 1])
  ]
  const reads = (member: number): ReadonlyArray<number> =>
    Array.from({ length: readStarts[member + 1]! - readStarts[member]! }, (_, index) => readStarts[member]! + index)
  if ((kinds & realtime) !== 0) return { type: "realtime", reason: `${from} had ended when ${to} began` }
  if ((kinds & process) !== 0) {
    return { type: "process", reason: `${History.nameOf(history, members[source]!)} executed ${from} before ${to}` }
  }
  if ((kinds & wr) !== 0) {
    const at = reads(target).find((read) => readFrom[read] === source)!
    const key = keyNames[readKeys[at]!]!
    return { type: "wr", key, reason: `${to} read key ${text(key)} as ${from} had written it` }
  }
  if ((kinds & rw) !== 0) {
    const keys = new Set(written(target))
    const at = reads(source).find((read) => keys.has(readKeys[read]!) && readFrom[read] !== target)!
    const key = keyNames[readKeys[at]!]!
    return { type: "rw", key, reason: `${from} read key ${text(key)} as it was before ${to} wrote it` }
  }
  const keys = new Set(written(target))
  const key = keyNames[written(source).find((one) => keys.has(one))!]!
  return { type: "ww", key, reason: `both wrote key ${text(key)}, and what was read leaves no other order of the two` }
}
