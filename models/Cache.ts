/**
 * A place of a cache: an integer or nothing. What is in it may go at any time, if it was put so that it may; then it is gone until somebody puts
 * something there, and what was there before is never seen again.
 */
import * as Model from "./Model.ts"

/** Null: there is nothing. */
export type State = { readonly value: number; readonly mayGo: boolean } | null

export type Operation =
  | { readonly type: "get" }
  /** Null: takes the value away. */
  | { readonly type: "put"; readonly value: number | null; readonly mayGo: boolean }

/** Of a get: the value. Of a put: whether there was one before. A text is nothing that was ever there. */
export type Result = Model.Scalar

export const get: Operation = { type: "get" }
export const put = (value: number | null, mayGo: boolean): Operation => ({ type: "put", value, mayGo })

const describe = (operation: Operation): string => {
  if (operation.type === "get") return "get"
  if (operation.value === null) return "delete"
  return `put ${operation.value}${operation.mayGo ? ", which may go" : ""}`
}

const after = (operation: Extract<Operation, { type: "put" }>): State =>
  operation.value === null ? null : { value: operation.value, mayGo: operation.mayGo }

/** It looks as if nothing was there. */
const isMissed = (state: State): boolean => state === null || state.mayGo

const step = (state: State, operation: Operation, result: Result | Model.Unknown): State | undefined => {
  if (operation.type === "put") {
    if (result === true && state === null) return undefined
    if (result === false && !isMissed(state)) return undefined
    return typeof result === "boolean" || result === Model.unknown ? after(operation) : undefined
  }
  if (result === Model.unknown) return state
  if (result === null) return isMissed(state) ? null : undefined
  return result === state?.value ? state : undefined
}

const stateKey = (state: State): string => (state === null ? "" : `${state.value}${state.mayGo ? "?" : ""}`)

export const make = (): Model.Model<State, Operation, Result> => ({
  name: "cache",
  init: () => null,
  step,
  // What it does while nothing goes.
  perform: (state, operation) =>
    operation.type === "get"
      ? { state, result: state === null ? null : state.value }
      : { state: after(operation), result: state !== null },
  stateKey,
  operationKey: (operation, result) => `${describe(operation)},${Model.resultKey(result)}`,
  // One that finds nothing is where it went.
  readOnly: (operation, result) => operation.type === "get" && result !== null,
  describe: (operation, result) => `${describe(operation)} -> ${Model.showResult(result)}`,
  describeState: (state) => (state === null ? "nil" : stateKey(state))
})
