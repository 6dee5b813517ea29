/**
 * Resolver: host names to addresses, by the operating system, with answers kept for a few seconds.
 *
 * Only datagrams need it: a dial resolves its name once, a datagram each time. At most `entriesMax` names are kept; the
 * oldest makes room. A name that does not resolve is kept as such for the same time.
 */
import * as dns from "node:dns"
import type { RealTimers } from "./RealTimers.ts"

/** Short, so that a peer that moved is found again soon; as long as many DNS records of clusters live. */
const keptMicros = 5_000_000

/** More names than a cluster has members; a bound all the same. */
const entriesMax = 4_096

interface Entry {
  readonly untilMicros: number
  readonly host: string | undefined
}

export class Resolver {
  private readonly timers: RealTimers
  private readonly entries = new Map<string, Entry>()
  private readonly waiting = new Map<string, Array<(host: string | undefined) => void>>()

  constructor(timers: RealTimers) {
    this.timers = timers
  }

  /** Calls `done` with an address of that family, at once when it is known, or with undefined when there is none. */
  resolve(name: string, family: 4 | 6, done: (host: string | undefined) => void): void {
    const key = `${family} ${name}`
    const entry = this.entries.get(key)
    if (entry !== undefined && entry.untilMicros > this.timers.nowMicros()) return done(entry.host)
    const others = this.waiting.get(key)
    if (others !== undefined) {
      // Datagrams to a name under question wait for its answer; more than a few of them are lost.
      if (others.length < 64) others.push(done)
      return
    }
    this.waiting.set(key, [done])
    dns.lookup(name, { family }, (error, host) => this.answer(key, error === null ? host : undefined))
  }

  private answer(key: string, host: string | undefined): void {
    this.entries.delete(key)
    if (this.entries.size >= entriesMax) this.entries.delete(this.entries.keys().next().value!)
    this.entries.set(key, { host, untilMicros: this.timers.nowMicros() + keptMicros })
    const waiting = this.waiting.get(key)!
    this.waiting.delete(key)
    for (const done of waiting) done(host)
  }
}
