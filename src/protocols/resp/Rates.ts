/** Rates: how much of something there is in a second, as of the last look at its count. */

interface Counts {
  readonly commands: number
  readonly inputBytes: number
  readonly outputBytes: number
}

const none: Counts = { commands: 0, inputBytes: 0, outputBytes: 0 }

export class Rates {
  /** In a second. */
  latest = none
  private before = none
  private beforeMicros = 0

  /** To be called about once a second, with all there was so far. */
  look({ commands, inputBytes, outputBytes }: Counts, nowMicros: number): void {
    const { before } = this
    const seconds = (nowMicros - this.beforeMicros) / 1_000_000
    // Counts may have been set back.
    const rate = (now: number, then: number): number => (seconds > 0 ? Math.max(0, now - then) / seconds : 0)
    this.latest = {
      commands: rate(commands, before.commands),
      inputBytes: rate(inputBytes, before.inputBytes),
      outputBytes: rate(outputBytes, before.outputBytes)
    }
    this.before = { commands, inputBytes, outputBytes }
    this.beforeMicros = nowMicros
  }
}
