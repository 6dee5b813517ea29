/**
 * Lease: for how long a leader may answer reads without asking (Ongaro's thesis, section 6.4.1). A follower that heard the leader gives no
 * vote for an election time-out of its own clock; so a leader whose heartbeat a quorum answered leads alone until that time has
 * passed since the heartbeat was sent, less what clocks may drift.
 *
 * - It counts from when the heartbeat left, not from its answer: only that is before the followers' time-outs began.
 * - It is looked at with the clock of the read itself, never by a timer: a paused node's timer comes too late.
 * - Handing over ends it for the rest of the term: the successor's campaign, which does not wait for time-outs, may come at any time.
 * - A change of the members ends it: those who promised need not be the ones who elect.
 * - A node that has just started votes for nobody for an election time-out (`Raft`): it may have promised before.
 */
export class Lease {
  private readonly lengthMicros: number
  private untilMicros = -Infinity
  private fromMicros = -Infinity

  constructor(lengthMicros: number) {
    this.lengthMicros = lengthMicros
  }

  isHeld(nowMicros: number): boolean {
    return nowMicros < this.untilMicros
  }

  /** A quorum has answered a heartbeat that was sent then. */
  confirmed(sentMicros: number): void {
    if (sentMicros < this.fromMicros) return
    this.untilMicros = Math.max(this.untilMicros, sentMicros + this.lengthMicros)
  }

  /** It holds no more; heartbeats that are sent from `fromMicros` on count again, Infinity: none of this term. */
  end(fromMicros: number): void {
    this.untilMicros = -Infinity
    this.fromMicros = Math.max(this.fromMicros, fromMicros)
  }
}
