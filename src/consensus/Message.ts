/**
 * Message: what nodes of a Raft group say to each other, and what a node says to itself. Numbers, defaults and kinds are those
 * of etcd's Raft, so that its scenarios can be read beside ours.
 *
 * Messages and entries are immutable once they were handed over. Terms and indexes are integers below 2^53, asserted
 * where they rise; 0 means none.
 */
import type { ConfState } from "./Configuration.ts"
import { nobody, type NodeId } from "./NodeId.ts"

export const entryKinds = { normal: 0, confChange: 1, confChangeV2: 2 } as const
export type EntryKind = (typeof entryKinds)[keyof typeof entryKinds]

export interface Entry {
  readonly term: number
  readonly index: number
  readonly kind: EntryKind
  readonly data: Uint8Array
}

export interface Snapshot {
  readonly index: number
  readonly term: number
  readonly configuration: ConfState
  readonly data: Uint8Array
}

export const kinds = {
  hup: 0,
  beat: 1,
  propose: 2,
  append: 3,
  appended: 4,
  vote: 5,
  voted: 6,
  snapshot: 7,
  heartbeat: 8,
  heartbeatAnswer: 9,
  unreachable: 10,
  snapshotStatus: 11,
  checkQuorum: 12,
  transferLeader: 13,
  timeoutNow: 14,
  readIndex: 15,
  readIndexAnswer: 16,
  preVote: 17,
  preVoted: 18,
  storageAppend: 19,
  storageAppended: 20,
  storageApply: 21,
  storageApplied: 22,
  forgetLeader: 23
} as const
export type Kind = (typeof kinds)[keyof typeof kinds]

export interface Message {
  readonly kind: Kind
  readonly to: NodeId
  readonly from: NodeId
  readonly term: number
  /** The term of the entry at `index`: what precedes appended entries, the end of a candidate's log, a rejection's hint. */
  readonly logTerm: number
  readonly index: number
  readonly entries: ReadonlyArray<Entry>
  readonly commit: number
  /** Of votes, and of questions before them: the term of the entry at `commit`. */
  readonly commitTerm: number
  readonly snapshot: Snapshot | undefined
  readonly isRejected: boolean
  /** Of a rejected append: the index at which the logs may match. */
  readonly hint: number
  /** Of heartbeats and their answers: up to which read they confirm; 0: none. */
  readonly read: number
  /** Of votes: the leader asked for this election. */
  readonly isTransfer: boolean
}

const names: Readonly<Record<keyof typeof kinds, string>> = {
  hup: "MsgHup",
  beat: "MsgBeat",
  propose: "MsgProp",
  append: "MsgApp",
  appended: "MsgAppResp",
  vote: "MsgVote",
  voted: "MsgVoteResp",
  snapshot: "MsgSnap",
  heartbeat: "MsgHeartbeat",
  heartbeatAnswer: "MsgHeartbeatResp",
  unreachable: "MsgUnreachable",
  snapshotStatus: "MsgSnapStatus",
  checkQuorum: "MsgCheckQuorum",
  transferLeader: "MsgTransferLeader",
  timeoutNow: "MsgTimeoutNow",
  readIndex: "MsgReadIndex",
  readIndexAnswer: "MsgReadIndexResp",
  preVote: "MsgPreVote",
  preVoted: "MsgPreVoteResp",
  storageAppend: "MsgStorageAppend",
  storageAppended: "MsgStorageAppendResp",
  storageApply: "MsgStorageApply",
  storageApplied: "MsgStorageApplyResp",
  forgetLeader: "MsgForgetLeader"
}

/** A kind in etcd's words. */
export const nameOf = (kind: Kind): string => Object.values(names)[kind]

const noEntries: ReadonlyArray<Entry> = []

/** A message with everything that is not given at its default; one shape for all, so that reading one is fast. */
export const make = (
  kind: Kind,
  to: NodeId,
  fields: {
    readonly from?: NodeId
    readonly term?: number
    readonly logTerm?: number
    readonly index?: number
    readonly entries?: ReadonlyArray<Entry>
    readonly commit?: number
    readonly commitTerm?: number
    readonly snapshot?: Snapshot | undefined
    readonly isRejected?: boolean
    readonly hint?: number
    readonly read?: number
    readonly isTransfer?: boolean
  } = {}
): Message => ({
  kind,
  to,
  from: fields.from ?? nobody,
  term: fields.term ?? 0,
  logTerm: fields.logTerm ?? 0,
  index: fields.index ?? 0,
  entries: fields.entries ?? noEntries,
  commit: fields.commit ?? 0,
  commitTerm: fields.commitTerm ?? 0,
  snapshot: fields.snapshot,
  isRejected: fields.isRejected ?? false,
  hint: fields.hint ?? 0,
  read: fields.read ?? 0,
  isTransfer: fields.isTransfer ?? false
})

/** Bytes of the payloads: what counts against the bound on uncommitted entries. An empty entry counts nothing. */
export const payloadBytes = (entries: ReadonlyArray<Entry>): number => {
  let sum = 0
  for (const { data } of entries) sum += data.length
  return sum
}

const varintBytes = (value: number): number => {
  let length = 1
  for (let left = value; left >= 0x80; left = Math.floor(left / 0x80)) length++
  return length
}

/** Bytes of an entry in etcd's encoding: what counts against the bounds on messages and on entries being applied. */
export const entryBytes = ({ data, index, kind, term }: Entry): number =>
  3 +
  varintBytes(kind) +
  varintBytes(term) +
  varintBytes(index) +
  (data.length === 0 ? 0 : 1 + varintBytes(data.length) + data.length)

export const entriesBytes = (entries: ReadonlyArray<Entry>): number => {
  let sum = 0
  for (const entry of entries) sum += entryBytes(entry)
  return sum
}

/** The longest prefix of at most `sizeBytesMax`, but one entry at least. */
export const limited = (entries: ReadonlyArray<Entry>, sizeBytesMax: number): ReadonlyArray<Entry> => {
  let sum = 0
  for (let i = 0; i < entries.length; i++) {
    sum += entryBytes(entries[i])
    if (sum > sizeBytesMax && i > 0) return entries.slice(0, i)
  }
  return entries
}
