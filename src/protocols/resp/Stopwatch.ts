/**
 * Stopwatch: how long commands take.
 *
 * A look at the clock costs as much as a small command. So commands of one kind that stand one behind another are measured together, from the
 * beginning of the first to the end of the last, and each is taken to have needed their mean.
 */
import { Durations } from "./Durations.ts"

/** How often a command was run, with what result, and how long it took. */
export class CommandUse {
  calls = 0
  /** Refused by the handler, and before it. */
  failed = 0
  rejected = 0
  micros = 0
  durations: Durations | undefined

  reset(): void {
    this.calls = this.failed = this.rejected = this.micros = 0
    this.durations = undefined
  }
}

export class Stopwatch {
  /** Microseconds of a clock that only goes on. */
  nowMicros: () => number
  /** Durations are counted by size. */
  isDetailed = true
  /** What is measured, how many of it there were, and since when. */
  private use: CommandUse | undefined
  private runs = 0
  private sinceMicros = 0

  constructor(nowMicros: () => number) {
    this.nowMicros = nowMicros
  }

  /** A command begins, and ends when another does, or at `end`. */
  begin(use: CommandUse): void {
    if (use !== this.use) {
      this.end()
      this.use = use
    }
    this.runs += 1
  }

  /** What was measured is over; returns what the clock says. */
  end(): number {
    const { runs, sinceMicros, use } = this
    this.sinceMicros = this.nowMicros()
    if (use !== undefined) this.note(use, Math.max(0, this.sinceMicros - sinceMicros), runs)
    this.use = undefined
    this.runs = 0
    return this.sinceMicros
  }

  /** The turn is over. */
  rest(): void {
    if (this.use !== undefined) this.end()
  }

  /** So many runs of a command took so long altogether. */
  note(use: CommandUse, micros: number, runs: number): void {
    use.micros += micros
    if (this.isDetailed) (use.durations ??= new Durations()).add((micros * 1_000) / runs, runs)
  }
}
