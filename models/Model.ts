/**
 * Sequential specifications: what one copy of an object, used by one client at a time, would do. Judges ask whether a
 * concurrent history can be explained by such an object (Herlihy and Wing 1990), generators use the same models to make
 * histories that can be.
 *
 * A model is pure: `step` neither keeps nor changes its arguments, so a state may be cached, compared and resumed. A
 * state is never `undefined`. Judges rely on these, and nothing else:
 *   1. states with the same `stateKey` behave the same from now on;
 *   2. operations with the same `operationKey` step alike from every state;
 *   3. a `readOnly` operation that changes nothing in a state changes nothing in any state that can follow;
 *   4. operations of different `parts` never see each other, and a part's model does what the whole does there (Herlihy
 *      and Wing's locality);
 *   5. operations that touch nothing in common (`touches`) may be swapped without any difference.
 * A promise that is not kept makes verdicts wrong; models/Model.test.ts checks them for every model of this folder.
 */

/** The result of an operation of which nobody knows what it returned. */
export const unknown: unique symbol = Symbol("unknown")
export type Unknown = typeof unknown

/** A primitive that stands for a state or an operation: compared with `===` (`NaN` is not a key). */
export type Key = string | number

/** A value in a register, a map, a set or a queue. Richer values come as their canonical text. */
export type Scalar = string | number | boolean | null

export interface Performed<State, Result> {
  readonly state: State
  /** `undefined` is a bare acknowledgement, on either side: there is nothing to compare. */
  readonly result: Result | undefined
}

export interface Model<State = any, Operation = any, Result = any> {
  readonly name: string
  readonly init: () => State
  /** The state after `operation` returned `result`; `undefined` when it cannot return that, or cannot run, in `state`. */
  readonly step: (state: State, operation: Operation, result: Result | Unknown) => State | undefined
  readonly stateKey: (state: State) => Key
  /** Absent: every operation is a kind of its own, which is right and slow. */
  readonly operationKey?: (operation: Operation, result: Result | Unknown) => Key
  /** A read, in the sense of promise 3 above. Absent: none is known to be. */
  readonly readOnly?: (operation: Operation, result: Result | Unknown) => boolean
  /** Absent: the object has no parts that may be judged alone. */
  readonly parts?: Parts<Operation, Result>
  /**
   * What an operation sees or changes; operations that touch nothing in common may be swapped. `undefined`: everything.
   * Absent: the part of `parts`, or everything.
   */
  readonly touches?: (operation: Operation) => ReadonlyArray<Key> | undefined
  /** What a single copy does; `undefined` when the operation would have to wait. Generators need it, judges do not. */
  readonly perform?: (state: State, operation: Operation) => Performed<State, Result> | undefined
  /** A few words: `write 3`, `read -> 3`. */
  readonly describe: (operation: Operation, result: Result | Unknown) => string
  readonly describeState: (state: State) => string
  /** How special algorithms may read the operations; the first that knows them all decides. */
  readonly shapes?: ReadonlyArray<Shape<Operation, Result>>
}

/** An object made of objects, as a map is of its keys. */
export interface Parts<Operation, Result> {
  /** The part an operation belongs to; `undefined` when it sees several: the history then is judged whole. */
  readonly of: (operation: Operation) => Key | undefined
  /** What one part does by itself. */
  readonly model: Model<any, Operation, Result>
}

/** What an operation on a register with plain reads and writes did, as a special algorithm sees it. */
export type RegisterView =
  | { readonly type: "read"; readonly value: Key }
  | { readonly type: "write"; readonly value: Key }

/** On a text that is replaced, appended to and read whole; the empty text is what is there at first. */
export type TextView =
  | { readonly type: "read"; readonly value: string }
  | { readonly type: "write"; readonly value: string }
  | { readonly type: "append"; readonly value: string }

export type SetView =
  | { readonly type: "read"; readonly values: ReadonlyArray<Scalar> }
  | { readonly type: "add"; readonly value: Key }

export type QueueView =
  | { readonly type: "enqueue"; readonly value: Key }
  | { readonly type: "dequeue"; readonly value: Key }
  | { readonly type: "dequeue of nothing" }
  /** Nobody knows what it took, if anything. */
  | { readonly type: "dequeue of something" }

/**
 * The operations as those of a well-known object. `view` returns `undefined` for an operation that the special
 * algorithm does not know: it then does not apply. Results that are unknown are viewed too, except of
 * operations that are read-only.
 */
