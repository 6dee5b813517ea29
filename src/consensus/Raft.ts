/**
 * Raft: one node of a replicated log, a pure core. Messages, ticks, proposals and reads go in by `step` and its kin; what is to be
 * written, sent and applied comes out by `ready`. No clock, no disk, no network, no chance: those are the driver's.
 *
 * The driver's duties:
 * 1. Restart a node only with what its storage kept. A node that may have lost what it had promised starts with `doubt`, again and again
 *    until a `ready` says that it has none, durably.
 * 2. Call `tick` at intervals of its monotonic clock, never early, and never two for one that was missed. With reads by lease, tell
 *    the time before each input (`clock`).
 * 3. Take `ready` when `hasReady`; write its entries, hard state and snapshot in the order of the calls, the entries in place of
 *    whatever is from their first index on. Sync when `mustSync`.
 * 4. Send `messages` at any time. Send `afterDurable`, and hand those to itself to `step`, only when everything written by this `ready`
 *    and the ones before it is durable; then call `stored` with its `storage` ticket.
 * 5. Apply `committed` in order, each entry once; changes of the configuration by `applyConfChange`, in their place; then call
 *    `appliedUpTo`. A snapshot replaces the state machine before any later entry is applied.
 * 6. Deliver messages whole or not at all; lost, late, repeated and reordered ones do no harm. Say so when a peer is out of reach
 *    (`reportUnreachable`) and how a snapshot ended (`reportSnapshot`).
 * 7. Answer a proposal when its entry is applied, a read when its index is.
 */
import * as Candidate from "./Candidate.ts"
import type * as ConfChange from "./ConfChange.ts"
import * as Configuration from "./Configuration.ts"
import type { ConfState } from "./Configuration.ts"
import { Core, type Config, type ReadState, type Role } from "./Core.ts"
import * as Doubting from "./Doubting.ts"
import * as Follower from "./Follower.ts"
import * as Leader from "./Leader.ts"
import * as Message from "./Message.ts"
import { entryKinds, kinds, type Entry, type Snapshot } from "./Message.ts"
import { nobody, type NodeId } from "./NodeId.ts"
import * as Quorum from "./Quorum.ts"
import type { EntryId } from "./RaftLog.ts"
import type { Doubt, HardState } from "./Storage.ts"

/** Attests, once everything handed out so far is durable, what the log on disk ends with. */
export interface StorageTicket {
  /** Of a later term it says nothing: the log may have been replaced meanwhile, and replaced back (A-B-A). */
  readonly term: number
  readonly last: EntryId | undefined
  readonly snapshot: Snapshot | undefined
}

export interface Ready {
  /** When the role or the leader changed. */
  readonly soft: { readonly lead: NodeId; readonly role: Role } | undefined
  /** When it changed. */
  readonly hard: HardState | undefined
  readonly entries: ReadonlyArray<Entry>
  readonly snapshot: Snapshot | undefined
  /** When there is none any more; not before the entries are durable. */
  readonly doubt: Doubt | undefined
  readonly committed: ReadonlyArray<Entry>
  readonly reads: ReadonlyArray<ReadState>
  readonly messages: ReadonlyArray<Message.Message>
  readonly afterDurable: ReadonlyArray<Message.Message>
  /** For `stored`; undefined: nothing is to be attested. */
  readonly storage: StorageTicket | undefined
  readonly mustSync: boolean
}

/**
 * - `dropped`: there is no leader, it is handing over, or too much is uncommitted: try again later.
 * - `unknown-peer`: an answer of a node that is no member (any more).
 */
export type Outcome = "taken" | "dropped" | "unknown-peer"

/** Answers, which mean nothing from who is not a member. */
const answers: ReadonlySet<Message.Kind> = new Set([
  kinds.appended,
  kinds.voted,
  kinds.heartbeatAnswer,
  kinds.readIndexAnswer,
  kinds.preVoted
])

const noDoubt: Doubt = { entries: false, vote: false }

const isFromLeader = (kind: Message.Kind): boolean =>
  kind === kinds.append || kind === kinds.heartbeat || kind === kinds.snapshot

