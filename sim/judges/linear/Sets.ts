/**
 * Sets that only grow, whose members are each added once and which are read whole: decided in the size of what was read.
 *
 * The reads must form a chain, each containing those before. That fixes a level for everything: an add belongs right
 * before the first read that shows it, a completed add that no read shows after them all. A linearization exists exactly
 * when no operation returned before the call of one of a lower level.
 */
import * as Model from "#models/Model.ts"
import { never } from "./Entries.ts"
import type { Decidable, Part } from "./Part.ts"

type Shape = Extract<Model.Shape, { readonly type: "set" }>

/** `undefined` when the operations are not of this kind. */
export const prepare = (part: Part, shape: Shape): Decidable | undefined => {
  const { length, returns } = part
  const adds = new Map<Model.Key, number>()
  for (let operation = 0; operation < length; operation += 1) {
    const view = shape.view(part.operation(operation), part.result(operation))
    if (view === undefined && !part.ignorable(operation)) return undefined
    if (view?.type !== "add") continue
    if (adds.has(view.value)) return undefined
    adds.set(view.value, operation)
  }
  /** Completed reads, smallest first, with the adds of what they showed; -1 for what nobody added, or twice. */
  const reads: Array<{ readonly operation: number; readonly shown: Int32Array }> = []
  const shownBy = new Int32Array(length).fill(-1)
  for (let operation = 0; operation < length; operation += 1) {
    if (returns[operation] === never) continue
    const view = shape.view(part.operation(operation), part.result(operation))
    if (view?.type !== "read") continue
    const shown = new Int32Array(view.values.length)
    for (let at = 0; at < shown.length; at += 1) {
      const add = adds.get(Model.scalarKey(view.values[at]!))
      shown[at] = add === undefined || shownBy[add] === operation ? -1 : add
      if (add !== undefined) shownBy[add] = operation
    }
    reads.push({ operation, shown })
  }
  reads.sort((left, right) => left.shown.length - right.shown.length)
  const levels = new Int32Array(length)

  const fits = (horizon: number): boolean => {
    levels.fill(0)
    let size = 0
    let level = 0
    for (const { operation, shown } of reads) {
      if (returns[operation]! >= horizon) continue
      if (level === 0 || shown.length > size) level += 2
      let seenBefore = 0
      for (const add of shown) {
        if (add < 0) return false
        if (levels[add] === 0) levels[add] = level
        else seenBefore += 1
      }
      // A member is missing that a smaller read showed.
      if (seenBefore !== size) return false
      size = shown.length
      levels[operation] = level + 1
    }
    for (const add of adds.values()) {
      if (levels[add] === 0 && returns[add]! < horizon) levels[add] = level + 2
    }
    return respectsTime(part, levels, horizon)
  }
  return { fits }
}

/** No operation with a level returned before the call of one of a lower level. */
const respectsTime = (part: Part, levels: Int32Array, horizon: number): boolean => {
  let reached = 0
  const end = Math.min(horizon, part.events.length)
  for (let place = 0; place < end; place += 1) {
    const event = part.events[place]!
    const level = levels[event >> 1]!
    if (level === 0) continue
    if ((event & 1) === 0 && level < reached) return false
    if ((event & 1) === 1 && level > reached) reached = level
  }
  // What a read showed was added before it, so not after the horizon.
  for (let place = end; place < part.events.length; place += 1) {
    const event = part.events[place]!
    if ((event & 1) === 0 && levels[event >> 1] !== 0) return false
  }
  return true
}
