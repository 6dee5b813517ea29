/**
 * Registers whose writes are all different: a write and the reads of its value are one block (Gibbons and Korach 1997),
 * the reads of what the register held at first stand before everything.
 */
import type * as Model from "#models/Model.ts"
import { Blocks, ignored, impossible } from "./Blocks.ts"
import { never } from "./Entries.ts"
import type { Decidable, Part } from "./Part.ts"

type Shape = Extract<Model.Shape, { readonly type: "register" }>

/** `undefined` when the operations are not of this kind. */
export const prepare = (part: Part, shape: Shape): Decidable | undefined => {
  const { length, calls, returns } = part
  const reads = new Uint8Array(length)
  const blockOf = new Int32Array(length).fill(ignored)
  /** A write, then the reads of its value. */
  const levelOf = new Int32Array(length)
  const blocks = new Map<Model.Key, number>([[shape.initial, 0]])
  for (let operation = 0; operation < length; operation += 1) {
    const view = shape.view(part.operation(operation), part.result(operation))
    if (view === undefined && !part.ignorable(operation)) return undefined
    if (view?.type !== "write") continue
    if (blocks.has(view.value)) return undefined
    blocks.set(view.value, operation + 1)
    blockOf[operation] = operation + 1
  }
  for (let operation = 0; operation < length; operation += 1) {
    if (blockOf[operation] !== ignored || returns[operation] === never) continue
    const view = shape.view(part.operation(operation), part.result(operation))
    if (view === undefined) continue
    const block = blocks.get(view.value) ?? impossible
    reads[operation] = 1
    levelOf[operation] = 1
    blockOf[operation] = block > 0 && calls[block - 1]! > returns[operation]! ? impossible : block
  }
  const judged = new Blocks(part, reads)
  return { fits: (horizon) => judged.fit(blockOf, levelOf, horizon) }
}
