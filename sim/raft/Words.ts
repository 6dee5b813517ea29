/** Words: what a Raft node says and does, in the print forms of etcd's Raft, so that its scenarios can be compared line by line. */
import * as ConfChange from "#consensus/ConfChange.ts"
import type { ConfState } from "#consensus/Configuration.ts"
import type { Role } from "#consensus/Core.ts"
import * as Message from "#consensus/Message.ts"
import { entryKinds, type Entry, type Snapshot } from "#consensus/Message.ts"
import { nobody, type NodeId } from "#consensus/NodeId.ts"
import type { Ready } from "#consensus/Raft.ts"
import type { HardState } from "#consensus/Storage.ts"

/** Text of a byte string in double quotes, as Go's %q has it for ASCII. */
export const quoted = (data: Uint8Array): string => {
  let text = ""
  for (const char of new TextDecoder().decode(data)) {
    const code = char.codePointAt(0)!
    if (char === '"' || char === "\\") text += `\\${char}`
    else if (char === "\n") text += "\\n"
    else if (char === "\t") text += "\\t"
    else if (char === "\r") text += "\\r"
    else if (code < 0x20 || code === 0x7f) text += `\\x${code.toString(16).padStart(2, "0")}`
    else text += char
  }
  return `"${text}"`
}

const entryNames = ["EntryNormal", "EntryConfChange", "EntryConfChangeV2"] as const

export const entry = ({ data, index, kind, term }: Entry): string => {
  const change = kind === entryKinds.normal ? undefined : ConfChange.decode(data)
  const what =
    kind === entryKinds.normal ? quoted(data) : change === undefined ? "malformed" : ConfChange.describe(change)
  return `${term}/${index} ${entryNames[kind]}${what === "" ? "" : ` ${what}`}`
}

export const entries = (list: ReadonlyArray<Entry>): string => list.map((one) => `${entry(one)}\n`).join("")

export const target = (id: NodeId): string => (id === nobody ? "None" : id.toString(16))

const list = (ids: ReadonlyArray<NodeId>): string => `[${ids.join(" ")}]`

const confState = ({ autoLeave, learners, learnersNext, voters, votersOutgoing }: ConfState): string =>
  `Voters:${list(voters)} VotersOutgoing:${list(votersOutgoing)} Learners:${list(learners)} LearnersNext:${list(learnersNext)} AutoLeave:${autoLeave}`

export const snapshot = ({ configuration, index, term }: Snapshot): string =>
  `Index:${index} Term:${term} ConfState:${confState(configuration)}`

const entriesWithin = (indent: string, all: ReadonlyArray<Entry>): string => {
  if (all.length === 0) return ""
  if (all.length === 1) return ` Entries:[${entry(all[0])}]`
  return ` Entries:[${all.map((one) => `\n${indent}  ${entry(one)}`).join("")}\n${indent}]`
}

/** A message that travels between nodes, or from a node to its own storage threads and back. */
export interface Sent {
  readonly from: string
  readonly to: string
  readonly kind: Message.Kind
  readonly term?: number
  readonly logTerm?: number
  readonly index?: number
  readonly isRejected?: boolean
  readonly hint?: number
  readonly commit?: number
  readonly vote?: NodeId
  readonly entries?: ReadonlyArray<Entry>
  readonly snapshot?: Snapshot | undefined
  readonly responses?: ReadonlyArray<Sent>
}

export const sent = (message: Sent, indent = ""): string => {
  const { commit = 0, from, kind, to, vote = nobody } = message
  const responses = message.responses ?? []
  return (
    `${indent}${from}->${to} ${Message.nameOf(kind)} Term:${message.term ?? 0} Log:${message.logTerm ?? 0}/${message.index ?? 0}` +
    (message.isRejected === true ? ` Rejected (Hint: ${message.hint ?? 0})` : "") +
    (commit > 0 ? ` Commit:${commit}` : "") +
    (vote !== nobody ? ` Vote:${vote}` : "") +
    entriesWithin(indent, message.entries ?? []) +
    (message.snapshot === undefined ? "" : `\n${indent}  Snapshot: ${snapshot(message.snapshot)}`) +
    (responses.length === 0
      ? ""
      : ` Responses:[${responses.map((response) => `\n${sent(response, `${indent}  `)}`).join("")}\n${indent}]`)
  )
}

export const ofMessage = (message: Message.Message): Sent => ({
  ...message,
  from: target(message.from),
  to: target(message.to)
})

const roleNames: Readonly<Record<Role, string>> = {
  follower: "StateFollower",
  candidate: "StateCandidate",
  leader: "StateLeader",
  "pre-candidate": "StatePreCandidate"
}

export const role = (of: Role): string => roleNames[of]

const hardState = ({ commit, term, vote }: HardState): string =>
  `Term:${term}${vote === nobody ? "" : ` Vote:${vote}`} Commit:${commit}`

/** `messages`: what the node sends, its storage threads included. */
export const ready = (of: Ready, messages: ReadonlyArray<Sent>): string => {
  const { committed, hard, reads, soft } = of
  const body =
    (soft === undefined ? "" : `Lead:${soft.lead} State:${role(soft.role)}\n`) +
    (hard === undefined ? "" : `HardState ${hardState(hard)}\n`) +
    (reads.length === 0
      ? ""
      : `ReadStates [${reads.map(({ context, index }) => `{${index} [${[...context].join(" ")}]}`).join(" ")}]\n`) +
    (of.entries.length === 0 ? "" : `Entries:\n${entries(of.entries)}`) +
    (of.snapshot === undefined ? "" : `Snapshot ${snapshot(of.snapshot)}\n`) +
    (committed.length === 0 ? "" : `CommittedEntries:\n${entries(committed)}`) +
    (messages.length === 0 ? "" : `Messages:\n${messages.map((message) => `${sent(message)}\n`).join("")}`)
  return body === "" ? "<empty Ready>" : `Ready MustSync=${of.mustSync}:\n${body}`
}
