/**
 * Host: all groups of one store: one log and one sync for what they write in a turn, one frame a peer and lane for what they say in it, one
 * timer for their ticks, and a beat to each peer that has heard nothing else for those that sleep. Completion-style, without Effect; `HostDriver`
 * opens what it stands on.
 *
 * A turn: whatever comes in (messages, proposals, ticks, completions of the disk) marks its group; a moment later, once, every marked
 * group says what is to be written, sent and applied, those of the system first. What does not fit into the turn waits for the
 * next, so no group holds up the others for longer than its share.
 *
 * Sleep: a leader with nothing to do, whose followers have everything, says so; it and they tick no more. Any word wakes them, and so
 * does the silence or the restart of a member's store.
 *
 * A failed write stops the whole store (`halted`): nothing after it can be known to be durable. A full disk does not: writes wait
 * and are tried again, proposals are refused, leaders hand over.
 */
import { putF64, putU32 } from "#base/Bytes.ts"
import type { Done } from "#world/Completion.ts"
import type * as Timers from "#world/Timers.ts"
import type { Trace } from "#world/Trace.ts"
import type { StorageError } from "#storage/StorageError.ts"
import * as Codec from "./Codec.ts"
import { emptyState } from "./Configuration.ts"
import { ChangeRefused, Halted, NoGroup, type ConsensusError, type Ending } from "./ConsensusError.ts"
import type { Chunk, ChunkAnswer, Envelope, Gone, Sleep } from "./Envelope.ts"
import { Farewell } from "./Farewell.ts"
import { Group, type Surroundings } from "./Group.ts"
import type { GroupLog } from "./GroupLog.ts"
import type { GroupLogs } from "./GroupLogs.ts"
import type { Options as GroupOptions } from "./GroupOptions.ts"
import { Liveness } from "./Liveness.ts"
import * as Message from "./Message.ts"
import { kinds } from "./Message.ts"
import { nobody, type NodeId } from "./NodeId.ts"
import type { Observer } from "./Observer.ts"
import * as Outbox from "./Outbox.ts"
import type * as Peers from "./Peers.ts"
import { groupMax, idOf, storeOf, type GroupId, type StoreId } from "./Replica.ts"
import * as Quorum from "./Quorum.ts"
import { SnapshotTraffic, type SnapshotOptions } from "./SnapshotTraffic.ts"
import type { Applied, StateMachine } from "./StateMachine.ts"

export interface Options extends GroupOptions {
  /** Idle heartbeats after which a group goes to sleep; Infinity: never. */
  readonly sleepAfterTicks: number
  readonly snapshots: SnapshotOptions
  /** Of these groups, the turns come first and the messages go ahead. Default: of none. */
  readonly isSystem?: (group: GroupId) => boolean
  /** Groups are led by the live store that this puts highest. Default: all are equal. */
  readonly preference?: (group: GroupId, store: StoreId) => number
}

/** Makes the state machines of groups. */
export interface Machines {
  /** What its durable copy has; `initial` when it has none. */
  open(group: GroupId, initial: Applied, done: Done<StateMachine | undefined, StorageError>): void
  /** The replica is gone, and so may be its state. */
  remove(group: GroupId, done: Done<void, StorageError>): void
}

export interface Metrics {
  readonly groups: number
  readonly asleep: number
  readonly leading: number
  readonly turns: number
  readonly proposals: number
  readonly refused: number
  readonly messagesSent: number
  readonly messagesReceived: number
  readonly framesDropped: number
  readonly snapshotsSent: number
}

/** Nobody asks for a vote, or leads, in term 0. */
const alwaysInTerms: ReadonlySet<Message.Kind> = new Set([
  kinds.append,
  kinds.snapshot,
  kinds.heartbeat,
  kinds.vote,
  kinds.preVote,
  kinds.timeoutNow
])

/** A peer is silent that was not heard for an election time-out; a beat may be lost, and come late. */
const beatsPerElection = 4

/**
 * Who gets one of these is a member. Also a vote: without the new member there may be no quorum any more, and it has promised nobody
 * anything.
 */
const invitations: ReadonlySet<Message.Kind> = new Set([kinds.append, kinds.heartbeat, kinds.preVote, kinds.vote])

/** What a replica has that is new here. */
const nothing: Applied = { index: 0, term: 0, configuration: emptyState }

const turnTicket = 0
const tickTicket = 1

