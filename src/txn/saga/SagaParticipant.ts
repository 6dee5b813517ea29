/**
 * SagaParticipant: what steps of sagas that run elsewhere do to this keyspace: each effect once under its key, however often and late it is asked
 * for, and never once it was undone. What became of a key is in the same transaction as its effect.
 *
 * An undoing that arrives before its effect keeps the key for good: who asked for it may be gone, and its request still on its way.
 *
 * Needs of its caller: the key of the step (`Saga.Context.key`), in every attempt and in its undoing.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { assert } from "#base/Assert.ts"
import { Transaction } from "../Transaction.ts"
import type { StepError } from "../TxnError.ts"
import { SagaRefused, StepRejected } from "./SagaError.ts"
import * as SagaKeys from "./SagaKeys.ts"
import * as SagaValue from "./SagaValue.ts"

/** Whose effects, and how their results are kept. */
export interface Participant<A> {
  readonly name: string
  readonly result: SagaValue.Format<A>
}

const version = 1
export const states = { done: 1, undone: 2 } as const
const headBytes = 2

export const make = <A>(name: string, result: Schema.Codec<A, any>): Participant<A> => ({
  name,
  result: SagaValue.of(result, `the result of ${name}`)
})

const keyOf = (name: string, key: string): Effect.Effect<Uint8Array, SagaRefused> => {
  const message = SagaKeys.objection(name) ?? SagaKeys.objection(key)
  return message === undefined ? Effect.succeed(SagaKeys.effect(name, key)) : Effect.fail(new SagaRefused({ message }))
}

const valueOf = (state: number, result: Uint8Array): Uint8Array => {
  const value = new Uint8Array(headBytes + result.length)
  value.set([version, state])
  value.set(result, headBytes)
  return value
}

const read = Effect.fnUntraced(function* (name: string, key: string) {
  const txn = yield* Transaction
  const place = yield* keyOf(name, key)
  const value = yield* txn.get(place)
  assert(
    value === undefined || value[0] === version,
    "what became of a key was written by this program, or one before it"
  )
  return { place, txn, state: value?.[1], result: value?.subarray(headBytes) ?? new Uint8Array(0) }
})

/** Does it, unless that has happened: then the result is the one from then. It is rejected when it was undone. */
export const perform = Effect.fnUntraced(function* <A, E, R>(
  participant: Participant<A>,
  key: string,
  effect: Effect.Effect<A, E, R>
): Effect.fn.Return<A, E | StepRejected | SagaRefused | StepError, R | Transaction> {
  const { place, result, state, txn } = yield* read(participant.name, key)
  if (state === states.done) return participant.result.decode(result)
  if (state === states.undone) return yield* new StepRejected({ message: `${key} was undone before` })
  const value = yield* effect
  yield* txn.put(place, valueOf(states.done, yield* participant.result.encode(value)))
  return value
})

/** Undoes what was done under the key, if anything was, and sees to it that nothing will be. */
export const undo = Effect.fnUntraced(function* <A, E, R>(
  participant: Participant<A>,
  key: string,
  effect: (result: A) => Effect.Effect<unknown, E, R>
): Effect.fn.Return<void, E | SagaRefused | StepError, R | Transaction> {
  const { place, result, state, txn } = yield* read(participant.name, key)
  if (state === states.undone) return
  if (state === states.done) yield* effect(participant.result.decode(result))
  yield* txn.put(place, valueOf(states.undone, new Uint8Array(0)))
})

/** Forgets a key of which nobody will ask any more. */
export const forget = Effect.fnUntraced(function* (
  { name }: Pick<Participant<never>, "name">,
  key: string
): Effect.fn.Return<void, SagaRefused | StepError, Transaction> {
  const { place, txn } = yield* read(name, key)
  yield* txn.delete(place)
})
