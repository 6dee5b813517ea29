/**
 * Registers whose writes are all different: decided in O(n log n) by zones (Gibbons and Korach, "Testing Shared Memories",
 * 1997). A write and the reads of its value are one cluster; in any linearization a cluster is a block.
 *
 *   from the first return in a cluster to its last call, the register must hold its value: a forward zone;
 *   where the last call comes first, there is some moment between them at which the block may be placed: a backward zone.
 *
 * A linearization exists exactly when no two forward zones overlap, no backward zone lies within a forward one, and no
 * read returns before its write was called. What the register held at first counts as a write before everything.
 */
import type * as Model from "#models/Model.ts"
import { type Rows, never } from "./Entries.ts"

type Shape = Extract<Model.Shape, { readonly type: "register" }>

/** `undefined`: not of this kind. Rows called after the horizon are left out, later returns are not known. */
export const decide = (rows: Rows, shape: Shape, horizon: number): boolean | undefined => {
  const clusters = new Map<Model.Key, number>([[shape.initial, 0]])
  const writeCalls = [-1]
  const firstReturns = [-1]
  const lastCalls = [-1]
  /** Whether a write that never returned is known to have happened. */
  const read = [true]
  const reads: Array<number> = []
  const readClusters: Array<Model.Key> = []
  for (let at = 0; at < rows.length && rows.call(at) < horizon; at += 1) {
    const end = rows.return(at, horizon)
    const view = shape.view(rows.operation(at), rows.result(at))
    if (view === undefined) {
      if (rows.ignorable(at)) continue
      return undefined
    }
    if (view.type === "read") {
      if (end === never) continue
      reads.push(at)
      readClusters.push(view.value)
      continue
    }
    if (clusters.has(view.value)) return undefined
    clusters.set(view.value, writeCalls.length)
    writeCalls.push(rows.call(at))
    firstReturns.push(end)
    lastCalls.push(rows.call(at))
    read.push(end !== never)
  }
  for (const [index, at] of reads.entries()) {
    const cluster = clusters.get(readClusters[index]!)
    const end = rows.return(at, horizon)
    if (cluster === undefined || end < writeCalls[cluster]!) return false
    read[cluster] = true
    if (end < firstReturns[cluster]!) firstReturns[cluster] = end
    if (rows.call(at) > lastCalls[cluster]!) lastCalls[cluster] = rows.call(at)
  }
  return zonesFit(firstReturns, lastCalls, read)
}

const zonesFit = (
  firstReturns: ReadonlyArray<number>,
  lastCalls: ReadonlyArray<number>,
  read: ReadonlyArray<boolean>
): boolean => {
  const forward: Array<number> = []
  const backward: Array<number> = []
  for (const [cluster, first] of firstReturns.entries()) {
    if (read[cluster]) (first < lastCalls[cluster]! ? forward : backward).push(cluster)
  }
  forward.sort((left, right) => firstReturns[left]! - firstReturns[right]!)
  backward.sort((left, right) => lastCalls[left]! - lastCalls[right]!)
  for (let at = 1; at < forward.length; at += 1) {
    if (firstReturns[forward[at]!]! < lastCalls[forward[at - 1]!]!) return false
  }
  let at = -1
  for (const cluster of backward) {
    while (at + 1 < forward.length && firstReturns[forward[at + 1]!]! < lastCalls[cluster]!) at += 1
    if (at >= 0 && firstReturns[cluster]! < lastCalls[forward[at]!]!) return false
  }
  return true
}
