/**
 * Special algorithms: models with a shape are decided without a search where their operations allow, in O(n log n), for
 * histories of any length and concurrency.
 */
import type * as Model from "#models/Model.ts"
import { type Entries, never, Rows } from "./Entries.ts"
import * as QueueOrder from "./QueueOrder.ts"
import * as RegisterZones from "./RegisterZones.ts"
import * as SetLevels from "./SetLevels.ts"

const decideUntil = (rows: Rows, shape: Model.Shape, horizon: number): boolean | undefined => {
  switch (shape.type) {
    case "register":
      return RegisterZones.decide(rows, shape, horizon)
    case "set":
      return SetLevels.decide(rows, shape, horizon)
    case "queue":
      return QueueOrder.decide(rows, shape, horizon)
  }
}

/** Whether some rows of a history are linearizable; `undefined` when no special algorithm knows. */
export const decide = (model: Model.Model, entries: Entries, rows: Int32Array): boolean | undefined =>
  model.shape === undefined ? undefined : decideUntil(new Rows(model, entries, rows), model.shape, never)

/**
 * The row whose completion no linearization reaches, of rows that `decide` refused: the first completion such that what
 * was called before it fits no order, by bisection.
 */
export const stuckRow = (model: Model.Model, entries: Entries, rows: Int32Array): number => {
  const view = new Rows(model, entries, rows)
  const completed = rows.filter((row) => entries.returns[row] !== never)
  completed.sort((left, right) => entries.returns[left]! - entries.returns[right]!)
  let fits = -1
  let refused = completed.length - 1
  while (refused - fits > 1) {
    const middle = (fits + refused) >>> 1
    // The horizon is just after the completion: it counts, what is called later does not.
    const decided = decideUntil(view, model.shape!, entries.returns[completed[middle]!]! + 1)
    if (decided === false) refused = middle
    else fits = middle
  }
  return completed[refused]!
}
