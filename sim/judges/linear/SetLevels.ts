/**
 * Sets that only grow, whose members are each added once and which are read whole: decided in the size of what was read.
 *
 * The reads must form a chain, each containing those before. That fixes a level for everything: an add belongs right
 * before the first read that shows it, a completed add that no read shows after them all. A linearization exists exactly
 * when no operation returned before the call of one of a lower level.
 */
import type * as Model from "#models/Model.ts"
import { type Rows, never } from "./Entries.ts"

type Shape = Extract<Model.Shape, { readonly type: "set" }>

/** `undefined`: not of this kind. Rows called after the horizon are left out, later returns are not known. */
export const decide = (rows: Rows, shape: Shape, horizon: number): boolean | undefined => {
  const adds = new Map<Model.Key, number>()
  const reads: Array<{ readonly at: number; readonly values: ReadonlyArray<Model.Key> }> = []
  for (let at = 0; at < rows.length && rows.call(at) < horizon; at += 1) {
    const view = shape.view(rows.operation(at), rows.result(at))
    const end = rows.return(at, horizon)
    if (view === undefined) {
      if (rows.ignorable(at)) continue
      return undefined
    }
    if (view.type === "read") {
      if (end !== never) reads.push({ at, values: view.values })
    } else {
      if (adds.has(view.value)) return undefined
      adds.set(view.value, at)
    }
  }
  reads.sort((left, right) => left.values.length - right.values.length)
  const levels = new Int32Array(rows.length).fill(-1)
  const shown = new Set<Model.Key>()
  let level = 0
  for (const { at, values } of reads) {
    if (values.length > shown.size || level === 0) level += 2
    let shownBefore = 0
    let fresh = 0
    const sizeBefore = shown.size
    for (const value of values) {
      if (shown.has(value)) {
        shownBefore += 1
        continue
      }
      const add = adds.get(value)
      if (add === undefined) return false
      shown.add(value)
      levels[add] = level
      fresh += 1
    }
    // A member twice, or one missing that a smaller read showed.
    if (shownBefore !== sizeBefore || shownBefore + fresh !== values.length) return false
    levels[at] = level + 1
  }
  for (const add of adds.values()) {
    if (levels[add] === -1 && rows.return(add, horizon) !== never) levels[add] = level + 2
  }
  return respectsTime(rows, levels, horizon)
}

/** No operation with a level returned before the call of one of a lower level. */
const respectsTime = (rows: Rows, levels: Int32Array, horizon: number): boolean => {
  const ends: Array<number> = []
  for (let at = 0; at < rows.length; at += 1) {
    if (levels[at] !== -1 && rows.return(at, horizon) !== never) ends.push(at)
  }
  ends.sort((left, right) => rows.return(left, horizon) - rows.return(right, horizon))
  let reached = 0
  let next = 0
  for (let at = 0; at < rows.length && rows.call(at) < horizon; at += 1) {
    if (levels[at] === -1) continue
    for (; next < ends.length && rows.return(ends[next]!, horizon) < rows.call(at); next += 1) {
      reached = Math.max(reached, levels[ends[next]!]!)
    }
    if (levels[at]! < reached) return false
  }
  return true
}
