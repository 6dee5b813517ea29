/**
 * Reads: linearizable reads without the log (ReadIndex, Ongaro's thesis, section 6.4). A leader notes its commit index, sends
 * heartbeats, and once a quorum has answered one that left after the read came, it still was the leader then.
 *
 * Reads are numbered in the order in which they came, over the leader's whole term; a heartbeat carries the number of the last one
 * before it, and an answer confirms every read up to its number. So a number never means two things, and a late or repeated
 * answer confirms nothing that it should not (etcd issues 20418 and 21375 had ids that callers chose and used again).
 */
import type { Entry } from "./Message.ts"
import type { NodeId } from "./NodeId.ts"
import * as Quorum from "./Quorum.ts"

export interface Read {
  /** Who asked; undefined: the leader itself, to renew its lease. */
  readonly from: NodeId | undefined
  /** What it calls its request. */
  readonly entries: ReadonlyArray<Entry>
  /** The commit index when it came. */
  readonly index: number
  /** The leader's clock when it came, before any heartbeat that confirms it left. */
  readonly sentMicros: number
}

export class Reads {
  private readonly acks = new Map<NodeId, number>()
  private waiting: Array<Read> = []
  private confirmed = 0

  /** The number of the last read that waits; 0: none does. */
  get last(): number {
    return this.waiting.length === 0 ? 0 : this.confirmed + this.waiting.length
  }

  add(read: Read): void {
    this.waiting.push(read)
  }

  acknowledge(from: NodeId, number: number): void {
    if (number > (this.acks.get(from) ?? 0)) this.acks.set(from, number)
  }

  /** The reads that are confirmed now, in order. */
  advance(voters: Quorum.Joint): ReadonlyArray<Read> {
    const confirmed = Math.min(
      Quorum.committedIndex(voters, (id) => this.acks.get(id) ?? 0),
      this.confirmed + this.waiting.length
    )
    if (confirmed <= this.confirmed) return []
    const released = this.waiting.splice(0, confirmed - this.confirmed)
    this.confirmed = confirmed
    return released
  }
}
