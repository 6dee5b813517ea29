/**
 * Doubting: how a replica behaves that its disk has made forget. A damaged entry is not an absent one, and a lost vote was given
 * (protocol-aware recovery, Alagappan et al., FAST 2018): so it neither votes nor leads until it has everything again that it can have
 * promised. Its peers repair it by what Raft does anyway.
 *
 * Entries in doubt. The replica goes on in a term above every one in which it can have acknowledged anything: its own, which is
 * durable before an acknowledgement leaves, plus one. There it takes entries and snapshots as everybody, but gives no vote. It is
 * whole when its log ends with an entry of the term it is in:
 *
 * 1. Its acknowledgements from before are of lower terms. What they commit, now or when they arrive late, is in the log of every leader
 *    of a higher term: such a leader was elected without this replica's vote, by a quorum that meets the committing one in somebody else.
 * 2. A log that ends with an entry of that leader has everything that was committed in lower terms (log matching), so all of that.
 * 3. What it acknowledges from the new term on it has. So from here on its votes are worth what others' are.
 *
 * Term and vote in doubt. It does not know in what terms it acted, so at first it is silent as well: no vote and no acknowledgement of
 * anything, because it may have promised a candidate of a later term to take nothing of this leader's any more. It asks every other
 * member for its term, with a number that was not used before, so that an answer was sent after its start. The answer leaves when
 * the term is durable, and so does a request for a vote: whoever it can have voted for or followed answers with that term or a later one.
 * When all have answered, it goes on in a term above them all: above any in which it acted. From there on as above.
 *
 * Who all members are, it knows from the configuration in force and from changes of it in its log, in which no leader's entries miss what was
 * committed before; so it acknowledges nothing before it has heard those that the entries name as well. A candidate whose configuration
 * it has not seen got that one committed by a majority of those asked, in a term below their answers; then every later leader has it.
 *
 * Needs: a minority at a time is in doubt, and one replica at a time about its vote; two would wait for each other. Where somebody never
 * answers (a member that was removed meanwhile), or there is nobody to ask (it is the only voter), the replica stays silent until it is
 * removed and added anew. Where the vote is not in doubt, term and vote of the storage are the last that were given.
 */
import * as ConfChange from "./ConfChange.ts"
import * as Message from "./Message.ts"
import { kinds } from "./Message.ts"
import { nobody, type NodeId } from "./NodeId.ts"
import type { RaftLog } from "./RaftLog.ts"
import type { Doubt } from "./Storage.ts"
import type { Tracker } from "./Tracker.ts"

/** What it needs of a core. */
interface Core {
  readonly id: NodeId
  readonly term: number
  readonly heartbeatTicks: number
  readonly log: RaftLog
  readonly tracker: Tracker
  send(message: Message.Message): void
  becomeFollower(term: number, lead: NodeId): void
  /** It has everything again. */
  settled(): void
}

/** Numbers of roll calls are drawn, as large as a message carries. */
const halfRange = 67_108_864

export class Doubting {
  readonly doubt: Doubt
  /** It must not promise anything yet. */
  isSilent: boolean
  /** Of the roll call; 0: none. */
  private readonly number: number
  /** The terms of those that have answered. */
  private readonly terms = new Map<NodeId, number>()
  private elapsed = 0

  constructor(doubt: Doubt, random: (bound: number) => number) {
    this.doubt = doubt
    this.isSilent = doubt.vote
    this.number = doubt.vote ? 1 + random(halfRange) * halfRange + random(halfRange) : 0
  }

  /** The beginning, and again and again: asks those who have not answered. */
  tick(core: Core): void {
    if (!this.isSilent) return
    this.elapsed++
    if (this.elapsed < core.heartbeatTicks) return
    this.elapsed = 0
    for (const id of this.missing(core)) {
      // A question of the lowest term changes nobody's.
      core.send(Message.make(kinds.preVote, id, { term: 1, read: this.number }))
    }
  }

  heard(core: Core, { from, read, term }: Message.Message): void {
    if (read !== this.number || !this.doubt.vote) return
    this.terms.set(from, term)
    this.look(core)
  }

  /** Something has changed that may end the silence, begin it anew, or end the doubt. */
  look(core: Core): void {
    if (this.doubt.vote) this.callRoll(core)
    if (!this.isSilent && core.log.last().term === core.term) core.settled()
  }

  private callRoll(core: Core): void {
    this.isSilent = core.tracker.ids.every((id) => id === core.id) || this.missing(core).length > 0
    if (this.isSilent) return
    const highest = Math.max(...this.terms.values())
    if (core.term <= highest) core.becomeFollower(highest + 1, nobody)
  }

  /** Members, of the configuration or of one to come, who have not told their term. */
  private missing(core: Core): ReadonlyArray<NodeId> {
    const { id, log, tracker } = core
    const members = new Set(tracker.ids)
    for (const entry of log.slice(Math.max(log.applied + 1, log.firstIndex), log.lastIndex + 1, Infinity)) {
      if (!ConfChange.isConfChange(entry.kind)) continue
      for (const { node } of ConfChange.decode(entry.data)?.changes ?? []) members.add(node)
    }
    return [...members].filter((each) => each !== id && !this.terms.has(each))
  }
}

/** The answer to a roll call: a term that is durable when it leaves. */
export const answer = (core: Core, { from, read }: Message.Message): void =>
  core.send(Message.make(kinds.preVoted, from, { term: Math.max(1, core.term), isRejected: true, read }))

/** Whether it belongs to a roll call, and not to an election. */
export const isOfRollCall = ({ kind, read }: Message.Message): boolean =>
  read > 0 && (kind === kinds.preVote || kind === kinds.preVoted)

/** What binds its sender, or tells a term that may be older than what it did. */
export const isPromise = ({ isRejected, kind }: Message.Message): boolean =>
  (kind === kinds.appended && !isRejected) ||
  kind === kinds.heartbeatAnswer ||
  kind === kinds.voted ||
  kind === kinds.preVoted
