/**
 * Group: one replica on its store: keeps the contract between the core (`Raft`), its log on disk, its state machine and the callers
 * that wait. The host gives it turns; it neither waits nor has a timer of its own.
 *
 * Invariants: what is durable is told to the core in the order in which it was written; messages that promise something leave after it is
 * durable; entries are applied in order and once; while a snapshot is put in place nothing else of the group goes on.
 */
import { assert } from "#base/Assert.ts"
import { getU32 } from "#base/Bytes.ts"
import type { StorageError } from "#storage/StorageError.ts"
import * as ConfChange from "./ConfChange.ts"
import type { ConfState } from "./Configuration.ts"
import { ChangeRefused, NotLeader, Overloaded, TimedOut, Unknown, type ConsensusError } from "./ConsensusError.ts"
import type { GroupLog } from "./GroupLog.ts"
import type { Options } from "./GroupOptions.ts"
import { entryKinds, kinds, type Entry, type Message, type Snapshot } from "./Message.ts"
import { nobody, type NodeId } from "./NodeId.ts"
import type { Observer } from "./Observer.ts"
import { Raft, type Ready, type StorageTicket } from "./Raft.ts"
import { storeOf, type GroupId, type StoreId } from "./Replica.ts"
import type { Restore, StateMachine } from "./StateMachine.ts"
import { Standstill } from "./Standstill.ts"
import { Appended, Proposal, Queued, Reading, waitsSince, type Answer } from "./Waiting.ts"
import { WriteOrder } from "./WriteOrder.ts"

/** What the host is for its groups. */
export interface Surroundings {
  readonly store: StoreId
  readonly options: Options
  readonly observer: Observer | undefined
  readonly counts: { proposals: number; refused: number }
  readonly tick: number
  nowMicros(): number
  random(bound: number): number
  /** What a read's round is called: 8 bytes that no other life of this store has used, and the round. */
  readContext(round: number): Uint8Array
  /** The group has something to do in the coming turn. */
  mark(group: Group): void
  /** It is to tick. */
  woken(group: Group): void
  send(group: Group, message: Message): void
  /** Its log or its state machine failed. */
  failed(error: StorageError): void
  /** Its members are others than before. */
  changed(group: Group): void
}

/** Readies that a group takes in one turn; the rest waits for the next, so that others get theirs. */
const readiesMax = 8
/** In election time-outs, what others wait for a leader that is not heard. Twice that: a disk that is only slow ends nobody's leadership. */
const stallElections = 2

/** A snapshot's content, which waits for the core to take its label. */
interface Staged {
  readonly index: number
  readonly restore: Restore
  readonly ended: (isTaken: boolean) => void
}

interface Change {
  readonly index: number
  readonly term: number
  readonly answer: Answer<ConfState | undefined>
  /** It ends with the joint configuration in force, which its caller leaves. */
  readonly staysJoint: boolean
  isApplied: boolean
}

const nothing = new Uint8Array(0)

/** What must not be said before everything written up to it is durable. */
interface Promised {
  readonly messages: ReadonlyArray<Message>
  readonly ticket: StorageTicket | undefined
}

interface Transfer {
  readonly to: NodeId
  readonly deadlineTick: number
  readonly answer: Answer<void>
}

export class Group {
  readonly id: GroupId
  readonly replica: NodeId
  readonly isSystem: boolean
  readonly raft: Raft
  readonly log: GroupLog
  readonly machine: StateMachine
  isMarked = false
  isAsleep = false
  isClosed = false
  /** Since when it has had nothing to do. */
  idleSinceTick = 0
  private readonly around: Surroundings
  private readonly queued = new Queued()
  private readonly appended = new Appended()
  private readonly reading = new Reading()
  private change: Change | undefined
  private transferring: Transfer | undefined
  private readonly writes: WriteOrder<Promised>
  private isRestoring = false
  /** What waits for the flush that is under way. */
  private restoresThen: (() => void) | undefined
  private staged: Staged | undefined
  private isFlushing = false
  private flushes = 0
  private readonly flushing = new Standstill()
  private readonly writing = new Standstill()
  private flushedIndex: number

