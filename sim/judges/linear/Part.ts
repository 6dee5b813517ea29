/**
 * A part of a history as special algorithms read it: its operations with the places of their events in the part's own
 * order 0, 1, 2, ... so that what happens at each place fits an array.
 */
import * as Model from "#models/Model.ts"
import { type Entries, never } from "./Entries.ts"

export class Part {
  readonly length: number
  /** Places of the calls, increasing. */
  readonly calls: Int32Array
  /** Places of the returns, or `never`. */
  readonly returns: Int32Array
  /** The event at each place: twice its operation, plus 1 for a return. */
  readonly events: Int32Array
  private readonly model: Model.Model
  private readonly entries: Entries
  private readonly rows: Int32Array

  constructor(model: Model.Model, entries: Entries, rows: Int32Array) {
    this.length = rows.length
    this.model = model
    this.entries = entries
    this.rows = rows
    this.calls = new Int32Array(rows.length)
    this.returns = new Int32Array(rows.length).fill(never)
    const completed = byReturn(rows.map((row) => entries.returns[row]!))
    this.events = new Int32Array(rows.length + completed.length)
    let place = 0
    let next = 0
    const end = (): void => {
      const operation = completed[next]!
      this.returns[operation] = place
      this.events[place] = operation * 2 + 1
      place += 1
      next += 1
    }
    for (let operation = 0; operation < rows.length; operation += 1) {
      const call = entries.calls[rows[operation]!]!
      while (next < completed.length && entries.returns[rows[completed[next]!]!]! < call) end()
      this.calls[operation] = place
      this.events[place] = operation * 2
      place += 1
    }
    while (next < completed.length) end()
  }

  operation(index: number): any {
    return this.entries.operations[this.rows[index]!]
  }

  result(index: number): any {
    return this.entries.results[this.rows[index]!]
  }

  row(index: number): number {
    return this.rows[index]!
  }

  /** A read of which nobody knows what it saw: it constrains nothing. */
  ignorable(index: number): boolean {
    const result = this.result(index)
    return !Model.isSeen(result) && (this.model.readOnly?.(this.operation(index), result) ?? false)
  }
}

/** A part that a special algorithm can decide. */
export interface Decidable {
  /**
   * Whether what was called before a place can be explained, as far as it returned before that place; what returns later
   * may or may not have happened. Once false, it stays false for later places.
   */
  readonly fits: (horizon: number) => boolean
}

/** Operations that complete, by return. Ranks stay below 2^27 and rows below 2^26, so both fit one exact number. */
export const byReturn = (returns: Int32Array): Int32Array => {
  const shift = 67_108_864
  let count = 0
  for (const at of returns) if (at !== never) count += 1
  const packed = new Float64Array(count)
  for (let operation = 0, at = 0; operation < returns.length; operation += 1) {
    if (returns[operation] !== never) packed[at++] = returns[operation]! * shift + operation
  }
  packed.sort()
  const completed = new Int32Array(count)
  for (let at = 0; at < count; at += 1) completed[at] = packed[at]! % shift
  return completed
}
