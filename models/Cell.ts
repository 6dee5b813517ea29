/**
 * A cell with an integer or nothing in it: get, put, compare-and-set, add. Every change tells something of what was there before,
 * so an update that was lost or made twice shows at once: a put whether there was a value, an addition the sum.
 */
import * as Model from "./Model.ts"

export type Operation =
  | { readonly type: "get" }
  /** Null: takes the value away. */
  | { readonly type: "put"; readonly value: number | null }
  | { readonly type: "cas"; readonly from: number | null; readonly to: number | null }
  /** To nothing as to 0. */
  | { readonly type: "add"; readonly delta: number }

/** Of a get: the value. Of a put: whether there was one before. Of a cas: whether it matched. Of an addition: the sum. */
export type Result = Model.Scalar

export const get: Operation = { type: "get" }
export const put = (value: number | null): Operation => ({ type: "put", value })
export const cas = (from: number | null, to: number | null): Operation => ({ type: "cas", from, to })
export const add = (delta: number): Operation => ({ type: "add", delta })

const describe = (operation: Operation): string => {
  switch (operation.type) {
    case "get":
      return "get"
    case "put":
      return operation.value === null ? "delete" : `put ${operation.value}`
    case "cas":
      return `cas ${Model.showScalar(operation.from)} to ${Model.showScalar(operation.to)}`
    case "add":
      return `add ${operation.delta}`
  }
}

export const make = () =>
  Model.deterministic<number | null, Operation, Result>({
    name: "cell",
    init: () => null,
    perform: (state, operation) => {
      switch (operation.type) {
        case "get":
          return { state, result: state }
        case "put":
          return { state: operation.value, result: state !== null }
        case "cas":
          return state === operation.from ? { state: operation.to, result: true } : { state, result: false }
        case "add": {
          const sum = (state ?? 0) + operation.delta
          return { state: sum, result: sum }
        }
      }
    },
    stateKey: Model.scalarKey,
    operationKey: (operation, result) => `${describe(operation)},${Model.resultKey(result)}`,
    readOnly: (operation, result) => operation.type === "get" || (operation.type === "cas" && result === false),
    describe: (operation, result) => `${describe(operation)} -> ${Model.showResult(result)}`,
    describeState: Model.showScalar
  })