  constructor(
    around: Surroundings,
    given: {
      readonly id: GroupId
      readonly isSystem: boolean
      readonly log: GroupLog
      readonly machine: StateMachine
    }
  ) {
    const { log, machine } = given
    const { options } = around
    this.around = around
    this.id = given.id
    this.isSystem = given.isSystem
    this.log = log
    this.machine = machine
    this.replica = log.replica
    this.flushedIndex = machine.applied.index
    this.writes = new WriteOrder(
      (promised) => this.say(promised),
      (error, number) => this.writeEnded(error, number)
    )
    log.configuration = machine.applied.configuration
    log.label = () => {
      const { configuration, index, term } = machine.applied
      return index === 0 ? undefined : { index, term, configuration, data: nothing }
    }
    this.raft = new Raft({
      id: log.replica,
      storage: log,
      applied: machine.applied.index,
      electionTicks: options.electionTicks,
      heartbeatTicks: options.heartbeatTicks,
      random: (bound) => around.random(bound),
      preVote: true,
      checkQuorum: true,
      reads: options.reads,
      leaseMicros: options.leaseMicros,
      messageBytesMax: options.messageBytesMax,
      applyingBytesMax: options.applyingBytesMax,
      uncommittedBytesMax: options.uncommittedBytesMax,
      inflightMax: options.inflightMax,
      inflightBytesMax: options.inflightBytesMax,
      forwardsProposals: false,
      tellsCommits: false,
      stepsDownOnRemoval: true,
      ...(log.doubt === undefined ? {} : { doubt: log.doubt })
    })
  }

  get isLeader(): boolean {
    return this.raft.core.role === "leader"
  }

  get leader(): StoreId | undefined {
    const { lead } = this.raft.core
    return lead === nobody ? undefined : storeOf(lead)
  }

  /** Its disk does not answer: nobody is served here, and the others hear all the same that their leader is well (etcd issue 12528). */
  get isStalled(): boolean {
    return Math.max(this.writing.ticks, this.flushing.ticks) >= stallElections * this.around.options.electionTicks
  }

  /** Somebody waits, or something is being written. */
  get isBusy(): boolean {
    return (
      !this.queued.isEmpty ||
      !this.appended.isEmpty ||
      !this.reading.isEmpty ||
      this.change !== undefined ||
      this.transferring !== undefined ||
      !this.writes.isIdle ||
      this.isRestoring ||
      this.isFlushing ||
      this.machine.applied.index !== this.flushedIndex ||
      this.machine.needsFlush
    )
  }

  // Inputs.

  propose(command: Uint8Array, deadlineTick: number, answer: Answer<Uint8Array>): void {
    const refusal = this.refusal(command.length)
    if (refusal !== undefined) {
      this.around.counts.refused++
      return answer(refusal, command)
    }
    this.around.counts.proposals++
    this.queued.add(new Proposal(command, { queuedTick: this.around.tick, deadlineTick }, answer))
    this.wake()
  }

  private refusal(sizeBytes: number): ConsensusError | undefined {
    const { options } = this.around
    if (!this.isLeader) return this.notLeader()
    if (this.raft.core.transferee !== nobody) return this.overloaded("handing-over")
    if (this.log.isFull) return this.overloaded("disk-full")
    const lateTick = this.around.tick - options.waitTicksMax
    const isSlow = waitsSince(this.queued.first, lateTick) || waitsSince(this.appended.first, lateTick)
    const isFull = this.queued.sizeBytes > 0 && this.queued.sizeBytes + sizeBytes > options.queueBytesMax
    return isSlow || isFull ? this.overloaded("queue-full") : undefined
  }

  private overloaded(reason: Overloaded["reason"]): Overloaded {
    const { heartbeatTicks, tickMicros } = this.around.options
    const beats = reason === "disk-full" ? 10 : 1
    return new Overloaded({ reason, retryAfterMillis: beats * Math.ceil((tickMicros * heartbeatTicks) / 1_000) })
  }

  private readonly notLeader = (): NotLeader => new NotLeader({ group: this.id, leader: this.leader })

  read(query: Uint8Array, deadlineTick: number, answer: Answer<Uint8Array>): void {
    if (this.reading.count >= this.around.options.readsMax) return answer(this.overloaded("queue-full"), query)
    this.reading.add({ query, deadlineTick, answer })
    this.wake()
  }

  changeMembers(change: ConfChange.ConfChange, answer: Answer<ConfState | undefined>): void {
    if (!this.isLeader) return answer(this.notLeader(), undefined)
    if (this.change !== undefined) {
      return answer(new ChangeRefused({ message: "another change of the members is under way" }), undefined)
    }
    const refused = this.raft.refuses(change)
    if (refused !== undefined) return answer(new ChangeRefused({ message: refused }), undefined)
    if (this.raft.proposeConfChange("confChangeV2", ConfChange.encode(change)) !== "taken") {
      return answer(this.notLeader(), undefined)
    }
    const { log, term } = this.raft.core
    const staysJoint = change.transition === ConfChange.transitions.explicit
    this.change = { index: log.lastIndex, term, answer, staysJoint, isApplied: false }
    this.around.observer?.stepped(this, undefined)
    this.wake()
  }