export type Shape<Operation = any, Result = any> =
  | {
      readonly type: "register"
      readonly initial: Key
      readonly view: (operation: Operation, result: Result | Unknown) => RegisterView | undefined
    }
  | {
      readonly type: "text"
      readonly view: (operation: Operation, result: Result | Unknown) => TextView | undefined
    }
  | {
      readonly type: "set"
      readonly view: (operation: Operation, result: Result | Unknown) => SetView | undefined
    }
  | {
      readonly type: "queue"
      readonly view: (operation: Operation, result: Result | Unknown) => QueueView | undefined
    }

/** A model whose `step` follows from what a single copy does: the result must be the one it would have given. */
export const deterministic = <State, Operation, Result>(
  definition: Omit<Model<State, Operation, Result>, "step" | "perform"> & {
    readonly perform: (state: State, operation: Operation) => Performed<State, Result> | undefined
    /** Default: `Object.is`. */
    readonly sameResult?: (left: Result, right: Result) => boolean
  }
): Model<State, Operation, Result> & Required<Pick<Model<State, Operation, Result>, "perform">> => {
  const same = definition.sameResult ?? Object.is
  const perform = definition.perform
  return {
    ...definition,
    step: (state, operation, result) => {
      const performed = perform(state, operation)
      if (performed === undefined) return undefined
      if (!isSeen(result) || performed.result === undefined) return performed.state
      return same(result, performed.result) ? performed.state : undefined
    }
  }
}

/**
 * A model of an object that may choose: `steps` returns every state it may move to. The judge follows all of them at
 * once, as sets of states (the power-set construction), so its own search stays deterministic.
 */
export const nondeterministic = <State, Operation, Result>(
  definition: Omit<Model<State, Operation, Result>, "init" | "step" | "stateKey" | "describeState" | "perform"> & {
    readonly inits: () => ReadonlyArray<State>
    readonly steps: (state: State, operation: Operation, result: Result | Unknown) => ReadonlyArray<State>
    readonly stateKey: (state: State) => Key
    readonly describeState: (state: State) => string
  }
): Model<ReadonlyArray<State>, Operation, Result> => {
  const { inits, steps, stateKey, describeState, ...rest } = definition
  const distinct = (states: ReadonlyArray<State>): ReadonlyArray<State> => {
    const byKey = new Map<string, State>()
    for (const state of states) byKey.set(keyText(stateKey(state)), state)
    return [...byKey.keys()].sort().map((key) => byKey.get(key)!)
  }
  return {
    ...rest,
    init: () => distinct(inits()),
    step: (states, operation, result) => {
      const next = distinct(states.flatMap((state) => steps(state, operation, result)))
      return next.length === 0 ? undefined : next
    },
    stateKey: (states) => states.map((state) => lengthed(keyText(stateKey(state)))).join(""),
    describeState: (states) => states.map(describeState).join(" or ")
  }
}

/** A key as text, in which the number 1 and the string "1" differ. */
export const keyText = (key: Key): string => (typeof key === "number" ? `#${Object.is(key, -0) ? 0 : key}` : `'${key}`)

/** A scalar as a key: one for each value, whatever its type. */
export const scalarKey = (value: Scalar): Key => {
  if (typeof value === "number") return Object.is(value, -0) ? 0 : Number.isNaN(value) ? "NaN" : value
  if (typeof value === "string") return `'${value}`
  return value === null ? "null" : value ? "true" : "false"
}

/** Whether a result says anything. */
export const isSeen = <Result>(result: Result | undefined | Unknown): result is Result =>
  result !== unknown && result !== undefined

/** A result as a key; nobody can tell an unknown one from an acknowledgement. */
export const resultKey = (result: Scalar | undefined | Unknown): Key => (isSeen(result) ? scalarKey(result) : "?")

/** Text with its length before it, so that joined texts can be told apart. */
export const lengthed = (text: string): string => `${text.length}:${text}`

/** A scalar as a reader expects it: strings in quotes, `nil` for null. */
export const showScalar = (value: Scalar): string =>
  value === null ? "nil" : typeof value === "string" ? JSON.stringify(value) : String(value)

/** A result as words: nothing for an acknowledgement, `?` for an unknown one. */
export const showResult = (result: Scalar | undefined | Unknown): string =>
  result === unknown ? "?" : result === undefined ? "ok" : showScalar(result)
