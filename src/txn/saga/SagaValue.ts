/** SagaValue: inputs, results and outputs of sagas as bytes: JSON, as their schemas encode it. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import { SagaRefused } from "./SagaError.ts"

export interface Format<A> {
  readonly encode: (value: A) => Effect.Effect<Uint8Array, SagaRefused>
  readonly decode: (bytes: Uint8Array) => A
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const of = <A, I>(schema: Schema.Codec<A, I>, what: string): Format<A> => {
  const json = Schema.fromJsonString(Schema.toCodecJson(schema))
  const encode = Schema.encodeUnknownExit(json)
  const decode = Schema.decodeUnknownExit(json)
  return {
    encode: (value) => {
      const exit = encode(value)
      if (Exit.isFailure(exit)) return Effect.fail(new SagaRefused({ message: `${what} does not fit its schema` }))
      const bytes = encoder.encode(exit.value)
      if (bytes.length <= Limits.sagaValueBytesMax) return Effect.succeed(bytes)
      const message = `${what} has ${bytes.length} bytes, at most ${Limits.sagaValueBytesMax}: keep it under a key of its own`
      return Effect.fail(new SagaRefused({ message }))
    },
    decode: (bytes) => {
      const exit = decode(decoder.decode(bytes))
      assert(Exit.isSuccess(exit), `${what} of a saga fits the schema of its version: a new schema needs a new version`)
      return exit.value
    }
  }
}
