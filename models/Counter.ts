/**
 * A counter: `add` moves it by a delta, `read` returns the sum of what was added. An add may return the new value
 * (fetch-and-add) or only be acknowledged.
 */
import * as Model from "./Model.ts"

export type Operation = { readonly type: "read" } | { readonly type: "add"; readonly delta: number }

/** Of a read: the value. Of an add: the value after it, or `undefined` where the system only acknowledges. */
export type Result = number | undefined

export const read: Operation = { type: "read" }
export const add = (delta: number): Operation => ({ type: "add", delta })

/** A counter that stands at `initial` before the first add; 0 unless told. */
export const make = (initial = 0) =>
  Model.deterministic<number, Operation, Result>({
    name: "counter",
    init: () => initial,
    perform: (state, operation) => {
      if (operation.type === "read") return { state, result: state }
      return { state: state + operation.delta, result: state + operation.delta }
    },
    stateKey: (state) => state,
    operationKey: (operation, result) => {
      const seen = result === Model.unknown || result === undefined ? "" : result
      return operation.type === "add" ? `a${operation.delta},${seen}` : `r${seen}`
    },
    readOnly: (operation) => operation.type === "read" || operation.delta === 0,
    describe: (operation, result) =>
      operation.type === "read"
        ? `read -> ${Model.showResult(result)}`
        : result === Model.unknown || result === undefined
          ? `add ${operation.delta}`
          : `add ${operation.delta} -> ${result}`,
    describeState: String
  })
