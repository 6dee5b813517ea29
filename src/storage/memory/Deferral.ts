/**
 * Deferral: answers that are known at once, given after the call that asked: in the order of the calls, all that are waiting in one
 * turn of the node's timers.
 */
import type { Port, Sink } from "#world/Timers.ts"

const ticket = 0

export class Deferral implements Sink {
  private readonly timers: Port
  private waiting: Array<() => void> = []

  constructor(attach: (sink: Sink) => Port) {
    this.timers = attach(this)
  }

  defer(answer: () => void): void {
    this.waiting.push(answer)
    if (this.waiting.length === 1) this.timers.set(ticket, 0)
  }

  fired(): void {
    const answers = this.waiting
    this.waiting = []
    for (const answer of answers) answer()
  }
}
