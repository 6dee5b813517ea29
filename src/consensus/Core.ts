/**
 * Core: the state of one Raft node and what all its roles do with it: send, change roles, campaign, append, replicate, commit,
 * change the configuration. What each role makes of a message stands in `Leader.ts`, `Follower.ts`, `Candidate.ts`; the door is
 * `Raft.ts`.
 *
 * Source: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", ATC 2014 (Raft); Ongaro, "Consensus:
 * Bridging Theory and Practice", 2014 (thesis); behaviour in detail as etcd's Raft.
 */
import { assert } from "#base/Assert.ts"
import * as ConfChange from "./ConfChange.ts"
import * as Configuration from "./Configuration.ts"
import { Doubting, isPromise } from "./Doubting.ts"
import { Inflights } from "./Inflights.ts"
import { Lease } from "./Lease.ts"
import * as Message from "./Message.ts"
import { entryKinds, kinds, type Entry, type Snapshot } from "./Message.ts"
import { nobody, type NodeId } from "./NodeId.ts"
import { describe, Progress } from "./Progress.ts"
import * as Quorum from "./Quorum.ts"
import { RaftLog, unknownTerm, type Note } from "./RaftLog.ts"
import { Reads } from "./Reads.ts"
import type { Doubt, HardState, Storage } from "./Storage.ts"
import { Tracker } from "./Tracker.ts"

export type Role = "follower" | "pre-candidate" | "candidate" | "leader"

/** How a leader makes sure that it still is one when it reads: by asking a quorum, or by its lease. */
export type ReadMode = "quorum" | "lease"

export interface Config {
  readonly id: NodeId
  /** Ticks without a word of the leader after which a follower campaigns; up to twice as many, at random. */
  readonly electionTicks: number
  readonly heartbeatTicks: number
  readonly storage: Storage
  /** The last index that the state machine has already; 0: what the storage starts with. */
  readonly applied?: number
  /** An integer in [0, bound), for time-outs. */
  readonly random: (bound: number) => number
  /** Ask before campaigning, so that a node that comes back does not unseat a leader (thesis, section 9.6). */
  readonly preVote?: boolean
  /** A leader that hears no quorum for an election time-out steps down, and followers of a live leader do not vote. */
  readonly checkQuorum?: boolean
  /** Default: quorum. `lease` needs `checkQuorum`, `leaseMicros`, and to be told the time (`Raft.clock`). */
  readonly reads?: ReadMode
  /** What surely passes on this node's clock before `electionTicks - 1` ticks have passed on any other's. */
  readonly leaseMicros?: number
  /** Of an append's entries, one at least goes with it; 0: one each. Default: no bound. */
  readonly messageBytesMax?: number
  /** Committed entries that may be handed out and not yet applied. Default: `messageBytesMax`. */
  readonly applyingBytesMax?: number
  /** Payloads that a leader may have uncommitted: more are dropped. Default: no bound. */
  readonly uncommittedBytesMax?: number
  /**
   * Tell followers at once what is committed, as etcd does. Default: yes. Without, they hear it with the next append or heartbeat, and
   * whoever got an append is spared the next heartbeat: less than half the messages; their state machines are behind by two heartbeats'
   * time at most.
   */
  readonly tellsCommits?: boolean
  readonly inflightMax: number
  readonly inflightBytesMax?: number
  readonly forwardsProposals?: boolean
  readonly validatesConfChanges?: boolean
  readonly stepsDownOnRemoval?: boolean
  /** Requests for votes leave before their term is durable, as etcd's do. Default: no; `Doubting` relies on that. */
  readonly asksAtOnce?: boolean
  /** Votes and questions tell what their sender knows to be committed (`Raft.learn`). Default: yes; etcd's do not. */
  readonly votesTellCommit?: boolean
  /** What the storage has lost of what this node promised: `Ready.doubt` tells when it is made good. Default: nothing. */
  readonly doubt?: Doubt
  readonly note?: Note
}

/** A read that may be answered once everything up to `index` is applied. */
export interface ReadState {
  readonly index: number
  /** What its asker calls it. */
  readonly context: Uint8Array
}

