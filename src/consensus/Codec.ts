/**
 * Codec: the bytes of envelopes. A frame is a version byte, then envelopes one behind the other; `docs/wire.md` has the tables,
 * `wire.proto` says the same in protobuf's words, and a test holds the two against each other.
 *
 * Promises: `read` never throws, whatever the bytes are. What it accepts, a `FrameWriter` would have written byte for byte: each
 * envelope has one encoding. Payloads are views of the frame, which nobody changes any more.
 *
 * Needs: the transport's checksum. A flipped bit in a number gives another number, and no codec can tell. Whether an envelope makes
 * sense (whose replica it names, whether its sender is the store at the other end) is the receiver's to decide.
 *
 * Fixed widths, little-endian: two compares and a few shifts a number, where a varint is a branch a byte. Replicas, terms, indexes and
 * offsets have seven bytes, enough for 2^53.
 */
import { assert } from "#base/Assert.ts"
import { getU32, putU32 } from "#base/Bytes.ts"
import * as Limits from "#base/Limits.ts"
import type { ConfState } from "./Configuration.ts"
import type { Beat, Chunk, ChunkAnswer, Envelope, Gone, RaftEnvelope, Sleep } from "./Envelope.ts"
import { entryKinds, kinds, type Entry, type EntryKind, type Kind, type Message, type Snapshot } from "./Message.ts"

export const version = 2

/** The first byte of each envelope. */
export const types = { raft: 1, beat: 2, sleep: 3, chunk: 4, "chunk-answer": 5, gone: 6 } as const

/** Of a Raft message: its booleans, and which of the fields that are mostly 0 follow the head. */
export const flags = { isRejected: 1, isTransfer: 2, snapshot: 4, hint: 8, read: 16, commitTerm: 32 } as const
const flagsMax = 63

const outcomes: ReadonlyArray<ChunkAnswer["outcome"]> = ["taken", "done", "refused"]

/** What a node says only to itself: it is not written, and whoever sends it is refused. */
const localKinds: ReadonlySet<number> = new Set<Kind>([
  kinds.hup,
  kinds.beat,
  kinds.unreachable,
  kinds.snapshotStatus,
  kinds.checkQuorum,
  kinds.storageAppend,
  kinds.storageAppended,
  kinds.storageApply,
  kinds.storageApplied
])
const kindMax = Math.max(...Object.values(kinds))
const entryKindMax = Math.max(...Object.values(entryKinds))

export const isLocal = (kind: Kind): boolean => localKinds.has(kind)

const raftBytes = 53
const beatBytes = 8
/** Type, group, sender, receiver and term: how all begin that are between two replicas. */
const replicasBytes = 26
const sleepBytes = 33
const chunkBytes = 52
const chunkAnswerBytes = 41
const entryBytes = 19
const snapshotBytes = 18
const configurationBytes = 9
const memberBytes = 7

/** A list of members is counted in two bytes: there are no more stores than that. */
const membersMax = 65_535

const u56Bytes = 7
const u32Range = 4_294_967_296
/** The seventh byte of a number below 2^53. */
const topByteMax = 31

const putNumber = (bytes: Uint8Array, at: number, value: number): void => {
  assert(Number.isSafeInteger(value) && value >= 0, "replicas, terms, indexes and offsets are integers in [0, 2^53)")
  putU32(bytes, at, value)
  const high = Math.floor(value / u32Range)
  bytes[at + 4] = high
  bytes[at + 5] = high >>> 8
  bytes[at + 6] = high >>> 16
}

const putId = (bytes: Uint8Array, at: number, value: number): void => {
  assert(value >>> 0 === value, "groups and lengths are integers in [0, 2^32)")
  putU32(bytes, at, value)
}

/** A list from `at` on, and its length at `countAt`; returns where the list ends. */
const putMembers = (bytes: Uint8Array, countAt: number, at: number, ids: ReadonlyArray<number>): number => {
  assert(ids.length <= membersMax, "a group has no more members than there are stores")
  bytes[countAt] = ids.length
  bytes[countAt + 1] = ids.length >>> 8
  for (let index = 0; index < ids.length; index++) putNumber(bytes, at + index * memberBytes, ids[index])
  return at + ids.length * memberBytes
}

const nothing: Uint8Array = new Uint8Array(0)

/** Frames lie one behind the other in the writer's slab: a finished one is a stretch of it, not a copy. */
const slabBytes = 262_144
/** A frame begins only where at least this much of its slab is left. */
const firstBytes = 4_096

export class FrameWriter {
  /** Envelopes since the last `take`. */
  count = 0
  /** Made with the first envelope: a store has a writer a peer and lane, and most lanes are seldom used. */
  private bytes = nothing
  private from = 0
  /** Where the next byte goes. */
  private length = 0

