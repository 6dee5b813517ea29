/**
 * MachineClock: the clocks of one machine. They run at the machine's own rate, which a `drift` fault changes; the wall
 * clock is off by an offset, which `skew` and `step` change; the monotonic clock starts anew, anywhere, at every boot.
 */
import type { Kernel } from "#sim/kernel/Kernel.ts"

/** Where every run's wall clocks start before skew: 2026-01-01T00:00:00Z, in microseconds since the epoch. */
const wallStartMicros = 1_767_225_600_000_000

export class MachineClock {
  private readonly kernel: Kernel
  private rate = 1
  /** Elapsed local microseconds at true time `since`. */
  private elapsed = 0
  private since = 0
  private wallOffset = 0
  private monotonicOffset = 0

  constructor(kernel: Kernel) {
    this.kernel = kernel
  }

  private local(): number {
    const passed = this.kernel.now - this.since
    return this.rate === 1 ? this.elapsed + passed : this.elapsed + Math.floor(passed * this.rate)
  }

  monotonicMicros(): number {
    return this.local() + this.monotonicOffset
  }

  wallMicros(): number {
    return wallStartMicros + this.local() + this.wallOffset
  }

  /** The true time at which the monotonic clock shows `monotonicMicros`, at the present rate; may be in the past. */
  trueTimeOf(monotonicMicros: number): number {
    const left = monotonicMicros - this.monotonicOffset - this.elapsed
    return this.rate === 1 ? this.since + left : this.since + Math.ceil(left / this.rate)
  }

  /** A new incarnation: its monotonic clock starts at `originMicros`. */
  boot(originMicros: number): void {
    this.monotonicOffset = originMicros - this.local()
  }

  /** From now on local time runs `ppm` parts per million faster than true time. */
  drift(ppm: number): void {
    this.elapsed = this.local()
    this.since = this.kernel.now
    this.rate = 1 + ppm / 1_000_000
  }

  /** Moves the wall clock. */
  step(micros: number): void {
    this.wallOffset += micros
  }

  get wallOffsetMicros(): number {
    return this.wallOffset
  }
}
