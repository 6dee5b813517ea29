/**
 * Independent copies of one object, each under its key: a map of registers, of counters, of queues. The copies never see
 * each other, so each is judged alone.
 */
import * as Model from "./Model.ts"

export interface Operation<Inner> {
  readonly key: Model.Key
  readonly operation: Inner
}

type State<Inner> = ReadonlyMap<Model.Key, Inner>

/** The copy of one key, for operations that still carry it. */
const part = <State, Inner, Result>(
  inner: Model.Model<State, Inner, Result>
): Model.Model<State, Operation<Inner>, Result> => {
  const { operationKey, readOnly, perform, shapes } = inner
  return {
    name: inner.name,
    init: inner.init,
    step: (state, { operation }, result) => inner.step(state, operation, result),
    stateKey: inner.stateKey,
    describe: ({ operation }, result) => inner.describe(operation, result),
    describeState: inner.describeState,
    ...(operationKey && { operationKey: ({ operation }, result) => operationKey(operation, result) }),
    ...(readOnly && { readOnly: ({ operation }, result) => readOnly(operation, result) }),
    ...(perform && { perform: (state, { operation }) => perform(state, operation) }),
    ...(shapes && {
      shapes: shapes.map(
        (shape) =>
          ({
            ...shape,
            view: ({ operation }: Operation<Inner>, result: Result | Model.Unknown) => shape.view(operation, result)
          }) as Model.Shape
      )
    })
  }
}

/** As many copies of `inner` as there are keys. */
export const make = <Inner, Doing, Result>(
  inner: Model.Model<Inner, Doing, Result>
): Model.Model<State<Inner>, Operation<Doing>, Result> => {
  const held = (state: State<Inner>, key: Model.Key): Inner => state.get(key) ?? inner.init()
  const { operationKey, readOnly, perform } = inner
  const texts = (state: State<Inner>, text: (copy: Inner) => string): ReadonlyArray<readonly [string, string]> =>
    [...state]
      .map(([key, copy]) => [Model.keyText(key), text(copy)] as const)
      .sort(([left], [right]) => (left < right ? -1 : 1))
  return {
    name: inner.name,
    init: () => new Map(),
    step: (state, { key, operation }, result) => {
      const before = held(state, key)
      const after = inner.step(before, operation, result)
      if (after === undefined || after === before) return after === undefined ? undefined : state
      return new Map(state).set(key, after)
    },
    stateKey: (state) => {
      // A copy that is as it began is the same as one that nobody touched.
      const untouched = Model.keyText(inner.stateKey(inner.init()))
      return texts(state, (copy) => Model.keyText(inner.stateKey(copy)))
        .filter(([, text]) => text !== untouched)
        .map(([key, text]) => Model.lengthed(key) + Model.lengthed(text))
        .join("")
    },
    ...(operationKey && {
      operationKey: ({ key, operation }, result) =>
        Model.lengthed(Model.keyText(key)) + Model.keyText(operationKey(operation, result))
    }),
    ...(readOnly && { readOnly: ({ operation }, result) => readOnly(operation, result) }),
    ...(perform && {
      perform: (state, { key, operation }) => {
        const performed = perform(held(state, key), operation)
        return performed && { state: new Map(state).set(key, performed.state), result: performed.result }
      }
    }),
    parts: { of: ({ key }) => key, model: part(inner) },
    describe: ({ key, operation }, result) => `${key}: ${inner.describe(operation, result)}`,
    describeState: (state) =>
      `{${texts(state, inner.describeState)
        .map(([key, text]) => `${key.slice(1)}: ${text}`)
        .join(", ")}}`
  }
}