export class Host implements Surroundings {
  readonly store: StoreId
  readonly options: Options
  readonly observer: Observer | undefined
  tick = 0
  private readonly epoch: number
  private readonly trace: Trace["Service"]
  private readonly chance: (bound: number) => number
  private readonly timers: Timers.Port
  private readonly outbox: Outbox.Outbox
  private readonly logs: GroupLogs
  private readonly machines: Machines
  private readonly liveness: Liveness
  private readonly snapshots: SnapshotTraffic
  private readonly halted: (ending: Ending) => void
  private readonly members = new Map<GroupId, Group>()
  /** Groups that tick. */
  private readonly awake = new Set<Group>()
  private readonly farewell = new Farewell()
  private marked: Array<Group> = []
  private markedSystem: Array<Group> = []
  private turnIsSet = false
  /** Groups whose replica here is about to begin, or has not quite ended: until then no other one begins. */
  private readonly passing = new Set<GroupId>()
  /** Groups that want this store for a founder, which it is not yet, and since when. */
  private readonly knocking = new Map<GroupId, number>()
  private halt: Halted | undefined
  readonly counts = { turns: 0, proposals: 0, refused: 0, messagesReceived: 0 }

  constructor(given: {
    readonly store: StoreId
    /** Another one with every start. */
    readonly epoch: number
    readonly options: Options
    readonly peers: Peers.Attach
    readonly timers: (sink: Timers.Sink) => Timers.Port
    readonly trace: Trace["Service"]
    readonly random: (bound: number) => number
    readonly logs: GroupLogs
    readonly machines: Machines
    readonly observer?: Observer | undefined
    /** Its log or a state machine failed; everybody who waited was told. */
    readonly halted: (ending: Ending) => void
  }) {
    this.store = given.store
    this.epoch = given.epoch
    this.options = given.options
    this.observer = given.observer
    this.trace = given.trace
    this.chance = given.random
    this.logs = given.logs
    this.machines = given.machines
    this.halted = given.halted
    this.liveness = new Liveness(given.options.electionTicks, (store) => this.storeTurned(store))
    this.outbox = new Outbox.Outbox(
      given.peers({
        received: (from, _, bytes) => this.received(from, bytes),
        connected: (peer) => {
          this.outbox.add(peer, "system", { type: "beat", epoch: this.epoch })
          this.setTurn()
        },
        disconnected: (peer) => this.unreachable(peer),
        drained: () => {}
      }),
      (group, to) => this.members.get(group)?.raft.reportUnreachable(to)
    )
    this.snapshots = new SnapshotTraffic(given.options.snapshots, {
      send: (to, envelope) => this.outbox.add(to, "bulk", envelope),
      failed: (error) => this.failed(error),
      unread: (error) => this.unread(error),
      tick: () => this.tick,
      flush: () => this.setTurn()
    })
    this.timers = given.timers({ fired: (ticket) => (ticket === turnTicket ? this.turn() : this.ticked()) })
    this.timers.set(tickTicket, given.options.tickMicros)
  }

  // Groups.

  group(id: GroupId): Group | undefined {
    return this.members.get(id)
  }

  get groups(): ReadonlyMap<GroupId, Group> {
    return this.members
  }

  /** A replica whose log and state were recovered, or just made. */
  add(log: GroupLog, machine: StateMachine): Group {
    const group = new Group(this, {
      id: log.group,
      log,
      machine,
      isSystem: this.options.isSystem?.(log.group) === true
    })
    this.members.set(log.group, group)
    this.observer?.began(group)
    this.changed(group)
    group.wake()
    return group
  }

  changed(group: Group): void {
    // What waited for the change goes on.
    this.mark(group)
    for (const id of group.raft.core.tracker.ids) {
      if (storeOf(id) !== this.store) this.liveness.watch(storeOf(id), this.tick)
    }
  }

  /** Tells the store that this one lives, and hears whether it does, also where they have no group in common. */
  watch(store: StoreId): void {
    if (store !== this.store) this.liveness.watch(store, this.tick)
  }

  isLive(store: StoreId): boolean {
    return store === this.store || this.liveness.isLive(store)
  }

  /** Ends this store's replica of a group that is no more: whoever has its state has said so. */
  retire(id: GroupId): void {
    const group = this.members.get(id)
    if (group !== undefined) this.left(group)
  }

  /** It was removed by its members: it ends here and is never the same again. */
  private left(group: Group): void {
    if (group.isClosed) return
    this.trace.emit("info", "raft/left", { group: group.id, replica: group.replica })
    this.awake.delete(group)
    this.members.delete(group.id)
    this.passing.add(group.id)
    this.snapshots.end(group)
    group.close(() => new NoGroup({ group: group.id }))
    this.logs.remove(group.id, (error) => {
      if (error !== undefined) return this.failed(error)
      this.machines.remove(group.id, (failure) => {
        this.passing.delete(group.id)
        if (failure !== undefined) this.failed(failure)
      })
    })
  }