  transfer(to: StoreId, answer: Answer<void>): void {
    if (!this.isLeader) return answer(this.notLeader(), undefined)
    if (to === this.around.store) return answer(undefined, undefined)
    const { tracker } = this.raft.core
    const id = tracker.ids.find((each) => storeOf(each) === to && tracker.canSucceed(each))
    if (id === undefined)
      return answer(
        new ChangeRefused({ message: `store ${to} has no voter of group ${this.id} that follows` }),
        undefined
      )
    this.transferring?.answer(new ChangeRefused({ message: "another transfer took its place" }), undefined)
    this.transferring = { to: id, deadlineTick: this.around.tick + this.around.options.electionTicks, answer }
    this.raft.transferLeadership(id)
    this.wake()
  }

  /** Stands for election, before its time-out ends. */
  campaign(): void {
    this.raft.campaign()
    this.around.observer?.stepped(this, undefined)
    this.wake()
  }

  step(message: Message): void {
    // Who asked goes on leading after an election time-out.
    if (message.kind === kinds.timeoutNow && this.isStalled) return
    const idleSinceTick = this.idleSinceTick
    this.wake()
    // That all is well is no work.
    if (message.kind === kinds.heartbeat || message.kind === kinds.heartbeatAnswer) this.idleSinceTick = idleSinceTick
    this.raft.clock(this.around.nowMicros())
    this.raft.step(message)
    this.around.observer?.stepped(this, message)
  }

  tick(): void {
    const { around } = this
    this.raft.clock(around.nowMicros())
    this.raft.tick()
    around.observer?.stepped(this, undefined)
    this.reading.repeat(around.tick - around.options.electionTicks)
    this.expire()
    this.writing.tick(this.writes.durable, this.writes.isIdle)
    this.flushing.tick(this.flushes, !this.isFlushing)
    // Groups take turns, so that their batches do not come all at once.
    if (!this.isRestoring) this.flush((around.tick + this.id) % around.options.flushTicks === 0)
    if (this.raft.hasReady || !this.reading.isEmpty) around.mark(this)
  }

  /** Appends an entry of nothing, with which others learn for good what is committed; its index, or 0: it takes none now. */
  attest(): number {
    const isTaken = this.raft.propose(nothing) === "taken"
    this.around.observer?.stepped(this, undefined)
    this.wake()
    return isTaken ? this.raft.core.log.lastIndex : 0
  }

  wake(): void {
    this.isAsleep = false
    this.idleSinceTick = this.around.tick
    this.around.woken(this)
    this.around.mark(this)
  }

  private expire(): void {
    const { tick } = this.around
    if (!this.queued.isEmpty) this.queued.expire(tick)
    if (!this.appended.isEmpty) this.appended.expire(tick)
    if (!this.reading.isEmpty) this.reading.expire(tick)
    if (this.transferring !== undefined && this.transferring.deadlineTick <= tick) {
      this.endTransfer(new TimedOut({ message: "the successor did not take over in time" }))
    }
  }

  // Turns.

  /** Everything that is to be done now. */
  process(): void {
    this.isMarked = false
    if (this.isClosed || this.isRestoring) return
    this.raft.clock(this.around.nowMicros())
    this.submit()
    for (let i = 0; i < readiesMax && this.raft.hasReady && !this.isRestoring && !this.isClosed; i++) {
      this.handle(this.raft.ready())
    }
    if (this.isClosed) return
    this.flush(false)
    if (this.raft.hasReady && !this.isRestoring) this.around.mark(this)
  }

  private submit(): void {
    const { raft } = this
    const round = this.reading.ask(this.around.tick)
    if (round > 0) raft.read(this.around.readContext(round))
    if (this.queued.isEmpty) return
    if (!this.isLeader || raft.core.transferee !== nobody) return this.queued.endAll(this.notLeader)
    const { uncommittedBytesMax } = this.around.options
    const taken = raft.core.isLeaving ? [] : this.queued.take(raft.uncommittedRoomBytes, uncommittedBytesMax)
    if (taken.length === 0) return
    if (raft.proposeAll(taken.map(({ command }) => command)) !== "taken") {
      for (const proposal of taken) proposal.end(this.notLeader())
      return
    }
    this.around.observer?.stepped(this, undefined)
    const { log, term } = raft.core
    const first = log.lastIndex - taken.length + 1
    for (let i = 0; i < taken.length; i++) {
      taken[i].place(first + i, term, this.around.tick)
      this.appended.add(taken[i])
    }
  }

