/**
 * What a linearizability judge reads: operations of a sequential model with the order of their calls and returns. Columns
 * rather than objects, so that millions fit; row i of every column is one operation, rows in the order of the calls.
 *
 * `calls` and `returns` are ranks: places of the events in one total order, 0, 1, 2, ... `never` as a return means
 * that the operation may take effect at any later time, or not at all.
 */
import { assert } from "#base/Assert.ts"
import type * as Model from "#models/Model.ts"

export const never = 0x7fffffff

export interface Entries<Operation = any, Result = any> {
  readonly count: number
  readonly operations: ReadonlyArray<Operation>
  readonly results: ReadonlyArray<Result | Model.Unknown>
  readonly processes: ReadonlyArray<number> | Int32Array
  readonly calls: Int32Array
  readonly returns: Int32Array
}

/** One operation as an object, for small histories and tests. Times are any numbers. */
export interface Entry<Operation = any, Result = any> {
  readonly process: number
  readonly operation: Operation
  readonly result: Result | Model.Unknown
  readonly call: number
  /** `Infinity`: not known to have ended. */
  readonly return: number
}

export interface Times {
  readonly count: number
  readonly processes: ArrayLike<number>
  /** Not decreasing. */
  readonly invokedAt: ArrayLike<number>
  /** `Infinity` for operations without a known end. */
  readonly completedAt: ArrayLike<number>
}

/**
 * Ranks from times. Operations come in the order of their invocations. Events at the same time are taken as concurrent
 * (an invocation goes before a completion), except that a process ends an operation before it starts the next one: its
 * completion then stands right before that invocation. This is the weakest order that the times, the order of the
 * invocations and the processes allow, so it refuses nothing for want of a finer clock.
 */
export const ranks = (times: Times): { readonly calls: Int32Array; readonly returns: Int32Array } => {
  const { count, processes, invokedAt, completedAt } = times
  const calls = new Int32Array(count)
  const returns = new Int32Array(count).fill(never)
  let completed = 0
  for (let row = 0; row < count; row += 1) {
    assert(!(invokedAt[row]! < invokedAt[row - 1]!), "operations come in the order of their invocations")
    assert(completedAt[row]! >= invokedAt[row]!, "an operation ends after it was invoked")
    if (completedAt[row]! < Infinity) completed += 1
  }
  const rows = new Int32Array(completed)
  for (let row = 0, at = 0; row < count; row += 1) if (completedAt[row]! < Infinity) rows[at++] = row
  rows.sort((left, right) => completedAt[left]! - completedAt[right]! || left - right)
  const latest = new Map<number, number>()
  let rank = 0
  let next = 0
  for (let row = 0; row < count; row += 1) {
    const at = invokedAt[row]!
    for (; next < completed && completedAt[rows[next]!]! < at; next += 1) {
      if (returns[rows[next]!] === never) returns[rows[next]!] = rank++
    }
    const before = latest.get(processes[row]!)
    if (before !== undefined && returns[before] === never && completedAt[before] === at) returns[before] = rank++
    latest.set(processes[row]!, row)
    calls[row] = rank++
  }
  for (; next < completed; next += 1) if (returns[rows[next]!] === never) returns[rows[next]!] = rank++
  return { calls, returns }
}

/** Columns from objects, in any order. */
export const fromArray = <Operation, Result>(
  list: ReadonlyArray<Entry<Operation, Result>>
): Entries<Operation, Result> => {
  const sorted = list.toSorted((left, right) => left.call - right.call)
  const processes = sorted.map((entry) => entry.process)
  const order = ranks({
    count: sorted.length,
    processes,
    invokedAt: sorted.map((entry) => entry.call),
    completedAt: sorted.map((entry) => entry.return)
  })
  return {
    count: sorted.length,
    operations: sorted.map((entry) => entry.operation),
    results: sorted.map((entry) => entry.result),
    processes,
    ...order
  }
}
