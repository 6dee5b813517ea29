/**
 * GroupLog: what one replica of a group has on its store's log, and in memory for its core: everything since the last
 * compaction. `GroupLogs` opens, makes and removes them.
 *
 * On the log it is two streams: entries, and what the group says of itself (`Format.State`), so that a rotten entry does not take
 * the vote with it. Records of entries replace everything from their first index on; a commit index travels with them. Records of
 * state are complete, each stands for all before it.
 *
 * Promises: an effect is in memory at once; `done` comes in the order of the calls, when it is durable, or, buffered, when the log has
 * taken it. What a full device (or an overloaded log) refuses is kept, `isFull`, and written again until there is room: then `done`
 * comes late. Any other failure is final: `done` gets it, and nothing written here counts any more.
 *
 * Needs of its caller: `configuration` and `label` are kept by whoever has the state machine, which is durable up to where the
 * log is compacted; a snapshot is given when the state machine has it durably. On the log is what the configuration was where the
 * log begins: a state machine that has nothing begins there, and comes to later ones by their entries.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import type { Done, Durability } from "#storage/Engine.ts"
import type * as Log from "#storage/Log.ts"
import type { StorageError } from "#storage/StorageError.ts"
import type { ConfState } from "./Configuration.ts"
import * as Format from "./GroupLogFormat.ts"
import { entryBytes, type Entry, type Snapshot } from "./Message.ts"
import type { NodeId } from "./NodeId.ts"
import type { EntryId } from "./RaftLog.ts"
import type { GroupId } from "./Replica.ts"
import type { Applied } from "./StateMachine.ts"
import type { Doubt, HardState, Storage } from "./Storage.ts"

/** What a `Ready` of the core wants written. */
export interface Change {
  readonly hard: HardState | undefined
  /** In place of everything from the first one's index on. */
  readonly entries: ReadonlyArray<Entry>
  /** In place of the whole log; only its label is written here. */
  readonly snapshot: Snapshot | undefined
  readonly doubt?: Doubt | undefined
}

/** A group as it was found, or as it begins. */
export interface Start extends Omit<Format.State, "entriesFrom" | "entriesSeen" | "isRemoved"> {
  readonly entries: ReadonlyArray<Entry>
  /** The first index of each record that has some of them, and its position. */
  readonly firsts: ReadonlyArray<number>
  readonly places: ReadonlyArray<number>
}

/** What a group log has of its owner. */
export interface Owner {
  readonly log: Log.Log
  /** Something was refused: `retry` after a while. */
  refused(group: GroupLog): void
}

/** What one call wrote, until the log has answered for all of it. */
interface Write {
  readonly done: Done<void>
  /** Its entries are those from this index on. */
  readonly from: number
  readonly withState: boolean
  /** It brings what ends the doubt. */
  readonly endsDoubt: boolean
  /** Records of entries before this position are not needed once this is written; 0: nothing is known. */
  readonly cut: number
  /** Earlier writes that were refused, and are part of this one. */
  readonly repeats: ReadonlyArray<Write>
  left: number
  error: StorageError | undefined
  isEnded: boolean
  /** Another write repeats it, or will. */
  isRefused: boolean
}

/** State records that stay in their stream: all but the last are there only in case that it rots. */
const stateRecordsMax = 16
const stateRecordsMin = 2

/** Of the last record that any group wrote: the log has taken it when `append` returns. */
const parts: Array<Uint8Array> = []

const noSnapshot = (): undefined => undefined

const isRetried = (error: StorageError): boolean =>
  error._tag === "Refused" && (error.reason === "no-space" || error.reason === "overloaded")

const sizeOf = ({ data }: Entry): number => Format.entryHeadBytes + data.length

