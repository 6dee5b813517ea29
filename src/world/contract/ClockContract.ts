/**
 * ClockContract: what a node relies on in Effect's own `Clock`, `Random` and `Scheduler` as the World replaces them.
 * The scheduler is taken to be fair in the long run, as every policy but starvation is.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import { Timers } from "../Timers.ts"
import { aWhile, type Claim, must, mustEqual, until } from "./Claim.ts"

const nanosPerMilli = 1_000_000n

/** How far wall clocks of different units may be apart, since each is rounded, and read from a source of its own. */
const wallSlackNanos = 5n * nanosPerMilli

/** Effects that a fiber runs without waiting, and in which it sees no other run, before a claim takes it for starving them. */
const busyTurnsMax = 1_000_000

export const claims: ReadonlyArray<Claim> = [
  {
    name: "monotonic time never goes back",
    test: Effect.gen(function* () {
      let last = yield* Clock.monotonicTimeNanos
      for (let read = 0; read < 300; read++) {
        if (read % 100 === 99) yield* Effect.sleep(1)
        const now = yield* Clock.monotonicTimeNanos
        must(now >= last, `expected ${last} or later, found ${now}`)
        last = now
      }
    })
  },
  {
    name: "sleep lasts at least as long as it was told, by monotonic time",
    test: Effect.gen(function* () {
      for (const millis of [1, 3, 10, 25, 0.5]) {
        const before = yield* Clock.monotonicTimeNanos
        yield* Effect.sleep(millis)
        const slept = Number((yield* Clock.monotonicTimeNanos) - before) / 1e6
        must(slept >= millis, `a sleep of ${millis} ms ended after ${slept} ms`)
      }
    })
  },
  {
    name: "Clock and Timers count the same monotonic time",
    test: Effect.gen(function* () {
      const timers = yield* Timers
      const port = timers.attach({ fired: () => {} })
      const outerStart = port.nowMicros()
      const innerStart = yield* Clock.monotonicTimeNanos
      yield* Effect.sleep(20)
      const innerEnd = yield* Clock.monotonicTimeNanos
      const outerEnd = port.nowMicros()
      const [inner, outer] = [Number(innerEnd - innerStart) / 1_000, outerEnd - outerStart]
      must(inner >= 20_000, `20 ms of sleep were ${inner} microseconds of the clock`)
      must(inner <= outer + 1, `${inner} microseconds of the clock passed within ${outer} of the timers`)
    })
  },
  {
    name: "wall time in milliseconds and in nanoseconds is one time",
    test: Effect.gen(function* () {
      const before = BigInt(yield* Clock.currentTimeMillis) * nanosPerMilli
      const nanos = yield* Clock.currentTimeNanos
      const after = BigInt(yield* Clock.currentTimeMillis) * nanosPerMilli
      must(
        nanos >= before - wallSlackNanos && nanos <= after + wallSlackNanos,
        `${nanos} is not from ${before} to ${after}`
      )
    })
  },
  {
    name: "sleeps of many fibers end each in its own time",
    test: Effect.gen(function* () {
      const fibers: Array<Fiber.Fiber<number>> = []
      for (let index = 0; index < 100; index++) {
        const millis = (index * 37) % 50
        const sleeper = Effect.gen(function* () {
          const before = yield* Clock.monotonicTimeNanos
          yield* Effect.sleep(millis)
          return Number((yield* Clock.monotonicTimeNanos) - before) / 1e6 - millis
        })
        fibers.push(yield* Effect.forkChild(sleeper))
      }
      for (const fiber of fibers) {
        const over = yield* Fiber.join(fiber)
        must(over >= 0, `a sleep ended ${-over} ms early`)
      }
    })
  },
  {
    name: "a sleep that is interrupted ends, and what follows it does not run",
    test: Effect.gen(function* () {
      let woke = false
      const sleeper = Effect.gen(function* () {
        yield* Effect.sleep(30)
        woke = true
      })
      const fiber = yield* Effect.forkChild(sleeper)
      yield* Effect.sleep(1)
      yield* Fiber.interrupt(fiber)
      // On a machine that stood still for long enough it had woken before.
      const before = woke
      yield* aWhile
      mustEqual("whether it woke", woke, before)
    })
  },
  {
    name: "an endless sleep ends only by interruption, and a deadline interrupts it",
    test: Effect.gen(function* () {
      const result = yield* Effect.timeoutOption(Effect.sleep("Infinity"), 20)
      must(Option.isNone(result), "an endless sleep must not end by itself")
    })
  },
  {
    name: "sleeps of zero let other fibers run",
    test: Effect.gen(function* () {
      let ran = false
      yield* Effect.forkChild(
        Effect.sync(() => {
          ran = true
        })
      )
      for (let turn = 0; turn < busyTurnsMax && !ran; turn++) yield* Effect.sleep(0)
      must(ran, "another fiber must get its turn while this one sleeps for zero milliseconds again and again")
    })
  },
  {
    name: "a fiber that never waits gives way to others all the same",
    test: Effect.gen(function* () {
      let ran = false
      let turns = 0
      yield* Effect.forkChild(
        Effect.sync(() => {
          ran = true
        })
      )
      const turn = Effect.sync(() => {
        turns++
      })
      while (!ran && turns < busyTurnsMax) yield* turn
      must(ran, "another fiber must get its turn while this one computes")
    })
  },
  {
    name: "all fibers that are forked run",
    test: Effect.gen(function* () {
      let ran = 0
      const count = Effect.sync(() => {
        ran++
      })
      const fibers: Array<Fiber.Fiber<void>> = []
      for (let index = 0; index < 1_000; index++) fibers.push(yield* Effect.forkChild(count))
      for (const fiber of fibers) yield* Fiber.join(fiber)
      mustEqual("fibers that ran", ran, 1_000)
    })
  },
  {
    name: "two fibers that hand a turn to each other make progress both",
    test: Effect.gen(function* () {
      let turn = 0
      const play = (own: number) =>
        Effect.gen(function* () {
          for (let moves = 0; moves < 50;) {
            if (turn % 2 === own) {
              turn++
              moves++
            }
            yield* Effect.yieldNow
          }
        })
      const even = yield* Effect.forkChild(play(0))
      const odd = yield* Effect.forkChild(play(1))
      yield* Fiber.join(even)
      yield* Fiber.join(odd)
      mustEqual("moves", turn, 100)
    })
  },
  {
    name: "random numbers are in their range, and differ",
    test: Effect.gen(function* () {
      const seen = new Set<number>()
      let [low, high] = [0, 0]
      for (let draw = 0; draw < 1_000; draw++) {
        const number = yield* Random.next
        must(number >= 0 && number < 1, `expected a number from 0 to below 1, found ${number}`)
        seen.add(number)
        if (number < 0.5) low++
        else high++
      }
      must(seen.size > 990, `1000 draws gave only ${seen.size} different numbers`)
      must(low > 300 && high > 300, `1000 draws gave ${low} numbers below one half and ${high} above`)
    })
  },
  {
    name: "random integers are safe, of both signs and both parities, and keep to the bounds that are asked for",
    test: Effect.gen(function* () {
      let [negative, odd] = [0, 0]
      for (let draw = 0; draw < 1_000; draw++) {
        const integer = yield* Random.nextInt
        must(Number.isSafeInteger(integer), `expected a safe integer, found ${integer}`)
        if (integer < 0) negative++
        if (integer % 2 !== 0) odd++
      }
      must(negative > 300 && negative < 700, `1000 integers, ${negative} of them negative`)
      must(odd > 300 && odd < 700, `1000 integers, ${odd} of them odd`)
      const faces = new Set<number>()
      for (let draw = 0; draw < 1_000; draw++) faces.add(yield* Random.nextIntBetween(1, 6))
      mustEqual(
        "faces of a die",
        [...faces].sort((a, b) => a - b),
        [1, 2, 3, 4, 5, 6]
      )
    })
  },
  {
    name: "a shuffle keeps what it shuffles",
    test: Effect.gen(function* () {
      const cards = Array.from({ length: 52 }, (_, index) => index)
      const shuffled = yield* Random.shuffle(cards)
      must(
        shuffled.some((card, index) => card !== index),
        "a shuffled deck must not be in order"
      )
      mustEqual(
        "the cards",
        [...shuffled].sort((a, b) => a - b),
        cards
      )
    })
  },
  {
    name: "wall time is a whole number of milliseconds, and goes on",
    test: Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const before = clock.currentTimeMillisUnsafe()
      must(Number.isSafeInteger(before) && before >= 0, `expected milliseconds since 1970, found ${before}`)
      yield* until("wall time goes on", () => clock.currentTimeMillisUnsafe() > before)
    })
  }
]
