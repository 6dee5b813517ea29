/** ReplicaView: what a judge knows of one replica from its trace: its log as handed to the disk, and as it is durable there. */

export interface LogEntry {
  readonly term: number
  readonly crc: number
  readonly isChange: boolean
}

export interface Hard {
  readonly term: number
  readonly vote: number
  readonly commit: number
}

/** Of replicas, as lists. */
export interface Members {
  readonly voters: ReadonlyArray<number>
  readonly outgoing: ReadonlyArray<number>
  readonly learners: ReadonlyArray<number>
}

export class LogView {
  /** The entry before the first. */
  before: number
  beforeTerm: number
  entries: Array<LogEntry>

  constructor(before: number, beforeTerm: number, entries: ReadonlyArray<LogEntry>) {
    this.before = before
    this.beforeTerm = beforeTerm
    this.entries = [...entries]
  }

  get last(): number {
    return this.before + this.entries.length
  }

  /** Undefined: it has none there (any more). */
  at(index: number): LogEntry | undefined {
    return this.entries[index - this.before - 1]
  }

  term(index: number): number | undefined {
    return index === this.before ? this.beforeTerm : this.at(index)?.term
  }

  apply({ entries, from, snapshot }: Write): void {
    if (snapshot !== undefined) {
      this.before = snapshot.index
      this.beforeTerm = snapshot.term
      this.entries = []
    }
    if (entries.length === 0) return
    const keeps = Math.max(0, from - this.before - 1)
    // Setting a length is slow, also where it changes nothing.
    if (keeps !== this.entries.length) this.entries.length = keeps
    for (const entry of entries) this.entries.push(entry)
  }

  copy(): LogView {
    return new LogView(this.before, this.beforeTerm, this.entries)
  }

  /** Ends alike, and has the same where both have something. */
  isSame(other: LogView): boolean {
    if (this.last !== other.last) return false
    for (let index = Math.max(this.before, other.before) + 1; index <= this.last; index++) {
      const [own, others] = [this.at(index)!, other.at(index)!]
      if (own.term !== others.term || own.crc !== others.crc) return false
    }
    return true
  }
}

export interface Write {
  readonly hard: Hard | undefined
  readonly from: number
  readonly entries: ReadonlyArray<LogEntry>
  snapshot: { readonly index: number; readonly term: number } | undefined
}

export class ReplicaView {
  readonly id: number
  readonly log: LogView
  readonly durableLog: LogView
  hard: Hard
  durableHard: Hard
  applied: number
  members: Members
  /** Handed to the disk and not durable, in their order; the first has the number after `durable`. */
  pending: Array<Write> = []
  durable = 0
  role = "follower"
  term = 0
  /** The last that it acknowledged, and in which term. */
  acknowledged = { term: 0, index: 0 }
  /** The true time until which it may read without asking. */
  leaseUntilMicros = -Infinity
  /** Since its last election time-out as a leader was over. */
  hasNewMembers = false
  /** Reads that wait: the last entry that was applied anywhere when each was asked. */
  readonly asked = new Map<number, number>()

  constructor(
    id: number,
    begun: { readonly hard: Hard; readonly log: LogView; readonly applied: number; readonly members: Members }
  ) {
    this.id = id
    this.log = begun.log
    this.durableLog = begun.log.copy()
    this.hard = begun.hard
    this.durableHard = begun.hard
    this.applied = begun.applied
    this.members = begun.members
  }

  write(write: Write): void {
    this.pending.push(write)
    this.log.apply(write)
    if (write.hard !== undefined) this.hard = write.hard
  }

  /** Everything up to the write with this number is durable. */
  reach(number: number): void {
    while (this.durable < number && this.pending.length > 0) {
      this.durable++
      const write = this.pending.shift()!
      this.durableLog.apply(write)
      if (write.hard !== undefined) this.durableHard = write.hard
    }
  }

  /** What a start may find: what is durable, and the first of what was on its way. */
  mayFind(found: ReplicaView): "yes" | "another log" | "another vote" {
    const log = this.durableLog.copy()
    let isLog = log.isSame(found.durableLog)
    let isVote = isSameVote(this.durableHard, found.hard)
    for (const write of this.pending) {
      log.apply(write)
      isLog ||= log.isSame(found.durableLog)
      if (write.hard !== undefined) isVote ||= isSameVote(write.hard, found.hard)
      // In a term that only the entries know, nobody was voted for.
      isVote ||= found.hard.vote === 0 && write.entries.some(({ term }) => term === found.hard.term)
    }
    if (!isVote) return "another vote"
    return isLog ? "yes" : "another log"
  }
}

const isSameVote = (left: Hard, right: Hard): boolean => left.term === right.term && left.vote === right.vote