export class Raft {
  /** For status, transcripts and judges: nobody else looks inside. */
  readonly core: Core
  /** Entries are handed out to be applied before they are durable here: they are so on a quorum. */
  private readonly appliesUnstable: boolean
  private softBefore: { readonly lead: NodeId; readonly role: Role }
  private hardBefore: HardState
  private wasInDoubt: boolean

  constructor(config: Config & { readonly appliesUnstable?: boolean }) {
    this.core = new Core(config)
    this.appliesUnstable = config.appliesUnstable === true
    this.softBefore = { lead: this.core.lead, role: this.core.role }
    // Doubt raises the term, which the storage has to learn.
    const { term, vote } = config.storage.hardState
    this.hardBefore = { ...this.core.hardState, term, vote }
    this.wasInDoubt = this.core.isInDoubt
  }

  // Inputs.

  /** The node's monotonic clock, before whatever comes at that time; only leases look at it. */
  clock(nowMicros: number): void {
    this.core.nowMicros = nowMicros
  }

  tick(): void {
    const { core } = this
    core.doubting?.tick(core)
    core.age++
    if (core.role === "leader") return this.tickLeader()
    core.electionElapsed++
    if (core.electionElapsed < core.electionTimeout) return
    core.electionElapsed = 0
    if (core.isPromotable) core.hup("time-out")
    // Who cannot campaign does not know of a leader any more either.
    else if (core.role === "follower") core.lead = nobody
  }

  private tickLeader(): void {
    const { core } = this
    core.heartbeatElapsed++
    core.electionElapsed++
    if (core.electionElapsed >= core.electionTicks) {
      core.electionElapsed = 0
      if (core.checksQuorum) Leader.step(core, Message.make(kinds.checkQuorum, nobody))
      // Who was to take over did not within an election time-out: it goes on leading.
      if (core.role === "leader") core.transferee = nobody
    }
    if (core.role !== "leader" || core.heartbeatElapsed < core.heartbeatTicks) return
    core.heartbeatElapsed = 0
    Leader.step(core, Message.make(kinds.beat, nobody))
  }

  campaign(): void {
    this.core.hup("time-out")
  }

  propose(data: Uint8Array): Outcome {
    return this.proposeEntry(entryKinds.normal, data)
  }

  /** `kind`: one change or a list of them, as `ConfChange.encode` made the data. */
  proposeConfChange(kind: "confChange" | "confChangeV2", data: Uint8Array): Outcome {
    return this.proposeEntry(entryKinds[kind], data)
  }

  /** All or none, behind each other, with one message a follower. */
  proposeAll(commands: ReadonlyArray<Uint8Array>): Outcome {
    return this.proposeEntries(commands.map((data): Entry => ({ term: 0, index: 0, kind: entryKinds.normal, data })))
  }

  private proposeEntry(kind: Message.EntryKind, data: Uint8Array): Outcome {
    return this.proposeEntries([{ term: 0, index: 0, kind, data }])
  }

  private proposeEntries(entries: ReadonlyArray<Entry>): Outcome {
    return this.byRole(Message.make(kinds.propose, nobody, { from: this.core.id, entries })) ? "taken" : "dropped"
  }

  /** Why this change could not be made now; undefined: it can. Of a leader. */
  refuses(change: ConfChange.ConfChange): string | undefined {
    return Leader.problemOf(this.core, change) ?? this.core.contradicts(change)
  }

  /** A linearizable read: comes back in `reads` with its context; never, when the leader changes. */
  read(context: Uint8Array): void {
    const entry: Entry = { term: 0, index: 0, kind: entryKinds.normal, data: context }
    this.byRole(Message.make(kinds.readIndex, nobody, { entries: [entry] }))
  }

  transferLeadership(to: NodeId): void {
    this.byRole(Message.make(kinds.transferLeader, nobody, { from: to }))
  }

  /** A follower forgets its leader, so that it may vote for another one at once. */
  forgetLeader(): void {
    this.byRole(Message.make(kinds.forgetLeader, nobody))
  }