const silent: Note = () => {}
const noData = new Uint8Array(0)

export class Core {
  readonly id: NodeId
  readonly log: RaftLog
  readonly tracker: Tracker
  readonly note: Note
  readonly checksQuorum: boolean
  readonly tellsCommits: boolean
  readonly preVotes: boolean
  readonly readMode: ReadMode
  readonly forwardsProposals: boolean
  readonly validatesConfChanges: boolean
  readonly electionTicks: number
  readonly heartbeatTicks: number
  term = 0
  vote: NodeId = nobody
  role: Role = "follower"
  lead: NodeId = nobody
  isLearner = false
  /** To whom the leader is handing over; nobody: to none. */
  transferee: NodeId = nobody
  /** No change of the configuration is proposed before everything up to here is applied (one change in flight). */
  pendingConfIndex = 0
  reads = new Reads()
  /** Only while it leads, and reads by lease. */
  lease: Lease
  nowMicros = 0
  /** Ticks since the start, as far as they matter. */
  age = 0
  /** Reads that wait for the first commit of the leader's term. */
  earlyReads: Array<Message.Message> = []
  readStates: Array<ReadState> = []
  electionElapsed = 0
  heartbeatElapsed = 0
  electionTimeout = 0
  /** To other nodes, at once. */
  messages: Array<Message.Message> = []
  /** To anyone, itself included, once everything before them is durable. */
  messagesAfterAppend: Array<Message.Message> = []
  doubting: Doubting | undefined
  private readonly asksAtOnce: boolean
  private readonly votesTellCommit: boolean
  private uncommittedBytes = 0
  private readonly uncommittedBytesMax: number
  private readonly messageBytesMax: number
  private readonly leaseMicros: number
  private readonly stepsDownOnRemoval: boolean
  private readonly random: (bound: number) => number

