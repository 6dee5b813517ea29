/**
 * Storage: what a group has on its disk, as its core sees it: synchronous, from memory or an index of it. The driver keeps it;
 * the core reads it and never writes. The entry before the first one was compacted; its term is still known.
 */
import { assert } from "#base/Assert.ts"
import * as Configuration from "./Configuration.ts"
import { limited, type Entry, type Snapshot } from "./Message.ts"

export interface HardState {
  readonly term: number
  readonly vote: number
  readonly commit: number
}

export const emptyHardState: HardState = { term: 0, vote: 0, commit: 0 }

/** What a replica may have promised and does not have any more, because its disk was damaged (`Doubt.ts` has the rules). */
export interface Doubt {
  /** Entries that it acknowledged may be missing from its log. */
  readonly entries: boolean
  /** Its term and its vote may be older than those that it gave; entries may be missing as well. */
  readonly vote: boolean
}

export interface Storage {
  readonly hardState: HardState
  readonly configuration: Configuration.ConfState
  /** Of the first entry that is not compacted, and of the last one; first - 1 when there is none. */
  readonly firstIndex: number
  readonly lastIndex: number
  /** For an index from first - 1 to last. */
  term(index: number): number
  /** The entries in [from, to), cut after `sizeBytesMax`, one at least. */
  entries(from: number, to: number, sizeBytesMax: number): ReadonlyArray<Entry>
  /** A snapshot at or behind first - 1; undefined: there is none at present, ask again later. */
  snapshot(): Snapshot | undefined
}

const noData = new Uint8Array(0)

/** Everything in memory: for tests, for transcripts, and as the driver's view of what is on disk. */
export class MemoryStorage implements Storage {
  hardState = emptyHardState
  configuration = Configuration.emptyState
  private latest: Snapshot = { index: 0, term: 0, configuration: Configuration.emptyState, data: noData }
  private log: Array<Entry> = []
  /** The index and term of the entry before the first one. */
  private compactedIndex = 0
  private compactedTerm = 0

  get firstIndex(): number {
    return this.compactedIndex + 1
  }

  get lastIndex(): number {
    return this.compactedIndex + this.log.length
  }

  term(index: number): number {
    assert(index >= this.compactedIndex && index <= this.lastIndex, "a term is asked for where the log has one")
    return index === this.compactedIndex ? this.compactedTerm : this.log[index - this.firstIndex].term
  }

  entries(from: number, to: number, sizeBytesMax: number): ReadonlyArray<Entry> {
    assert(from >= this.firstIndex && to <= this.lastIndex + 1, "entries are asked for where the log has them")
    return limited(this.log.slice(from - this.firstIndex, to - this.firstIndex), sizeBytesMax)
  }

  snapshot(): Snapshot | undefined {
    return this.latest
  }

  /** Replaces the log by a snapshot; an older one than there is already is refused. */
  restore(snapshot: Snapshot): boolean {
    if (snapshot.index <= this.latest.index) return false
    this.latest = snapshot
    this.configuration = snapshot.configuration
    this.log = []
    this.compactedIndex = snapshot.index
    this.compactedTerm = snapshot.term
    return true
  }

  /** Drops everything up to and including `index`. */
  compact(index: number): void {
    assert(index > this.compactedIndex && index <= this.lastIndex, "compaction moves forward, within the log")
    const term = this.term(index)
    this.log = this.log.slice(index - this.compactedIndex)
    this.compactedIndex = index
    this.compactedTerm = term
  }

  /** Everything from `index` on is lost. */
  cutTail(index: number): void {
    this.log.length = Math.min(this.log.length, index - this.firstIndex)
  }

  /** Appends, in place of everything from the first entry's index on; entries that were compacted are left out. */
  append(entries: ReadonlyArray<Entry>): void {
    const fresh = entries.filter(({ index }) => index > this.compactedIndex)
    if (fresh.length === 0) return
    const at = fresh[0].index - this.firstIndex
    assert(at <= this.log.length, "the log has no holes")
    this.log.length = at
    for (const entry of fresh) this.log.push(entry)
  }
}
