/**
 * GroupLogs: the logs of all groups of a store, on one `Log`: one write and one sync a turn for all of them. The list of groups is that
 * of the log's streams, each of which says whose it is: there is no catalogue that could rot.
 *
 * Opening finds what was durable, and what was damaged. Damage is written down as a doubt of the replica (`Doubt.ts`) before
 * anything covers it up: a record of the doubt is durable before a damaged end is cut, and where the cut must come first, a mark
 * in the other stream is.
 *
 * A replica of which no state reads is not opened; and where nothing tells whose records stood in a place, a group may be forgotten
 * whole. Then the store is `isForgetful`, for good: every replica that is made on it may have been here, so it begins in doubt.
 *
 * Needs of its caller: it alone uses the log's streams from 2^31 on.
 */
import * as Effect from "effect/Effect"
import { assert } from "#base/Assert.ts"
import type { Done, Durability } from "#storage/Engine.ts"
import type * as Log from "#storage/Log.ts"
import type { StorageError } from "#storage/StorageError.ts"
import * as Completion from "#world/Completion.ts"
import { Timers, type Port, type Sink } from "#world/Timers.ts"
import { GroupLog, type Owner } from "./GroupLog.ts"
import * as Format from "./GroupLogFormat.ts"
import { doubtOf, EntriesLoading, isDamaged, StateLoading } from "./GroupLogLoading.ts"
import { nobody, type NodeId } from "./NodeId.ts"
import type { GroupId } from "./Replica.ts"
import type { Applied } from "./StateMachine.ts"
import type { HardState } from "./Storage.ts"

/** Groups whose streams are read at a time. */
const loadsMax = 8

/** What a full device refused is tried again as often: a person frees space, or a compaction does. */
const retryMicros = 50_000
const retryTicket = 0

export class GroupLogs implements Owner, Sink {
  readonly log: Log.Log
  /** It may have had replicas that it does not know of. */
  readonly isForgetful: boolean
  private readonly open: Map<GroupId, GroupLog>
  /** The highest replica of each group that ever was here. */
  private readonly highest: Map<GroupId, NodeId>
  private readonly timers: Port
  private waiting = new Set<GroupLog>()

  constructor(parts: {
    readonly log: Log.Log
    readonly found: ReadonlyArray<Found>
    readonly isForgetful: boolean
    readonly attach: (sink: Sink) => Port
  }) {
    this.log = parts.log
    this.isForgetful = parts.isForgetful
    this.timers = parts.attach(this)
    this.open = new Map()
    this.highest = new Map()
    for (const found of parts.found) {
      const { group, state } = found
      if (state.state !== undefined) this.highest.set(group, state.state.replica)
      if (isHere(found)) this.open.set(group, logOf(this, found))
    }
  }

  /** Whatever is here, by group. */
  get groups(): ReadonlyMap<GroupId, GroupLog> {
    return this.open
  }

  /** The highest replica of a group that ever was here, removed or not: no other one may come any more; `nobody`: none was. */
  lastReplica(group: GroupId): NodeId {
    return this.highest.get(group) ?? nobody
  }

  /**
   * A replica's first state: its log is empty and begins behind `start`. Without members in `start.configuration` it waits for
   * a snapshot.
   */
  create(group: GroupId, replica: NodeId, start: Applied, durability: Durability, done: Done<void>): GroupLog {
    assert(!this.open.has(group), "a store has one replica of a group")
    assert(replica > this.lastReplica(group), "a replica that was here does not come back")
    const { configuration, index, term } = start
    for (const stream of [Format.entriesStreamOf(group), Format.stateStreamOf(group)]) {
      this.log.cutTail(stream, this.log.extent(stream).end)
    }
    const hard: HardState = { term, vote: nobody, commit: index }
    const log = new GroupLog(this, group, {
      replica,
      configuration,
      hard,
      begin: { index, term },
      doubt: this.isForgetful ? { entries: true, vote: true } : undefined,
      entries: [],
      firsts: [],
      places: []
    })
    this.open.set(group, log)
    this.highest.set(group, replica)
    log.found(durability, done)
    return log
  }

  /** The replica is gone, for good once it is done. */
  remove(group: GroupId, done: Done<void>): void {
    const log = this.open.get(group)
    assert(log !== undefined, "a replica that is removed is here")
    this.open.delete(group)
    log.remove(done)
  }

  /** Everything that was written before is durable when it completes, but for what a full device refuses. */
  sync(done: Done<void>): void {
    this.log.sync(done)
  }

  refused(group: GroupLog): void {
    if (this.waiting.size === 0) this.timers.set(retryTicket, retryMicros)
    this.waiting.add(group)
  }

