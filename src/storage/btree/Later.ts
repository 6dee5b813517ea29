/** Later: calls that wait for the end of the call that asked for them: all that wait are made in one turn of the node's timers. */
import type { Port, Sink } from "#world/Timers.ts"

const ticket = 0

export class Later implements Sink {
  private readonly timers: Port
  private waiting: Array<() => void> = []

  constructor(attach: (sink: Sink) => Port) {
    this.timers = attach(this)
  }

  readonly call = (call: () => void): void => {
    this.waiting.push(call)
    if (this.waiting.length === 1) this.timers.set(ticket, 0)
  }

  fired(): void {
    const calls = this.waiting
    this.waiting = []
    for (const call of calls) call()
  }
}
