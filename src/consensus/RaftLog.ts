/**
 * RaftLog: a node's log as one sequence: what its storage has, and behind it, or in place of its end, what is on its way there.
 *
 *     storage            unstable
 *     [first ... offset) [offset ... inProgress) [inProgress ... last]
 *                         being written           not handed out yet
 *
 * Invariants: applied <= applying <= committed <= last; offset <= inProgress; committed entries are never replaced, which
 * is asserted (Raft, figure 3: state machine safety).
 */
import { assert } from "#base/Assert.ts"
import { entriesBytes, limited, type Entry, type Snapshot } from "./Message.ts"
import type { Storage } from "./Storage.ts"

export interface EntryId {
  readonly term: number
  readonly index: number
}

/** A term of an index that the log does not have (any more). */
export const unknownTerm = -1

const none: ReadonlyArray<Entry> = []

export type Note = (level: "debug" | "info" | "warn" | "error", text: () => string) => void

export class RaftLog {
  committed: number
  /** Handed out to be applied. */
  applying: number
  applied: number
  private readonly storage: Storage
  private readonly note: Note
  private snapshot: Snapshot | undefined
  private isSnapshotInProgress = false
  private entries: Array<Entry> = []
  private offset: number
  private offsetInProgress: number
  private readonly applyingBytesMax: number
  private applyingBytes = 0
  private isApplyingPaused = false

  constructor(storage: Storage, applyingBytesMax: number, note: Note) {
    this.storage = storage
    this.note = note
    this.applyingBytesMax = applyingBytesMax
    const { firstIndex, lastIndex } = storage
    this.offset = lastIndex + 1
    this.offsetInProgress = lastIndex + 1
    this.committed = firstIndex - 1
    this.applying = firstIndex - 1
    this.applied = firstIndex - 1
  }

  get firstIndex(): number {
    return this.snapshot === undefined ? this.storage.firstIndex : this.snapshot.index + 1
  }

  get lastIndex(): number {
    if (this.entries.length > 0) return this.offset + this.entries.length - 1
    return this.snapshot === undefined ? this.storage.lastIndex : this.snapshot.index
  }

  /** The term of the entry there, or of the one before the first; `unknownTerm` elsewhere. */
  term(index: number): number {
    const { entries, offset, snapshot } = this
    if (index >= offset && index < offset + entries.length) return entries[index - offset].term
    if (snapshot !== undefined && index === snapshot.index) return snapshot.term
    if (index + 1 < this.firstIndex || index > this.lastIndex) return unknownTerm
    return this.storage.term(index)
  }

  last(): EntryId {
    const index = this.lastIndex
    return { term: this.term(index), index }
  }

  /** Whether a log that ends so has everything that this one has (Raft, section 5.4.1). */
  isUpToDate(other: EntryId): boolean {
    const last = this.last()
    return other.term > last.term || (other.term === last.term && other.index >= last.index)
  }

  matches({ index, term }: EntryId): boolean {
    return this.term(index) === term
  }

  /** From `from` to the end, cut after `sizeBytesMax`; undefined when the beginning was compacted. */
  from(from: number, sizeBytesMax: number): ReadonlyArray<Entry> | undefined {
    if (from > this.lastIndex) return none
    return from < this.firstIndex ? undefined : this.slice(from, this.lastIndex + 1, sizeBytesMax)
  }

  /** The entries in [from, to), cut after `sizeBytesMax`, one at least. */
  slice(from: number, to: number, sizeBytesMax: number): ReadonlyArray<Entry> {
    const { entries, offset, storage } = this
    assert(
      from >= this.firstIndex && from <= to && to <= this.lastIndex + 1,
      "entries are asked for where the log has them"
    )
    if (from >= offset) return limited(entries.slice(from - offset, to - offset), sizeBytesMax)
    const cut = Math.min(to, offset)
    const stored = storage.entries(from, cut, sizeBytesMax)
    if (to <= offset || stored.length < cut - from) return stored
    const storedBytes = entriesBytes(stored)
    if (storedBytes >= sizeBytesMax) return stored
    const rest = limited(entries.slice(0, to - offset), sizeBytesMax - storedBytes)
    // One entry always fits `limited`, but not always here.
    if (rest.length === 1 && storedBytes + entriesBytes(rest) > sizeBytesMax) return stored
    return [...stored, ...rest]
  }

  /**
   * A leader's entries behind `previous`: keeps what matches, replaces what conflicts, and commits what is known to be committed.
   * Returns the last new index; undefined when `previous` does not match.
   */
  appendMatching(previous: EntryId, entries: ReadonlyArray<Entry>, committed: number): number | undefined {
    if (!this.matches(previous)) return undefined
    const lastNew = previous.index + entries.length
    const first = this.firstConflict(entries)
    if (first !== undefined) {
      assert(first > this.committed, "no leader replaces a committed entry")
      this.append(entries.slice(first - previous.index - 1))
    }
    this.commitTo(Math.min(committed, lastNew))
    return lastNew
  }

  /** The index of the first entry that is new here, or of another term than ours. */
  private firstConflict(entries: ReadonlyArray<Entry>): number | undefined {
    for (const { index, term } of entries) {
      const own = this.term(index)
      if (own === term) continue
      if (index <= this.lastIndex) {
        this.note("info", () => `found conflict at index ${index} [existing term: ${own}, conflicting term: ${term}]`)
      }
      return index
    }
    return undefined
  }