  reportUnreachable(peer: NodeId): void {
    this.byRole(Message.make(kinds.unreachable, nobody, { from: peer }))
  }

  reportSnapshot(peer: NodeId, outcome: "finished" | "failed"): void {
    this.byRole(Message.make(kinds.snapshotStatus, nobody, { from: peer, isRejected: outcome === "failed" }))
  }

  /** Everything handed out up to the `ready` with this ticket is durable. */
  stored({ last, snapshot, term }: StorageTicket): void {
    const { core } = this
    if (last !== undefined && term === core.term) core.log.stableTo(last)
    else if (last !== undefined) {
      core.note(
        "info",
        () =>
          `${core.id} [term: ${core.term}] ignored entry appends from a MsgStorageAppendResp message with lower term [term: ${term}]`
      )
    }
    if (snapshot !== undefined) {
      core.log.stableSnapshotTo(snapshot.index)
      this.applied(snapshot.index, 0)
    }
  }

  /** These entries, which a `ready` handed out, are applied. */
  appliedUpTo(entries: ReadonlyArray<Entry>): void {
    if (entries.length === 0) return
    this.applied(entries[entries.length - 1].index, Message.entriesBytes(entries))
    this.core.settle(Message.payloadBytes(entries))
  }

  private applied(index: number, sizeBytes: number): void {
    const { core } = this
    core.log.appliedTo(Math.max(index, core.log.applied), sizeBytes)
    const { autoLeave } = core.tracker.configuration
    if (!autoLeave || core.role !== "leader" || core.log.applied < core.pendingConfIndex) return
    // The joint configuration has done its work. Should this be dropped, the next applied entry tries again.
    const isProposed = this.proposeConfChange("confChangeV2", new Uint8Array(0)) === "taken"
    core.note(
      isProposed ? "info" : "debug",
      () =>
        `${isProposed ? "initiating" : "not initiating"} automatic transition out of joint configuration ${core.describeConfiguration()}`
    )
  }

  /** In its place among the applied entries; not called for a change that the state machine refuses. */
  applyConfChange(change: ConfChange.ConfChange): ConfState {
    return this.core.applyConfChange(change)
  }

  /** A message of a peer, or one of its own that `afterDurable` had for it. */
  step(message: Message.Message): Outcome {
    if (Doubting.isOfRollCall(message)) return this.rollCall(message)
    if (answers.has(message.kind) && this.core.tracker.get(message.from) === undefined) return "unknown-peer"
    const isTaken = !this.admits(message) || this.take(message)
    if (message.commitTerm > 0) this.learn(message)
    return isTaken ? "taken" : "dropped"
  }

  private take(message: Message.Message): boolean {
    if (message.kind === kinds.vote || message.kind === kinds.preVote) {
      this.voteOn(message)
      return true
    }
    const isTaken = this.byRole(message)
    if (isFromLeader(message.kind)) this.core.doubting?.look(this.core)
    return isTaken
  }

  /**
   * What a peer knows to be committed, and this log has as well, is committed here too, as if a leader had said so. Else who has not heard that
   * a change of the voters is committed needs for ever the votes of those who were removed, who refuse it for their longer logs (raft-rs,
   * `maybe_commit_by_vote`).
   */
  private learn({ commit, commitTerm }: Message.Message): void {
    const { core } = this
    const { log, role } = core
    if (role === "leader" || commit <= log.committed) return
    if (!log.matches({ index: commit, term: commitTerm })) return
    log.commitTo(commit)
    // The election under way is one of the voters before.
    if (role !== "follower" && core.hasUnappliedConfChanges()) core.becomeFollower(core.term, nobody)
  }

  private rollCall(message: Message.Message): Outcome {
    if (message.kind === kinds.preVote) Doubting.answer(this.core, message)
    else this.core.doubting?.heard(this.core, message)
    return "taken"
  }

  // Terms (Raft, section 5.1).

