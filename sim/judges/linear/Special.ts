/**
 * Special algorithms: models with a shape are decided without a search where their operations allow, in linear time, for
 * histories of any length and concurrency.
 */
import type * as Model from "#models/Model.ts"
import { type Entries, never } from "./Entries.ts"
import { byReturn, type Decidable, Part } from "./Part.ts"
import * as QueueOrder from "./QueueOrder.ts"
import * as RegisterZones from "./RegisterZones.ts"
import * as SetLevels from "./SetLevels.ts"

export interface Decided {
  /** The row whose completion no linearization reaches; `undefined` when all rows can be linearized. */
  readonly stuck: number | undefined
}

/** Decides some rows of a history; `undefined` when no special algorithm knows. */
export const decide = (model: Model.Model, entries: Entries, rows: Int32Array): Decided | undefined => {
  if (model.shape === undefined) return undefined
  const part = new Part(model, entries, rows)
  const decidable = prepare(part, model.shape)
  if (decidable === undefined) return undefined
  if (decidable.fits(never)) return { stuck: undefined }
  // The first completion such that what was called before it fits no order, by bisection.
  const completed = byReturn(part.returns)
  let fits = -1
  let refused = completed.length - 1
  while (refused - fits > 1) {
    const middle = (fits + refused) >>> 1
    // The horizon is just after the completion: it counts, what is called later does not.
    if (decidable.fits(part.returns[completed[middle]!]! + 1)) fits = middle
    else refused = middle
  }
  return { stuck: part.row(completed[refused]!) }
}

const prepare = (part: Part, shape: Model.Shape): Decidable | undefined => {
  switch (shape.type) {
    case "register":
      return RegisterZones.prepare(part, shape)
    case "set":
      return SetLevels.prepare(part, shape)
    case "queue":
      return QueueOrder.prepare(part, shape)
  }
}