  append(entries: ReadonlyArray<Entry>): void {
    if (entries.length === 0) return
    const first = entries[0].index
    assert(first > this.committed, "no committed entry is replaced")
    const end = this.offset + this.entries.length
    if (first === end) {
      for (const entry of entries) this.entries.push(entry)
    } else if (first <= this.offset) {
      this.note("info", () => `replace the unstable entries from index ${first}`)
      this.entries = [...entries]
      this.offset = first
      this.offsetInProgress = first
    } else {
      this.note("info", () => `truncate the unstable entries before index ${first}`)
      this.entries.length = first - this.offset
      for (const entry of entries) this.entries.push(entry)
      this.offsetInProgress = Math.min(this.offsetInProgress, first)
    }
  }

  /**
   * The best guess where another log and this one still match, of which one entry is known: the highest index, not above
   * its, whose term here is not above its. Its term is 0 when it is unknown.
   */
  guessMatch(index: number, term: number): EntryId {
    for (let at = index; at > 0; at--) {
      const own = this.term(at)
      if (own === unknownTerm) return { term: 0, index: at }
      if (own <= term) return { term: own, index: at }
    }
    return { term: 0, index: 0 }
  }

  commitTo(index: number): void {
    if (index <= this.committed) return
    assert(
      index <= this.lastIndex,
      "what is committed is in the log: a node that lost entries it had acknowledged must not come back as if it had them"
    )
    this.committed = index
  }

  /** A leader commits only entries of its own term (Raft, section 5.4.2, figure 8); what precedes them comes with them. */
  commitOwn({ index, term }: EntryId): boolean {
    if (index <= this.committed || term === 0 || this.term(index) !== term) return false
    this.commitTo(index)
    return true
  }

  // What goes to storage.

  unstableEntries(): ReadonlyArray<Entry> {
    const skip = this.offsetInProgress - this.offset
    return skip === this.entries.length ? none : this.entries.slice(skip)
  }

  get hasUnstableEntries(): boolean {
    return this.offsetInProgress < this.offset + this.entries.length
  }

  /** Including those that are being written. */
  get hasAnyUnstable(): boolean {
    return this.entries.length > 0
  }

  unstableSnapshot(): Snapshot | undefined {
    return this.isSnapshotInProgress ? undefined : this.snapshot
  }

  get hasAnySnapshot(): boolean {
    return this.snapshot !== undefined
  }

  /** Everything unstable was handed out to be written. */
  acceptUnstable(): void {
    this.offsetInProgress = this.offset + this.entries.length
    if (this.snapshot !== undefined) this.isSnapshotInProgress = true
  }

  /** Everything up to that entry is on disk, and no write under way replaces it. */
  stableTo({ index, term }: EntryId): void {
    const { entries, offset } = this
    if (index < offset || index >= offset + entries.length) {
      this.note("debug", () => `entry at index ${index} missing from unstable log; ignoring`)
      return
    }
    const own = entries[index - offset].term
    if (own !== term) {
      this.note(
        "info",
        () =>
          `entry at (index,term)=(${index},${term}) mismatched with entry at (${index},${own}) in unstable log; ignoring`
      )
      return
    }
    this.entries = entries.slice(index + 1 - offset)
    this.offset = index + 1
    this.offsetInProgress = Math.max(this.offsetInProgress, this.offset)
  }

  stableSnapshotTo(index: number): void {
    if (this.snapshot?.index !== index) return
    this.snapshot = undefined
    this.isSnapshotInProgress = false
  }

  /** The snapshot takes the place of the whole log. */
  restore(snapshot: Snapshot): void {
    this.note(
      "info",
      () => `log [${this.describe()}] starts to restore snapshot [index: ${snapshot.index}, term: ${snapshot.term}]`
    )
    this.committed = snapshot.index
    this.offset = snapshot.index + 1
    this.offsetInProgress = this.offset
    this.entries = []
    this.snapshot = snapshot
    this.isSnapshotInProgress = false
  }

  /** A snapshot for a follower. */
  latestSnapshot(): Snapshot | undefined {
    return this.snapshot ?? this.storage.snapshot()
  }

  // What goes to the state machine.

  private appliableIndex(isUnstableAllowed: boolean): number {
    return isUnstableAllowed ? this.committed : Math.min(this.committed, this.offset - 1)
  }

  hasCommitted(isUnstableAllowed: boolean): boolean {
    // A snapshot is applied before anything else.
    if (this.isApplyingPaused || this.snapshot !== undefined) return false
    return this.applying < this.appliableIndex(isUnstableAllowed)
  }

  /** Committed entries that were not handed out yet, as many as may be under way at a time. */
  committedEntries(isUnstableAllowed: boolean): ReadonlyArray<Entry> {
    if (!this.hasCommitted(isUnstableAllowed)) return none
    const leftBytes = this.applyingBytesMax - this.applyingBytes
    return this.slice(this.applying + 1, this.appliableIndex(isUnstableAllowed) + 1, leftBytes)
  }

  acceptApplying(index: number, sizeBytes: number, isUnstableAllowed: boolean): void {
    assert(index <= this.committed, "only what is committed is applied")
    this.applying = index
    this.applyingBytes += sizeBytes
    // Cut short: the next entry goes over the bound.
    this.isApplyingPaused =
      this.applyingBytes >= this.applyingBytesMax || index < this.appliableIndex(isUnstableAllowed)
  }

  appliedTo(index: number, sizeBytes: number): void {
    assert(index <= this.committed && index >= this.applied, "what was applied is committed, and never goes back")
    this.applied = index
    this.applying = Math.max(this.applying, index)
    this.applyingBytes = Math.max(0, this.applyingBytes - sizeBytes)
    this.isApplyingPaused = this.applyingBytes >= this.applyingBytesMax
  }

  private describe(): string {
    return (
      `committed=${this.committed}, applied=${this.applied}, applying=${this.applying}, unstable.offset=${this.offset}, ` +
      `unstable.offsetInProgress=${this.offsetInProgress}, len(unstable.Entries)=${this.entries.length}`
    )
  }
}
