/**
 * Texts that are written, appended to and read whole, where every piece is written once and no piece begins another: a
 * read then tells which write it stems from and which appends came since, in their order. So a write, the appends that
 * reads show after it, and these reads are one block, in a known order. What no read shows stands alone.
 *
 * Pieces without a common beginning can be told apart in a joined text in one way only (a prefix code).
 */
import type * as Model from "#models/Model.ts"
import { Blocks, ignored } from "./Blocks.ts"
import { never } from "./Entries.ts"
import type { Decidable, Part } from "./Part.ts"

type Shape = Extract<Model.Shape, { readonly type: "text" }>

/** What reads may show: a tree from what was there at first (node 0) by writes and appends. */
interface Values {
  readonly parents: Array<number>
  /** The operation whose piece comes last; -1 for node 0. */
  readonly operations: Array<number>
  readonly depths: Array<number>
  /** 1 + the write that it stems from, or 0 for what was there at first. */
  readonly blocks: Array<number>
}

/** `undefined` when the operations are not of this kind. */
export const prepare = (part: Part, shape: Shape): Decidable | undefined => {
  const { length, returns } = part
  const pieces = new Map<string, number>()
  const isAppend = new Uint8Array(length)
  const readValues: Array<readonly [operation: number, value: string]> = []
  const reads = new Uint8Array(length)
  for (let operation = 0; operation < length; operation += 1) {
    const view = shape.view(part.operation(operation), part.result(operation))
    if (view === undefined && !part.ignorable(operation)) return undefined
    if (view === undefined || view.type === "read") {
      reads[operation] = 1
      if (view !== undefined && returns[operation] !== never) readValues.push([operation, view.value])
      continue
    }
    if (view.value === "" || pieces.has(view.value)) return undefined
    pieces.set(view.value, operation)
    if (view.type === "append") isAppend[operation] = 1
  }
  if (!isPrefixFree([...pieces.keys()])) return undefined
  const values: Values = { parents: [-1], operations: [-1], depths: [0], blocks: [0] }
  /** For a read, the node of what it showed, or -1 for what nobody wrote. */
  const nodeOf = new Int32Array(length).fill(-1)
  const takeApart = reader(pieces, isAppend, values)
  for (const [operation, value] of readValues) nodeOf[operation] = takeApart(value)
  return new Texts(part, reads, values, nodeOf)
}

const isPrefixFree = (pieces: Array<string>): boolean => {
  pieces.sort()
  return pieces.every((piece, at) => at === 0 || !piece.startsWith(pieces[at - 1]!))
}

/** Takes a text apart: its node, or -1 when it does not consist of pieces, a write at most at its beginning. */
const reader = (pieces: ReadonlyMap<string, number>, isAppend: Uint8Array, values: Values) => {
  const lengths = [...new Set([...pieces.keys()].map((piece) => piece.length))]
  const children = new Map<string, number>()
  const child = (node: number, operation: number): number => {
    const name = `${node},${operation}`
    const known = children.get(name)
    if (known !== undefined) return known
    const fresh = values.parents.length
    children.set(name, fresh)
    values.parents.push(node)
    values.operations.push(operation)
    values.depths.push(values.depths[node]! + 1)
    values.blocks.push(isAppend[operation] === 1 ? values.blocks[node]! : operation + 1)
    return fresh
  }
  return (text: string): number => {
    let node = 0
    for (let from = 0; from < text.length;) {
      const length = lengths.find((one) => pieces.has(text.slice(from, from + one)))
      const operation = length === undefined ? undefined : pieces.get(text.slice(from, from + length))
      if (operation === undefined || (from > 0 && isAppend[operation] === 0)) return -1
      node = child(node, operation)
      from += length!
    }
    return node
  }
}

class Texts implements Decidable {
  private readonly part: Part
  private readonly reads: Uint8Array
  private readonly values: Values
  private readonly nodeOf: Int32Array
  private readonly blocks: Blocks
  private readonly blockOf: Int32Array
  private readonly levelOf: Int32Array
  /** 1 for nodes on the way to the longest text of their block. */
  private readonly onPath: Uint8Array

  constructor(part: Part, reads: Uint8Array, values: Values, nodeOf: Int32Array) {
    this.part = part
    this.reads = reads
    this.values = values
    this.nodeOf = nodeOf
    this.blocks = new Blocks(part, reads)
    this.blockOf = new Int32Array(part.length)
    this.levelOf = new Int32Array(part.length)
    this.onPath = new Uint8Array(values.parents.length)
  }

  fits(horizon: number): boolean {
    const { part, reads, nodeOf, blockOf, levelOf, onPath, values } = this
    const { length } = part
    for (let operation = 0; operation < length; operation += 1) {
      blockOf[operation] = reads[operation] === 1 ? ignored : operation + 1
      levelOf[operation] = 0
    }
    onPath.fill(0)
    onPath[0] = 1
    const shown = this.shownBefore(horizon)
    // The longest texts first: each shorter one must lie on the way to one of them.
    shown.sort((left, right) => values.depths[nodeOf[right]!]! - values.depths[nodeOf[left]!]!)
    const longest = new Set<number>()
    for (const read of shown) {
      const node = nodeOf[read]!
      if (node < 0) return false
      const block = values.blocks[node]!
      if (onPath[node] === 0) {
        if (longest.has(block)) return false
        if (!this.mark(node, block, horizon)) return false
      }
      longest.add(block)
      blockOf[read] = block
      levelOf[read] = 2 * values.depths[node]! + 1
    }
    return this.blocks.fit(blockOf, levelOf, horizon)
  }

  private shownBefore(horizon: number): Array<number> {
    const { returns, length } = this.part
    const shown: Array<number> = []
    for (let operation = 0; operation < length; operation += 1) {
      if (this.blockOf[operation] === ignored && returns[operation]! < horizon && !this.part.ignorable(operation)) {
        shown.push(operation)
      }
    }
    return shown
  }

  /** Puts the pieces of a text into its block; false when one of them is in another, or was not written yet. */
  private mark(node: number, block: number, horizon: number): boolean {
    const { parents, operations, depths } = this.values
    for (let at = node; at > 0 && this.onPath[at] === 0; at = parents[at]!) {
      const operation = operations[at]!
      if (this.part.calls[operation]! >= horizon || this.levelOf[operation] !== 0) return false
      this.onPath[at] = 1
      this.blockOf[operation] = block
      this.levelOf[operation] = 2 * depths[at]!
    }
    return true
  }
}
