/**
 * The definition of linearizability, tried out: every order of the operations that respects their times, with and without
 * each operation that may never have happened. An oracle for tests of the real search; factorial, so for small
 * histories only.
 */
import { assert } from "#base/Assert.ts"
import type * as Model from "#models/Model.ts"
import type { Entry } from "./Entries.ts"

export const operationsMax = 10

export const linearizable = <State, Operation, Result>(
  model: Model.Model<State, Operation, Result>,
  entries: ReadonlyArray<Entry<Operation, Result>>
): boolean => {
  assert(entries.length <= operationsMax, "the brute force is for small histories")
  const extend = (state: State, left: ReadonlyArray<Entry<Operation, Result>>): boolean =>
    left.every((entry) => entry.return === Infinity) ||
    left.some((entry) => {
      if (left.some((other) => other.return < entry.call)) return false
      const next = model.step(state, entry.operation, entry.result)
      return (
        next !== undefined &&
        extend(
          next,
          left.filter((other) => other !== entry)
        )
      )
    })
  return extend(model.init(), entries)
}
