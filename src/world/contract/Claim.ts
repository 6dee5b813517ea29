/**
 * Claim: one sentence of a service's contract, and the program that finds out whether a World keeps it.
 *
 * The same claims run against the real and against the simulated World. So a claim takes time, order and chance from
 * the World alone, waits by Effect's Clock, and judges order and values, never speed: a World may be as slow as it likes.
 * Waiting has a bound only so that a broken promise becomes a message instead of a hang.
 *
 * Each claim expects a World of its own, whose disk is empty, and no faults.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { World } from "../World.ts"

export interface Claim {
  /** The claim as a sentence. */
  readonly name: string
  readonly test: Effect.Effect<void, unknown, World | Scope.Scope>
}

/** A World broke a promise. */
export class BrokenPromise extends Error {
  override readonly name = "BrokenPromise"
}

/** Fails the claim when `condition` is false. `message` says what should have been. Not for use in sinks: they record. */
export function must(condition: boolean, message: string): asserts condition {
  if (!condition) throw new BrokenPromise(message)
}

/** Fails the claim unless both have the same JSON text. `what` says of what the values are. */
export const mustEqual = (what: string, actual: unknown, expected: unknown): void => {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
  must(found === wanted, `${what}: expected ${wanted}, found ${found}`)
}

export const mustEqualBytes = (what: string, actual: Uint8Array, expected: Uint8Array): void => {
  must(actual.length === expected.length, `${what}: expected ${expected.length} bytes, found ${actual.length}`)
  const wrong = actual.findIndex((byte, index) => byte !== expected[index])
  must(wrong < 0, `${what}: expected byte ${expected[wrong]} at ${wrong}, found ${actual[wrong]}`)
}

/** Fails the claim unless `operation` fails with this code, and with a message that says something. */
export const mustFail = Effect.fnUntraced(function* <
  A,
  E extends { readonly code: string; readonly message: string },
  R
>(what: string, code: E["code"], operation: Effect.Effect<A, E, R>) {
  const error = yield* Effect.match(operation, { onFailure: (error) => error, onSuccess: () => undefined })
  must(error !== undefined, `${what} must fail with ${code}, but it succeeded`)
  mustEqual(`${what}: the error's code`, error.code, code)
  must(error.message.length > 0, `${what}: the error must have a message`)
})

/** Polls: often at first, then seldom; about 20 seconds by the World's clock in all. */
const eagerPolls = 200
const eagerMillis = 1
const patientPolls = 1_000
const patientMillis = 20

/** Waits until `condition` holds; `what` says what is waited for. */
export const until = Effect.fnUntraced(function* (what: string, condition: () => boolean) {
  for (let polls = 0; !condition(); polls++) {
    must(polls < eagerPolls + patientPolls, `waited in vain until ${what}`)
    yield* Effect.sleep(polls < eagerPolls ? eagerMillis : patientMillis)
  }
})

/** Time enough for what must not happen to show itself, where it would happen at all. */
export const aWhile: Effect.Effect<void> = Effect.sleep(50)

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const bytesOf = (text: string): Uint8Array => encoder.encode(text)

export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes)

/** Byte `position` of the endless pattern `key`: neighbours and 256-byte blocks differ, so a lost or doubled byte shows. */
export const patternByte = (key: number, position: number): number => (key + position * 31 + (position >>> 8) * 7) & 255

/** `length` bytes of the pattern `key` from `position` on. */
export const pattern = (key: number, position: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index++) bytes[index] = patternByte(key, position + index)
  return bytes
}

/**
 * Watches that sinks are not called from within a port's call: make every call through `call`, and let every sink
 * `note` itself.
 */
export class Reentrancy {
  private inside: string | undefined
  private readonly found: Array<string> = []

  call<A>(name: string, submit: () => A): A {
    const outer = this.inside
    this.inside = name
    try {
      return submit()
    } finally {
      this.inside = outer
    }
  }

  note(sink: string): void {
    if (this.inside !== undefined) this.found.push(`${sink} within ${this.inside}`)
  }

  mustBeNone(): void {
    mustEqual("sinks called from within a port's call", this.found, [])
  }
}
