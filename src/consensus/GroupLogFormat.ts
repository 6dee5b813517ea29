/**
 * GroupLogFormat: the records of a group's two streams, pure. `docs/formats.md` has the tables, this file the code. Terms and
 * indexes have seven bytes, enough for 2^53.
 */
import { assert } from "#base/Assert.ts"
import { getU32, putU32 } from "#base/Bytes.ts"
import type { ConfState } from "./Configuration.ts"
import { entryKinds, type Entry, type EntryKind } from "./Message.ts"
import type { NodeId } from "./NodeId.ts"
import type { EntryId } from "./RaftLog.ts"
import { groupMax, type GroupId } from "./Replica.ts"
import type { Doubt, HardState } from "./Storage.ts"

export const version = 1

/** The second byte of each record; the first is the version. */
export const kinds = { entries: 1, state: 2, doubt: 3, forgetful: 4 } as const

/** Streams of groups are in the upper half of the numbers; engines that share the log are in the lower. */
const streamBase = 0x8000_0000

/** Is there when the store may have forgotten a group. */
export const storeStream = streamBase

export const entriesStreamOf = (group: GroupId): number => {
  assert(Number.isInteger(group) && group > 0 && group <= groupMax, "a group's number is from 1 to 2^30 - 1")
  return streamBase + group * 2
}

export const stateStreamOf = (group: GroupId): number => entriesStreamOf(group) + 1

/** The group that a stream belongs to; undefined: to none. */
export const groupOf = (stream: number): GroupId | undefined =>
  stream > streamBase + 1 ? Math.floor((stream - streamBase) / 2) : undefined

/** Everything that a group says of itself. Each record of its state has all of it, so the last one is enough. */
export interface State {
  readonly replica: NodeId
  readonly isRemoved: boolean
  readonly doubt: Doubt | undefined
  readonly hard: HardState
  /** The entry before the first one of the log. */
  readonly begin: EntryId
  /** Records of entries count from this position of their stream on. */
  readonly entriesFrom: number
  /** Records of entries before this position were there when this was written. */
  readonly entriesSeen: number
  /** As of the log's beginning, or later. */
  readonly configuration: ConfState
}

const numberBytes = 7
const u32Range = 4_294_967_296

const putNumber = (bytes: Uint8Array, at: number, value: number): void => {
  putU32(bytes, at, value)
  const high = Math.floor(value / u32Range)
  bytes[at + 4] = high
  bytes[at + 5] = high >>> 8
  bytes[at + 6] = high >>> 16
}

const getNumber = (bytes: Uint8Array, at: number): number =>
  getU32(bytes, at) + (bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16)) * u32Range

// Entries.

const entriesHeadBytes = 20
export const entryHeadBytes = 12

/** Room for the head of most records. */
const headBytes = 4_096
let head = new Uint8Array(headBytes)
/** The head of the last record: mostly the next one's is as long. */
let headView = head.subarray(0, 0)

/** The entries [from, to) of a list as the parts of a record, in memory that the next call uses again. */
export const encodeEntries = (
  parts: Array<Uint8Array>,
  commit: number,
  first: number,
  entries: ReadonlyArray<Entry>,
  from: number,
  to: number
): ReadonlyArray<Uint8Array> => {
  const sizeBytes = entriesHeadBytes + (to - from) * entryHeadBytes
  if (sizeBytes > head.length) {
    head = new Uint8Array(2 * sizeBytes)
    headView = head.subarray(0, 0)
  }
  head[0] = version
  head[1] = kinds.entries
  putNumber(head, 2, commit)
  putNumber(head, 9, first)
  putU32(head, 16, to - from)
  let at = entriesHeadBytes
  let count = 1
  for (let i = from; i < to; i++) {
    const { data, kind, term } = entries[i]
    putNumber(head, at, term)
    head[at + 7] = kind
    putU32(head, at + 8, data.length)
    at += entryHeadBytes
    if (data.length > 0) parts[count++] = data
  }
  if (headView.length !== sizeBytes) headView = head.subarray(0, sizeBytes)
  parts[0] = headView
  // To set a length is slow.
  if (parts.length > count) parts.length = count
  return parts
}

export interface EntriesRecord {
  readonly commit: number
  readonly first: number
  readonly entries: ReadonlyArray<Entry>
}

const kindMax = Math.max(...Object.values(entryKinds))