  /** Bytes of the frame as it is now. */
  get sizeBytes(): number {
    return this.length - this.from
  }

  add(envelope: Envelope): void {
    if (this.count === 0) {
      const at = this.reserve(1)
      this.bytes[at] = version
    }
    this.count++
    switch (envelope.type) {
      case "raft":
        return this.raft(envelope)
      case "beat":
        return this.beat(envelope)
      case "sleep":
        return this.sleep(envelope)
      case "chunk":
        return this.chunk(envelope)
      case "chunk-answer":
        return this.chunkAnswer(envelope)
      case "gone":
        return this.gone(envelope)
    }
  }

  /** The frame, which is the caller's; the writer begins another. What it is cut from is shared: never use its `buffer`. */
  take(): Uint8Array {
    const { bytes, from, length } = this
    assert(this.count > 0, "a frame has an envelope")
    assert(length - from <= Limits.frameBytesMax, "a frame has at most Limits.frameBytesMax bytes")
    this.count = 0
    // Rounded up, so that frames begin at whole words.
    const next = (length + 7) & ~7
    const isSpent = next + firstBytes > slabBytes
    if (isSpent) this.bytes = new Uint8Array(slabBytes)
    this.from = isSpent ? 0 : next
    this.length = this.from
    return new Uint8Array(bytes.buffer, from, length - from)
  }

  /** Makes room for so many bytes more, and returns where they go. */
  private reserve(sizeBytes: number): number {
    const at = this.length
    if (at + sizeBytes <= this.bytes.length) {
      this.length = at + sizeBytes
      return at
    }
    const written = this.bytes.subarray(this.from, at)
    const larger = new Uint8Array(Math.max(slabBytes, 2 * (written.length + sizeBytes)))
    larger.set(written)
    this.bytes = larger
    this.from = 0
    this.length = written.length + sizeBytes
    return written.length
  }

  private payload(data: Uint8Array): void {
    const at = this.reserve(data.length)
    this.bytes.set(data, at)
  }

  private raft({ group, message }: RaftEnvelope): void {
    assert(!localKinds.has(message.kind), "what a node says to itself does not leave it")
    const { commitTerm, entries, hint, read, snapshot } = message
    const at = this.reserve(raftBytes)
    const { bytes } = this
    bytes[at] = types.raft
    bytes[at + 1] = message.kind
    bytes[at + 2] =
      (message.isRejected ? flags.isRejected : 0) |
      (message.isTransfer ? flags.isTransfer : 0) |
      (snapshot === undefined ? 0 : flags.snapshot) |
      (hint === 0 ? 0 : flags.hint) |
      (read === 0 ? 0 : flags.read) |
      (commitTerm === 0 ? 0 : flags.commitTerm)
    putId(bytes, at + 3, group)
    putNumber(bytes, at + 7, message.from)
    putNumber(bytes, at + 14, message.to)
    putNumber(bytes, at + 21, message.term)
    putNumber(bytes, at + 28, message.logTerm)
    putNumber(bytes, at + 35, message.index)
    putNumber(bytes, at + 42, message.commit)
    putId(bytes, at + 49, entries.length)
    if (hint !== 0) this.number(hint)
    if (read !== 0) this.number(read)
    if (commitTerm !== 0) this.number(commitTerm)
    if (snapshot !== undefined) this.snapshot(snapshot)
    for (let index = 0; index < entries.length; index++) this.entry(entries[index])
  }

  private number(value: number): void {
    const at = this.reserve(u56Bytes)
    putNumber(this.bytes, at, value)
  }

  private entry({ data, index, kind, term }: Entry): void {
    const at = this.reserve(entryBytes)
    const { bytes } = this
    bytes[at] = kind
    putNumber(bytes, at + 1, term)
    putNumber(bytes, at + 8, index)
    putId(bytes, at + 15, data.length)
    this.payload(data)
  }

  private snapshot({ configuration, data, index, term }: Snapshot): void {
    const at = this.reserve(snapshotBytes)
    const { bytes } = this
    putNumber(bytes, at, index)
    putNumber(bytes, at + 7, term)
    putId(bytes, at + 14, data.length)
    this.configuration(configuration)
    this.payload(data)
  }

  private configuration({ autoLeave, learners, learnersNext, voters, votersOutgoing }: ConfState): void {
    const count = voters.length + votersOutgoing.length + learners.length + learnersNext.length
    const at = this.reserve(configurationBytes + count * memberBytes)
    const { bytes } = this
    bytes[at] = autoLeave ? 1 : 0
    let next = at + configurationBytes
    next = putMembers(bytes, at + 1, next, voters)
    next = putMembers(bytes, at + 3, next, votersOutgoing)
    next = putMembers(bytes, at + 5, next, learners)
    putMembers(bytes, at + 7, next, learnersNext)
  }

