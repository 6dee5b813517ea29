/**
 * Observed: every step of a store's groups as trace events, for the judges of `Invariants`. It changes nothing and draws nothing.
 *
 * | event           | when, and what                                                                                             |
 * | --------------- | ---------------------------------------------------------------------------------------------------------- |
 * | `raft/began`    | before anything else of a replica in this life of its store: what its disk had                             |
 * | `raft/role`     | another role, term or leader                                                                               |
 * | `raft/written`  | handed to the log: term, vote, commit; entries from an index on                                            |
 * | `raft/committed` | it knows that entries up to an index are committed                                                        |
 * | `raft/durable`  | the write with this number, from 1, and all before it, are durable                                         |
 * | `raft/voted`    | a vote leaves                                                                                              |
 * | `raft/appended` | it leaves that everything up to an index is durable here                                                   |
 * | `raft/applied`  | an entry, with the digest of the state after it                                                            |
 * | `raft/members`  | who they are from an index on: lists of voters, outgoing voters, learners                                  |
 * | `raft/restored` | the state is that of a snapshot; the last write put the log behind it                                      |
 *
 * Entries are `term.checksum`, with a `c` behind it for a change of the members; spaces lie between them.
 */
import { crc32c } from "#base/Crc32c.ts"
import type { ConfState } from "#consensus/Configuration.ts"
import type { NodeId } from "#consensus/NodeId.ts"
import { entryKinds, kinds, type Entry, type Message } from "#consensus/Message.ts"
import type { Group, Observer } from "#consensus/Observer.ts"
import type { HardState, Storage } from "#consensus/Storage.ts"
import type { Trace } from "#world/Trace.ts"

export const entryText = ({ data, kind, term }: Entry): string =>
  `${term}.${crc32c(data)}${kind === entryKinds.normal ? "" : "c"}`

const membersOf = ({ learners, learnersNext, voters, votersOutgoing }: ConfState) => ({
  voters: voters.join(" "),
  outgoing: votersOutgoing.join(" "),
  learners: [...learners, ...learnersNext].join(" ")
})

/** What the core reads its log from: what is on disk, without what was only just decided. */
const storageOf = (group: Group): Storage => group.raft.core.log["storage"]

export class Observed implements Observer {
  protected readonly trace: Trace["Service"]
  /** By group: its replica that has begun. */
  private readonly begun = new Map<number, NodeId>()

  constructor(trace: Trace["Service"]) {
    this.trace = trace
  }

  /** `applied`: before what is told now. */
  protected begin(
    group: Group,
    applied = group.machine.applied.index
  ): { readonly group: number; readonly replica: number } {
    const at = { group: group.id, replica: group.replica }
    if (this.begun.get(group.id) === group.replica) return at
    this.begun.set(group.id, group.replica)
    const storage = storageOf(group)
    const { commit, term, vote } = storage.hardState
    const { firstIndex, lastIndex } = storage
    const entries = lastIndex < firstIndex ? [] : storage.entries(firstIndex, lastIndex + 1, Infinity)
    this.trace.emit("debug", "raft/began", {
      ...at,
      term,
      vote,
      commit,
      before: firstIndex - 1,
      beforeTerm: storage.term(firstIndex - 1),
      entries: entries.map(entryText).join(" "),
      applied,
      ...membersOf(group.machine.applied.configuration)
    })
    return at
  }

  /** For `ObservedSteps`: the judges need less. */
  stepped(_group: Group, _message: Message | undefined): void {}

  role(group: Group): void {
    const at = this.begin(group)
    const { lead, role, term } = group.raft.core
    this.trace.emit("debug", "raft/role", { ...at, role, term, lead })
  }

  written(group: Group, hard: HardState | undefined, entries: ReadonlyArray<Entry>): void {
    const at = this.begin(group)
    this.trace.emit("debug", "raft/written", {
      ...at,
      ...(hard === undefined ? {} : { term: hard.term, vote: hard.vote, commit: hard.commit }),
      ...(entries.length === 0 ? {} : { from: entries[0].index, entries: entries.map(entryText).join(" ") })
    })
  }

  committed(group: Group, index: number): void {
    this.trace.emit("debug", "raft/committed", { ...this.begin(group), index })
  }

  durable(group: Group, number: number): void {
    this.trace.emit("debug", "raft/durable", { ...this.begin(group), number })
  }

  sent(group: Group, { index, isRejected, kind, term, to }: Message): void {
    if (isRejected || (kind !== kinds.voted && kind !== kinds.appended)) return
    const at = this.begin(group)
    if (kind === kinds.voted) this.trace.emit("debug", "raft/voted", { ...at, to, term })
    else this.trace.emit("debug", "raft/appended", { ...at, to, term, index })
  }

  applied(group: Group, { data, index, term }: Entry): void {
    const digest = group.machine.digest()
    this.trace.emit("debug", "raft/applied", {
      ...this.begin(group, index - 1),
      index,
      term,
      crc: crc32c(data),
      digest
    })
  }

  configured(group: Group, index: number, configuration: ConfState): void {
    this.trace.emit("debug", "raft/members", { ...this.begin(group, index - 1), index, ...membersOf(configuration) })
  }

  restored(group: Group): void {
    const { configuration, index, term } = group.machine.applied
    const digest = group.machine.digest()
    const members = membersOf(configuration)
    this.trace.emit("debug", "raft/restored", { ...this.begin(group), index, term, digest, ...members })
  }
}
