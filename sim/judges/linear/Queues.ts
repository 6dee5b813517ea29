/**
 * Queues whose values are each enqueued once: decided in linear time by the four violations of Henzinger, Sezgin and
 * Vafeiadis ("Aspect-Oriented Linearizability Proofs", 2013). A queue's history is linearizable exactly when it has none:
 *   - a value is dequeued that was not enqueued before (fresh);
 *   - a value is dequeued twice (repeat);
 *   - b entered after a, yet left before a, or a never left (order);
 *   - a dequeue found the queue empty while at each of its moments some value was certainly inside (witness).
 *
 * A dequeue of which nobody knows what it took may have taken a value that is missing: one that entered before another
 * that was taken. Each missing value needs such a dequeue, called before the values behind it had left; giving the
 * earliest to the most urgent serves all, if anything does. Where a dequeue also found nothing, other values may have to be
 * taken: an order that is found so stands, but that none is found decides nothing.
 */
import type * as Model from "#models/Model.ts"
import { never } from "./Entries.ts"
import type { Decidable, Part } from "./Part.ts"

type Shape = Extract<Model.Shape, { readonly type: "queue" }>

const isEnqueue = 1
const isEmptyDequeue = 2
const isDequeue = 3
const isUnknownDequeue = 4

/** `undefined` when the operations are not of this kind. */
export const prepare = (part: Part, shape: Shape): Decidable | undefined => {
  const { length, returns } = part
  const kinds = new Uint8Array(length)
  const enqueues = new Map<Model.Key, number>()
  const taken: Array<readonly [operation: number, value: Model.Key]> = []
  const unknowns: Array<number> = []
  let empties = 0
  for (let operation = 0; operation < length; operation += 1) {
    const view = shape.view(part.operation(operation), part.result(operation))
    if (view === undefined) return undefined
    if (view.type === "enqueue") {
      if (enqueues.has(view.value)) return undefined
      kinds[operation] = isEnqueue
      enqueues.set(view.value, operation)
    } else if (view.type === "dequeue") {
      kinds[operation] = isDequeue
      taken.push([operation, view.value])
    } else if (view.type === "dequeue of nothing") {
      kinds[operation] = isEmptyDequeue
      empties += 1
    } else {
      // One that returned took effect, and may have found nothing.
      if (returns[operation] !== never) return undefined
      kinds[operation] = isUnknownDequeue
      unknowns.push(operation)
    }
  }
  const sourceOf = new Int32Array(length).fill(-1)
  for (const [operation, value] of taken) sourceOf[operation] = enqueues.get(value) ?? -1
  const queues = new Queues(part, kinds, sourceOf, unknowns)
  return empties > 0 && unknowns.length > 0 && !queues.fits(never) ? undefined : queues
}

class Queues implements Decidable {
  private readonly part: Part
  private readonly kinds: Uint8Array
  /** For a dequeue, the enqueue of what it took, or -1. */
  private readonly sourceOf: Int32Array
  private readonly unknowns: ReadonlyArray<number>
  /** For an enqueue, the dequeue that took its value, or -1. */
  private readonly takenBy: Int32Array

  constructor(part: Part, kinds: Uint8Array, sourceOf: Int32Array, unknowns: ReadonlyArray<number>) {
    this.part = part
    this.kinds = kinds
    this.sourceOf = sourceOf
    this.unknowns = unknowns
    this.takenBy = new Int32Array(part.length)
  }

  fits(horizon: number): boolean {
    return this.takenOnce(horizon) && this.missingAreTaken(horizon) && this.inOrder(horizon)
  }

  /** Fills `takenBy`; false when a value is taken that was not there before, or twice. */
  private takenOnce(horizon: number): boolean {
    const { kinds, sourceOf, takenBy } = this
    const { length, calls, returns } = this.part
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

  /** When a value began to leave, or `never`. */
  private leaves(enqueue: number): number {
    const dequeue = this.takenBy[enqueue]!
    return dequeue < 0 ? never : this.part.calls[dequeue]!
  }

  /** When a value had left for certain, or `never`. */
  private left(enqueue: number, horizon: number): number {
    const dequeue = this.takenBy[enqueue]!
    const end = dequeue < 0 ? never : this.part.returns[dequeue]!
    return end < horizon ? end : never
  }

  /** Gives missing values to dequeues that may have taken them; false when these are too few or too late. */
  private missingAreTaken(horizon: number): boolean {
    const { kinds, takenBy, unknowns } = this
    const { calls, events } = this.part
    if (unknowns.length === 0) return true
    const missing: Array<readonly [enqueue: number, deadline: number]> = []
    let deadline = never
    for (let place = Math.min(horizon, events.length) - 1; place >= 0; place -= 1) {
      const operation = events[place]! >> 1
      if (kinds[operation] !== isEnqueue) continue
      // Backwards: the calls met so far are of values that entered after this return.
      if ((events[place]! & 1) === 0) deadline = Math.min(deadline, this.left(operation, horizon))
      else if (this.left(operation, horizon) === never && this.leaves(operation) > deadline) {
        missing.push([operation, deadline])
      }
    }
    if (missing.length > unknowns.length) return false
    missing.sort(([, left], [, right]) => left - right)
    return missing.every(([enqueue, before], at) => {
      const dequeue = unknowns[at]!
      if (calls[dequeue]! > before) return false
      takenBy[enqueue] = dequeue
      return true
    })
  }

  /** False when values leave in another order than they came, or a dequeue found nothing while something was inside. */
  private inOrder(horizon: number): boolean {
    const { kinds } = this
    const { events } = this.part
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
      if (kinds[operation] === isEnqueue && !isReturn && this.left(operation, horizon) < lastLeaves) return false
      if (kinds[operation] === isEnqueue && isReturn) {
        const until = this.leaves(operation)
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
}
