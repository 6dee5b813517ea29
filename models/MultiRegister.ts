/**
 * Several registers used together: a transaction reads and writes some of them at one moment. Linearizability of this
 * model is strict serializability of the transactions.
 *
 * Where nobody knows what a register held at first (a history that begins in the middle), `initial: "any"` lets the first
 * read of a register that nobody wrote before decide it.
 */
import * as Model from "./Model.ts"

export type Step =
  | { readonly type: "read"; readonly key: Model.Key }
  | { readonly type: "write"; readonly key: Model.Key; readonly value: Model.Scalar }

export interface Operation {
  readonly steps: ReadonlyArray<Step>
}

/** What each step read, in the order of the steps; anything where the step is a write. */
export type Result = ReadonlyArray<Model.Scalar | Model.Unknown>

export const read = (key: Model.Key): Step => ({ type: "read", key })
export const write = (key: Model.Key, value: Model.Scalar): Step => ({ type: "write", key, value })

export interface Options {
  /** What every register holds at first; default null. `any`: unknown, see above. */
  readonly initial?: { readonly value: Model.Scalar } | "any"
}

type State = ReadonlyMap<Model.Key, Model.Scalar>

const sorted = (state: State): ReadonlyArray<readonly [string, Model.Scalar]> =>
  [...state]
    .map(([key, value]) => [Model.keyText(key), value] as const)
    .sort(([left], [right]) => (left < right ? -1 : 1))

export const make = (options: Options = {}): Model.Model<State, Operation, Result> => {
  const initial = options.initial ?? { value: null }
  const step = (state: State, operation: Operation, result: Result | Model.Unknown): State | undefined => {
    let next: Map<Model.Key, Model.Scalar> | undefined
    for (const [index, one] of operation.steps.entries()) {
      const seen = result === Model.unknown ? Model.unknown : result[index]!
      const held = (next ?? state).get(one.key)
      if (one.type === "read" && seen === Model.unknown) continue
      if (one.type === "read" && held === undefined && initial !== "any") {
        if (Object.is(seen, initial.value)) continue
        return undefined
      }
      if (one.type === "read" && held !== undefined) {
        if (Object.is(seen, held)) continue
        return undefined
      }
      const value = one.type === "write" ? one.value : (seen as Model.Scalar)
      if (held !== undefined && Object.is(held, value)) continue
      next ??= new Map(state)
      next.set(one.key, value)
    }
    return next ?? state
  }
  return {
    name: "multi-register",
    init: () => new Map(),
    step,
    perform: (state, operation) => {
      const held = new Map(state)
      const result = operation.steps.map((one) => {
        if (one.type === "write") {
          held.set(one.key, one.value)
          return null
        }
        return held.get(one.key) ?? (initial === "any" ? null : initial.value)
      })
      return { state: step(state, operation, result) ?? state, result }
    },
    stateKey: (state) =>
      sorted(state)
        .map(([key, value]) => Model.lengthed(key) + Model.lengthed(Model.keyText(Model.scalarKey(value))))
        .join(""),
    operationKey: (operation, result) =>
      operation.steps
        .map((one, index) => {
          const seen = result === Model.unknown ? Model.unknown : result[index]!
          const value = one.type === "write" ? one.value : seen
          const key = value === Model.unknown ? "?" : Model.keyText(Model.scalarKey(value))
          return one.type[0] + Model.lengthed(Model.keyText(one.key)) + Model.lengthed(key)
        })
        .join(""),
    readOnly: (operation) => operation.steps.every((one) => one.type === "read"),
    touches: (operation) => operation.steps.map((one) => one.key),
    describe: (operation, result) =>
      operation.steps
        .map((one, index) =>
          one.type === "write"
            ? `write ${one.key} ${Model.showScalar(one.value)}`
            : `read ${one.key} -> ${Model.showResult(result === Model.unknown ? result : result[index]!)}`
        )
        .join(", "),
    describeState: (state) =>
      `{${sorted(state)
        .map(([key, value]) => `${key.slice(1)}: ${Model.showScalar(value)}`)
        .join(", ")}}`
  }
}
