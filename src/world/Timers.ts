/**
 * Timers: the node's monotonic clock as a number, and timers without a fiber or a promise each.
 *
 * Promises:
 * - `nowMicros` never goes back within an incarnation. It says nothing about the wall clock, and it runs at this
 *   machine's own rate: two nodes' clocks drift apart.
 * - A timer that was set fires exactly once, not before its delay has passed on this node's monotonic clock, unless it
 *   is set again (the last setting wins) or cleared. How late it fires has no bound.
 * - A sink is never called from within `set` or `clear`.
 *
 * Needs of its caller: tickets are small non-negative integers, unique per port and used again and again; a port keeps
 * one slot a ticket, so their largest value is bounded by `Limits.timerTicketsMax`.
 */
import * as Context from "effect/Context"

export interface Sink {
  /** The timer with this ticket is due. It is no longer set, and may be set again from here. */
  fired(ticket: number): void
}

export interface Port {
  /** Microseconds on this node's monotonic clock, from an arbitrary origin. */
  nowMicros(): number
  /** Arms the ticket's timer `delayMicros` from now; a timer already armed is moved. */
  set(ticket: number, delayMicros: number): void
  /** Disarms the ticket's timer; no effect when it is not armed. */
  clear(ticket: number): void
}

export class Timers extends Context.Service<
  Timers,
  {
    /** A port whose timers call `sink`. Ports are independent: each has its own tickets. */
    readonly attach: (sink: Sink) => Port
  }
>()("orbit/world/Timers") {}
