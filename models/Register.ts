/**
 * A register: reads return what the last write wrote. The special algorithm for distinct writes (Gibbons and Korach
 * 1997) applies through its shape.
 */
import * as Model from "./Model.ts"

export type Operation = { readonly type: "read" } | { readonly type: "write"; readonly value: Model.Scalar }

/** Of a read; a write is acknowledged. */
export type Result = Model.Scalar

export const read: Operation = { type: "read" }
export const write = (value: Model.Scalar): Operation => ({ type: "write", value })

/** A register that holds `initial` before the first write; nil unless told. */
export const make = (initial: Model.Scalar = null) =>
  Model.deterministic<Model.Scalar, Operation, Result>({
    name: "register",
    init: () => initial,
    perform: (state, operation) =>
      operation.type === "read" ? { state, result: state } : { state: operation.value, result: undefined },
    stateKey: Model.scalarKey,
    operationKey: (operation, result) =>
      operation.type === "write" ? `w${Model.scalarKey(operation.value)}` : `r${Model.resultKey(result)}`,
    readOnly: (operation) => operation.type === "read",
    describe: (operation, result) =>
      operation.type === "write" ? `write ${Model.showScalar(operation.value)}` : `read -> ${Model.showResult(result)}`,
    describeState: Model.showScalar,
    shapes: [
      {
        type: "register",
        initial: Model.scalarKey(initial),
        view: (operation, result) =>
          operation.type === "write"
            ? { type: "write", value: Model.scalarKey(operation.value) }
            : Model.isSeen(result)
              ? { type: "read", value: Model.scalarKey(result) }
              : undefined
      }
    ]
  })
