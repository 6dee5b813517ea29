import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Kernel } from "#sim/kernel/Kernel.ts"
import { Streams } from "#sim/kernel/Stream.ts"
import { Timers, type Port } from "#world/Timers.ts"
import { MachineClock } from "./MachineClock.ts"
import { TestBench } from "./TestBench.ts"

const clockOf = () => {
  const kernel = new Kernel(new Streams({ seed: "clock" }), "fifo")
  const clock = new MachineClock(kernel)
  clock.boot(0)
  return { clock, pass: (micros: number) => kernel.run(kernel.now + micros) }
}

const second = 1_000_000

describe("a machine's clocks", () => {
  it("run with true time when nothing is wrong", () => {
    const { clock, pass } = clockOf()
    const wall = clock.wallMicros()
    pass(12_345_678)
    expect([clock.monotonicMicros(), clock.wallMicros() - wall]).toEqual([12_345_678, 12_345_678])
  })

  it("drift by as many parts in a million as they are told, and no longer than that", () => {
    const { clock, pass } = clockOf()
    clock.drift(500)
    pass(1_000 * second)
    expect(clock.monotonicMicros()).toBe(1_000 * second + 500_000)
    clock.drift(-200)
    pass(1_000 * second)
    expect(clock.monotonicMicros()).toBe(2_000 * second + 300_000)
    clock.drift(0)
    pass(1_000 * second)
    expect(clock.monotonicMicros()).toBe(3_000 * second + 300_000)
  })

  it("step on the wall alone, and remember it over a restart", () => {
    const { clock, pass } = clockOf()
    const wall = clock.wallMicros()
    clock.step(-5 * second)
    expect([clock.monotonicMicros(), clock.wallMicros() - wall, clock.wallOffsetMicros]).toEqual([
      0,
      -5 * second,
      -5 * second
    ])
    pass(second)
    clock.boot(77)
    expect([clock.monotonicMicros(), clock.wallMicros() - wall]).toEqual([77, -4 * second])
  })

  it("are whole numbers, never go back, and stay within the bound of their drift, whatever happens to them", () => {
    const change = fc.record({
      ppm: fc.integer({ min: -500, max: 500 }),
      micros: fc.oneof(fc.nat(10), fc.nat(10 * second)),
      step: fc.integer()
    })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const { clock, pass } = clockOf()
        let truth = 0
        let last = 0
        for (const { micros, ppm, step } of changes) {
          clock.drift(ppm)
          clock.step(step)
          pass(micros)
          truth += micros
          const now = clock.monotonicMicros()
          expect(Number.isSafeInteger(now) && Number.isSafeInteger(clock.wallMicros())).toBe(true)
          expect(now).toBeGreaterThanOrEqual(last)
          // Rounding costs a microsecond a change at most.
          expect(Math.abs(now - truth)).toBeLessThanOrEqual((truth * 500) / 1_000_000 + changes.length)
          last = now
        }
      }),
      { seed: 31, numRuns: 200 }
    )
  })

  it("tell the true time at which they will show something, to the microsecond", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -500, max: 500 }),
        fc.nat(10 * second),
        fc.nat(10 * second),
        (ppm, before, after) => {
          const { clock, pass } = clockOf()
          pass(before)
          clock.drift(ppm)
          const deadline = clock.monotonicMicros() + after
          const at = clock.trueTimeOf(deadline)
          pass(at - before)
          expect(clock.monotonicMicros()).toBeGreaterThanOrEqual(deadline - 1)
          expect(clock.monotonicMicros()).toBeLessThanOrEqual(deadline + 1)
        }
      ),
      { seed: 32, numRuns: 200 }
    )
  })
})

describe("timers and sleeps on a clock that drifts", () => {
  it.each([500, -500])("are never early by that clock, at %d ppm, set before the drift or after", (ppm) => {
    const bench = new TestBench()
    const fired: Array<number> = []
    const slept: Array<number> = []
    let port: Port | undefined
    bench.start(
      0,
      Effect.gen(function* () {
        port = (yield* Timers).attach({ fired: () => fired.push(port!.nowMicros()) })
        const sleep = Effect.gen(function* () {
          const before = yield* Clock.monotonicTimeNanos
          yield* Effect.sleep(10_000)
          slept.push(Number(((yield* Clock.monotonicTimeNanos) - before) / 1_000n))
        })
        yield* Effect.forkDetach(sleep)
        yield* Effect.sleep(2_000)
        yield* Effect.forkDetach(sleep)
      })
    )
    const start = port!.nowMicros()
    port!.set(0, 10 * second)
    bench.pass(second)
    bench.machines[0].clock.drift(ppm)
    const later = port!.nowMicros()
    port!.set(1, 15 * second)
    bench.pass(30 * second)
    expect(fired.length).toBe(2)
    expect(fired[0] - start).toBeGreaterThanOrEqual(10 * second)
    expect(fired[0] - start).toBeLessThan(10.02 * second)
    expect(fired[1] - later).toBeGreaterThanOrEqual(15 * second)
    expect(fired[1] - later).toBeLessThan(15.02 * second)
    expect(slept.length).toBe(2)
    for (const micros of slept) {
      expect(micros).toBeGreaterThanOrEqual(10 * second)
      expect(micros).toBeLessThan(10.02 * second)
    }
  })
})

describe("the clocks of an incarnation", () => {
  it("start anew at its boot, anywhere, and the wall clock goes on", () => {
    const bench = new TestBench({ machines: 3 })
    const seen: Array<readonly [monotonic: number, wall: number]> = []
    const look = Effect.gen(function* () {
      const port = (yield* Timers).attach({ fired: () => {} })
      seen.push([port.nowMicros(), yield* Clock.currentTimeMillis])
    })
    for (const machine of [0, 1, 2]) bench.start(machine, look)
    bench.pass(second)
    bench.machines[0].crash({ powerLost: false })
    bench.start(0, look)
    expect(new Set(seen.map(([monotonic]) => monotonic)).size).toBe(4)
    expect(seen.map(([, wall]) => wall - seen[0][1])).toEqual([0, 0, 0, 1_000])
  })
})
