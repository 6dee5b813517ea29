/**
 * Special algorithms: models with shapes are decided without a search where their operations allow, in linear time, for
 * histories of any length and concurrency.
 */
import type * as Model from "#models/Model.ts"
import { type Entries, never } from "./Entries.ts"
import { byReturn, type Decidable, Part } from "./Part.ts"
import * as Queues from "./Queues.ts"
import * as Registers from "./Registers.ts"
import * as Sets from "./Sets.ts"
import * as Texts from "./Texts.ts"

export interface Decided {
  /** The row whose completion no linearization reaches; `undefined` when all rows can be linearized. */
  readonly stuck: number | undefined
}

/** Decides some rows of a history; `undefined` when no special algorithm knows. */
export const decide = (model: Model.Model, entries: Entries, rows: Int32Array): Decided | undefined => {
  if (model.shapes === undefined) return undefined
  const part = new Part(model, entries, rows)
  let decidable: Decidable | undefined
  for (const shape of model.shapes) decidable ??= prepare(part, shape)
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
      return Registers.prepare(part, shape)
    case "set":
      return Sets.prepare(part, shape)
    case "queue":
      return Queues.prepare(part, shape)
    case "text":
      return Texts.prepare(part, shape)
  }
}
