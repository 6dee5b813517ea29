/**
 * RealTimers: every timer of a node on one timer of the host.
 *
 * All alarms (the ports' tickets, the sleeps of `RealClock`, the deadlines of dials) stand in one heap; a single host
 * timer is armed for the earliest. Setting and clearing an alarm is a heap operation, about 100 ns, where a host timer
 * each would be an object and a list operation each; a timeout that is set and cleared a request costs nothing else.
 *
 * Never early: the host's timers count in milliseconds from a time cached at the start of the event loop's turn, and do
 * fire up to a millisecond early. So whatever wakes us, an alarm fires only when the monotonic clock itself has reached
 * its deadline, rounded up to the next microsecond; else the host timer is armed again.
 *
 * Order: alarms that are due together fire by deadline, then in the order in which they were set. An alarm that is set
 * while others fire waits for a later turn of the event loop, so an alarm that sets itself again cannot starve I/O.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import type * as Timers from "../Timers.ts"
import { Alarm, DeadlineHeap } from "../DeadlineHeap.ts"

/** The longest delay that the host's timers take; longer ones are armed again on the way. */
const hostDelayMillisMax = 2_147_483_647

/** So near a deadline the next turn of the event loop will do: an alarm without delay must not cost a millisecond. */
const turnMillisMax = 0.01

export class RealTimers {
  private readonly heap = new DeadlineHeap()
  private order = 0
  private timeout: NodeJS.Timeout | undefined
  private immediate: NodeJS.Immediate | undefined
  /** What the host timer is armed for; Infinity when it is not. */
  private armedMicros = Infinity
  private firing = false
  private closed = false

  /** Microseconds on the machine's monotonic clock, rounded down: CLOCK_MONOTONIC, from the start of the process. */
  nowMicros(): number {
    return Math.floor(performance.now() * 1000)
  }

  /** Sets or moves an alarm to `delayMicros` from now. */
  set(alarm: Alarm, delayMicros: number): void {
    assert(delayMicros >= 0 && delayMicros < Infinity, "a timer's delay is a finite number of microseconds, 0 or more")
    if (this.closed) return
    this.heap.set(alarm, Math.ceil(performance.now() * 1000 + delayMicros), this.order++)
    if (!this.firing && alarm.deadlineMicros < this.armedMicros) this.arm(alarm.deadlineMicros)
  }

  clear(alarm: Alarm): void {
    this.heap.remove(alarm)
    // Others left: let the host timer come and find out. None left: it must not keep the process alive.
    if (this.heap.size === 0) this.disarm()
  }

  /** The `Timers` service's `attach`. */
  attach(sink: Timers.Sink): Timers.Port {
    return new TicketPort(this, sink)
  }

  /** Nothing fires any more, and nothing can be set. */
  close(): void {
    this.closed = true
    this.heap.clear()
    this.disarm()
  }

  private arm(deadlineMicros: number): void {
    this.disarm()
    this.armedMicros = deadlineMicros
    const delayMillis = deadlineMicros / 1000 - performance.now()
    if (delayMillis <= turnMillisMax) this.immediate = setImmediate(this.wake)
    else this.timeout = setTimeout(this.wake, Math.min(Math.ceil(delayMillis), hostDelayMillisMax))
  }

  private disarm(): void {
    if (this.timeout !== undefined) clearTimeout(this.timeout)
    if (this.immediate !== undefined) clearImmediate(this.immediate)
    this.timeout = undefined
    this.immediate = undefined
    this.armedMicros = Infinity
  }

  private readonly wake = (): void => {
    this.disarm()
    this.firing = true
    const now = this.nowMicros()
    const orderMax = this.order
    try {
      for (;;) {
        const first = this.heap.peek()
        // Among equal deadlines the newer stand behind: the first that was set in this turn ends the turn.
        if (first === undefined || first.deadlineMicros > now || first.order >= orderMax) break
        this.heap.remove(first)
        first.fire()
      }
    } finally {
      // Also when a sink threw, which is a defect: whoever survives it still gets its alarms.
      this.firing = false
      const first = this.heap.peek()
      if (first !== undefined) this.arm(first.deadlineMicros)
    }
  }
}

/** One owner's tickets: an alarm a ticket, made at its first use. */
class TicketPort implements Timers.Port {
  private readonly timers: RealTimers
  private readonly sink: Timers.Sink
  private readonly alarms: Array<Alarm | undefined> = []

  constructor(timers: RealTimers, sink: Timers.Sink) {
    this.timers = timers
    this.sink = sink
  }

  nowMicros(): number {
    return this.timers.nowMicros()
  }

  set(ticket: number, delayMicros: number): void {
    assert(
      Number.isInteger(ticket) && ticket >= 0 && ticket < Limits.timerTicketsMax,
      "a timer's ticket is an integer from 0 to below Limits.timerTicketsMax"
    )
    this.timers.set((this.alarms[ticket] ??= this.make(ticket)), delayMicros)
  }

  clear(ticket: number): void {
    const alarm = this.alarms[ticket]
    if (alarm !== undefined) this.timers.clear(alarm)
  }

  private make(ticket: number): Alarm {
    return new Alarm(() => this.sink.fired(ticket))
  }
}
