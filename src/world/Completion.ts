/**
 * Completion: a call that is answered by exactly one callback, never within the call itself, and the same as an Effect. The
 * one place where the callbacks of completion-style ports become Effects.
 */
import * as Effect from "effect/Effect"

/** `error` or, when it is undefined, `value`. */
export type Done<A, E> = (error: E | undefined, value: A) => void

/** Submits when it runs. Interrupting it does not undo what was submitted. */
export const submit = <A, E>(call: (done: Done<A, E>) => void): Effect.Effect<A, E> =>
  Effect.callback<A, E>((resume) => {
    call((error, value) => resume(error === undefined ? Effect.succeed(value) : Effect.fail(error)))
  })