  constructor(config: Config) {
    const { messageBytesMax = Infinity, storage } = config
    assert(config.id > nobody, "a node's id is above 0")
    assert(config.heartbeatTicks > 0, "a heartbeat takes a tick at least")
    assert(config.electionTicks > config.heartbeatTicks, "an election takes longer than a heartbeat")
    assert(
      config.tellsCommits !== false || config.electionTicks > 2 * config.heartbeatTicks,
      "a follower that is spared a heartbeat hears the next one in time"
    )
    assert(config.inflightMax > 0, "one append at least is in flight")
    assert(
      (config.inflightBytesMax ?? Infinity) >= messageBytesMax || messageBytesMax === Infinity,
      "a message fits in flight"
    )
    assert(config.reads !== "lease" || config.checkQuorum === true, "reads by lease need checkQuorum")
    this.id = config.id
    this.note = config.note ?? silent
    this.tellsCommits = config.tellsCommits !== false
    this.electionTicks = config.electionTicks
    this.heartbeatTicks = config.heartbeatTicks
    this.checksQuorum = config.checkQuorum === true
    this.preVotes = config.preVote === true
    this.readMode = config.reads ?? "quorum"
    this.leaseMicros = config.leaseMicros ?? 0
    this.lease = new Lease(this.leaseMicros)
    this.forwardsProposals = config.forwardsProposals !== false
    this.validatesConfChanges = config.validatesConfChanges !== false
    this.stepsDownOnRemoval = config.stepsDownOnRemoval === true
    this.asksAtOnce = config.asksAtOnce === true
    this.votesTellCommit = config.votesTellCommit !== false
    this.messageBytesMax = messageBytesMax
    this.uncommittedBytesMax = config.uncommittedBytesMax ?? Infinity
    this.random = config.random
    this.log = new RaftLog(storage, Math.max(1, config.applyingBytesMax ?? messageBytesMax), this.note)
    this.tracker = new Tracker({
      inflightMax: config.inflightMax,
      inflightBytesMax: config.inflightBytesMax ?? Infinity
    })
    const { commit, term, vote } = storage.hardState
    this.useConfiguration(this.restored(storage.configuration))
    this.term = term
    this.vote = vote
    this.log.commitTo(commit)
    if ((config.applied ?? 0) > 0) this.log.appliedTo(config.applied!, 0)
    const { doubt } = config
    if (doubt !== undefined) {
      this.doubting = new Doubting(doubt, config.random)
      this.note("warn", () => `${config.id} is in doubt of its ${doubt.vote ? "term and vote" : "entries"}`)
    }
    this.becomeFollower(doubt?.vote === false ? term + 1 : term, nobody)
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed }
  }

  // Messages.

  /**
   * Queues a message. Answers to appends and votes promise something that must be durable first, so they wait; so does what the
   * node answers to itself, and, because others rely on the term of whoever asked them, a request for a vote. Everything else leaves
   * at once.
   */
  send(message: Message.Message): void {
    const { kind } = message
    if (this.isSilent && isPromise(message)) return
    const isVote = kind === kinds.vote || kind === kinds.voted || kind === kinds.preVote || kind === kinds.preVoted
    assert(
      isVote === message.term > 0 || kind === kinds.propose || kind === kinds.readIndex,
      "votes name their term, nothing else does"
    )
    // What is forwarded to the leader belongs to no term.
    const term = isVote ? message.term : kind === kinds.propose || kind === kinds.readIndex ? 0 : this.term
    const sent = { ...message, term, from: message.from === nobody ? this.id : message.from }
    const waits = kind === kinds.appended || kind === kinds.voted || kind === kinds.preVoted
    if (waits || (kind === kinds.vote && !this.asksAtOnce)) this.messagesAfterAppend.push(sent)
    else {
      assert(sent.to !== this.id, "a node sends itself nothing but answers")
      this.messages.push(sent)
    }
  }

  /** Asks for a vote, or answers. */
  sendOfElection(kind: Message.Kind, to: NodeId, fields: Parameters<typeof Message.make>[2]): void {
    const commit = this.votesTellCommit ? this.log.committed : 0
    this.send(Message.make(kind, to, { ...fields, commit, commitTerm: this.log.term(commit) }))
  }

  // Doubts.

  get isInDoubt(): boolean {
    return this.doubting !== undefined
  }

  /** It must not promise anything. */
  get isSilent(): boolean {
    return this.doubting?.isSilent === true
  }

  /** Everything that it can have promised it has. */
  settled(): void {
    this.doubting = undefined
    this.note("info", () => `${this.id} is not in doubt any more at term ${this.term}`)
  }

  // Roles.

  becomeFollower(term: number, lead: NodeId): void {
    this.reset(term)
    this.lead = lead
    this.role = "follower"
    this.note("info", () => `${this.id} became follower at term ${this.term}`)
  }

  private becomeCandidate(): void {
    assert(this.role !== "leader", "a leader does not campaign")
    this.reset(this.term + 1)
    this.vote = this.id
    this.role = "candidate"
    this.note("info", () => `${this.id} became candidate at term ${this.term}`)
  }

  /** Changes neither term nor vote: a question costs nobody anything. */
  private becomePreCandidate(): void {
    assert(this.role !== "leader", "a leader does not campaign")
    this.tracker.forgetVotes()
    this.lead = nobody
    this.role = "pre-candidate"
    this.note("info", () => `${this.id} became pre-candidate at term ${this.term}`)
  }

  becomeLeader(): void {
    assert(this.role === "candidate", "only a candidate becomes leader")
    this.reset(this.term)
    this.lead = this.id
    this.role = "leader"
    const own = this.tracker.get(this.id)!
    own.becomeReplicate()
    own.isActive = true
    // Somewhere in the tail of the log there may be a change that is not applied: none is proposed before that is.
    this.pendingConfIndex = this.log.lastIndex
    // An entry of its own term, without which it could commit nothing of earlier ones (Raft, section 5.4.2).
    this.appendOwn([{ kind: entryKinds.normal, data: noData }])
    this.note("info", () => `${this.id} became leader at term ${this.term}`)
  }

  private reset(term: number): void {
    assert(Number.isSafeInteger(term) && term >= this.term, "terms only rise, below 2^53")
    if (this.term !== term) {
      this.term = term
      this.vote = nobody
    }
    this.lead = nobody
    this.electionElapsed = 0
    this.heartbeatElapsed = 0
    this.drawElectionTimeout()
    this.transferee = nobody
    this.tracker.forgetVotes()
    const { limits } = this.tracker
    const last = this.log.lastIndex
    for (const id of this.tracker.ids) {
      const fresh = new Progress({
        match: id === this.id ? last : 0,
        next: last + 1,
        isLearner: this.tracker.get(id)!.isLearner,
        isActive: false,
        inflights: new Inflights(limits.inflightMax, limits.inflightBytesMax)
      })
      this.tracker.replace(id, fresh)
    }
    this.pendingConfIndex = 0
    this.uncommittedBytes = 0
    this.reads = new Reads()
    this.lease = new Lease(this.leaseMicros)
    this.earlyReads = []
  }

  private drawElectionTimeout(): void {
    this.electionTimeout = this.electionTicks + this.random(this.electionTicks)
  }

  // Elections.

  /** Whether it may lead: a voter without doubts that is not in the middle of restoring a snapshot. */
  get isPromotable(): boolean {
    const own = this.tracker.get(this.id)
    if (this.isInDoubt) return false
    return own !== undefined && !own.isLearner && !this.log.hasAnySnapshot
  }

  hasUnappliedConfChanges(): boolean {
    const { applied, committed } = this.log
    for (let from = applied + 1; from <= committed;) {
      const entries = this.log.slice(from, committed + 1, this.messageBytesMax)
      if (entries.some(({ kind }) => ConfChange.isConfChange(kind))) return true
      from += entries.length
    }
    return false
  }

  /** Starts an election, if this node may win one. `transfer`: its leader asked for it, so nobody need be asked before. */
  hup(how: "time-out" | "transfer"): void {
    if (this.role === "leader") {
      this.note("debug", () => `${this.id} ignoring MsgHup because already leader`)
      return
    }
    if (!this.isPromotable) {
      this.note("warn", () => `${this.id} is unpromotable and can not campaign`)
      return
    }
    if (this.hasUnappliedConfChanges()) {
      this.note(
        "warn",
        () =>
          `${this.id} cannot campaign at term ${this.term} since there are still pending configuration changes to apply`
      )
      return
    }
    this.note("info", () => `${this.id} is starting a new election at term ${this.term}`)
    if (how === "transfer") this.campaign("transfer")
    else this.campaign(this.preVotes ? "pre-election" : "election")
  }

  campaign(how: "pre-election" | "election" | "transfer"): void {
    const isQuestion = how === "pre-election"
    if (isQuestion) this.becomePreCandidate()
    else this.becomeCandidate()
    const term = isQuestion ? this.term + 1 : this.term
    const { index, term: logTerm } = this.log.last()
    for (const id of Quorum.voterIds(this.tracker.configuration.voters)) {
      if (id === this.id) {
        // Its own vote counts once it is durable.
        this.send(Message.make(isQuestion ? kinds.preVoted : kinds.voted, id, { term }))
        continue
      }
      this.note(
        "info",
        () =>
          `${this.id} [logterm: ${logTerm}, index: ${index}] sent ${isQuestion ? "MsgPreVote" : "MsgVote"} request to ${id} at term ${this.term}`
      )
      const fields = { term, index, logTerm, isTransfer: how === "transfer" }
      this.sendOfElection(isQuestion ? kinds.preVote : kinds.vote, id, fields)
    }
  }

  // Appending and replicating.

  /** A leader's new entries; false when they would go over the bound of what may be uncommitted. */
  appendOwn(proposals: ReadonlyArray<Pick<Entry, "kind" | "data">>): boolean {
    const { lastIndex } = this.log
    assert(Number.isSafeInteger(lastIndex + proposals.length), "indexes stay below 2^53")
    const entries = proposals.map(({ data, kind }, i): Entry => ({
      term: this.term,
      index: lastIndex + 1 + i,
      kind,
      data
    }))
    const sizeBytes = Message.payloadBytes(entries)
    // One proposal of any size is taken when nothing is uncommitted, and an empty one always.
    if (this.uncommittedBytes > 0 && sizeBytes > 0 && this.uncommittedBytes + sizeBytes > this.uncommittedBytesMax) {
      this.note(
        "warn",
        () => `${this.id} appending new entries to log would exceed uncommitted entry size limit; dropping proposal`
      )
      return false
    }
    this.uncommittedBytes += sizeBytes
    this.log.append(entries)
    // It acknowledges them itself, once they are durable.
    this.send(Message.make(kinds.appended, this.id, { index: this.log.lastIndex }))
    return true
  }

  get uncommittedRoomBytes(): number {
    return Math.max(0, this.uncommittedBytesMax - this.uncommittedBytes)
  }

  /** So many payload bytes have been applied, so they are committed. */
  settle(sizeBytes: number): void {
    this.uncommittedBytes = Math.max(0, this.uncommittedBytes - sizeBytes)
  }

  /**
   * Sends a follower what it needs next, unless its flow is paused: entries, or a snapshot when they are compacted.
   * `evenEmpty`: also an append without entries, which carries the commit index. True when something was sent.
   */
  sendAppend(to: NodeId, evenEmpty: boolean): boolean {
    const progress = this.tracker.get(to)!
    if (progress.isPaused) return false
    const index = progress.next - 1
    const logTerm = this.log.term(index)
    if (logTerm === unknownTerm) return this.sendSnapshot(to, progress)
    // With a full window, an empty append still goes through: were all those in flight lost, nothing else would end the stall.
    const isFull = progress.state === "replicate" && progress.inflights.isFull
    const entries = isFull ? [] : this.log.from(progress.next, this.messageBytesMax)
    if (entries === undefined) return this.sendSnapshot(to, progress)
    if (entries.length === 0 && !evenEmpty) return false
    const commit = this.log.committed
    this.send(Message.make(kinds.append, to, { index, logTerm, entries, commit }))
    progress.sent(entries.length, Message.payloadBytes(entries))
    progress.sentCommit = commit
    progress.hasSpoken = true
    return true
  }

  private sendSnapshot(to: NodeId, progress: Progress): boolean {
    if (!progress.isActive) {
      this.note("debug", () => `ignore sending snapshot to ${to} since it is not recently active`)
      return false
    }
    const snapshot = this.log.latestSnapshot()
    if (snapshot === undefined) {
      this.note(
        "debug",
        () => `${this.id} failed to send snapshot to ${to} because snapshot is temporarily unavailable`
      )
      return false
    }
    assert(snapshot.index > 0, "what was compacted is in a snapshot")
    const { index, term } = snapshot
    this.note(
      "debug",
      () =>
        `${this.id} [firstindex: ${this.log.firstIndex}, commit: ${this.log.committed}] sent snapshot[index: ${index}, term: ${term}] to ${to} [${describe(progress)}]`
    )
    progress.becomeSnapshot(index)
    this.note("debug", () => `${this.id} paused sending replication messages to ${to} [${describe(progress)}]`)
    this.send(Message.make(kinds.snapshot, to, { snapshot }))
    return true
  }

  broadcastAppend(): void {
    for (const id of this.tracker.ids) if (id !== this.id) this.sendAppend(id, true)
  }

  broadcastHeartbeat(read: number): void {
    for (const id of this.tracker.ids) {
      if (id === this.id) continue
      const progress = this.tracker.get(id)!
      const isSpared = progress.hasSpoken && read === 0 && !this.tellsCommits
      progress.hasSpoken = false
      if (isSpared) continue
      // Never more than what is known to match: behind that the follower's log may be another one.
      const commit = Math.min(progress.match, this.log.committed)
      this.send(Message.make(kinds.heartbeat, id, { commit, read }))
      progress.sentCommit = commit
    }
  }

  /** Commits what a quorum has of its own term. */
  commit(): boolean {
    return this.log.commitOwn({ term: this.term, index: this.tracker.committed() })
  }

  get hasCommittedOwn(): boolean {
    return this.log.term(this.log.committed) === this.term
  }

  // The configuration.

  private restored(state: Configuration.ConfState): ConfChange.Result {
    const result = ConfChange.restore(state, this.log.lastIndex, this.tracker.limits)
    assert(!("refused" in result), "a stored configuration was in force once")
    return result as ConfChange.Result
  }

  private useConfiguration(result: ConfChange.Result): Configuration.ConfState {
    this.tracker.use(result)
    this.note("info", () => `${this.id} switched to configuration ${this.describeConfiguration()}`)
    this.isLearner = this.tracker.get(this.id)?.isLearner === true
    return Configuration.toState(result.configuration)
  }

  /** A committed change takes force when it is applied. */
  applyConfChange(change: ConfChange.ConfChange): Configuration.ConfState {
    const result = this.changed(change)
    assert(!("refused" in result), `a committed change is possible: ${"refused" in result ? result.refused : ""}`)
    const state = this.useConfiguration(result as ConfChange.Result)
    const own = this.tracker.get(this.id)
    this.lease.end(this.nowMicros)
    if (this.role !== "leader") return state
    if (own === undefined || this.isLearner) {
      if (this.stepsDownOnRemoval) this.becomeFollower(this.term, nobody)
      return state
    }
    if (state.voters.length === 0) return state
    // A smaller quorum may have committed more; new members are probed without waiting for a heartbeat.
    if (this.commit()) this.broadcastAppend()
    else for (const id of this.tracker.ids) if (id !== this.id) this.sendAppend(id, false)
    if (this.transferee !== nobody && !this.tracker.isVoter(this.transferee)) this.transferee = nobody
    return state
  }

  /**
   * A change is on its way after which this leader has no vote. What it appended behind that would be for others to decide, and its log longer than
   * theirs, who may need its vote until they have heard that the change is committed.
   */
  get isLeaving(): boolean {
    const { log, pendingConfIndex } = this
    if (!this.stepsDownOnRemoval || this.role !== "leader" || pendingConfIndex <= log.applied) return false
    const [entry] = pendingConfIndex > log.lastIndex ? [] : log.slice(pendingConfIndex, pendingConfIndex + 1, Infinity)
    const change =
      entry === undefined || !ConfChange.isConfChange(entry.kind) ? undefined : ConfChange.decode(entry.data)
    const result = change === undefined ? undefined : this.changed(change)
    if (result === undefined || "refused" in result) return false
    const { incoming, outgoing } = result.configuration.voters
    return !incoming.has(this.id) && !outgoing.has(this.id)
  }

  private changed(change: ConfChange.ConfChange): ConfChange.Result | ConfChange.Refused {
    const { configuration, limits, progresses } = this.tracker
    return ConfChange.apply({ configuration, progresses, lastIndex: this.log.lastIndex, limits }, change)
  }

  /** What the configuration has against a change. */
  contradicts(change: ConfChange.ConfChange): string | undefined {
    const result = this.changed(change)
    return "refused" in result ? result.refused : undefined
  }

  /** Takes a snapshot's place in the log and its configuration; false when it is of no use here. */
  restore(snapshot: Snapshot): boolean {
    const { configuration, index, term } = snapshot
    if (index <= this.log.committed) return false
    assert(this.role === "follower", "only a follower restores a snapshot")
    const { learners, voters, votersOutgoing } = configuration
    if (![voters, learners, votersOutgoing].some((ids) => ids.includes(this.id))) {
      this.note(
        "warn",
        () => `${this.id} attempted to restore snapshot but it is not in the ConfState; should never happen`
      )
      return false
    }
    if (this.log.matches({ index, term })) {
      this.note(
        "info",
        () => `${this.id} ${this.describeLog()} fast-forwarded commit to snapshot [index: ${index}, term: ${term}]`
      )
      this.log.commitTo(index)
      return false
    }
    this.log.restore(snapshot)
    this.useConfiguration(this.restored(configuration))
    this.note("info", () => `${this.id} ${this.describeLog()} restored snapshot [index: ${index}, term: ${term}]`)
    return true
  }

  describeConfiguration(): string {
    return Configuration.describe(this.tracker.configuration)
  }

  private describeLog(): string {
    const { index, term } = this.log.last()
    return `[commit: ${this.log.committed}, lastindex: ${index}, lastterm: ${term}]`
  }
}
