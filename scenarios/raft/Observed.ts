/**
 * Observed: every step of a store's groups as trace events, for the judges of `Invariants`. It changes nothing and draws nothing.
 *
 * | event           | when, and what                                                                                             |
 * | --------------- | ---------------------------------------------------------------------------------------------------------- |
 * | `raft/began`    | before anything else of a replica in this life of its store: what its disk had                             |
 * | `raft/role`     | another role, term or leader                                                                               |
 * | `raft/written`  | handed to the log: term, vote, commit; entries from an index on                                            |
 * | `raft/committed` | it knows that entries up to an index are committed; of a leader, with what it knew before it led         |
 * | `raft/durable`  | the write with this number, from 1, and all before it, are durable                                         |
 * | `raft/voted`    | a vote leaves                                                                                              |
 * | `raft/pre-voted` | it leaves that a candidate would get a vote in a term                                                     |
 * | `raft/handed-over` | a leader tells another replica to campaign                                                               |
 * | `raft/appended` | it leaves that everything up to an index is durable here                                                   |
 * | `raft/reigned`  | an election time-out of a leader is over, and it leads on: who has answered it since the last one          |
 * | `raft/holds`    | something that it or its store holds has grown: see `Holdings`                                             |
 * | `raft/lease`    | a leader may read without asking for so long, by its clock; 0: no more                                     |
 * | `raft/applied`  | an entry, with the digest of the state after it                                                            |
 * | `raft/members`  | who they are from an index on: lists of voters, outgoing voters, learners                                  |
 * | `raft/restored` | the state is that of a snapshot; the last write put the log behind it                                      |
 *
 * Entries are `term.checksum`, with a `c` behind it for a change of the members: how it takes place (`ConfChange.transitions`), and what it does to
 * whom, with commas between: `2.7c0v4,r1`. Spaces lie between entries.
 */
import { assert } from "#base/Assert.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as ConfChange from "#consensus/ConfChange.ts"
import type { ConfState } from "#consensus/Configuration.ts"
import type { NodeId } from "#consensus/NodeId.ts"
import { entryKinds, kinds, type Entry, type Kind, type Message } from "#consensus/Message.ts"
import type { Group, Observer } from "#consensus/Observer.ts"
import type { HardState, Storage } from "#consensus/Storage.ts"
import type { Trace } from "#world/Trace.ts"
import type { Holdings } from "./Holdings.ts"

export const entryText = ({ data, kind, term }: Entry): string =>
  `${term}.${crc32c(data)}${kind === entryKinds.normal ? "" : changeText(data)}`

const changeText = (data: Uint8Array): string => {
  const change = ConfChange.decode(data)
  assert(change !== undefined, "only changes that can be read are appended")
  return `c${change.transition}${ConfChange.describe(change).replaceAll(" ", ",")}`
}

export const membersOf = ({ learners, learnersNext, voters, votersOutgoing }: ConfState) => ({
  voters: voters.join(" "),
  outgoing: votersOutgoing.join(" "),
  learners: [...learners, ...learnersNext].join(" ")
})

/** What others rely on, and how it is traced when it leaves. */
const promises = new Map<Kind, string>([
  [kinds.voted, "raft/voted"],
  [kinds.preVoted, "raft/pre-voted"],
  [kinds.timeoutNow, "raft/handed-over"],
  [kinds.appended, "raft/appended"]
])

/** What the core reads its log from: what is on disk, without what was only just decided. */
const storageOf = (group: Group): Storage => group.raft.core.log["storage"]

export const placeOf = ({ id: group, replica }: Group): { readonly group: number; readonly replica: number } => ({
  group,
  replica
})

/** What is traced of a leader's term. */
interface Reign {
  readonly term: number
  /** Who has answered it since its last election time-out was over. */
  readonly heard: Set<NodeId>
  /** What it knew to be committed when it began. */
  readonly committed: number
  age: number
  /** As it was told: -Infinity, that there is none; NaN, that it is to be told again. */
  leaseUntil: number
}

export class Observed implements Observer {
  protected readonly trace: Trace["Service"]
  private readonly reigns = new Map<Group, Reign>()

  private readonly holdings: Holdings | undefined

  constructor(trace: Trace["Service"], holdings?: Holdings) {
    this.trace = trace
    this.holdings = holdings
  }

  began(group: Group): void {
    const storage = storageOf(group)
    const { commit, term, vote } = storage.hardState
    const { firstIndex, lastIndex } = storage
    const entries = lastIndex < firstIndex ? [] : storage.entries(firstIndex, lastIndex + 1, Infinity)
    this.trace.emit("debug", "raft/began", {
      group: group.id,
      replica: group.replica,
      term,
      vote,
      commit,
      before: firstIndex - 1,
      beforeTerm: storage.term(firstIndex - 1),
      entries: entries.map(entryText).join(" "),
      applied: group.machine.applied.index,
      ...membersOf(group.machine.applied.configuration)
    })
  }