  fired(): void {
    const { waiting } = this
    this.waiting = new Set()
    for (const group of waiting) group.retry()
  }
}

/** A group's streams as they were found. */
interface Found {
  readonly group: GroupId
  readonly state: StateLoading
  readonly entries: EntriesLoading
}

/** A replica is here: the last record of its state that reads is not that of its removal. */
const isHere = ({ state }: Found): boolean => state.state?.isRemoved === false

/** What was here does not read: no state, or, behind a removal, that of the replica that came next. */
const isLost = (found: Found): boolean => !isHere(found) && (found.state.state === undefined || found.state.isDamaged)

const logOf = (owner: Owner, { entries, group, state }: Found): GroupLog => {
  const { begin, configuration, hard, replica } = state.state!
  const last = entries.entries.at(-1) ?? begin
  // A vote is durable before it is given: in a term that only the entries know, there was none.
  const isNewer = last.term > hard.term
  return new GroupLog(owner, group, {
    replica,
    configuration,
    begin,
    doubt: doubtOf(state, entries),
    hard: {
      term: isNewer ? last.term : hard.term,
      vote: isNewer ? nobody : hard.vote,
      commit: entries.commit
    },
    entries: entries.entries,
    firsts: entries.firsts,
    places: entries.places
  })
}

const replayed = (log: Log.Log, stream: number, from: number, replay: Log.Replay): Effect.Effect<void, StorageError> =>
  Completion.submit((done) => log.replay(stream, from, replay, done))

const load = Effect.fnUntraced(function* (log: Log.Log, group: GroupId): Effect.fn.Return<Found, StorageError> {
  const [entriesStream, stateStream] = [Format.entriesStreamOf(group), Format.stateStreamOf(group)]
  const extent = log.extent(stateStream)
  const state = new StateLoading(stateStream, extent.end)
  yield* replayed(log, stateStream, extent.first, state)
  const entries = new EntriesLoading(entriesStream, state.state)
  const { entriesFrom = log.extent(entriesStream).first } = state.state ?? {}
  yield* replayed(log, entriesStream, entriesFrom, entries)
  const foreign = state.foreign ?? entries.foreign
  if (foreign !== undefined) return yield* Effect.fail(foreign)
  return { group, state, entries }
})

/** Writes the doubt down, durably, before the damage that it comes from is covered. */
const settle = Effect.fnUntraced(function* (log: Log.Log, found: Found) {
  const { entries, group, state } = found
  if (state.state === undefined || !isHere(found) || !isDamaged(state, entries)) return
  const [entriesStream, stateStream] = [Format.entriesStreamOf(group), Format.stateStreamOf(group)]
  const append = (stream: number, record: Uint8Array): Effect.Effect<void, StorageError> =>
    Completion.submit((done) => log.append(stream, Math.max(1, log.extent(stream).end), [record], "synced", done))
  const cutEntries = (): void => {
    if (entries.damagedAt < Infinity) log.cutTail(entriesStream, entries.damagedAt)
  }
  if (state.isEndLost) {
    // Until the mark is durable, the state's lost end says the same.
    cutEntries()
    yield* append(entriesStream, Format.encodeMark(Format.kinds.doubt))
    log.cutTail(stateStream, log.extent(stateStream).end)
  }
  const seen = Math.min(log.extent(entriesStream).end, state.isEndLost ? Infinity : entries.damagedAt)
  const doubt = doubtOf(state, entries)
  const hard = { ...state.state.hard, commit: entries.commit }
  yield* append(stateStream, Format.encodeState({ ...state.state, hard, doubt, entriesSeen: seen }))
  cutEntries()
})

/** Finds all groups of a log. */
export const open = Effect.fnUntraced(function* (log: Log.Log): Effect.fn.Return<GroupLogs, StorageError, Timers> {
  const { attach } = yield* Timers
  const { isComplete, numbers } = log.listed()
  const groups = new Set<GroupId>()
  for (const number of numbers) {
    const group = Format.groupOf(number)
    if (group !== undefined) groups.add(group)
  }
  const sorted = [...groups].sort((left, right) => left - right)
  const found = yield* Effect.forEach(sorted, (group) => load(log, group), { concurrency: loadsMax })
  const wasForgetful = log.extent(Format.storeStream).end > 0
  const forgets = !isComplete || found.some(isLost)
  if (forgets && !wasForgetful) {
    const mark = Format.encodeMark(Format.kinds.forgetful)
    yield* Completion.submit<void, StorageError>((done) => log.append(Format.storeStream, 1, [mark], "synced", done))
  }
  yield* Effect.forEach(found, (each) => settle(log, each), { concurrency: loadsMax, discard: true })
  return new GroupLogs({ log, found, isForgetful: forgets || wasForgetful, attach })
})
