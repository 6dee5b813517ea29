/**
 * Source: entries in order, one at a time, from a memtable or from tables: what a merge is made of. `step` moves to the next
 * one; the fields say what it is, and hold until the next step.
 */
import type { Step } from "../Engine.ts"

const nothing = new Uint8Array(0)

export abstract class Source {
  /** The key: [keyFrom, keyTo) of `keys`, and its first bytes as a number (`Keys.prefixOf`). */
  keys: Uint8Array = nothing
  keyFrom = 0
  keyTo = 0
  prefix = 0
  sequence = 0
  isDelete = false
  /** The value: [valueFrom, valueTo) of `values`. */
  values: Uint8Array = nothing
  valueFrom = 0
  valueTo = 0
  /** Of two entries with one key that of the lower rank is newer. */
  readonly rank: number

  constructor(rank: number) {
    this.rank = rank
  }

  /** `wait`: its bytes are not there yet; once they are, `step` goes on. */
  abstract step(): Step
}