export class GroupLog implements Storage {
  readonly group: GroupId
  readonly replica: NodeId
  hardState: HardState
  configuration: ConfState
  /** Where the log begins; once it is compacted, the state machine has one of its own. */
  private atBegin: ConfState
  /** A snapshot of the state machine at present, without its data. */
  label: () => Snapshot | undefined = noSnapshot
  /** What this replica may have promised and lost. */
  doubt: Doubt | undefined
  /** Of the entries in memory, as they are on disk. */
  sizeBytes = 0
  private readonly owner: Owner
  private readonly entriesStream: number
  private readonly stateStream: number
  private begin: EntryId
  private log: Array<Entry>
  /** The first index of each record that holds some of the entries, and the record's position. */
  private firsts: Array<number>
  private places: Array<number>
  private nextEntries: number
  private nextState: number
  private isRemoved = false
  /** What is not on its way to disk: entries from this index on; state, which the entries need; any state. */
  private dueFrom = Infinity
  private isBeginDue = false
  private isStateDue = false
  private doubtWritten: Doubt | undefined
  /** Those whose callers wait, in the order of the calls. */
  private readonly writes: Array<Write> = []
  private refused: ReadonlyArray<Write> = []

  constructor(owner: Owner, group: GroupId, start: Start) {
    this.owner = owner
    this.group = group
    this.replica = start.replica
    this.entriesStream = Format.entriesStreamOf(group)
    this.stateStream = Format.stateStreamOf(group)
    this.hardState = start.hard
    this.configuration = start.configuration
    this.atBegin = start.configuration
    this.doubt = start.doubt
    this.doubtWritten = start.doubt
    this.begin = start.begin
    this.log = [...start.entries]
    for (const entry of this.log) this.sizeBytes += sizeOf(entry)
    this.firsts = [...start.firsts]
    this.places = [...start.places]
    this.nextEntries = this.endOf(this.entriesStream)
    this.nextState = this.endOf(this.stateStream)
  }

  // What the core reads.

  get firstIndex(): number {
    return this.begin.index + 1
  }

  get lastIndex(): number {
    return this.begin.index + this.log.length
  }

  term(index: number): number {
    assert(index >= this.begin.index && index <= this.lastIndex, "a term is asked for where the log has one")
    return index === this.begin.index ? this.begin.term : this.log[index - this.firstIndex].term
  }

  entries(from: number, to: number, sizeBytesMax: number): ReadonlyArray<Entry> {
    const { firstIndex, log } = this
    assert(from >= firstIndex && to <= this.lastIndex + 1, "entries are asked for where the log has them")
    let end = from
    for (let sum = 0; end < to; end++) {
      sum += entryBytes(log[end - firstIndex])
      if (sum > sizeBytesMax && end > from) break
    }
    return log.slice(from - firstIndex, end - firstIndex)
  }

  snapshot(): Snapshot | undefined {
    return this.label()
  }

  /** Something is not on disk because the device is full: what promises must wait, and new work is better refused. */
  get isFull(): boolean {
    return this.refused.length > 0
  }

  // What its owner writes.

  write(change: Change, durability: Durability, done: Done<void>): void {
    assert(!this.isRemoved, "a replica that was removed writes nothing")
    const { doubt, entries, hard, snapshot } = change
    if (snapshot !== undefined) this.restart(snapshot)
    if (entries.length > 0) this.take(entries)
    if (hard !== undefined) {
      if (hard.term !== this.hardState.term || hard.vote !== this.hardState.vote) this.isStateDue = true
      this.hardState = hard
    }
    // Goes to disk when this write has: before, what ended the doubt is not there.
    if (doubt !== undefined) this.doubt = doubt.entries || doubt.vote ? doubt : undefined
    this.store(durability, done, doubt !== undefined)
  }

  /** A commit index alone: goes to disk with whatever is written next. After a crash it is found out again. */
  committed(index: number): void {
    this.hardState = { ...this.hardState, commit: index }
  }

  /** The log begins behind `index`, up to which the state machine is durable. */
  compact(index: number): void {
    assert(index > this.begin.index && index <= this.lastIndex, "compaction moves forward, within the log")
    const term = this.term(index)
    const count = index - this.begin.index
    for (let i = 0; i < count; i++) this.sizeBytes -= sizeOf(this.log[i])
    this.log = this.log.slice(count)
    this.begin = { index, term }
    this.atBegin = this.configuration
    const { firsts } = this
    // The last record that begins at or before the first entry has it.
    let old = 0
    while (old + 1 < firsts.length && firsts[old + 1] <= index + 1) old++
    if (this.log.length === 0) old = firsts.length
    this.firsts = firsts.slice(old)
    this.places = this.places.slice(old)
    this.isStateDue = true
    this.store("buffered", noted)
  }

