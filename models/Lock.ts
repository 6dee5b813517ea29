/**
 * A lock that one owner holds at a time, with fencing tokens: each acquisition may return a number, greater than all
 * before it, by which a resource tells late users from the present one. Operations without an owner make a plain mutex,
 * which anybody may release (Knossos's mutex).
 */
import * as Model from "./Model.ts"

export type Operation =
  | { readonly type: "acquire"; readonly owner?: Model.Key }
  | { readonly type: "release"; readonly owner?: Model.Key }

/**
 * Of an acquire: its fencing token, `undefined` where the system only acknowledges, `false` when the lock was held. Of
 * a release: `undefined`, or `false` when its owner did not hold the lock.
 */
export type Result = number | false | undefined

export const acquire = (owner?: Model.Key): Operation =>
  owner === undefined ? { type: "acquire" } : { type: "acquire", owner }
export const release = (owner?: Model.Key): Operation =>
  owner === undefined ? { type: "release" } : { type: "release", owner }

export interface State {
  readonly held: boolean
  /** Who holds it; `undefined` when nobody, or somebody without a name. */
  readonly owner: Model.Key | undefined
  /** The last token that somebody saw. */
  readonly token: number
}

const step = (state: State, operation: Operation, result: Result | Model.Unknown): State | undefined => {
  if (operation.type === "release") {
    const holds = state.held && state.owner === operation.owner
    if (result === false) return holds ? undefined : state
    return holds ? { held: false, owner: undefined, token: state.token } : undefined
  }
  if (result === false) return state.held ? state : undefined
  if (state.held || (typeof result === "number" && result <= state.token)) return undefined
  return { held: true, owner: operation.owner, token: typeof result === "number" ? result : state.token }
}

const ownerText = (owner: Model.Key | undefined): string => (owner === undefined ? "" : ` by ${owner}`)

/** A free lock whose first token is above 0. */
export const make = (): Model.Model<State, Operation, Result> => ({
  name: "lock",
  init: () => ({ held: false, owner: undefined, token: 0 }),
  step,
  perform: (state, operation) => {
    const result = operation.type === "acquire" ? state.token + 1 : undefined
    const next = step(state, operation, result)
    return next === undefined ? undefined : { state: next, result }
  },
  stateKey: (state) =>
    `${state.token}${state.held ? `h${state.owner === undefined ? "" : Model.keyText(state.owner)}` : ""}`,
  operationKey: (operation, result) => {
    const seen = result === Model.unknown || result === undefined ? "" : String(result)
    return `${operation.type[0]}${seen}${operation.owner === undefined ? "" : Model.keyText(operation.owner)}`
  },
  readOnly: (_operation, result) => result === false,
  describe: (operation, result) => {
    const seen =
      result === Model.unknown || result === undefined ? "" : ` -> ${result === false ? "no" : `token ${result}`}`
    return `${operation.type}${ownerText(operation.owner)}${seen}`
  },
  describeState: (state) => (state.held ? `held${ownerText(state.owner)}` : "free")
})
