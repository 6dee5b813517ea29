/** HostContract: what `Host.ts` promises, but for `exit`, after which no claim could speak: each World's own tests do. */
import * as Effect from "effect/Effect"
import { Host, type Signal } from "../Host.ts"
import { aWhile, type Claim, must, mustEqual } from "./Claim.ts"

export const claims: ReadonlyArray<Claim> = [
  {
    name: "a node has a name, and an incarnation that is a whole number",
    test: Effect.gen(function* () {
      const host = yield* Host
      must(host.name.length > 0, "the name must not be empty")
      must(Number.isSafeInteger(host.incarnation) && host.incarnation >= 0, `found incarnation ${host.incarnation}`)
    })
  },
  {
    name: "identity does not change while a node runs",
    test: Effect.gen(function* () {
      const before = yield* Host
      const { name, incarnation } = before
      yield* aWhile
      const after = yield* Host
      mustEqual("name and incarnation", [after.name, after.incarnation], [name, incarnation])
    })
  },
  {
    name: "a machine has a core and a megabyte at least",
    test: Effect.gen(function* () {
      const host = yield* Host
      must(Number.isInteger(host.cores) && host.cores >= 1, `found ${host.cores} cores`)
      must(Number.isInteger(host.memoryBytes) && host.memoryBytes >= 1_048_576, `found ${host.memoryBytes} bytes`)
    })
  },
  {
    name: "a variable that nobody set is undefined",
    test: Effect.gen(function* () {
      const host = yield* Host
      mustEqual("the variable", host.environment("ORBIT_VARIABLE_THAT_NOBODY_SETS") ?? "undefined", "undefined")
    })
  },
  {
    name: "no signal comes unasked, and whoever asked for signals may end it, more than once",
    test: Effect.gen(function* () {
      const host = yield* Host
      const signals: Array<Signal> = []
      const handler = (signal: Signal): void => {
        signals.push(signal)
      }
      const end = host.onSignal(handler)
      const endOther = host.onSignal((signal) => handler(signal))
      yield* aWhile
      end()
      end()
      endOther()
      mustEqual("signals", signals, [])
    })
  }
]
