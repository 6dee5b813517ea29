/**
 * A register with compare-and-set: `cas` moves it from one value to another and tells whether it did. A failed cas is
 * evidence (the register held something else); a caller that does not trust failures leaves them out of the history, as
 * Knossos does.
 */
import * as Model from "./Model.ts"

export type Operation =
  | { readonly type: "read" }
  | { readonly type: "write"; readonly value: Model.Scalar }
  | { readonly type: "cas"; readonly from: Model.Scalar; readonly to: Model.Scalar }

/** Of a read: the value. Of a cas: whether it matched. A write is acknowledged. */
export type Result = Model.Scalar

export const read: Operation = { type: "read" }
export const write = (value: Model.Scalar): Operation => ({ type: "write", value })
export const cas = (from: Model.Scalar, to: Model.Scalar): Operation => ({ type: "cas", from, to })

/** A compare-and-set register that holds `initial` before the first write; nil unless told. */
export const make = (initial: Model.Scalar = null) =>
  Model.deterministic<Model.Scalar, Operation, Result>({
    name: "cas-register",
    init: () => initial,
    perform: (state, operation) => {
      switch (operation.type) {
        case "read":
          return { state, result: state }
        case "write":
          return { state: operation.value, result: undefined }
        case "cas":
          return Object.is(state, operation.from) ? { state: operation.to, result: true } : { state, result: false }
      }
    },
    stateKey: Model.scalarKey,
    operationKey: (operation, result) => {
      switch (operation.type) {
        case "read":
          return `r${Model.resultKey(result)}`
        case "write":
          return `w${Model.scalarKey(operation.value)}`
        case "cas":
          return `c${Model.resultKey(result)},${Model.lengthed(String(Model.scalarKey(operation.from)))}${Model.scalarKey(operation.to)}`
      }
    },
    readOnly: (operation, result) =>
      operation.type === "read" ||
      (operation.type === "cas" && (result === false || Object.is(operation.from, operation.to))),
    describe: (operation, result) => {
      switch (operation.type) {
        case "read":
          return `read -> ${Model.showResult(result)}`
        case "write":
          return `write ${Model.showScalar(operation.value)}`
        case "cas": {
          const change = `cas ${Model.showScalar(operation.from)} to ${Model.showScalar(operation.to)}`
          return !Model.isSeen(result) ? change : `${change} -> ${result === true ? "done" : "no match"}`
        }
      }
    },
    describeState: Model.showScalar,
    shapes: [
      {
        type: "register",
        initial: Model.scalarKey(initial),
        view: (operation, result) => {
          if (operation.type === "write") return { type: "write", value: Model.scalarKey(operation.value) }
          if (operation.type === "read" && Model.isSeen(result)) return { type: "read", value: Model.scalarKey(result) }
          return undefined
        }
      }
    ]
  })