  /**
   * At the start: the state machine is durable up to `applied`. A log that does not reach there, or has something else there, starts
   * anew behind it: a snapshot was put in place, or the log was damaged.
   */
  reconcile(applied: Applied): void {
    const { configuration, index, term } = applied
    assert(index >= this.begin.index, "a state machine has everything that its log has not")
    this.configuration = configuration
    if (index > this.lastIndex || this.term(index) !== term) {
      this.begins({ index, term })
      this.hardState = { ...this.hardState, commit: index }
      this.store("buffered", noted)
    } else if (index > this.hardState.commit) this.hardState = { ...this.hardState, commit: index }
  }

  /** For `GroupLogs`: the replica is gone. */
  remove(done: Done<void>): void {
    this.isRemoved = true
    this.begins(this.begin)
    this.store("synced", done)
  }

  /** For `GroupLogs`: the first record of a replica. */
  found(durability: Durability, done: Done<void>): void {
    this.isBeginDue = true
    this.store(durability, done)
  }

  /** For `GroupLogs`: writes again what was refused. */
  retry(): void {
    if (this.isFull) this.store("synced", noted)
  }

  private restart({ configuration, index, term }: Snapshot): void {
    this.configuration = configuration
    this.begins({ index, term })
  }

  /** The log is empty, and begins behind an entry. */
  private begins(begin: EntryId): void {
    this.begin = begin
    this.atBegin = this.configuration
    this.log = []
    this.sizeBytes = 0
    this.firsts = []
    this.places = []
    this.dueFrom = Infinity
    this.isBeginDue = true
  }

  private take(entries: ReadonlyArray<Entry>): void {
    const { log } = this
    let i = 0
    while (i < entries.length && entries[i].index <= this.begin.index) i++
    if (i === entries.length) return
    const first = entries[i].index
    const at = first - this.firstIndex
    assert(at <= log.length, "the log has no holes")
    for (let old = at; old < log.length; old++) this.sizeBytes -= sizeOf(log[old])
    // To set a length is slow, and mostly nothing is cut off.
    if (at < log.length) log.length = at
    for (; i < entries.length; i++) {
      log.push(entries[i])
      this.sizeBytes += sizeOf(entries[i])
    }
    if (first < this.dueFrom) this.dueFrom = first
  }

  // How it gets there.

  private endOf(stream: number): number {
    return Math.max(1, this.owner.log.extent(stream).end)
  }

  /** Writes everything that is due. */
  private store(durability: Durability, done: Done<void>, endsDoubt = false): void {
    const dueFrom = Math.max(this.dueFrom, this.firstIndex)
    const { isBeginDue, isStateDue } = this
    this.dueFrom = Infinity
    this.isBeginDue = false
    this.isStateDue = false
    const hasEntries = dueFrom <= this.lastIndex
    const withState = isBeginDue || isStateDue
    const cut = withState && !hasEntries ? this.entriesFrom() : 0
    const repeats = this.refused
    this.refused = none
    const write: Write = {
      done,
      from: dueFrom,
      withState,
      endsDoubt,
      cut,
      repeats,
      left: 1,
      error: undefined,
      isEnded: false,
      isRefused: false
    }
    this.writes.push(write)
    const ended = (error: StorageError | undefined): void => this.answered(write, error)
    // A new beginning comes before what stands behind it, everything else after the entries that it may speak of.
    if (isBeginDue) this.putState(write, hasEntries, durability, ended)
    if (hasEntries || !withState) this.putEntries(write, dueFrom, durability, ended)
    if (isStateDue && (hasEntries || !isBeginDue)) this.putState(write, false, durability, ended)
    write.left--
  }