  /**
   * The first members of a new group: every store of `members` founds it, the same way, once. A store that had a replica of it and lost its
   * disk must not: it has forgotten its votes, and is to be removed and added again.
   */
  found(
    id: GroupId,
    members: ReadonlyArray<StoreId>,
    done: Done<Group | undefined, StorageError | ChangeRefused>
  ): void {
    const replica = idOf(this.store)
    if (this.members.has(id) || this.passing.has(id) || replica <= this.logs.lastReplica(id)) {
      return done(new ChangeRefused({ message: `this store has, or had, a replica of group ${id}` }), undefined)
    }
    const voters = members.map((store) => idOf(store)).sort((left, right) => left - right)
    const configuration = { ...emptyState, voters }
    // It begins behind an entry that nobody has, so that whoever joins later needs a snapshot, which has the members.
    this.arrive(id, replica, { index: 1, term: 1, configuration }, done)
  }

  /** A member of a group that we know nothing of talks to us: a replica without a state, which waits for a snapshot. */
  private invited(id: GroupId, replica: NodeId): void {
    if (this.passing.has(id) || storeOf(replica) !== this.store || replica <= this.logs.lastReplica(id)) return
    if (replica === idOf(this.store) && !this.isPatientEnough(id)) return
    this.arrive(id, replica, nothing, () => {})
  }

  /**
   * A founder begins with what it founds the group with, which spares it a snapshot: it may be about to, so it is let in as others are only when
   * it was asked for some time.
   */
  private isPatientEnough(id: GroupId): boolean {
    const since = this.knocking.get(id) ?? this.tick
    const patienceTicks = 2 * this.options.electionTicks
    for (const [other, tick] of this.knocking) if (this.tick - tick > 4 * patienceTicks) this.knocking.delete(other)
    this.knocking.set(id, since)
    return this.tick - since >= patienceTicks
  }

  private arrive(id: GroupId, replica: NodeId, start: Applied, done: Done<Group | undefined, StorageError>): void {
    this.passing.add(id)
    this.knocking.delete(id)
    const ended = (error: StorageError | undefined, group: Group | undefined): void => {
      this.passing.delete(id)
      // What is not stored of it may be half stored.
      if (error !== undefined) this.failed(error)
      if (error !== undefined || this.halt === undefined) done(error, group)
    }
    // A crash may have come between the end of an older replica and that of its state.
    this.machines.remove(id, (stale) => {
      if (stale !== undefined) return ended(stale, undefined)
      this.machines.open(id, start, (failure, machine) => {
        if (failure !== undefined || this.halt !== undefined) return ended(failure, undefined)
        const log = this.logs.create(id, replica, start, "synced", (error) => {
          ended(error, error === undefined && this.halt === undefined ? this.add(log, machine!) : undefined)
        })
      })
    })
  }

  // Surroundings of the groups.

  nowMicros(): number {
    return this.timers.nowMicros()
  }

  random(bound: number): number {
    return this.chance(bound)
  }

  mark(group: Group): void {
    if (group.isMarked || this.halt !== undefined) return
    group.isMarked = true
    if (group.isSystem) this.markedSystem.push(group)
    else this.marked.push(group)
    this.setTurn()
  }

  woken(group: Group): void {
    this.awake.add(group)
  }

  private setTurn(): void {
    if (this.turnIsSet) return
    this.turnIsSet = true
    this.timers.set(turnTicket, 0)
  }

  send(group: Group, message: Message.Message): void {
    this.observer?.sent(group, message)
    if (message.kind === kinds.snapshot) this.snapshots.start(group, message)
    else this.outbox.message(group.id, message, group.isSystem)
  }

  failed(error: StorageError): void {
    if (this.halt !== undefined) return
    const message = `the store's consensus has stopped: ${error.message}; open it again once the disk is well`
    this.halt = new Halted({ message })
    this.trace.emit("error", "raft/halted", { store: this.store, reason: error.message })
    this.end(() => new Halted({ message }))
    this.halted({ message, error, isSpare: this.isSpare })
  }

