/**
 * A map from keys to values: get, put, append, delete. A key that nobody wrote reads as `absent`: null for stores that
 * tell absence, the empty string for those that do not (Porcupine's). Append joins texts. Keys never see each other, so
 * each is judged alone (P-compositionality); the state of the whole is the map.
 */
import * as Model from "./Model.ts"

export type Operation =
  | { readonly type: "get"; readonly key: string }
  | { readonly type: "put"; readonly key: string; readonly value: Model.Scalar }
  | { readonly type: "append"; readonly key: string; readonly value: string }
  | { readonly type: "delete"; readonly key: string }

/** Of a get; the others are acknowledged. */
export type Result = Model.Scalar

export const get = (key: string): Operation => ({ type: "get", key })
export const put = (key: string, value: Model.Scalar): Operation => ({ type: "put", key, value })
export const append = (key: string, value: string): Operation => ({ type: "append", key, value })
export const remove = (key: string): Operation => ({ type: "delete", key })

export interface Options {
  /** What a get of a key returns that nobody wrote. Default: null. */
  readonly absent?: Model.Scalar
}

const performOne = (
  value: Model.Scalar,
  operation: Operation,
  absent: Model.Scalar
): Model.Performed<Model.Scalar, Result> => {
  switch (operation.type) {
    case "get":
      return { state: value, result: value }
    case "put":
      return { state: operation.value, result: undefined }
    case "append":
      return { state: Object.is(value, absent) ? operation.value : `${value}${operation.value}`, result: undefined }
    case "delete":
      return { state: absent, result: undefined }
  }
}

const operationKey = (operation: Operation, result: Result | Model.Unknown): string => {
  const key = Model.lengthed(operation.key)
  switch (operation.type) {
    case "get":
      return `g${key}${Model.resultKey(result)}`
    case "put":
      return `p${key}${Model.scalarKey(operation.value)}`
    case "append":
      return `a${key}${operation.value}`
    case "delete":
      return `d${key}`
  }
}

const describe = (operation: Operation, result: Result | Model.Unknown): string => {
  const key = Model.showScalar(operation.key)
  switch (operation.type) {
    case "get":
      return `get ${key} -> ${Model.showResult(result)}`
    case "put":
      return `put ${key} ${Model.showScalar(operation.value)}`
    case "append":
      return `append ${key} ${Model.showScalar(operation.value)}`
    case "delete":
      return `delete ${key}`
  }
}

/** What happens to one key; its state is the key's value. */
const one = (absent: Model.Scalar) =>
  Model.deterministic<Model.Scalar, Operation, Result>({
    name: "kv key",
    init: () => absent,
    perform: (state, operation) => performOne(state, operation, absent),
    stateKey: Model.scalarKey,
    operationKey,
    readOnly: (operation) => operation.type === "get",
    describe,
    describeState: Model.showScalar,
    shapes: [
      {
        type: "register",
        initial: Model.scalarKey(absent),
        view: (operation, result) => {
          switch (operation.type) {
            case "get":
              return Model.isSeen(result) ? { type: "read", value: Model.scalarKey(result) } : undefined
            case "put":
              return { type: "write", value: Model.scalarKey(operation.value) }
            case "append":
              return undefined
            case "delete":
              return { type: "write", value: Model.scalarKey(absent) }
          }
        }
      },
      {
        type: "text",
        view: (operation, result) => {
          switch (operation.type) {
            case "get":
              if (result === absent) return { type: "read", value: "" }
              return typeof result === "string" && result !== "" ? { type: "read", value: result } : undefined
            case "put":
              return typeof operation.value === "string" ? { type: "write", value: operation.value } : undefined
            case "append":
              return { type: "append", value: operation.value }
            case "delete":
              return undefined
          }
        }
      }
    ]
  })

type State = ReadonlyMap<string, Model.Scalar>

const sortedKeys = (state: State): ReadonlyArray<string> => [...state.keys()].sort()

/** A key-value store that is empty at first. */
export const make = (options: Options = {}) => {
  const absent = options.absent ?? null
  return Model.deterministic<State, Operation, Result>({
    name: "kv",
    init: () => new Map(),
    perform: (state, operation) => {
      const before = state.has(operation.key) ? state.get(operation.key)! : absent
      const performed = performOne(before, operation, absent)
      if (Object.is(performed.state, before)) return { state, result: performed.result }
      const next = new Map(state)
      if (Object.is(performed.state, absent)) next.delete(operation.key)
      else next.set(operation.key, performed.state)
      return { state: next, result: performed.result }
    },
    stateKey: (state) =>
      sortedKeys(state)
        .map((key) => Model.lengthed(key) + Model.lengthed(String(Model.scalarKey(state.get(key)!))))
        .join(""),
    operationKey,
    readOnly: (operation) => operation.type === "get",
    parts: { of: (operation) => operation.key, model: one(absent) },
    describe,
    describeState: (state) =>
      `{${sortedKeys(state)
        .map((key) => `${Model.showScalar(key)}: ${Model.showScalar(state.get(key)!)}`)
        .join(", ")}}`
  })
}
