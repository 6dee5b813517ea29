/**
 * Progress: what a leader knows of one follower's log, and how it sends to it.
 *
 * - `probe`: it does not know where the logs match; one append at a time, until one is accepted.
 * - `replicate`: it does; appends are sent ahead of their answers, as far as the window allows.
 * - `snapshot`: what the follower needs next was compacted; nothing is sent until the snapshot's outcome is known.
 *
 * Invariant: match < next.
 */
import { Inflights } from "./Inflights.ts"

export type State = "probe" | "replicate" | "snapshot"

export class Progress {
  match: number
  next: number
  /** The highest commit index that was sent to it. */
  sentCommit = 0
  state: State = "probe"
  /** The index of the snapshot that was sent; 0: none. */
  pendingSnapshot = 0
  /** It answered since the last check of the quorum. */
  isActive: boolean
  /** Nothing more is sent before it answers, or a heartbeat's time has passed. */
  isPausedByFlow = false
  /** An append was sent to it since the last heartbeat was due. */
  hasSpoken = false
  isLearner: boolean
  readonly inflights: Inflights

  constructor(options: {
    readonly match: number
    readonly next: number
    readonly isLearner: boolean
    readonly isActive: boolean
    readonly inflights: Inflights
  }) {
    this.match = options.match
    this.next = options.next
    this.isLearner = options.isLearner
    this.isActive = options.isActive
    this.inflights = options.inflights
  }

  private become(state: State): void {
    this.isPausedByFlow = false
    this.pendingSnapshot = 0
    this.state = state
    this.inflights.reset()
  }

  becomeProbe(): void {
    // After a snapshot, probing starts behind it.
    const pending = this.state === "snapshot" ? this.pendingSnapshot : 0
    this.become("probe")
    this.next = Math.max(this.match, pending) + 1
    this.sentCommit = Math.min(this.sentCommit, this.next - 1)
  }

  becomeReplicate(): void {
    this.become("replicate")
    this.next = this.match + 1
  }

  becomeSnapshot(index: number): void {
    this.become("snapshot")
    this.pendingSnapshot = index
    this.next = index + 1
    this.sentCommit = index
  }

  /** An append with so many entries and bytes was sent. */
  sent(entries: number, sizeBytes: number): void {
    if (this.state === "replicate") {
      if (entries > 0) {
        this.next += entries
        this.inflights.add(this.next - 1, sizeBytes)
      }
      this.isPausedByFlow = this.inflights.isFull
    } else if (entries > 0) this.isPausedByFlow = true
  }

  /** Whether telling it this commit index may move its own. */
  wantsCommit(index: number): boolean {
    return index > this.sentCommit && this.sentCommit < this.next - 1
  }

  /** It has everything up to `index`; false when that is no news. */
  matched(index: number): boolean {
    if (index <= this.match) return false
    this.match = index
    this.next = Math.max(this.next, index + 1)
    this.isPausedByFlow = false
    return true
  }

  /**
   * It refused the append after `rejected`; the logs may match at `hint`. False when the refusal is an old one, which the
   * network held back.
   */
  rejected(rejected: number, hint: number): boolean {
    if (this.state === "replicate") {
      if (rejected <= this.match) return false
      this.next = this.match + 1
    } else {
      if (this.next - 1 !== rejected) return false
      this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1)
      this.isPausedByFlow = false
    }
    this.sentCommit = Math.min(this.sentCommit, this.next - 1)
    return true
  }

  get isPaused(): boolean {
    return this.state === "snapshot" || this.isPausedByFlow
  }
}

const stateNames = { probe: "StateProbe", replicate: "StateReplicate", snapshot: "StateSnapshot" } as const

/** A progress in etcd's words. */
export const describe = (progress: Progress): string => {
  const { inflights, match, next, pendingSnapshot } = progress
  return (
    `${stateNames[progress.state]} match=${match} next=${next}` +
    (progress.isLearner ? " learner" : "") +
    (progress.isPaused ? " paused" : "") +
    (pendingSnapshot > 0 ? ` pendingSnap=${pendingSnapshot}` : "") +
    (progress.isActive ? "" : " inactive") +
    (inflights.count > 0 ? ` inflight=${inflights.count}${inflights.isFull ? "[full]" : ""}` : "")
  )
}
