/**
 * What could have caused an event: Lamport's happened-before, read backwards over the messages that arrived
 * ("Time, Clocks, and the Ordering of Events in a Distributed System", 1978).
 */
import type { Model } from "./Types.ts"

/**
 * For each lane the last instant whose doings could be known at (`lane`, `atMicros`), -Infinity if none. One pass: messages come
 * latest arrival first, and a message is sent no later than it arrives, so each frontier is final when it is asked for.
 */
export function causes(model: Model, lane: number, atMicros: number): Float64Array {
  const frontier = new Float64Array(model.packed.lanes.length).fill(-Infinity)
  frontier[lane] = atMicros
  const arrived = Array.from(model.messages.order).filter((index) => model.kind[index] <= 1)
  arrived.sort((left, right) => model.end[right] - model.end[left] || model.start[right] - model.start[left])
  for (const index of arrived) {
    const from = model.lane[index]
    if (model.end[index] <= frontier[model.peer[index]] && model.start[index] > frontier[from])
      frontier[from] = model.start[index]
  }
  return frontier
}
