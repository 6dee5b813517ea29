/**
 * SimTimers: the `Timers` service of a simulated machine. A timer that is moved to later, as election timers are at every
 * heartbeat, costs two stores: its event stays where it is in the queue, and queues itself again when it comes up early.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import { Event, type Epoch, type Kernel } from "#sim/kernel/Kernel.ts"
import type * as Timers from "#world/Timers.ts"
import type { MachineClock } from "./MachineClock.ts"

class TimerEvent extends Event {
  readonly kind = 3
  /** When it is due, on the machine's monotonic clock. */
  deadline = 0
  armed = false
  /** True time at which it comes up in the queue; -1 when it is not queued. */
  queuedAt = -1
  private readonly port: SimTimersPort
  readonly ticket: number

  constructor(port: SimTimersPort, epoch: Epoch, ticket: number) {
    super()
    this.port = port
    this.epoch = epoch
    this.ticket = ticket
  }

  fire(): void {
    this.queuedAt = -1
    if (!this.armed) return
    if (this.port.clock.monotonicMicros() < this.deadline) {
      this.port.queue(this)
      return
    }
    this.armed = false
    this.port.kernel.hash.fold(this.ticket)
    this.port.sink.fired(this.ticket)
  }
}

class SimTimersPort implements Timers.Port {
  readonly kernel: Kernel
  readonly clock: MachineClock
  readonly sink: Timers.Sink
  private readonly epoch: Epoch
  private readonly slots: Array<TimerEvent | undefined> = []

  constructor(kernel: Kernel, clock: MachineClock, epoch: Epoch, sink: Timers.Sink) {
    this.kernel = kernel
    this.clock = clock
    this.epoch = epoch
    this.sink = sink
  }

  nowMicros(): number {
    return this.clock.monotonicMicros()
  }

  set(ticket: number, delayMicros: number): void {
    assert(
      ticket >= 0 && ticket < Limits.timerTicketsMax,
      "a timer's ticket is at least 0 and below Limits.timerTicketsMax"
    )
    assert(delayMicros >= 0, "a timer's delay is not negative")
    if (this.epoch.dead) return
    let timer = this.slots[ticket]
    if (timer === undefined) {
      timer = new TimerEvent(this, this.epoch, ticket)
      this.slots[ticket] = timer
    }
    timer.armed = true
    timer.deadline = this.clock.monotonicMicros() + Math.ceil(delayMicros)
    if (timer.queuedAt < 0) {
      this.queue(timer)
      return
    }
    if (this.clock.trueTimeOf(timer.deadline) >= timer.queuedAt) return
    // Due earlier than its place in the queue: leave that one behind, unarmed.
    timer.armed = false
    const earlier = new TimerEvent(this, this.epoch, ticket)
    earlier.armed = true
    earlier.deadline = timer.deadline
    this.slots[ticket] = earlier
    this.queue(earlier)
  }

  clear(ticket: number): void {
    const timer = this.slots[ticket]
    if (timer !== undefined) timer.armed = false
  }

  queue(timer: TimerEvent): void {
    // One microsecond at least: a sink is never called from within `set`.
    const at = Math.max(this.clock.trueTimeOf(timer.deadline), this.kernel.now + 1)
    timer.queuedAt = at
    this.kernel.schedule(timer, at)
  }
}

export const make = (kernel: Kernel, clock: MachineClock, epoch: Epoch): Timers.Timers["Service"] => ({
  attach: (sink) => new SimTimersPort(kernel, clock, epoch, sink)
})
