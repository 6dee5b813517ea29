/**
 * Lists under keys, as Redis has them: items are pushed and popped at either end, moved from one list to another, and read whole. A list without
 * items is none. An operation is one or several such steps at one moment.
 *
 * A take that waits for an item (BLPOP, BLMOVE) is one that happens when there is one; where its time was over before, there was nothing.
 */
import * as Model from "./Model.ts"

export type End = "left" | "right"

export type Step =
  | { readonly type: "push"; readonly key: string; readonly end: End; readonly values: ReadonlyArray<number> }
  /** Of the first of the keys that has something; at most so many. */
  | { readonly type: "pop"; readonly keys: ReadonlyArray<string>; readonly end: End; readonly countMax: number }
  | { readonly type: "move"; readonly from: string; readonly to: string; readonly ends: readonly [from: End, to: End] }
  | { readonly type: "range"; readonly key: string }

/** Of a push: how long the list is then. Of a pop: the key, and what was taken. Of a move: the item. Null: there was nothing. */
export type Seen =
  | number
  | null
  | { readonly key: string; readonly values: ReadonlyArray<number> }
  | ReadonlyArray<number>

export interface Operation {
  readonly steps: ReadonlyArray<Step>
}

/** Of each step. */
export type Result = ReadonlyArray<Seen>

/** By key; none is empty. */
type State = ReadonlyMap<string, ReadonlyArray<number>>

/** The list when each of the values was pushed, one after the other. */
const pushed = (list: ReadonlyArray<number>, values: ReadonlyArray<number>, end: End): ReadonlyArray<number> =>
  end === "right" ? [...list, ...values] : [...[...values].reverse(), ...list]

/** What a pop takes, in its order, and what stays. */
const popped = (
  list: ReadonlyArray<number>,
  end: End,
  countMax: number
): { readonly taken: ReadonlyArray<number>; readonly left: ReadonlyArray<number> } => {
  if (end === "left") return { taken: list.slice(0, countMax), left: list.slice(countMax) }
  const at = Math.max(0, list.length - countMax)
  return { taken: list.slice(at).reverse(), left: list.slice(0, at) }
}

const withList = (state: State, key: string, list: ReadonlyArray<number>): State => {
  const next = new Map(state)
  if (list.length === 0) next.delete(key)
  else next.set(key, list)
  return next
}

const take = (state: State, step: Step): { readonly state: State; readonly seen: Seen } => {
  const of = (key: string): ReadonlyArray<number> => state.get(key) ?? []
  switch (step.type) {
    case "push": {
      const list = pushed(of(step.key), step.values, step.end)
      return { state: withList(state, step.key, list), seen: list.length }
    }
    case "pop": {
      const key = step.keys.find((each) => state.has(each))
      if (key === undefined) return { state, seen: null }
      const { left, taken } = popped(of(key), step.end, step.countMax)
      return { state: withList(state, key, left), seen: { key, values: taken } }
    }
    case "move": {
      const { ends, from, to } = step
      if (!state.has(from)) return { state, seen: null }
      const { left, taken } = popped(of(from), ends[0], 1)
      const without = withList(state, from, left)
      const list = pushed(without.get(to) ?? [], taken, ends[1])
      return { state: withList(without, to, list), seen: taken[0] }
    }
    case "range":
      return { state, seen: of(step.key) }
  }
}

const perform = (from: State, { steps }: Operation): Model.Performed<State, Result> => {
  let state = from
  const result = steps.map((step) => {
    const taken = take(state, step)
    state = taken.state
    return taken.seen
  })
  return { state, result }
}

const describeStep = (step: Step): string => {
  switch (step.type) {
    case "push":
      return `push ${step.values.join(" ")} to the ${step.end} of ${step.key}`
    case "pop":
      return `pop ${step.countMax} from the ${step.end} of ${step.keys.join(" or ")}`
    case "move":
      return `move from the ${step.ends[0]} of ${step.from} to the ${step.ends[1]} of ${step.to}`
    case "range":
      return `read ${step.key}`
  }
}

const isNumbers = (seen: Exclude<Seen, number | null>): seen is ReadonlyArray<number> => Array.isArray(seen)

/** Undefined: a history that is wrong says nothing of the step. */
const showSeen = (seen: Seen | undefined): string => {
  if (seen === undefined) return "no answer"
  if (seen === null) return "nothing"
  if (typeof seen === "number") return String(seen)
  return isNumbers(seen) ? `[${seen.join(" ")}]` : `${seen.key}: ${seen.values.join(" ")}`
}

const describe = ({ steps }: Operation, result: Result | undefined | Model.Unknown): string =>
  steps
    .map((step, at) => `${describeStep(step)} -> ${Model.isSeen(result) ? showSeen(result[at]) : "?"}`)
    .join(", then ")

const sorted = (state: State): ReadonlyArray<string> =>
  [...state].map(([key, list]) => `${key}: ${list.join(" ")}`).sort()

const touches = (step: Step): ReadonlyArray<string> => {
  switch (step.type) {
    case "pop":
      return step.keys
    case "move":
      return [step.from, step.to]
    default:
      return [step.key]
  }
}

const changesNothing = (step: Step, seen: Seen | undefined | Model.Unknown): boolean =>
  step.type === "range" || (seen === null && (step.type === "pop" || step.type === "move"))

/** No list has anything at first. Keys have neither spaces nor commas in them. */
export const make = () =>
  Model.deterministic<State, Operation, Result>({
    name: "lists",
    init: () => new Map(),
    perform,
    sameResult: (left, right) => left.map(showSeen).join("; ") === right.map(showSeen).join("; "),
    stateKey: (state) => sorted(state).join("; "),
    operationKey: describe,
    readOnly: ({ steps }, result) =>
      steps.every((step, at) => changesNothing(step, Model.isSeen(result) ? result[at] : Model.unknown)),
    touches: ({ steps }) => [...new Set(steps.flatMap(touches))],
    describe,
    describeState: (state) => `{${sorted(state).join("; ")}}`
  })