  stepped(group: Group, message: Message | undefined): void {
    this.holdings?.look(group)
    const { core } = group.raft
    if (core.role !== "leader") {
      this.reigns.delete(group)
      return
    }
    const reign = this.reignOf(group)
    if (message !== undefined) {
      const isAnswer = message.kind === kinds.appended || message.kind === kinds.heartbeatAnswer
      if (isAnswer && message.term === core.term) reign.heard.add(message.from)
    } else if (core.age !== reign.age) {
      reign.age = core.age
      // A tick, and it has just looked whether a quorum is there.
      if (core.electionElapsed === 0) {
        this.trace.emit("debug", "raft/reigned", { ...placeOf(group), heard: [...reign.heard].join(" ") })
        reign.heard.clear()
      }
      // Also when nothing seems to have changed: a clock may have. Not that there is none, which stays so.
      if (reign.leaseUntil !== -Infinity) reign.leaseUntil = Number.NaN
    }
    this.leased(group)
  }

  private reignOf(group: Group): Reign {
    const { age, log, term } = group.raft.core
    let reign = this.reigns.get(group)
    if (reign?.term !== term) {
      reign = { term, heard: new Set(), committed: log.committed, age, leaseUntil: -Infinity }
      this.reigns.set(group, reign)
    }
    return reign
  }

  private leased(group: Group): void {
    const { core } = group.raft
    if (core.readMode !== "lease" || core.role !== "leader") return
    const reign = this.reignOf(group)
    const until: number = core.lease["untilMicros"]
    if (until === reign.leaseUntil) return
    reign.leaseUntil = until
    this.trace.emit("debug", "raft/lease", { ...placeOf(group), micros: Math.max(0, until - core.nowMicros) })
  }

  role(group: Group): void {
    const at = placeOf(group)
    const { lead, role, term } = group.raft.core
    this.trace.emit("debug", "raft/role", { ...at, role, term, lead })
  }

  written(group: Group, hard: HardState | undefined, entries: ReadonlyArray<Entry>): void {
    const { id, replica } = group
    const from = entries.length === 0 ? 0 : entries[0].index
    const texts = entries.length === 1 ? entryText(entries[0]) : entries.map(entryText).join(" ")
    // Written out, as this is traced for each entry of each replica: spreading what may be absent takes longer than to judge it.
    if (hard === undefined && from === 0) return this.trace.emit("debug", "raft/written", { group: id, replica })
    if (hard === undefined) {
      return this.trace.emit("debug", "raft/written", { group: id, replica, from, entries: texts })
    }
    const { commit, term, vote } = hard
    if (from === 0) return this.trace.emit("debug", "raft/written", { group: id, replica, term, vote, commit })
    this.trace.emit("debug", "raft/written", { group: id, replica, term, vote, commit, from, entries: texts })
  }

  committed(group: Group, index: number): void {
    const { id, replica } = group
    if (group.raft.core.role !== "leader")
      return this.trace.emit("debug", "raft/committed", { group: id, replica, index })
    const { committed: before } = this.reignOf(group)
    this.trace.emit("debug", "raft/committed", { group: id, replica, index, before })
  }

  durable(group: Group, number: number): void {
    const { id, replica } = group
    this.trace.emit("debug", "raft/durable", { group: id, replica, number })
  }

  sent(group: Group, { index, isRejected, kind, term, to }: Message): void {
    this.holdings?.look(group)
    const name = isRejected ? undefined : promises.get(kind)
    if (name === undefined) return
    // Handing over ends the lease.
    this.leased(group)
    const { id, replica } = group
    if (kind === kinds.appended) this.trace.emit("debug", name, { group: id, replica, to, term, index })
    else this.trace.emit("debug", name, { group: id, replica, to, term })
  }

  applied(group: Group, { data, index, term }: Entry, _answer: Uint8Array | undefined): void {
    const digest = group.machine.digest()
    const { id, replica } = group
    this.trace.emit("debug", "raft/applied", { group: id, replica, index, term, crc: crc32c(data), digest })
  }

  configured(group: Group, index: number, configuration: ConfState): void {
    this.leased(group)
    this.trace.emit("debug", "raft/members", { ...placeOf(group), index, ...membersOf(configuration) })
  }

  restored(group: Group): void {
    const { configuration, index, term } = group.machine.applied
    const digest = group.machine.digest()
    const members = membersOf(configuration)
    this.trace.emit("debug", "raft/restored", { ...placeOf(group), index, term, digest, ...members })
  }
}
