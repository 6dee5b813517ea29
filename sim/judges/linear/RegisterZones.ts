/**
 * Registers whose writes are all different: decided in linear time by zones (Gibbons and Korach, "Testing Shared
 * Memories", 1997). A write and the reads of its value are one cluster; in any linearization a cluster is a block.
 *
 *   from the first return in a cluster to its last call, the register must hold its value: a forward zone;
 *   where the last call comes first, there is some moment between them at which the block may be placed: a backward zone.
 *
 * A linearization exists exactly when no two forward zones overlap, no backward zone lies within a forward one, and no
 * read returns before its write was called. What the register held at first counts as a write before everything.
 */
import type * as Model from "#models/Model.ts"
import { never } from "./Entries.ts"
import type { Decidable, Part } from "./Part.ts"

type Shape = Extract<Model.Shape, { readonly type: "register" }>

const ignored = -1
/** A read of what nobody wrote. */
const invented = -2

/** `undefined` when the operations are not of this kind. */
export const prepare = (part: Part, shape: Shape): Decidable | undefined => {
  const { length, calls, returns } = part
  const clusterOf = new Int32Array(length).fill(ignored)
  const isWrite = new Uint8Array(length)
  const writeCalls = [-1]
  const clusters = new Map<Model.Key, number>([[shape.initial, 0]])
  for (let operation = 0; operation < length; operation += 1) {
    const view = shape.view(part.operation(operation), part.result(operation))
    if (view === undefined && !part.ignorable(operation)) return undefined
    if (view?.type !== "write") continue
    if (clusters.has(view.value)) return undefined
    isWrite[operation] = 1
    clusterOf[operation] = writeCalls.length
    clusters.set(view.value, writeCalls.length)
    writeCalls.push(calls[operation]!)
  }
  for (let operation = 0; operation < length; operation += 1) {
    if (isWrite[operation] === 1 || returns[operation] === never) continue
    const view = shape.view(part.operation(operation), part.result(operation))
    if (view !== undefined) clusterOf[operation] = clusters.get(view.value) ?? invented
  }
  const firstReturns = new Int32Array(writeCalls.length)
  const lastCalls = new Int32Array(writeCalls.length)
  const zones = new Int32Array(part.events.length)

  const fits = (horizon: number): boolean => {
    firstReturns.fill(never)
    lastCalls.fill(-1)
    for (let operation = 0; operation < length && calls[operation]! < horizon; operation += 1) {
      const cluster = clusterOf[operation]!
      const end = returns[operation]!
      if (cluster === ignored || (end >= horizon && isWrite[operation] === 0)) continue
      if (cluster === invented || (isWrite[operation] === 0 && end < writeCalls[cluster]!)) return false
      if (end < horizon && end < firstReturns[cluster]!) firstReturns[cluster] = end
      lastCalls[cluster] = calls[operation]!
    }
    return disjoint(firstReturns, lastCalls, zones)
  }
  return { fits }
}

/** Cluster 0 is what the register held at first; clusters that nobody knows to have happened have no return. */
const disjoint = (firstReturns: Int32Array, lastCalls: Int32Array, zones: Int32Array): boolean => {
  zones.fill(0)
  for (let cluster = 1; cluster < firstReturns.length; cluster += 1) {
    const first = firstReturns[cluster]!
    if (first === never) continue
    if (first < lastCalls[cluster]!) zones[first] = cluster
    else zones[lastCalls[cluster]!] = -cluster
  }
  /** Where the latest forward zone ends; forward zones found so far do not overlap. */
  let forwardEnd = lastCalls[0]!
  for (let place = 0; place < zones.length; place += 1) {
    const cluster = zones[place]!
    if (cluster > 0) {
      if (place < forwardEnd) return false
      forwardEnd = lastCalls[cluster]!
    } else if (cluster < 0 && firstReturns[-cluster]! < forwardEnd) return false
  }
  return true
}
