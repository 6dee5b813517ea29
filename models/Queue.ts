/**
 * A first-in first-out queue: dequeue returns the oldest value, or null when there is none. Where every value is enqueued
 * once, the special algorithm of Henzinger, Sezgin and Vafeiadis (2013) decides.
 */
import * as Model from "./Model.ts"

/** What a queue holds: null means "empty" in results. */
export type Item = Exclude<Model.Scalar, null>

export type Operation = { readonly type: "enqueue"; readonly value: Item } | { readonly type: "dequeue" }

/** Of a dequeue: the value, or null from an empty queue. An enqueue is acknowledged. */
export type Result = Model.Scalar

export const enqueue = (value: Item): Operation => ({ type: "enqueue", value })
export const dequeue: Operation = { type: "dequeue" }

/** A queue that is empty at first. */
export const make = () =>
  Model.deterministic<ReadonlyArray<Item>, Operation, Result>({
    name: "queue",
    init: () => [],
    perform: (state, operation) => {
      if (operation.type === "enqueue") return { state: [...state, operation.value], result: undefined }
      return state.length === 0 ? { state, result: null } : { state: state.slice(1), result: state[0]! }
    },
    stateKey: (state) => state.map((value) => Model.lengthed(Model.keyText(Model.scalarKey(value)))).join(""),
    operationKey: (operation, result) =>
      operation.type === "enqueue"
        ? `e${Model.keyText(Model.scalarKey(operation.value))}`
        : `d${Model.keyText(Model.resultKey(result))}`,
    readOnly: (operation, result) => operation.type === "dequeue" && result === null,
    describe: (operation, result) =>
      operation.type === "enqueue"
        ? `enqueue ${Model.showScalar(operation.value)}`
        : `dequeue -> ${result === null ? "empty" : Model.showResult(result)}`,
    describeState: (state) => `[${state.map(Model.showScalar).join(" ")}]`,
    shapes: [
      {
        type: "queue",
        view: (operation, result) => {
          if (operation.type === "enqueue") return { type: "enqueue", value: Model.scalarKey(operation.value) }
          if (!Model.isSeen(result)) return { type: "dequeue of something" }
          return result === null ? { type: "dequeue of nothing" } : { type: "dequeue", value: Model.scalarKey(result) }
        }
      }
    ]
  })
