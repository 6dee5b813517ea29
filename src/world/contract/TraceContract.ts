/** TraceContract: what `Trace.ts` promises to those who emit. What becomes of the events is each World's own affair. */
import * as Effect from "effect/Effect"
import { Timers } from "../Timers.ts"
import { Trace, type Level } from "../Trace.ts"
import { type Claim, until } from "./Claim.ts"

/** `error` is not among them: an unexpected one fails a simulation. */
const levels: ReadonlyArray<Level> = ["debug", "info", "warn"]

export const claims: ReadonlyArray<Claim> = [
  {
    name: "emitting never fails: at every level, with and without fields, of every kind",
    test: Effect.gen(function* () {
      const { emit } = yield* Trace
      for (const level of levels) {
        emit(level, "contract/bare")
        emit(level, "contract/empty", {})
        emit(level, "contract/fields", { text: "a b\n\u{1F680}", number: -1.5, whole: 42, flag: true, none: "" })
        emit(level, "contract/edges", { nan: NaN, infinite: Infinity, long: "x".repeat(10_000) })
      }
    })
  },
  {
    name: "events may be emitted by the thousand in one turn",
    test: Effect.gen(function* () {
      const trace = yield* Trace
      for (let index = 0; index < 5_000; index++) trace.emit("debug", "contract/many", { index })
    })
  },
  {
    name: "events and marks may come from the sink of a port",
    test: Effect.gen(function* () {
      const trace = yield* Trace
      const timers = yield* Timers
      let fired = false
      const port = timers.attach({
        fired: () => {
          trace.emit("info", "contract/from-sink", { ticket: 0 })
          trace.mark("contract/from-sink")
          fired = true
        }
      })
      port.set(0, 1_000)
      yield* until("the timer has fired", () => fired)
    })
  },
  {
    name: "a mark may be reached again and again",
    test: Effect.gen(function* () {
      const { mark } = yield* Trace
      for (let visit = 0; visit < 1_000; visit++) mark("contract/mark")
    })
  }
]
