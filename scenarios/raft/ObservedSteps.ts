/**
 * ObservedSteps: an Observed that traces as well what every replica takes in, the state that this leaves it in, and what it
 * sends. A run with the option `trace.steps` has these events, and `models/quint/RaftTrace.qnt` says whether they are a
 * behaviour of the specification.
 *
 * | event          | when, and what                                                                                        |
 * | -------------- | ----------------------------------------------------------------------------------------------------- |
 * | `raft/stepped` | a message was taken, or the replica did something of its own: its state after that                    |
 * | `raft/sent`    | a message leaves; for a snapshot: it begins to leave                                                  |
 *
 * A message is one text: kind, from, to, term, index, term there, commit, term there (of votes), whether it is a refusal, entries; of a
 * snapshot, in place of those, its members: voters, outgoing voters and learners, with commas between, and `/` between the lists.
 */
import type { ConfState } from "#consensus/Configuration.ts"
import * as Message from "#consensus/Message.ts"
import { kinds } from "#consensus/Message.ts"
import type { Group } from "#consensus/Observer.ts"
import { entryText, membersOf, Observed, placeOf } from "./Observed.ts"

export const kindNames = Object.keys(kinds) as ReadonlyArray<keyof typeof kinds>

const membersText = ({ configuration }: Message.Snapshot): string => {
  const { learners, outgoing, voters } = membersOf(configuration)
  return [voters, outgoing, learners].join("/").replaceAll(" ", ",")
}

const messageText = (message: Message.Message): string => {
  const { commit, commitTerm, entries, from, isRejected, kind, snapshot, term, to } = message
  const { index, term: logTerm } = snapshot ?? { index: message.index, term: message.logTerm }
  const head = [kindNames[kind], from, to, term, index, logTerm, commit, commitTerm, isRejected ? "no" : "yes"]
  return [...head, ...(snapshot === undefined ? entries.map(entryText) : [membersText(snapshot)])].join(" ")
}

const viewOf = ({ raft }: Group) => {
  const { core } = raft
  const { index: last, term: lastTerm } = core.log.last()
  return { term: core.term, vote: core.vote, role: core.role, commit: core.log.committed, last, lastTerm }
}
type View = ReturnType<typeof viewOf>

const isSame = (left: View, right: View): boolean =>
  left.term === right.term &&
  left.vote === right.vote &&
  left.role === right.role &&
  left.commit === right.commit &&
  left.last === right.last

export class ObservedSteps extends Observed {
  /** By group: as it was traced last. */
  private readonly views = new Map<number, View>()

  override stepped(group: Group, message: Message.Message | undefined): void {
    super.stepped(group, message)
    const at = placeOf(group)
    const before = this.views.get(group.id)
    const view = viewOf(group)
    if (message === undefined && before !== undefined && isSame(before, view)) return
    this.views.set(group.id, view)
    if (message !== undefined) {
      return this.trace.emit("debug", "raft/stepped", { ...at, ...view, message: messageText(message) })
    }
    const { last } = before ?? view
    const proposed = view.last > last ? group.raft.core.log.slice(last + 1, view.last + 1, Infinity) : []
    this.trace.emit("debug", "raft/stepped", { ...at, ...view, entries: proposed.map(entryText).join(" ") })
  }

  override configured(group: Group, index: number, configuration: ConfState): void {
    super.configured(group, index, configuration)
    this.stepped(group, undefined)
  }

  override sent(group: Group, message: Message.Message): void {
    this.trace.emit("debug", "raft/sent", { ...placeOf(group), message: messageText(message) })
    super.sent(group, message)
  }
}
