/**
 * Orders that the data does not show: of each process, and of real time. A failed transaction did not happen; one of
 * unknown outcome may take effect at any later time, so nothing comes after it by either order.
 *
 * Real time as edges between transactions can be quadratic in the number of processes. So the whole graph gets a chain of
 * moments instead, one for each run of completions between invocations: a transaction leads to the moment of its
 * completion, a moment to the next, and the last moment before an invocation to the transaction that it begins: linear. Among few transactions (`Between`) real
 * time comes as edges again, in its transitive reduction.
 */
import * as History from "#sim/judges/History.ts"
import { never } from "#sim/judges/linear/Entries.ts"
import { Edges, process, realtime } from "./Graph.ts"
import type { Transactions } from "./Transactions.ts"

/** Adds an edge for each two transactions that follow each other in a process. */
export const addProcess = (edges: Edges, { count, outcomes, history }: Transactions): void => {
  const { processes } = history
  const latest = new Map<number, number>()
  for (let transaction = 0; transaction < count; transaction += 1) {
    if (outcomes[transaction] === History.failed) continue
    const before = latest.get(processes[transaction]!)
    if (before !== undefined) edges.add(before, transaction, process)
    if (outcomes[transaction] === History.ok) latest.set(processes[transaction]!, transaction)
  }
}

/** Adds the chain of moments; returns the number of vertices with it. */
export const addRealtime = (edges: Edges, { count, outcomes, history }: Transactions): number => {
  const { calls, returns } = history
  const ended = byReturn(history, (transaction) => outcomes[transaction] === History.ok)
  let next = 0
  /** The latest moment; it may still take completions in until something has begun after it. */
  let moment = count - 1
  let isOpen = false
  for (let transaction = 0; transaction < count; transaction += 1) {
    for (; next < ended.length && returns[ended[next]!]! < calls[transaction]!; next += 1) {
      if (!isOpen) {
        moment += 1
        if (moment > count) edges.add(moment - 1, moment, realtime)
        isOpen = true
      }
      edges.add(ended[next]!, moment, realtime)
    }
    if (moment < count || outcomes[transaction] === History.failed) continue
    edges.add(moment, transaction, realtime)
    isOpen = false
  }
  return moment + 1
}

/** Rows in the order of their returns, which are distinct places among the events: a counting sort. */
const byReturn = (history: History.History, admits: (row: number) => boolean): Int32Array => {
  const { count, returns } = history
  let last = 0
  let kept = 0
  for (let row = 0; row < count; row += 1) {
    if (returns[row] === never || !admits(row)) continue
    kept += 1
    if (returns[row]! > last) last = returns[row]!
  }
  const rowAt = new Int32Array(last + 1).fill(-1)
  for (let row = 0; row < count; row += 1) {
    if (returns[row] !== never && admits(row)) rowAt[returns[row]!] = row
  }
  const rows = new Int32Array(kept)
  let at = 0
  for (let place = 0; place <= last; place += 1) if (rowAt[place] !== -1) rows[at++] = rowAt[place]!
  return rows
}

export interface Wanted {
  readonly process: boolean
  readonly realtime: boolean
}

/**
 * Adds the orders between some transactions, sorted, which have the numbers of their places. `edgesMax` bounds the edges
 * of real time; returns whether it was enough.
 */
export const addBetween = (
  edges: Edges,
  transactions: Transactions,
  members: Int32Array,
  wanted: Wanted,
  edgesMax: number
): boolean => {
  const { outcomes, history } = transactions
  const { processes, calls, returns } = history
  const latest = new Map<number, number>()
  for (let place = 0; wanted.process && place < members.length; place += 1) {
    const transaction = members[place]!
    const before = latest.get(processes[transaction]!)
    if (before !== undefined) edges.add(before, place, process)
    if (outcomes[transaction] === History.ok) latest.set(processes[transaction]!, place)
  }
  if (!wanted.realtime) return true
  const ended = Array.from(members.keys()).filter((place) => outcomes[members[place]!] === History.ok)
  ended.sort((left, right) => returns[members[left]!]! - returns[members[right]!]!)
  const limit = edges.count + edgesMax
  let front: Array<number> = []
  let next = 0
  for (let place = 0; place < members.length; place += 1) {
    const call = calls[members[place]!]!
    for (; next < ended.length && returns[members[ended[next]!]!]! < call; next += 1) {
      // What ended before this one began comes before it, and so before all that comes after it.
      const begun = calls[members[ended[next]!]!]!
      front = front.filter((earlier) => returns[members[earlier]!]! > begun)
      front.push(ended[next]!)
    }
    if (edges.count + front.length > limit) return false
    for (const earlier of front) edges.add(earlier, place, realtime)
  }
  return true
}