  private beat({ epoch }: Beat): void {
    const at = this.reserve(beatBytes)
    this.bytes[at] = types.beat
    putNumber(this.bytes, at + 1, epoch)
  }

  private replicas(at: number, envelope: Sleep | Gone | Chunk | ChunkAnswer): void {
    const { bytes } = this
    bytes[at] = types[envelope.type]
    putId(bytes, at + 1, envelope.group)
    putNumber(bytes, at + 5, envelope.from)
    putNumber(bytes, at + 12, envelope.to)
    putNumber(bytes, at + 19, envelope.term)
  }

  private sleep(envelope: Sleep): void {
    const at = this.reserve(sleepBytes)
    this.replicas(at, envelope)
    putNumber(this.bytes, at + 26, envelope.index)
  }

  private gone(envelope: Gone): void {
    const at = this.reserve(replicasBytes)
    this.replicas(at, envelope)
  }

  private chunk(envelope: Chunk): void {
    const at = this.reserve(chunkBytes)
    const { bytes } = this
    this.replicas(at, envelope)
    putNumber(bytes, at + 26, envelope.index)
    putNumber(bytes, at + 33, envelope.indexTerm)
    putNumber(bytes, at + 40, envelope.offset)
    bytes[at + 47] = envelope.isLast ? 1 : 0
    putId(bytes, at + 48, envelope.bytes.length)
    this.configuration(envelope.configuration)
    this.payload(envelope.bytes)
  }

  private chunkAnswer(envelope: ChunkAnswer): void {
    const at = this.reserve(chunkAnswerBytes)
    this.replicas(at, envelope)
    putNumber(this.bytes, at + 26, envelope.index)
    putNumber(this.bytes, at + 33, envelope.offset)
    this.bytes[at + 40] = outcomes.indexOf(envelope.outcome)
  }
}

/**
 * What is wrong with a frame: it is of a `version` that is not known; an envelope is of no known `type`; the frame ends within
 * one (`cut-short`); a field has a `value` that no writer gives it.
 */
export type Problem = "version" | "type" | "cut-short" | "value"

export interface Refusal {
  readonly problem: Problem
  /** Of the envelope in which it was found, from the start of the frame. */
  readonly offset: number
}

export type ReadOutcome = "ok" | Refusal

const noEntries: ReadonlyArray<Entry> = []

/** Reads numbers one behind the other. After the first problem everything is 0 and empty, so that decoders need not look. */
class Cursor {
  readonly bytes: Uint8Array
  at = 0
  problem: Problem | undefined

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** Where the next `sizeBytes` begin; -1: they are not there. */
  take(sizeBytes: number): number {
    const { at } = this
    if (this.problem !== undefined) return -1
    if (sizeBytes > this.bytes.length - at) {
      this.problem = "cut-short"
      return -1
    }
    this.at = at + sizeBytes
    return at
  }

  byte(): number {
    const at = this.take(1)
    return at < 0 ? 0 : this.bytes[at]
  }

  /** A byte up to `max`. */
  choice(max: number): number {
    const value = this.byte()
    return value <= max ? value : this.wrong()
  }

  id(): number {
    const at = this.take(4)
    return at < 0 ? 0 : getU32(this.bytes, at)
  }

  number(): number {
    const at = this.take(u56Bytes)
    if (at < 0) return 0
    const { bytes } = this
    const top = bytes[at + 6]
    if (top > topByteMax) return this.wrong()
    return getU32(bytes, at) + (bytes[at + 4] | (bytes[at + 5] << 8) | (top << 16)) * u32Range
  }

  /** One that would not be there if it were 0. */
  present(): number {
    const value = this.number()
    return value === 0 ? this.wrong() : value
  }

  view(sizeBytes: number): Uint8Array {
    const at = this.take(sizeBytes)
    return at < 0 || sizeBytes === 0 ? nothing : this.bytes.subarray(at, at + sizeBytes)
  }

  wrong(): 0 {
    this.problem ??= "value"
    return 0
  }
}

const readMembers = (cursor: Cursor, count: number): ReadonlyArray<number> => {
  const ids: Array<number> = []
  for (let left = count; left > 0 && cursor.problem === undefined; left--) ids.push(cursor.number())
  return ids
}

