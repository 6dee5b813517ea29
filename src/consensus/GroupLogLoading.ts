/**
 * GroupLogLoading: what the two streams of a group say, as `Log.replay` hands them over. Pure; `GroupLogs` writes down what of it
 * is damage.
 *
 * A damaged record of entries: those before it count, nothing behind does, and the replica is in doubt about its entries. A damaged
 * record of state counts when none that reads follows: then the term and the vote may be older than those that were given, and with
 * them all that such a record could have said, so everything is in doubt. So it is when a stream may have lost its end: nobody
 * knows whose records stood where nothing reads.
 */
import type * as Log from "#storage/Log.ts"
import { Corrupt } from "#storage/StorageError.ts"
import * as Format from "./GroupLogFormat.ts"
import type { Entry } from "./Message.ts"
import type { EntryId } from "./RaftLog.ts"
import type { Doubt } from "./Storage.ts"

/** The last record of state that reads. */
export class StateLoading implements Log.Replay {
  state: Format.State | undefined
  /** None that reads follows one that does not, or that may have been there. */
  isDamaged = false
  /** Nobody knows whether another one followed: the stream takes no records before it is cut. */
  isEndLost = false
  /** A record that no version of this program could have written here. */
  foreign: Corrupt | undefined
  private readonly stream: number
  private readonly end: number

  constructor(stream: number, end: number) {
    this.stream = stream
    this.end = end
  }

  record(position: number, bytes: Uint8Array, from: number, to: number): void {
    const state = Format.kindOf(bytes, from, to) === undefined ? undefined : Format.decodeState(bytes, from, to)
    if (state === undefined) {
      this.foreign ??= foreignAt(this.stream, position, bytes[from])
      return
    }
    this.state = state
    this.isDamaged = false
  }

  damaged(position: number): void {
    this.isDamaged = true
    if (position >= this.end) this.isEndLost = true
  }
}

/** A group's entries, from where its state says that they begin. */
export class EntriesLoading implements Log.Replay {
  private commitSeen = 0
  readonly entries: Array<Entry> = []
  readonly firsts: Array<number> = []
  readonly places: Array<number> = []
  /** The first record that does not read, or behind which nothing fits. */
  damagedAt = Infinity
  /** A mark that the state knows nothing of yet: everything is in doubt. */
  isMarked = false
  foreign: Corrupt | undefined
  private readonly stream: number
  private readonly begin: EntryId
  private readonly seen: number
  private readonly commitOfState: number

  constructor(stream: number, state: Format.State | undefined) {
    this.stream = stream
    this.begin = state?.begin ?? { index: 0, term: 0 }
    this.seen = state?.entriesSeen ?? 0
    this.commitOfState = state?.hard.commit ?? 0
  }

  get lastIndex(): number {
    return this.begin.index + this.entries.length
  }

  /**
   * What is committed of these entries. Behind damage, entries may have replaced some of those that are left, so only what was
   * said before it counts.
   */
  get commit(): number {
    const commit = this.damagedAt < Infinity ? this.commitSeen : Math.max(this.commitSeen, this.commitOfState)
    return Math.max(this.begin.index, Math.min(commit, this.lastIndex))
  }

  record(position: number, bytes: Uint8Array, from: number, to: number): void {
    const kind = Format.kindOf(bytes, from, to)
    if (kind === Format.kinds.doubt) {
      if (position >= this.seen) this.isMarked = true
      return
    }
    const record = kind === Format.kinds.entries ? Format.decodeEntries(bytes, from, to) : undefined
    if (record === undefined) {
      this.foreign ??= foreignAt(this.stream, position, bytes[from])
      return
    }
    if (this.damagedAt < Infinity) return
    if (record.entries.length > 0 && !this.take(record, position)) {
      this.damagedAt = position
      return
    }
    this.commitSeen = Math.max(this.commitSeen, record.commit)
  }

  damaged(position: number): void {
    this.damagedAt = Math.min(this.damagedAt, position)
  }

  /** False: something is missing before it. */
  private take({ entries, first }: Format.EntriesRecord, position: number): boolean {
    if (first > this.lastIndex + 1) return false
    const firstIndex = this.begin.index + 1
    // All of it was compacted, but it may replace what was not.
    const at = Math.max(first, firstIndex)
    this.entries.length = at - firstIndex
    while (this.firsts.length > 0 && this.firsts[this.firsts.length - 1] >= first) {
      this.firsts.pop()
      this.places.pop()
    }
    for (const entry of entries) if (entry.index >= firstIndex) this.entries.push(entry)
    if (this.entries.length > at - firstIndex) {
      this.firsts.push(first)
      this.places.push(position)
    }
    return true
  }
}

const foreignAt = (stream: number, position: number, version: number): Corrupt =>
  new Corrupt({
    path: `stream ${stream}`,
    offsetBytes: position,
    message:
      version > Format.version
        ? `the format has version ${version}, this program knows ${Format.version}`
        : `record ${position} is none of a group's log`
  })

/** Something was damaged since the group was last opened. */
export const isDamaged = (state: StateLoading, entries: EntriesLoading): boolean =>
  state.isDamaged || entries.isMarked || entries.damagedAt < Infinity

/** What that, and doubts from before, come to. */
export const doubtOf = (state: StateLoading, entries: EntriesLoading): Doubt | undefined => {
  const before = state.state?.doubt
  const vote = before?.vote === true || state.isDamaged || entries.isMarked
  return vote || before !== undefined || entries.damagedAt < Infinity ? { entries: true, vote } : undefined
}