  private handle(ready: Ready): void {
    if (ready.soft !== undefined) this.roleChanged()
    for (const message of ready.messages) this.around.send(this, message)
    if (ready.snapshot !== undefined) return this.restore(ready)
    this.write(ready)
    this.apply(ready.committed)
    for (const { context, index } of ready.reads) this.reading.confirm(getU32(context, 8), index)
    this.answerReads()
  }

  private roleChanged(): void {
    const { core } = this.raft
    this.around.observer?.role(this)
    if (core.role !== "leader") {
      this.appended.endLeadership()
      this.queued.endAll(this.notLeader)
    }
    if (this.transferring !== undefined && core.lead !== nobody && core.lead !== this.replica) {
      this.endTransfer(
        core.lead === this.transferring.to
          ? undefined
          : new TimedOut({ message: `store ${storeOf(core.lead)} took over instead` })
      )
    }
    // Whoever was asked is no leader any more.
    this.reading.repeat(Infinity)
    if (!this.reading.isEmpty) this.around.mark(this)
  }

  private endTransfer(error: ConsensusError | undefined): void {
    const ended = this.transferring
    this.transferring = undefined
    ended?.answer(error, undefined)
  }

  // What goes to disk.

  private write({ afterDurable, doubt, entries, hard, mustSync, storage }: Ready): void {
    if (hard !== undefined) this.around.observer?.committed(this, hard.commit)
    if (hard !== undefined && !mustSync && doubt === undefined) this.log.committed(hard.commit)
    else if (hard !== undefined || entries.length > 0 || doubt !== undefined) {
      this.around.observer?.written(this, hard, entries)
      this.writes.submit((done) =>
        this.log.write({ hard, entries, snapshot: undefined, doubt }, mustSync ? "synced" : "buffered", done)
      )
    }
    this.hold(afterDurable, storage)
  }

  private writeEnded(error: StorageError | undefined, number: number): void {
    if (error !== undefined) return this.around.failed(error)
    this.around.observer?.durable(this, number)
    this.around.mark(this)
  }

  private hold(messages: ReadonlyArray<Message>, ticket: StorageTicket | undefined): void {
    if (messages.length > 0 || ticket !== undefined) this.writes.hold({ messages, ticket })
  }

  private say({ messages, ticket }: Promised): void {
    if (this.isClosed) return
    for (const message of messages) {
      if (message.to !== this.replica) this.around.send(this, message)
      else {
        this.raft.step(message)
        this.around.observer?.stepped(this, message)
      }
    }
    if (ticket !== undefined) this.raft.stored(ticket)
  }

  // What goes to the state machine.

  private apply(committed: ReadonlyArray<Entry>): void {
    if (committed.length === 0) return
    for (const entry of committed) {
      assert(entry.index === this.machine.applied.index + 1, "entries are applied in order, each once")
      let answer: Uint8Array | undefined
      if (entry.kind === entryKinds.normal) answer = this.applyCommand(entry)
      else this.applyChange(entry)
      this.around.observer?.applied(this, entry, answer)
    }
    this.raft.appliedUpTo(committed)
    // A joint configuration may be left now.
    this.around.observer?.stepped(this, undefined)
  }

  /** What the state machine answers. */
  private applyCommand({ data, index, term }: Entry): Uint8Array | undefined {
    if (data.length === 0) {
      this.machine.pass(index, term, undefined)
      // A change that was not admitted has become an empty entry.
      const impossible = new ChangeRefused({ message: "the change was not possible when its turn came" })
      if (this.change?.index === index) this.endChange(this.change.term === term ? impossible : this.notLeader())
      this.appended.applied(index, term, data, this.notLeader)
      return undefined
    }
    const result = this.machine.apply(index, term, data)
    if (this.change?.index === index) this.endChange(this.notLeader())
    this.appended.applied(index, term, result, this.notLeader)
    return result
  }

  private applyChange({ data, index, term }: Entry): void {
    const change = ConfChange.decode(data)
    assert(change !== undefined, "only changes that can be read are appended")
    const state = this.raft.applyConfChange(change)
    this.log.configuration = state
    this.machine.pass(index, term, state)
    this.around.observer?.configured(this, index, state)
    this.around.changed(this)
    this.appended.applied(index, term, data, this.notLeader)
    if (this.change === undefined) return
    if (this.change.index === index) {
      if (this.change.term !== term) return this.endChange(this.notLeader())
      this.change.isApplied = true
    }
    // A joint configuration is on the way, not the end of it.
    const isEnd = this.change.staysJoint || state.votersOutgoing.length === 0
    if (this.change.isApplied && isEnd) this.endChange(undefined, state)
  }