/** A record of entries; undefined: this is none. Keeps one copy of the payloads. */
export const decodeEntries = (bytes: Uint8Array, from: number, to: number): EntriesRecord | undefined => {
  if (to - from < entriesHeadBytes) return undefined
  const first = getNumber(bytes, from + 9)
  const count = getU32(bytes, from + 16)
  const dataFrom = from + entriesHeadBytes + count * entryHeadBytes
  if (dataFrom > to) return undefined
  const data = bytes.slice(dataFrom, to)
  const entries: Array<Entry> = []
  let at = 0
  for (let i = 0; i < count; i++) {
    const headAt = from + entriesHeadBytes + i * entryHeadBytes
    const kind = bytes[headAt + numberBytes]
    const end = at + getU32(bytes, headAt + 8)
    if (kind > kindMax || end > data.length) return undefined
    const term = getNumber(bytes, headAt)
    entries.push({ term, index: first + i, kind: kind as EntryKind, data: data.subarray(at, end) })
    at = end
  }
  return at === data.length ? { commit: getNumber(bytes, from + 2), first, entries } : undefined
}

// State.

const flags = { isRemoved: 1, entriesDoubt: 2, voteDoubt: 4, autoLeave: 8 } as const
const stateHeadBytes = 53

const listsOf = ({
  learners,
  learnersNext,
  voters,
  votersOutgoing
}: ConfState): ReadonlyArray<ReadonlyArray<NodeId>> => [voters, votersOutgoing, learners, learnersNext]

export const encodeState = (state: State): Uint8Array => {
  const { begin, configuration, doubt, hard } = state
  const lists = listsOf(configuration)
  const members = lists.reduce((sum, ids) => sum + ids.length, 0)
  const bytes = new Uint8Array(stateHeadBytes + lists.length * 2 + members * 4)
  bytes[0] = version
  bytes[1] = kinds.state
  bytes[2] =
    (state.isRemoved ? flags.isRemoved : 0) |
    (doubt?.entries === true ? flags.entriesDoubt : 0) |
    (doubt?.vote === true ? flags.voteDoubt : 0) |
    (configuration.autoLeave ? flags.autoLeave : 0)
  putU32(bytes, 3, state.replica)
  putNumber(bytes, 7, hard.term)
  putU32(bytes, 14, hard.vote)
  putNumber(bytes, 18, hard.commit)
  putNumber(bytes, 25, begin.index)
  putNumber(bytes, 32, begin.term)
  putNumber(bytes, 39, state.entriesFrom)
  putNumber(bytes, 46, state.entriesSeen)
  let at = stateHeadBytes
  for (const ids of lists) {
    bytes[at] = ids.length
    bytes[at + 1] = ids.length >>> 8
    at += 2
    for (const id of ids) {
      putU32(bytes, at, id)
      at += 4
    }
  }
  return bytes
}

/** A record of state; undefined: this is none. */
export const decodeState = (bytes: Uint8Array, from: number, to: number): State | undefined => {
  if (to - from < stateHeadBytes || bytes[from + 1] !== kinds.state) return undefined
  const lists: Array<ReadonlyArray<NodeId>> = []
  let at = from + stateHeadBytes
  while (at + 2 <= to) {
    const count = bytes[at] | (bytes[at + 1] << 8)
    const first = at + 2
    at = first + count * 4
    if (at > to) return undefined
    lists.push(Array.from({ length: count }, (_, i) => getU32(bytes, first + i * 4)))
  }
  if (at !== to || lists.length !== 4) return undefined
  const [voters, votersOutgoing, learners, learnersNext] = lists
  const has = (flag: number): boolean => (bytes[from + 2] & flag) !== 0
  const doubt = { entries: has(flags.entriesDoubt), vote: has(flags.voteDoubt) }
  return {
    replica: getU32(bytes, from + 3),
    isRemoved: has(flags.isRemoved),
    doubt: doubt.entries || doubt.vote ? doubt : undefined,
    hard: {
      term: getNumber(bytes, from + 7),
      vote: getU32(bytes, from + 14),
      commit: getNumber(bytes, from + 18)
    },
    begin: { index: getNumber(bytes, from + 25), term: getNumber(bytes, from + 32) },
    entriesFrom: getNumber(bytes, from + 39),
    entriesSeen: getNumber(bytes, from + 46),
    configuration: { voters, votersOutgoing, learners, learnersNext, autoLeave: has(flags.autoLeave) }
  }
}

/** A record that says nothing but what it is. */
export const encodeMark = (kind: typeof kinds.doubt | typeof kinds.forgetful): Uint8Array =>
  Uint8Array.of(version, kind)

/** The kind of a record; undefined: of none that this version knows. */
export const kindOf = (bytes: Uint8Array, from: number, to: number): number | undefined =>
  to - from >= 2 && bytes[from] === version ? bytes[from + 1] : undefined
