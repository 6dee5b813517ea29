/** SagaContext: what a step of a saga sees of it. */
import { assert } from "#base/Assert.ts"
import type * as Saga from "./Saga.ts"
import type { State } from "./SagaCore.ts"
import type { Started } from "./SagaEntry.ts"

interface Seen {
  readonly id: string
  readonly started: Started
  readonly state: State
}

/** The key of a step, whichever attempt: also the id of its child. */
export const keyOf = (id: string, { name }: Saga.Step<never, unknown, unknown>): string => `${id}/${name}`

/** A result of what it has done so far, by a step of the definition. */
const resultOf = ({ steps }: Saga.Any, { id, state }: Seen, step: Saga.Step<never, unknown, unknown>): unknown => {
  const number = steps.findIndex(({ name }) => name === step.name)
  const result = state.steps[number]?.result
  assert(result !== undefined, `saga ${id}: step ${step.name} is done before its result is asked for`)
  return step.decode(result)
}

export const of = (definition: Saga.Any, seen: Seen, step: number): Saga.Context<any> => ({
  id: seen.id,
  key: keyOf(seen.id, definition.steps[step]),
  input: definition.input.decode(seen.started.input),
  attempt: seen.state.steps[step].attempts + (definition.plan.steps[step].kind === "local" ? 1 : 0),
  result: (other) => resultOf(definition, seen, other) as never
})

/** For the output of a saga that is completed. */
export const atEnd = (definition: Saga.Any, seen: Seen): Saga.Context<any> => ({
  id: seen.id,
  key: seen.id,
  input: definition.input.decode(seen.started.input),
  attempt: 1,
  result: (other) => resultOf(definition, seen, other) as never
})