  /** Whether every group has a quorum without this store, of members whose stores live: it may leave, and nothing stands still. */
  get isSpare(): boolean {
    return [...this.members.values()].every(({ raft, replica }) => {
      const { voters } = raft.core.tracker.configuration
      return Quorum.voteResult(voters, (id) => id !== replica && this.isLive(storeOf(id))) === "won"
    })
  }

  /** A state could not be read. How far damage goes nobody can say: where others have all that is here, the store ends; else it goes on. */
  unread(error: StorageError): void {
    if (error._tag === "Stopped" || (error._tag === "Corrupt" && this.isSpare)) this.failed(error)
  }

  /** Nothing goes on; everybody who waits is told. */
  close(): void {
    this.halt ??= new Halted({ message: "the store is closing" })
    this.end(() => new Halted({ message: "the store is closing" }))
  }

  private end(error: () => ConsensusError): void {
    this.timers.clear(turnTicket)
    this.timers.clear(tickTicket)
    for (const group of this.members.values()) {
      this.snapshots.end(group)
      group.close(error)
    }
  }

  // Callers.

  /** The group, or why it cannot be asked. */
  find(id: GroupId): Group | NoGroup | Halted {
    return this.halt ?? this.members.get(id) ?? new NoGroup({ group: id })
  }

  /** What a reader's number is prefixed with: an answer to the store's former life confirms nothing of this one. */
  readContext(round: number): Uint8Array {
    const context = new Uint8Array(12)
    putF64(context, 0, this.epoch)
    putU32(context, 8, round)
    return context
  }

  /** Hands everything that it leads to somebody else, as far as there is somebody. */
  drain(): void {
    for (const group of this.members.values()) if (group.isLeader) this.handOver(group)
  }

  private handOver(group: Group): void {
    const { tracker, transferee } = group.raft.core
    if (transferee !== nobody) return
    const ready = tracker.ids.filter(
      (id) => id !== group.replica && tracker.canSucceed(id) && this.liveness.isLive(storeOf(id))
    )
    const best = ready.sort((left, right) => tracker.get(right)!.match - tracker.get(left)!.match)[0]
    if (best !== undefined) group.transfer(storeOf(best), () => {})
  }

  metrics(): Metrics {
    let leading = 0
    for (const group of this.members.values()) if (group.isLeader) leading++
    return {
      ...this.counts,
      ...this.outbox.counts,
      groups: this.members.size,
      asleep: this.members.size - this.awake.size,
      leading,
      snapshotsSent: this.snapshots.sent
    }
  }

  // Turns and ticks.

  private turn(): void {
    this.turnIsSet = false
    if (this.halt !== undefined) return
    this.counts.turns++
    this.logs.log.hold()
    const { marked, markedSystem } = this
    this.marked = []
    this.markedSystem = []
    for (const group of markedSystem) group.process()
    for (const group of marked) group.process()
    this.logs.log.flush()
    this.outbox.flush()
  }

  private ticked(): void {
    if (this.halt !== undefined) return
    // Set first, so that what follows takes nothing from the interval; never two for one that was missed.
    this.timers.set(tickTicket, this.options.tickMicros)
    this.tick++
    this.liveness.tick(this.tick)
    if (this.tick % Math.ceil(this.options.electionTicks / beatsPerElection) === 0) this.beat()
    for (const group of this.awake) {
      if (group.isLeader) this.tend(group)
      else if (this.tick % this.options.electionTicks === 0) this.seek(group)
      if (!group.isAsleep) group.tick()
    }
    this.snapshots.tick()
    this.setTurn()
  }

  /** To whom nothing was said since the last time. */
  private beat(): void {
    for (const store of this.liveness.stores) {
      if (!this.outbox.takeSpoken(store)) this.outbox.add(store, "system", { type: "beat", epoch: this.epoch })
    }
  }

  private tend(group: Group): void {
    if (group.log.isFull || group.isStalled) this.handOver(group)
    else if (this.tick - group.idleSinceTick >= this.options.sleepAfterTicks) this.sleep(group)
    else if (this.tick % this.options.electionTicks === 0) this.prefer(group)
  }

  /**
   * A replica that cannot campaign and hears no leader asks all members whether it still is one: a learner that was removed while it
   * was cut off would never be told.
   */
  private seek(group: Group): void {
    const { core } = group.raft
    if (core.lead !== nobody || core.isPromotable || core.isInDoubt) return
    for (const to of core.tracker.ids) {
      if (to === group.replica) continue
      this.send(group, Message.make(kinds.heartbeatAnswer, to, { from: group.replica, term: core.term }))
    }
  }

