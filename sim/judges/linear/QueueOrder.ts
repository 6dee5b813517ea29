/**
 * Queues whose values are each enqueued once: decided in O(n log n) by the four violations of Henzinger, Sezgin and
 * Vafeiadis ("Aspect-Oriented Linearizability Proofs", 2013). A queue's history is linearizable exactly when it has none:
 *   - a value is dequeued that was not enqueued before (fresh);
 *   - a value is dequeued twice (repeat);
 *   - b entered after a, yet left before a, or a never left (order);
 *   - a dequeue found the queue empty while at each of its moments some value was certainly inside (witness).
 */
import type * as Model from "#models/Model.ts"
import { type Rows, never } from "./Entries.ts"

type Shape = Extract<Model.Shape, { readonly type: "queue" }>

interface Item {
  readonly enqueueCall: number
  readonly enqueueEnd: number
  dequeueCall: number
  dequeueEnd: number
}

/** `undefined`: not of this kind. Rows called after the horizon are left out, later returns are not known. */
export const decide = (rows: Rows, shape: Shape, horizon: number): boolean | undefined => {
  const items = new Map<Model.Key, Item>()
  const dequeues: Array<{ readonly at: number; readonly value: Model.Key }> = []
  const empties: Array<number> = []
  for (let at = 0; at < rows.length && rows.call(at) < horizon; at += 1) {
    const view = shape.view(rows.operation(at), rows.result(at))
    const end = rows.return(at, horizon)
    if (view === undefined) return undefined
    if (view.type === "enqueue") {
      if (items.has(view.value)) return undefined
      items.set(view.value, { enqueueCall: rows.call(at), enqueueEnd: end, dequeueCall: never, dequeueEnd: never })
    } else if (view.value !== undefined) dequeues.push({ at, value: view.value })
    else if (end !== never) empties.push(at)
  }
  for (const { at, value } of dequeues) {
    const item = items.get(value)
    const end = rows.return(at, horizon)
    if (item === undefined || item.dequeueCall !== never) {
      if (end === never) continue
      if (item === undefined || item.dequeueEnd !== never) return false
    }
    item!.dequeueCall = rows.call(at)
    item!.dequeueEnd = end
    if (end < item!.enqueueCall) return false
  }
  // An enqueue that may never have happened, and whose value nobody took, did not.
  const certain = [...items.values()].filter((item) => item.enqueueEnd !== never || item.dequeueEnd !== never)
  return inOrder(certain) && emptiesFit(certain, empties, rows, horizon)
}

const inOrder = (items: ReadonlyArray<Item>): boolean => {
  const byEnd = items.toSorted((left, right) => left.enqueueEnd - right.enqueueEnd)
  const byCall = items.toSorted((left, right) => left.enqueueCall - right.enqueueCall)
  let latest = -1
  let next = 0
  for (const item of byCall) {
    for (; next < byEnd.length && byEnd[next]!.enqueueEnd < item.enqueueCall; next += 1) {
      latest = Math.max(latest, byEnd[next]!.dequeueCall)
    }
    if (item.dequeueEnd < latest) return false
  }
  return true
}

/** No empty dequeue lies within a stretch of time throughout which the queue certainly held something. */
const emptiesFit = (
  items: ReadonlyArray<Item>,
  empties: ReadonlyArray<number>,
  rows: Rows,
  horizon: number
): boolean => {
  const inside = items.filter((item) => item.enqueueEnd < item.dequeueCall)
  inside.sort((left, right) => left.enqueueEnd - right.enqueueEnd)
  const stretches: Array<{ readonly start: number; stop: number }> = []
  for (const { enqueueEnd: start, dequeueCall: stop } of inside) {
    const last = stretches.at(-1)
    if (last !== undefined && start < last.stop) last.stop = Math.max(last.stop, stop)
    else stretches.push({ start, stop })
  }
  let next = 0
  for (const at of empties) {
    while (next < stretches.length && stretches[next]!.start < rows.call(at)) next += 1
    if (next > 0 && stretches[next - 1]!.stop > rows.return(at, horizon)) return false
  }
  return true
}
