/**
 * A set: add, remove, contains, and read of all members. Members never see each other as long as nobody reads the whole
 * set, so each is then judged alone; a set that only grows and is read whole takes a special algorithm.
 */
import * as Model from "./Model.ts"

export type Operation =
  | { readonly type: "add"; readonly value: Model.Scalar }
  | { readonly type: "remove"; readonly value: Model.Scalar }
  | { readonly type: "contains"; readonly value: Model.Scalar }
  | { readonly type: "read" }

/**
 * Of a read: the members in any order, each once. Of contains: whether it is there. Of add and remove: whether they
 * changed the set, or `undefined` where the system only acknowledges.
 */
export type Result = ReadonlyArray<Model.Scalar> | boolean | undefined

export const add = (value: Model.Scalar): Operation => ({ type: "add", value })
export const remove = (value: Model.Scalar): Operation => ({ type: "remove", value })
export const contains = (value: Model.Scalar): Operation => ({ type: "contains", value })
export const read: Operation = { type: "read" }

type State = ReadonlyMap<Model.Key, Model.Scalar>

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

/** One text for one set of members, however they are ordered. */
const membersKey = (values: Iterable<Model.Scalar>): string =>
  [...values]
    .map((value) => Model.lengthed(Model.keyText(Model.scalarKey(value))))
    .sort(compare)
    .join("")

const same = (seen: Result, expected: Result): boolean => {
  if (typeof seen !== "object" || typeof expected !== "object") return seen === expected
  return seen.length === expected.length && membersKey(seen) === membersKey(expected)
}

const operationKey = (operation: Operation, result: Result | Model.Unknown): string => {
  if (operation.type === "read") {
    return typeof result === "object" ? `m${membersKey(result)}` : Model.isSeen(result) ? "m!" : "m?"
  }
  const seen = typeof result === "boolean" ? (result ? "+" : "-") : Model.isSeen(result) ? "!" : "?"
  return `${operation.type[0]}${seen}${Model.keyText(Model.scalarKey(operation.value))}`
}

const describe = (operation: Operation, result: Result | Model.Unknown): string => {
  if (operation.type === "read") {
    return `read -> ${typeof result === "object" ? `{${result.map(Model.showScalar).join(" ")}}` : "?"}`
  }
  const seen = typeof result === "boolean" ? ` -> ${result}` : ""
  return `${operation.type} ${Model.showScalar(operation.value)}${seen}`
}

const readOnly = (operation: Operation, result: Result | Model.Unknown): boolean =>
  operation.type === "read" || operation.type === "contains" || result === false

/** What happens to one member; its state is whether it is there. */
const one = Model.deterministic<boolean, Operation, Result>({
  name: "set member",
  init: () => false,
  perform: (state, operation) => {
    switch (operation.type) {
      case "add":
        return { state: true, result: !state }
      case "remove":
        return { state: false, result: state }
      case "contains":
        return { state, result: state }
      case "read":
        return undefined
    }
  },
  sameResult: same,
  stateKey: Number,
  operationKey,
  readOnly,
  describe,
  describeState: (state) => (state ? "there" : "not there")
})

/** A set that is empty at first. */
export const make = () =>
  Model.deterministic<State, Operation, Result>({
    name: "set",
    init: () => new Map(),
    perform: (state, operation) => {
      if (operation.type === "read") return { state, result: [...state.values()] }
      const key = Model.scalarKey(operation.value)
      const there = state.has(key)
      if (operation.type === "contains") return { state, result: there }
      if (there === (operation.type === "add")) return { state, result: false }
      const next = new Map(state)
      if (operation.type === "add") next.set(key, operation.value)
      else next.delete(key)
      return { state: next, result: true }
    },
    sameResult: same,
    stateKey: (state) => membersKey(state.values()),
    operationKey,
    readOnly,
    parts: {
      of: (operation) => (operation.type === "read" ? undefined : Model.scalarKey(operation.value)),
      model: one
    },
    describe,
    describeState: (state) => `{${[...state.values()].map(Model.showScalar).join(" ")}}`,
    shapes: [
      {
        type: "set",
        view: (operation, result) => {
          if (operation.type === "add" && !Model.isSeen(result)) {
            return { type: "add", value: Model.scalarKey(operation.value) }
          }
          if (operation.type !== "read" || typeof result !== "object") return undefined
          return { type: "read", values: result }
        }
      }
    ]
  })