  private endChange(error: ConsensusError | undefined, state?: ConfState): void {
    const ended = this.change
    this.change = undefined
    ended?.answer(error, state)
  }

  private answerReads(): void {
    this.reading.reached(this.machine.applied.index, (query) => this.machine.read(query))
  }

  /**
   * Writes what was applied, one batch at a time, and lets the log go up to what is durable. Not after every turn: what is not written
   * is in the log, and a batch of many entries costs little more than one of a few.
   */
  private flush(isDue: boolean): void {
    const { machine } = this
    this.compact()
    const count = machine.applied.index - this.flushedIndex
    if (this.isFlushing || (count === 0 && !machine.needsFlush)) return
    if (!isDue && count < this.around.options.flushEntries) return
    this.isFlushing = true
    this.flushedIndex = machine.applied.index
    machine.flush((error) => {
      this.isFlushing = false
      this.flushes++
      if (this.isRestoring) {
        const { restoresThen } = this
        this.restoresThen = undefined
        if (error !== undefined && error._tag !== "Refused") return this.around.failed(error)
        // What was refused is of the state that goes.
        return restoresThen?.()
      }
      if (error !== undefined) {
        // A full disk refuses the batch; the machine keeps it for the next call.
        if (error._tag === "Refused") this.flushedIndex = 0
        else this.around.failed(error)
        return
      }
      if (!this.isClosed) this.around.mark(this)
    })
  }

  private compact(): void {
    const { log, machine, raft } = this
    if (log.sizeBytes <= this.around.options.logBytesMax) return
    const { index } = machine.durable
    // Followers that are nearly there are spared a snapshot, unless the log grows to a multiple of its bound for them.
    const isOver = log.sizeBytes > 4 * this.around.options.logBytesMax
    const to = isOver ? index : Math.min(index, raft.slowestMatch())
    if (to >= log.firstIndex) log.compact(to)
  }

  // Snapshots.

  /** A whole snapshot has arrived; `ended` is told once it is in place, or of no use. */
  receiveSnapshot(message: Message, restore: Restore, ended: (isTaken: boolean) => void): void {
    assert(message.snapshot !== undefined, "a snapshot's message has its label")
    this.discardStaged()
    this.staged = { index: message.snapshot.index, restore, ended }
    this.step(message)
    // The core has taken it, or it never will.
    if (!this.raft.core.log.hasAnySnapshot) this.discardStaged()
  }

  private discardStaged(): void {
    const { staged } = this
    this.staged = undefined
    staged?.restore.abandon()
    staged?.ended(false)
  }

  private restore(ready: Ready): void {
    const { staged } = this
    const { snapshot } = ready
    assert(staged !== undefined && snapshot !== undefined && staged.index === snapshot.index, "its content came first")
    this.staged = undefined
    this.isRestoring = true
    if (this.isFlushing) this.restoresThen = () => this.replaceState(ready, snapshot, staged)
    else this.replaceState(ready, snapshot, staged)
  }

  private replaceState(ready: Ready, snapshot: Snapshot, staged: Staged): void {
    // First the state, then the log: a state that is ahead of the log says where the log begins (`GroupLog.reconcile`). Who has left needs neither.
    staged.restore.finish((error) => {
      if (this.isClosed) return
      if (error !== undefined) return this.around.failed(error)
      this.log.configuration = snapshot.configuration
      this.flushedIndex = this.machine.applied.index
      this.appended.skippedTo(snapshot.index)
      this.around.observer?.written(this, ready.hard, ready.entries)
      this.around.observer?.restored(this)
      const written = { hard: ready.hard, entries: ready.entries, snapshot, doubt: ready.doubt }
      this.writes.submit((done) =>
        this.log.write(written, "synced", (failure) => {
          done(failure)
          if (failure === undefined) staged.ended(true)
        })
      )
      this.isRestoring = false
      this.hold(ready.afterDurable, ready.storage)
      this.around.changed(this)
      this.around.mark(this)
    })
  }

  // Ends.

  /** Nothing of it goes on; callers are told. */
  close(error: () => ConsensusError): void {
    this.isClosed = true
    this.discardStaged()
    this.queued.endAll(error)
    this.appended.endAll(() => new Unknown({ message: error().message }))
    this.reading.endAll(error)
    this.endChange(new Unknown({ message: error().message }))
    this.endTransfer(error())
  }
}
