/**
 * One part of a history, ready for the search: kinds of operations, completions in order, a bit for every operation that
 * is open at a time, and each operation's twin.
 */
import type * as Model from "#models/Model.ts"
import { type Entries, never } from "./Entries.ts"
import type { Automaton } from "./Automaton.ts"
import { byReturn } from "./Part.ts"

export interface Problem {
  readonly count: number
  /** Row of the history for each operation of the problem. */
  readonly rows: Int32Array
  /** Increasing. */
  readonly calls: Int32Array
  readonly returns: Int32Array
  readonly kinds: Int32Array
  /** 1 where the operation changes no state. */
  readonly reads: Uint8Array
  /** The operations that completed, in the order of their returns. */
  readonly completed: Int32Array
  /** The bit of an operation, its own from its call to its return (for ever when it never returns). */
  readonly slots: Int32Array
  readonly words: number
  /** The operation of the same kind that returns next before this one, or -1: while that one is open, this one can wait. */
  readonly twins: Int32Array
  /** Bits of what each operation touches; operations without a common bit may be swapped. */
  readonly touches: Int32Array
  /** Whether some operations have no bit in common. */
  readonly separable: boolean
}

/**
 * The problem of some rows of a history, in the order of their calls. Reads that may never have happened are left out:
 * they constrain nothing.
 */
export const make = (entries: Entries, rows: ArrayLike<number>, automaton: Automaton<any, any, any>): Problem => {
  const kept = new Int32Array(rows.length)
  const keptKinds = new Int32Array(rows.length)
  let count = 0
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index]!
    const kind = automaton.kind(entries.operations[row], entries.results[row])
    if (entries.returns[row] === never && automaton.readOnly(kind)) continue
    kept[count] = row
    keptKinds[count] = kind
    count += 1
  }
  const calls = new Int32Array(count)
  const returns = new Int32Array(count)
  const kinds = keptKinds.slice(0, count)
  const reads = new Uint8Array(count)
  for (let operation = 0; operation < count; operation += 1) {
    calls[operation] = entries.calls[kept[operation]!]!
    returns[operation] = entries.returns[kept[operation]!]!
    reads[operation] = automaton.readOnly(kinds[operation]!) ? 1 : 0
  }
  const completed = byReturn(returns)
  return {
    count,
    rows: kept.slice(0, count),
    calls,
    returns,
    kinds,
    reads,
    completed,
    twins: twinsOf(returns, kinds, completed),
    ...touchesOf(entries, kept.subarray(0, count), automaton.model),
    ...slotsOf(calls, returns, completed)
  }
}

const twinsOf = (returns: Int32Array, kinds: Int32Array, completed: Int32Array): Int32Array => {
  const twins = new Int32Array(kinds.length).fill(-1)
  const latest = new Map<number, number>()
  const visit = (operation: number): void => {
    const twin = latest.get(kinds[operation]!)
    if (twin !== undefined) twins[operation] = twin
    latest.set(kinds[operation]!, operation)
  }
  for (const operation of completed) visit(operation)
  for (let operation = 0; operation < kinds.length; operation += 1) if (returns[operation] === never) visit(operation)
  return twins
}

/** A bit for each key, by turns: keys that share a bit are taken as one, which is slower and right. */
const touchesOf = (
  entries: Entries,
  rows: Int32Array,
  model: Model.Model
): { readonly touches: Int32Array; readonly separable: boolean } => {
  const touches = new Int32Array(rows.length).fill(-1)
  const { parts } = model
  const keysOf =
    model.touches ??
    (parts &&
      ((operation: unknown) => {
        const part = parts.of(operation)
        return part === undefined ? undefined : [part]
      }))
  if (keysOf === undefined) return { touches, separable: false }
  const bits = new Map<Model.Key, number>()
  let common = -1
  for (let operation = 0; operation < rows.length; operation += 1) {
    const keys = keysOf(entries.operations[rows[operation]!])
    if (keys === undefined) continue
    touches[operation] = 0
    for (const key of keys) {
      let bit = bits.get(key)
      if (bit === undefined) bits.set(key, (bit = 1 << (bits.size & 31)))
      touches[operation]! |= bit
    }
    common &= touches[operation]!
  }
  return { touches, separable: common === 0 }
}

const slotsOf = (
  calls: Int32Array,
  returns: Int32Array,
  completed: Int32Array
): { readonly slots: Int32Array; readonly words: number } => {
  const slots = new Int32Array(calls.length)
  const free: Array<number> = []
  let used = 0
  let next = 0
  for (let operation = 0; operation < calls.length; operation += 1) {
    for (; next < completed.length && returns[completed[next]!]! < calls[operation]!; next += 1) {
      free.push(slots[completed[next]!]!)
    }
    slots[operation] = free.length > 0 ? free.pop()! : used++
  }
  return { slots, words: Math.max(1, (used + 31) >>> 5) }
}