  /** Hands over to a live voter that is to lead rather than this one, once it has everything. */
  private prefer(group: Group): void {
    const { preference } = this.options
    if (preference === undefined) return
    const { log, tracker } = group.raft.core
    const own = preference(group.id, this.store)
    const better = tracker.ids
      .filter((id) => tracker.isVoter(id) && this.liveness.isLive(storeOf(id)))
      .filter((id) => preference(group.id, storeOf(id)) > own && tracker.get(id)!.match === log.lastIndex)
      .sort((left, right) => preference(group.id, storeOf(right)) - preference(group.id, storeOf(left)))[0]
    if (better !== undefined) group.transfer(storeOf(better), () => {})
  }

  // Sleep.

  private sleep(group: Group): void {
    const { core } = group.raft
    if (group.isBusy || !group.raft.isIdle((id) => this.liveness.isLive(storeOf(id)))) return
    for (const to of core.tracker.ids) {
      if (to === group.replica) continue
      const { lastIndex: index } = core.log
      this.outbox.add(storeOf(to), "normal", {
        type: "sleep",
        group: group.id,
        from: group.replica,
        to,
        term: core.term,
        index
      })
    }
    this.fallAsleep(group)
  }

  private fallAsleep(group: Group): void {
    group.isAsleep = true
    this.awake.delete(group)
  }

  private storeTurned(store: StoreId): void {
    this.trace.emit("debug", this.liveness.isLive(store) ? "raft/store-live" : "raft/store-silent", { store })
    for (const group of this.members.values()) {
      if (group.isAsleep && group.raft.core.tracker.ids.some((id) => storeOf(id) === store)) group.wake()
    }
  }

  private unreachable(store: StoreId): void {
    for (const group of this.awake) {
      if (!group.isLeader) continue
      for (const id of group.raft.core.tracker.ids) if (storeOf(id) === store) group.raft.reportUnreachable(id)
    }
  }

  // What peers say.

  private received(from: StoreId, bytes: Uint8Array): void {
    if (this.halt !== undefined) return
    this.liveness.heard(from, this.tick)
    const outcome = Codec.read(bytes, (envelope) => this.envelope(from, envelope))
    if (outcome !== "ok") {
      const { offset, problem } = outcome
      this.trace.emit("error", "raft/frame-malformed", { from, problem, offset })
    }
  }

  private envelope(from: StoreId, envelope: Envelope): void {
    this.counts.messagesReceived++
    switch (envelope.type) {
      case "raft":
        return this.message(from, envelope.group, envelope.message)
      case "beat":
        return this.liveness.heard(from, this.tick, envelope.epoch)
      case "sleep":
      case "gone":
        return this.leaderSays(envelope)
      case "chunk":
      case "chunk-answer":
        return this.chunk(envelope)
    }
  }

  private message(from: StoreId, id: GroupId, message: Message.Message): void {
    const isMisdirected = storeOf(message.from) !== from || storeOf(message.to) !== this.store || id > groupMax
    if (isMisdirected || (message.term === 0 && alwaysInTerms.has(message.kind))) {
      return this.trace.emit("warn", "raft/misdirected", { from, group: id, to: message.to })
    }
    const group = this.members.get(id)
    if (group === undefined || message.to > group.replica) {
      // A newer incarnation of ours was invited: the older one was removed, and has not been told.
      if (group !== undefined) this.left(group)
      if (invitations.has(message.kind)) this.invited(id, message.to)
      return
    }
    // Also who asks an older incarnation of ours: it may know nobody else who is left (txn/rw-register, seed 9600038).
    if (this.farewell.isDue(group, message)) {
      const { term } = group.raft.core
      this.outbox.add(from, "normal", { type: "gone", group: id, from: group.replica, to: message.from, term })
      return this.setTurn()
    }
    if (message.to === group.replica) group.step(message)
  }

  private leaderSays(envelope: Sleep | Gone): void {
    const group = this.members.get(envelope.group)
    if (group === undefined || group.replica !== envelope.to) return
    if (envelope.type === "gone") {
      if (envelope.term >= group.raft.core.term) this.left(group)
    } else if (!group.isBusy && group.raft.mayFollowAsleep(envelope.from, envelope.term, envelope.index)) {
      this.fallAsleep(group)
    }
  }

  private chunk(envelope: Chunk | ChunkAnswer): void {
    const group = this.members.get(envelope.group)
    if (group === undefined || group.replica !== envelope.to) return
    if (envelope.type === "chunk") this.snapshots.chunk(group, envelope)
    else this.snapshots.answer(group, envelope)
    this.setTurn()
  }
}
