/**
 * Queues whose values are each enqueued once: decided in linear time by the four violations of Henzinger, Sezgin and
 * Vafeiadis ("Aspect-Oriented Linearizability Proofs", 2013). A queue's history is linearizable exactly when it has none:
 *   - a value is dequeued that was not enqueued before (fresh);
 *   - a value is dequeued twice (repeat);
 *   - b entered after a, yet left before a, or a never left (order);
 *   - a dequeue found the queue empty while at each of its moments some value was certainly inside (witness).
 */
import type * as Model from "#models/Model.ts"
import { never } from "./Entries.ts"
import type { Decidable, Part } from "./Part.ts"

type Shape = Extract<Model.Shape, { readonly type: "queue" }>

const isEnqueue = 1
const isEmptyDequeue = 2
const isDequeue = 3

/** `undefined` when the operations are not of this kind. */
export const prepare = (part: Part, shape: Shape): Decidable | undefined => {
  const { length } = part
  const kinds = new Uint8Array(length)
  const enqueues = new Map<Model.Key, number>()
  for (let operation = 0; operation < length; operation += 1) {
    const view = shape.view(part.operation(operation), part.result(operation))
    if (view === undefined) return undefined
    if (view.type === "dequeue") {
      kinds[operation] = view.value === undefined ? isEmptyDequeue : isDequeue
      continue
    }
    if (enqueues.has(view.value)) return undefined
    kinds[operation] = isEnqueue
    enqueues.set(view.value, operation)
  }
  /** For a dequeue, the enqueue of what it took, or -1. */
  const sourceOf = new Int32Array(length).fill(-1)
  for (let operation = 0; operation < length; operation += 1) {
    if (kinds[operation] !== isDequeue) continue
    const view = shape.view(part.operation(operation), part.result(operation))
    if (view?.type === "dequeue") sourceOf[operation] = enqueues.get(view.value!) ?? -1
  }
  /** For an enqueue, the dequeue that took its value, or -1. */
  const takenBy = new Int32Array(length)
  return {
    fits: (horizon) => takenOnce(part, kinds, sourceOf, takenBy, horizon) && inOrder(part, kinds, takenBy, horizon)
  }
}

/** Fills `takenBy`; false when a value is taken that was not there before, or twice. */
const takenOnce = (
  { length, calls, returns }: Part,
  kinds: Uint8Array,
  sourceOf: Int32Array,
  takenBy: Int32Array,
  horizon: number
): boolean => {
  takenBy.fill(-1)
  for (let operation = 0; operation < length && calls[operation]! < horizon; operation += 1) {
    if (kinds[operation] !== isDequeue) continue
    const ended = returns[operation]! < horizon
    const source = sourceOf[operation]!
    const present = source >= 0 && calls[source]! < horizon
    const other = present ? takenBy[source]! : -1
    // A dequeue that may not have happened gives way.
    if (ended && (!present || returns[operation]! < calls[source]!)) return false
    if (ended && other >= 0 && returns[other]! < horizon) return false
    if (present && (ended || other < 0)) takenBy[source] = operation
  }
  return true
}

/** False when values leave in another order than they came, or a dequeue found nothing while something was inside. */
const inOrder = (
  { calls, returns, events }: Part,
  kinds: Uint8Array,
  takenBy: Int32Array,
  horizon: number
): boolean => {
  const leaves = (enqueue: number): number => (takenBy[enqueue]! < 0 ? never : calls[takenBy[enqueue]!]!)
  const left = (enqueue: number): number => {
    const dequeue = takenBy[enqueue]!
    return dequeue < 0 || returns[dequeue]! >= horizon ? never : returns[dequeue]!
  }
  const end = Math.min(horizon, events.length)
  /** When the last of those begins to leave whose enqueue has returned. */
  let lastLeaves = -1
  /** The stretch of time throughout which something is certainly inside, as far as it is known. */
  let fullFrom = -1
  let fullUntil = -1
  const fullAtCall = new Map<number, number>()
  for (let place = 0; place < end; place += 1) {
    const operation = events[place]! >> 1
    const isReturn = (events[place]! & 1) === 1
    if (kinds[operation] === isEnqueue && !isReturn && left(operation) < lastLeaves) return false
    if (kinds[operation] === isEnqueue && isReturn) {
      const until = leaves(operation)
      lastLeaves = Math.max(lastLeaves, until)
      if (until < place) continue
      if (fullUntil < place) fullFrom = place
      fullUntil = Math.max(fullUntil, until)
    } else if (kinds[operation] === isEmptyDequeue) {
      if (!isReturn) fullAtCall.set(operation, fullUntil > place ? fullFrom : -1)
      else if (fullAtCall.get(operation) === fullFrom && fullFrom >= 0 && fullUntil > place) return false
    }
  }
  return true
}