  private putState(write: Write, isFirst: boolean, durability: Durability, ended: Done<void>): void {
    const { atBegin, begin, hardState, isRemoved, replica } = this
    write.left++
    const commit = isFirst ? Math.min(hardState.commit, Math.max(begin.index, write.from - 1)) : hardState.commit
    const state = Format.encodeState({
      replica,
      isRemoved,
      doubt: this.doubtWritten,
      hard: { ...hardState, commit },
      begin,
      entriesFrom: isFirst && write.from <= this.firstIndex ? this.nextEntries : this.entriesFrom(),
      entriesSeen: this.nextEntries,
      configuration: atBegin
    })
    this.owner.log.append(this.stateStream, this.nextState++, [state], durability, ended)
  }

  /** Of the first record that has an entry of the log, or of the next one. */
  private entriesFrom(): number {
    return this.places.length > 0 ? this.places[0] : this.nextEntries
  }

  /** All entries from one index on, as few records as possible; a record without entries has a commit index. */
  private putEntries(write: Write, from: number, durability: Durability, ended: Done<void>): void {
    const { firstIndex, firsts, log, places } = this
    while (firsts.length > 0 && (firsts[firsts.length - 1] >= from || from <= firstIndex)) {
      firsts.pop()
      places.pop()
    }
    let at = Math.min(from - firstIndex, log.length)
    do {
      let to = at
      for (let sizeBytes = 0; to < log.length && (to === at || sizeBytes < recordBytesMax); to++)
        sizeBytes += sizeOf(log[to])
      const first = firstIndex + at
      if (to > at) {
        firsts.push(first)
        places.push(this.nextEntries)
      }
      write.left++
      const encoded = Format.encodeEntries(parts, this.hardState.commit, first, log, at, to)
      this.owner.log.append(this.entriesStream, this.nextEntries++, encoded, durability, ended)
      at = to
    } while (at < log.length)
  }

  /** One record of a write is there, or failed. */
  private answered(write: Write, error: StorageError | undefined): void {
    write.left--
    if (error !== undefined && isRetried(error)) return this.postpone(write)
    if (error !== undefined) write.error ??= error
    if (write.left > 0 || write.isRefused) return
    if (write.error === undefined) this.written(write)
    this.end(write, write.error)
    const { writes } = this
    // What was refused has not ended, and those behind it wait for it.
    while (writes.length > 0 && writes[0].isEnded) {
      const first = writes.shift()!
      first.done(first.error, undefined)
    }
  }

  private end(write: Write, error: StorageError | undefined): void {
    write.error = error
    write.isEnded = true
    for (const each of write.repeats) this.end(each, error)
  }

  private written(write: Write): void {
    const { log } = this.owner
    if (write.withState && !this.isFull) {
      if (write.cut > 0) log.cutHead(this.entriesStream, Math.min(write.cut, this.entriesFrom()))
      const kept = this.isRemoved ? 1 : stateRecordsMin
      if (this.isRemoved || this.nextState - log.extent(this.stateStream).first > stateRecordsMax)
        log.cutHead(this.stateStream, this.nextState - kept)
    }
    if (this.isRemoved || !endsDoubt(write)) return
    this.doubtWritten = this.doubt
    this.isStateDue = true
    this.store("buffered", noted)
  }

  /**
   * It has not happened, or not all of it: it is due again, behind a record of state that says where it stands. At once, because
   * records that follow the log takes at the streams' ends again.
   */
  private postpone(write: Write): void {
    this.nextEntries = this.endOf(this.entriesStream)
    this.nextState = this.endOf(this.stateStream)
    this.dueFrom = Math.min(this.dueFrom, write.from)
    this.isBeginDue = true
    if (write.isRefused) return
    write.isRefused = true
    this.refused = [...this.refused, write]
    this.owner.refused(this)
  }
}

const none: ReadonlyArray<never> = []

const endsDoubt = (write: Write): boolean => write.endsDoubt || write.repeats.some(endsDoubt)

/** Bytes of the entries of one record: more are several. */
const recordBytesMax = Limits.recordBytesMax / 8

/** Nobody waits for it; that it failed is told to those who wait for what comes behind it. */
const noted: Done<void> = () => {}