  /** Brings the term up to the message's; false when the message is of no use any more. */
  private admits(message: Message.Message): boolean {
    const { core } = this
    const { from, kind, term } = message
    if (term === 0 || term === core.term) return true
    if (term < core.term) {
      this.refuseOld(message)
      return false
    }
    const isVote = kind === kinds.vote || kind === kinds.preVote
    if (isVote && !message.isTransfer && this.hearsLeader()) {
      core.note(
        "info",
        () =>
          `${this.describeVote(message, "ignored")}: lease is not expired (remaining ticks: ${core.electionTicks - core.electionElapsed})`
      )
      return false
    }
    // A question changes no term, nor does a yes to our own, which is of the term that we asked for.
    if (kind === kinds.preVote || (kind === kinds.preVoted && !message.isRejected)) return true
    core.note(
      "info",
      () =>
        `${core.id} [term: ${core.term}] received a ${Message.nameOf(kind)} message with higher term from ${from} [term: ${term}]`
    )
    core.becomeFollower(term, isFromLeader(kind) ? from : nobody)
    return true
  }

  /**
   * Within an election time-out of a word of the leader nobody gets a vote (thesis, section 4.2.3). Where leaders rely on that when they
   * read, a node that has just started may have heard one before.
   */
  private hearsLeader(): boolean {
    const { core } = this
    if (core.readMode === "lease" && core.age < core.electionTicks) return true
    return core.checksQuorum && core.lead !== nobody && core.electionElapsed < core.electionTicks
  }

  private refuseOld(message: Message.Message): void {
    const { core } = this
    const { from, kind, term } = message
    if ((core.checksQuorum || core.preVotes || core.isInDoubt) && (kind === kinds.heartbeat || kind === kinds.append)) {
      // A leader of an old term must learn of the new one, or a node that ran ahead while it was cut off stays out for ever.
      core.send(Message.make(kinds.appended, from))
    } else if (kind === kinds.preVote) {
      // Likewise a candidate that asks with an old term.
      core.note("info", () => this.describeVote(message, "rejected"))
      core.sendOfElection(kinds.preVoted, from, { term: core.term, isRejected: true })
    } else {
      core.note(
        "info",
        () =>
          `${core.id} [term: ${core.term}] ignored a ${Message.nameOf(kind)} message with lower term from ${from} [term: ${term}]`
      )
    }
  }

  private voteOn(message: Message.Message): void {
    const { core } = this
    const { from, index, kind, logTerm, term } = message
    const answer = kind === kinds.vote ? kinds.voted : kinds.preVoted
    if (core.isSilent) return
    const mayVote =
      core.vote === from ||
      (core.vote === nobody && core.lead === nobody) ||
      (kind === kinds.preVote && term > core.term)
    // A learner votes as well: it may have been promoted without knowing it.
    if (!mayVote || core.isInDoubt || !core.log.isUpToDate({ term: logTerm, index })) {
      core.note("info", () => this.describeVote(message, "rejected"))
      core.sendOfElection(answer, from, { term: core.term, isRejected: true })
      return
    }
    core.note("info", () => this.describeVote(message, "cast"))
    // The asker's term: that of a question is ahead of ours.
    core.sendOfElection(answer, from, { term })
    if (kind === kinds.preVote) return
    core.electionElapsed = 0
    core.vote = from
  }

  private describeVote(message: Message.Message, what: "cast" | "rejected" | "ignored"): string {
    const { core } = this
    const { from, index, kind, logTerm } = message
    const last = core.log.last()
    return `${core.id} [logterm: ${last.term}, index: ${last.index}, vote: ${core.vote}] ${what} ${Message.nameOf(kind)} ${what === "cast" ? "for" : "from"} ${from} [logterm: ${logTerm}, index: ${index}] at term ${core.term}`
  }

  private byRole(message: Message.Message): boolean {
    const { core } = this
    if (core.role === "leader") return Leader.step(core, message)
    return core.role === "follower" ? Follower.step(core, message) : Candidate.step(core, message)
  }

  // What a host asks.

  /** Payload bytes that a leader may append now. */
  get uncommittedRoomBytes(): number {
    return this.core.uncommittedRoomBytes
  }

