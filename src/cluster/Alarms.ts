/**
 * Alarms: any number of deadlines on one timer of the world, for whoever has one a request. Setting and clearing one moves it in a heap and
 * asks nothing of the world, unless it is due before all others.
 *
 * An alarm rings once, not before it is due, in a turn of its own; those that are due together in the order in which they were set. One that is
 * set while others ring, rings in a later turn.
 */
import { Alarm, DeadlineHeap } from "#world/DeadlineHeap.ts"
import type * as Timers from "#world/Timers.ts"

const ticket = 0
const never = Number.POSITIVE_INFINITY

export class Alarms implements Timers.Sink {
  private readonly timers: Timers.Port
  private readonly heap = new DeadlineHeap()
  private orders = 0
  /** When the timer is to fire. */
  private armedMicros = never
  private isRinging = false
  private isClosed = false

  constructor(attach: Timers.Timers["Service"]["attach"]) {
    this.timers = attach(this)
  }

  nowMicros(): number {
    return this.timers.nowMicros()
  }

  /** Sets it, or moves it. */
  set(alarm: Alarm, dueMicros: number): void {
    if (this.isClosed) return
    this.heap.set(alarm, dueMicros, this.orders++)
    if (!this.isRinging) this.arm()
  }

  /** Calls `rings` in a later turn, at `dueMicros` or after it. */
  at(dueMicros: number, rings: () => void): void {
    this.set(new Alarm(rings), dueMicros)
  }

  clear(alarm: Alarm): void {
    this.heap.remove(alarm)
  }

  /** Nothing rings any more. */
  close(): void {
    this.isClosed = true
    this.heap.clear()
    this.timers.clear(ticket)
  }

  fired(): void {
    const now = this.nowMicros()
    const orders = this.orders
    this.armedMicros = never
    this.isRinging = true
    for (;;) {
      const alarm = this.heap.peek()
      if (alarm === undefined || alarm.deadlineMicros > now || alarm.order >= orders) break
      this.heap.remove(alarm)
      alarm.fire()
    }
    this.isRinging = false
    if (!this.isClosed) this.arm()
  }

  /** The timer may be early, if an alarm was cleared: it finds nothing to do then. */
  private arm(): void {
    const first = this.heap.peek()
    if (first === undefined || first.deadlineMicros >= this.armedMicros) return
    this.armedMicros = first.deadlineMicros
    this.timers.set(ticket, Math.max(0, first.deadlineMicros - this.nowMicros()))
  }
}
