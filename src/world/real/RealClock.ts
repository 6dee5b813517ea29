/**
 * RealClock: Effect's `Clock` on the machine's clocks, with sleeps in the node's own timers.
 *
 * Promises: `currentTimeNanos` and `currentTimeMillis` show the same wall clock, which may be stepped either way by its
 * administrator; `monotonicTimeNanos` never goes back and is the clock by which `Timers` count. `sleep` never ends early.
 *
 * Why not Effect's default: that one takes a host timer a sleep, can wake a millisecond early, and lets its nanoseconds
 * stray from its milliseconds by up to a second before it looks at the wall clock again.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Alarm } from "../DeadlineHeap.ts"
import type { RealTimers } from "./RealTimers.ts"

const nanosPerMilli = 1_000_000n

/** How far the extrapolated nanoseconds may be from the wall clock before they are taken from it again. */
const strayNanosMax = 2n * nanosPerMilli

export class RealClock implements Clock.Clock {
  private readonly timers: RealTimers
  /** Wall time less monotonic time. The host tells the wall clock in milliseconds; the monotonic clock fills in the rest. */
  private wallOriginNanos = 0n

  constructor(timers: RealTimers) {
    this.timers = timers
  }

  currentTimeMillisUnsafe(): number {
    return Date.now()
  }

  currentTimeNanosUnsafe(): bigint {
    const wall = BigInt(Date.now()) * nanosPerMilli
    const monotonic = process.hrtime.bigint()
    const stray = this.wallOriginNanos + monotonic - wall
    if (stray < -strayNanosMax || stray > strayNanosMax) this.wallOriginNanos = wall - monotonic
    return this.wallOriginNanos + monotonic
  }

  monotonicTimeNanosUnsafe(): bigint {
    return process.hrtime.bigint()
  }

  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (millis <= 0) return Effect.yieldNow
    if (millis === Infinity) return Effect.never
    return Effect.callback<void>((resume) => {
      const alarm = new Alarm(() => resume(Effect.void))
      this.timers.set(alarm, millis * 1000)
      return Effect.sync(() => this.timers.clear(alarm))
    })
  }
}