  /** What all members that answer have; Infinity where it does not lead. */
  slowestMatch(): number {
    const { id, role, tracker } = this.core
    if (role !== "leader") return Infinity
    let slowest = Infinity
    for (const each of tracker.ids) {
      const progress = tracker.get(each)!
      if (each !== id && progress.isActive) slowest = Math.min(slowest, progress.match)
    }
    return slowest
  }

  /**
   * A leader with nothing to do: everything is committed and applied, and every member of which `isLive` says yes has it; those
   * are a quorum.
   */
  isIdle(isLive: (id: NodeId) => boolean): boolean {
    const { core } = this
    const { log, tracker } = core
    const { lastIndex } = log
    if (core.role !== "leader" || core.transferee !== nobody || core.isInDoubt || this.hasReady) return false
    if (log.committed !== lastIndex || log.applied !== lastIndex || core.earlyReads.length > 0) return false
    if (Configuration.isJoint(tracker.configuration)) return false
    const isThere = (id: NodeId): boolean => id === core.id || (isLive(id) && tracker.get(id)!.match === lastIndex)
    for (const id of tracker.ids) if (id !== core.id && isLive(id) && !isThere(id)) return false
    return Quorum.voteResult(tracker.configuration.voters, isThere) === "won"
  }

  /** Whether it has all that its leader had when it fell asleep. */
  mayFollowAsleep(leader: NodeId, term: number, index: number): boolean {
    const { lead, log, role } = this.core
    return (
      role === "follower" &&
      lead === leader &&
      this.core.term === term &&
      log.lastIndex === index &&
      log.applied === index &&
      !this.core.isInDoubt &&
      !this.hasReady
    )
  }

  // Outputs.

  get hasReady(): boolean {
    const { core } = this
    const { log } = core
    return (
      core.lead !== this.softBefore.lead ||
      core.role !== this.softBefore.role ||
      this.hasNewHardState() ||
      core.messages.length > 0 ||
      core.messagesAfterAppend.length > 0 ||
      log.hasUnstableEntries ||
      log.unstableSnapshot() !== undefined ||
      log.hasCommitted(this.appliesUnstable) ||
      core.isInDoubt !== this.wasInDoubt ||
      core.readStates.length > 0
    )
  }

  private hasNewHardState(): boolean {
    const { core, hardBefore } = this
    return core.term !== hardBefore.term || core.vote !== hardBefore.vote || core.log.committed !== hardBefore.commit
  }

  /** Everything that is to be done now; it is not handed out again. */
  ready(): Ready {
    const { core, hardBefore, softBefore } = this
    const { log } = core
    const entries = log.unstableEntries()
    const snapshot = log.unstableSnapshot()
    const committed = log.committedEntries(this.appliesUnstable)
    const hard = this.hasNewHardState() ? core.hardState : undefined
    const soft =
      core.lead !== softBefore.lead || core.role !== softBefore.role ? { lead: core.lead, role: core.role } : undefined
    // Also without new entries: an earlier ticket with them may have been of an older term, and said nothing.
    const attests = log.hasAnyUnstable || snapshot !== undefined
    const ready: Ready = {
      soft,
      hard,
      entries,
      snapshot,
      doubt: core.isInDoubt === this.wasInDoubt ? undefined : noDoubt,
      committed,
      reads: core.readStates,
      messages: core.messages,
      afterDurable: core.messagesAfterAppend,
      storage: attests ? { term: core.term, last: log.hasAnyUnstable ? log.last() : undefined, snapshot } : undefined,
      mustSync: entries.length > 0 || core.vote !== hardBefore.vote || core.term !== hardBefore.term
    }
    if (soft !== undefined) this.softBefore = soft
    if (hard !== undefined) this.hardBefore = hard
    this.wasInDoubt = core.isInDoubt
    core.readStates = []
    core.messages = []
    core.messagesAfterAppend = []
    log.acceptUnstable()
    if (committed.length > 0) {
      const last = committed[committed.length - 1].index
      log.acceptApplying(last, Message.entriesBytes(committed), this.appliesUnstable)
    }
    return ready
  }
}
