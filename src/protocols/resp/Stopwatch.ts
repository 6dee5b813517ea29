/**
 * Stopwatch: how long commands take.
 *
 * A look at the clock costs as much as a small command. So small commands that stand one behind another are measured together, from the
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
  /** Runs that are being measured. */
  running = 0

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
  /** What is measured together, each once, how many runs there were, and since when. */
  private uses: Array<CommandUse> = []
  private runs = 0
  private sinceMicros = 0

  constructor(nowMicros: () => number) {
    this.nowMicros = nowMicros
  }

  /** A small command begins. */
  begin(use: CommandUse): void {
    if (this.runs === 0) this.sinceMicros = this.nowMicros()
    this.runs += 1
    if (use.running === 0) this.uses.push(use)
    use.running += 1
  }

  /** What was measured is over; returns what the clock says. */
  end(): number {
    const nowMicros = this.nowMicros()
    const mean = Math.max(0, nowMicros - this.sinceMicros) / this.runs
    for (const use of this.uses) {
      this.note(use, mean * use.running, use.running)
      use.running = 0
    }
    this.uses.length = 0
    this.runs = 0
    return nowMicros
  }

  /** The turn is over. */
  rest(): void {
    if (this.runs > 0) this.end()
  }

  /** So many runs of a command took so long altogether. */
  note(use: CommandUse, micros: number, runs: number): void {
    use.micros += micros
    if (this.isDetailed) (use.durations ??= new Durations()).add((micros * 1_000) / runs, runs)
  }
}
