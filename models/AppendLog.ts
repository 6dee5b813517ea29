/**
 * One stream of a log: records at rising positions, of which the first or the last may be cut off when one is appended. Only the
 * last few are read.
 */
import * as Model from "./Model.ts"

export type Operation =
  | { readonly type: "append"; readonly value: number }
  /** Only the last `keep` stay, and then one is appended. */
  | { readonly type: "cut-head"; readonly keep: number; readonly value: number }
  /** The last `drop` go, and one is appended in their place. */
  | { readonly type: "cut-tail"; readonly drop: number; readonly value: number }
  | { readonly type: "read" }

/** What a read gives, as text: the position of the first record that is there, and the values from it on. */
export const seen = (first: number, values: ReadonlyArray<number>): string => `${first}:${values.join(",")}`

interface State {
  readonly first: number
  readonly values: ReadonlyArray<number>
}

const next = (state: State, operation: Operation): State => {
  const { first, values } = state
  switch (operation.type) {
    case "append":
      return { first, values: [...values, operation.value] }
    case "cut-head": {
      const gone = Math.max(0, values.length - operation.keep)
      return { first: first + gone, values: [...values.slice(gone), operation.value] }
    }
    case "cut-tail":
      return { first, values: [...values.slice(0, Math.max(0, values.length - operation.drop)), operation.value] }
    case "read":
      return state
  }
}

const operationText = (operation: Operation): string =>
  operation.type === "read"
    ? "read"
    : `${operation.type} ${operation.value}${operation.type === "cut-head" ? ` keep ${operation.keep}` : operation.type === "cut-tail" ? ` drop ${operation.drop}` : ""}`

/** A stream that is empty at first, its first position 1. */
export const make = () =>
  Model.deterministic<State, Operation, Model.Scalar>({
    name: "log",
    init: () => ({ first: 1, values: [] }),
    perform: (state, operation) => ({
      state: next(state, operation),
      result: operation.type === "read" ? seen(state.first, state.values) : null
    }),
    stateKey: ({ first, values }) => seen(first, values),
    operationKey: (operation, result) => `${operationText(operation)} ${Model.resultKey(result)}`,
    readOnly: (operation) => operation.type === "read",
    describe: (operation, result) =>
      operation.type === "read" ? `read -> ${Model.showResult(result)}` : operationText(operation),
    describeState: ({ first, values }) => seen(first, values)
  })
