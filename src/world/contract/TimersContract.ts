/** TimersContract: what `Timers.ts` promises. How late a timer may be has no bound, so nothing here asks. */
import * as Effect from "effect/Effect"
import * as Limits from "#base/Limits.ts"
import * as Timers from "../Timers.ts"
import { aWhile, type Claim, must, mustEqual, Reentrancy, until } from "./Claim.ts"

/** What a sink was told, in order. */
class Firings implements Timers.Sink {
  readonly tickets: Array<number> = []
  readonly timesMicros: Array<number> = []
  port!: Timers.Port
  /** Runs within each firing. */
  whenFired: (ticket: number) => void = () => {}

  fired(ticket: number): void {
    this.tickets.push(ticket)
    this.timesMicros.push(this.port.nowMicros())
    this.whenFired(ticket)
  }

  times(ticket: number): number {
    return this.tickets.filter((fired) => fired === ticket).length
  }
}

const attach = Effect.fnUntraced(function* () {
  const timers = yield* Timers.Timers
  const firings = new Firings()
  firings.port = timers.attach(firings)
  return { port: firings.port, firings }
})

const hourMicros = 3_600_000_000
const monthMicros = 31 * 24 * hourMicros

export const claims: ReadonlyArray<Claim> = [
  {
    name: "the monotonic clock of timers is a whole number of microseconds that never goes back",
    test: Effect.gen(function* () {
      const { port } = yield* attach()
      let last = port.nowMicros()
      for (let read = 0; read < 300; read++) {
        if (read % 100 === 99) yield* Effect.sleep(1)
        const now = port.nowMicros()
        must(Number.isSafeInteger(now) && now >= last, `expected a whole number from ${last} on, found ${now}`)
        last = now
      }
    })
  },
  {
    name: "a timer fires exactly once, and never before its delay has passed",
    test: Effect.gen(function* () {
      const { port, firings } = yield* attach()
      const delays = Array.from({ length: 100 }, (_, ticket) => (ticket * 7_919) % 60_000)
      const startedAt = delays.map((delay, ticket) => {
        const now = port.nowMicros()
        port.set(ticket, delay)
        return now
      })
      yield* until("all timers have fired", () => firings.tickets.length >= delays.length)
      yield* aWhile
      mustEqual(
        "tickets that fired",
        [...firings.tickets].sort((a, b) => a - b),
        delays.map((_, ticket) => ticket)
      )
      firings.tickets.forEach((ticket, index) => {
        const waited = firings.timesMicros[index] - startedAt[ticket]
        must(waited >= delays[ticket], `a timer of ${delays[ticket]} microseconds fired after ${waited}`)
      })
    })
  },
  {
    name: "a sink is never called from within set or clear, not even for a timer that is due at once",
    test: Effect.gen(function* () {
      const { port, firings } = yield* attach()
      const calls = new Reentrancy()
      firings.whenFired = (ticket) => {
        calls.note("fired")
        // From within a firing too: the next one comes by itself.
        if (firings.tickets.length < 10) calls.call("set in fired", () => port.set(ticket, 0))
      }
      calls.call("set", () => port.set(0, 0))
      calls.call("clear", () => port.clear(1))
      yield* until("it has fired ten times", () => firings.tickets.length === 10)
      calls.mustBeNone()
    })
  },
  {
    name: "setting a timer again moves it later",
    test: Effect.gen(function* () {
      const { port, firings } = yield* attach()
      port.set(0, 5_000)
      const startedAt = port.nowMicros()
      port.set(0, 60_000)
      yield* until("it has fired", () => firings.tickets.length > 0)
      const waited = firings.timesMicros[0] - startedAt
      must(waited >= 60_000, `a timer that was moved to 60000 microseconds fired after ${waited}`)
      yield* aWhile
      mustEqual("firings", firings.tickets, [0])
    })
  },
  {
    name: "setting a timer again moves it earlier",
    test: Effect.gen(function* () {
      const { port, firings } = yield* attach()
      port.set(0, hourMicros)
      port.set(0, 1_000)
      yield* until("it has fired", () => firings.tickets.length > 0)
      yield* aWhile
      mustEqual("firings", firings.tickets, [0])
    })
  },
  {
    name: "a cleared timer does not fire; it may be set again, and clearing one that is not set does nothing",
    test: Effect.gen(function* () {
      const { port, firings } = yield* attach()
      port.clear(2)
      port.set(0, 10_000)
      port.set(1, 40_000)
      port.clear(0)
      port.clear(0)
      yield* until("the timer that was not cleared has fired", () => firings.times(1) === 1)
      yield* aWhile
      mustEqual("firings", firings.tickets, [1])
      port.clear(1)
      port.set(0, 1_000)
      yield* until("the timer that was set again has fired", () => firings.times(0) === 1)
    })
  },
  {
    name: "of two timers that are due together and clear each other, one fires",
    test: Effect.gen(function* () {
      const { port, firings } = yield* attach()
      firings.whenFired = (ticket) => port.clear(1 - ticket)
      for (let round = 1; round <= 10; round++) {
        port.set(0, 2_000)
        port.set(1, 2_000)
        yield* until("one has fired", () => firings.tickets.length >= round)
        yield* Effect.sleep(5)
        mustEqual("firings", firings.tickets.length, round)
      }
    })
  },
  {
    name: "a timer that fired may be set again from within its firing",
    test: Effect.gen(function* () {
      const { port, firings } = yield* attach()
      firings.whenFired = () => {
        if (firings.tickets.length < 5) port.set(3, 2_000)
      }
      const startedAt = port.nowMicros()
      port.set(3, 2_000)
      yield* until("it has fired five times", () => firings.tickets.length === 5)
      yield* aWhile
      mustEqual("firings", firings.tickets, [3, 3, 3, 3, 3])
      firings.timesMicros.forEach((time, index) => {
        must(time - startedAt >= 2_000 * (index + 1), `firing ${index} came after ${time - startedAt} microseconds`)
      })
    })
  },
  {
    name: "delays of months are as good as short ones",
    test: Effect.gen(function* () {
      const { port, firings } = yield* attach()
      port.set(0, monthMicros)
      port.set(1, 20_000)
      yield* until("the short one has fired", () => firings.times(1) === 1)
      yield* aWhile
      mustEqual("firings", firings.tickets, [1])
      port.clear(0)
    })
  },
  {
    name: "ports are independent: each has its own tickets, up to the largest",
    test: Effect.gen(function* () {
      const one = yield* attach()
      const two = yield* attach()
      const last = Limits.timerTicketsMax - 1
      one.port.set(0, 1_000)
      two.port.set(0, 1_000)
      two.port.clear(0)
      two.port.set(last, 1_000)
      one.port.clear(last)
      yield* until("both have fired", () => one.firings.tickets.length > 0 && two.firings.tickets.length > 0)
      yield* aWhile
      mustEqual("firings of the first port", one.firings.tickets, [0])
      mustEqual("firings of the second port", two.firings.tickets, [last])
    })
  }
]