const readConfiguration = (cursor: Cursor): ConfState => {
  const autoLeave = cursor.choice(1) === 1
  const at = cursor.take(configurationBytes - 1)
  const count = (list: number): number =>
    at < 0 ? 0 : cursor.bytes[at + 2 * list] | (cursor.bytes[at + 2 * list + 1] << 8)
  return {
    voters: readMembers(cursor, count(0)),
    votersOutgoing: readMembers(cursor, count(1)),
    learners: readMembers(cursor, count(2)),
    learnersNext: readMembers(cursor, count(3)),
    autoLeave
  }
}

const readSnapshot = (cursor: Cursor): Snapshot => {
  const index = cursor.number()
  const term = cursor.number()
  const dataBytes = cursor.id()
  const configuration = readConfiguration(cursor)
  return { index, term, configuration, data: cursor.view(dataBytes) }
}

const readEntries = (cursor: Cursor, count: number): ReadonlyArray<Entry> => {
  const entries: Array<Entry> = []
  for (let index = 0; index < count && cursor.problem === undefined; index++) {
    const kind = cursor.choice(entryKindMax) as EntryKind
    const term = cursor.number()
    const position = cursor.number()
    entries.push({ term, index: position, kind, data: cursor.view(cursor.id()) })
  }
  return entries
}

const readRaft = (cursor: Cursor): RaftEnvelope => {
  const kind = cursor.choice(kindMax)
  if (localKinds.has(kind)) cursor.wrong()
  const set = cursor.choice(flagsMax)
  const group = cursor.id()
  const from = cursor.number()
  const to = cursor.number()
  const term = cursor.number()
  const logTerm = cursor.number()
  const index = cursor.number()
  const commit = cursor.number()
  const count = cursor.id()
  const hint = (set & flags.hint) === 0 ? 0 : cursor.present()
  const read = (set & flags.read) === 0 ? 0 : cursor.present()
  const commitTerm = (set & flags.commitTerm) === 0 ? 0 : cursor.present()
  const snapshot = (set & flags.snapshot) === 0 ? undefined : readSnapshot(cursor)
  // In the order of `Message.make`, so that all messages have one shape.
  const message: Message = {
    kind: kind as Kind,
    to,
    from,
    term,
    logTerm,
    index,
    entries: count === 0 ? noEntries : readEntries(cursor, count),
    commit,
    commitTerm,
    snapshot,
    isRejected: (set & flags.isRejected) !== 0,
    hint,
    read,
    isTransfer: (set & flags.isTransfer) !== 0
  }
  return { type: "raft", group, message }
}

const readGone = (cursor: Cursor): Gone => ({
  type: "gone",
  group: cursor.id(),
  from: cursor.number(),
  to: cursor.number(),
  term: cursor.number()
})

const readSleep = (cursor: Cursor): Sleep => ({ ...readGone(cursor), type: "sleep", index: cursor.number() })

const readChunk = (cursor: Cursor): Chunk => {
  const head = { ...readSleep(cursor), type: "chunk" as const }
  const indexTerm = cursor.number()
  const offset = cursor.number()
  const isLast = cursor.choice(1) === 1
  const bytes = cursor.id()
  const configuration = readConfiguration(cursor)
  return { ...head, indexTerm, configuration, offset, isLast, bytes: cursor.view(bytes) }
}

const readChunkAnswer = (cursor: Cursor): ChunkAnswer => ({
  ...readSleep(cursor),
  type: "chunk-answer",
  offset: cursor.number(),
  outcome: outcomes[cursor.choice(outcomes.length - 1)]
})

/** Undefined: of no known type. */
const readEnvelope = (cursor: Cursor): Envelope | undefined => {
  switch (cursor.byte()) {
    case types.raft:
      return readRaft(cursor)
    case types.beat:
      return { type: "beat", epoch: cursor.number() }
    case types.sleep:
      return readSleep(cursor)
    case types.chunk:
      return readChunk(cursor)
    case types["chunk-answer"]:
      return readChunkAnswer(cursor)
    case types.gone:
      return readGone(cursor)
  }
}

/**
 * Visits the envelopes of a frame in their order. Those before a malformed one are visited: each stands for itself. Nothing of an
 * envelope that is refused is shown.
 */
export const read = (bytes: Uint8Array, visit: (envelope: Envelope) => void): ReadOutcome => {
  const cursor = new Cursor(bytes)
  if (bytes.length < 2) return { problem: "cut-short", offset: 0 }
  if (cursor.byte() !== version) return { problem: "version", offset: 0 }
  while (cursor.at < bytes.length) {
    const offset = cursor.at
    const envelope = readEnvelope(cursor)
    if (cursor.problem !== undefined) return { problem: cursor.problem, offset }
    if (envelope === undefined) return { problem: "type", offset }
    visit(envelope)
  }
  return "ok"
}
