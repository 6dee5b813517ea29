/** TestClock: a clock that a test moves, with one timer: for tests of what has a deadline and needs no simulated machine. */
import type * as Timers from "#world/Timers.ts"

export class TestClock implements Timers.Port {
  now = 0
  /** How often the timer was set. */
  sets = 0
  private due = Number.POSITIVE_INFINITY
  private sink!: Timers.Sink

  readonly attach = (sink: Timers.Sink): Timers.Port => {
    this.sink = sink
    return this
  }

  nowMicros(): number {
    return this.now
  }

  set(_ticket: number, delayMicros: number): void {
    this.sets++
    this.due = this.now + delayMicros
  }

  clear(): void {
    this.due = Number.POSITIVE_INFINITY
  }

  /** Lets time pass until then, one turn after the other, until nothing is due any more. */
  pass(untilMicros: number): void {
    while (this.due <= untilMicros) {
      this.now = Math.max(this.now, this.due)
      this.due = Number.POSITIVE_INFINITY
      this.sink.fired(0)
    }
    this.now = untilMicros
  }
}
