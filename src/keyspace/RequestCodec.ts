/**
 * RequestCodec: the bytes of requests and answers between stores. `docs/wire.md` has the tables; `Fields.ts` has the parts that they are made of.
 *
 * Promises: the decoders never throw, whatever the bytes are. What they accept, the encoders would have written byte for byte: each request and
 * each answer has one encoding. Keys and values are views of the bytes, which nobody changes any more.
 *
 * Needs: the transport's checksum. Whether a request makes sense is for the range to decide.
 */
import { Writer } from "#base/Bytes.ts"
import type { MemberChange } from "#consensus/ReplicatedLog.ts"
import type { Descriptor } from "./Descriptor.ts"
import * as AuditEntry from "./audit/AuditEntry.ts"
import type { Note, Told } from "./audit/AuditEntry.ts"
import * as Fields from "./Fields.ts"
import type { Cursor } from "./Fields.ts"
import type {
  Asking,
  Change,
  Entry,
  Mutation,
  Outcome,
  Reads,
  Request,
  Response,
  Span,
  Txn,
  TxnState,
  Unresolved,
  Value
} from "./Request.ts"

export const version = 1

/** The byte that tells requests apart. A number is never given to another one. */
export const requestTypes = {
  get: 1,
  scan: 2,
  lock: 3,
  unlock: 4,
  "commit-once": 5,
  prepare: 6,
  validate: 7,
  decide: 8,
  resolve: 9,
  forget: 10,
  push: 11,
  heartbeat: 12,
  timestamps: 13,
  locate: 14,
  publish: 15,
  "number-range": 16,
  wait: 17,
  split: 18,
  collect: 19,
  changes: 20,
  members: 21,
  transfer: 22,
  merge: 23,
  "end-merge": 24,
  freeze: 25,
  thaw: 26,
  close: 27
} as const satisfies Record<Request["type"], number>

/** The byte that tells answers apart; errors have those of `AnswerCodec.ts`, from 128 on. */
export const responseTypes = {
  values: 1,
  entries: 2,
  locked: 3,
  at: 4,
  done: 5,
  state: 6,
  location: 7,
  range: 8,
  victims: 9,
  halves: 10,
  changes: 11,
  unresolved: 12,
  frozen: 13
} as const satisfies Record<Response["type"], number>

const modes = ["shared", "exclusive"] as const
const outcomes = ["aborted", "committed"] as const
const states = ["aborted", "committed", "pending"] as const
const memberChanges: ReadonlyArray<MemberChange["type"]> = ["add-voter", "add-learner", "remove"]

/** What is wrong with bytes, and where the reader was when it found out. */
export interface Malformed {
  readonly problem: "version" | "type" | Fields.Problem
  readonly offset: number
}

/** All that a range is asked, but for the time, which the call has. */
export type Asked = Omit<Asking, "timeoutMicros">

const { putFlag, putList, putNumber, putOptional, putString, putText } = Fields

const putTxn = (writer: Writer, { age, anchor, id }: Txn): void => {
  putString(putNumber(putNumber(writer, id), age), anchor)
}

const readTxn = (cursor: Cursor): Txn => {
  const [id, age] = [cursor.number(), cursor.number()]
  return { id, anchor: cursor.string(), age }
}

const putSpan = (writer: Writer, { from, to }: Span): void => {
  putString(putString(writer, from), to)
}

const readSpan = (cursor: Cursor): Span => ({ from: cursor.string(), to: cursor.string() })

const putMutation = (writer: Writer, { key, value }: Mutation): void => {
  putOptional(putString(writer, key), value, putString)
}

const readMutation = (cursor: Cursor): Mutation => ({
  key: cursor.string(),
  value: cursor.optional(readString)
})

const readString = (cursor: Cursor): Uint8Array => cursor.string()
const readNumber = (cursor: Cursor): number => cursor.number()

const putKeys = (writer: Writer, keys: ReadonlyArray<Uint8Array>): void => putList(writer, keys, putString)

const readKeys = (cursor: Cursor): ReadonlyArray<Uint8Array> => cursor.list(readString)

const putReads = (writer: Writer, { keys, since, spans }: Reads): void => {
  putKeys(putNumber(writer, since), keys)
  putList(writer, spans, putSpan)
}

const readReads = (cursor: Cursor): Reads => ({
  since: cursor.number(),
  keys: readKeys(cursor),
  spans: cursor.list(readSpan)
})

const putState = (writer: Writer, state: TxnState): Writer => {
  writer.u8(states.indexOf(state.type))
  return state.type === "committed" ? putNumber(writer, state.at) : writer
}

const readOutcome = (cursor: Cursor): Outcome =>
  outcomes[cursor.choice(1)] === "committed" ? { type: "committed", at: cursor.number() } : { type: "aborted" }

const readState = (cursor: Cursor): TxnState => {
  const type = states[cursor.choice(2)]
  return type === "committed" ? { type, at: cursor.number() } : { type }
}

const putValue = (writer: Writer, { at, value }: Value): void => {
  putOptional(putNumber(writer, at), value, putString)
}

const readValue = (cursor: Cursor): Value => {
  const at = cursor.number()
  return { value: cursor.optional(readString), at }
}

const putEntry = (writer: Writer, { at, key, value }: Entry): void => {
  putString(putString(putNumber(writer, at), key), value)
}

const readEntry = (cursor: Cursor): Entry => {
  const at = cursor.number()
  return { key: cursor.string(), value: cursor.string(), at }
}

const putChange = (writer: Writer, change: Change): void => {
  putMutation(putNumber(writer, change.at), change)
}

const readChange = (cursor: Cursor): Change => {
  const at = cursor.number()
  return { ...readMutation(cursor), at }
}

const putUnresolved = (writer: Writer, { keys, outcome, txn }: Unresolved): void => {
  putTxn(writer, txn)
  putKeys(putState(writer, outcome), keys)
}

const readUnresolved = (cursor: Cursor): Unresolved => ({
  txn: readTxn(cursor),
  outcome: readOutcome(cursor),
  keys: readKeys(cursor)
})

const readMemberChange = (cursor: Cursor): MemberChange => ({
  type: memberChanges[cursor.choice(2)],
  store: cursor.u32()
})

const putNote = (writer: Writer, note: Note): void => {
  const [kind, outcome] = AuditEntry.codesOf(note)
  putText(putText(writer.u8(kind).u8(outcome), note.actor), note.subject)
}

const readNote = (cursor: Cursor): Note => {
  const verdict = AuditEntry.verdictOf(cursor.byte(), cursor.byte())
  if (verdict === undefined) cursor.wrong()
  return { ...(verdict ?? { kind: "transaction", outcome: "aborted" }), actor: cursor.text(), subject: cursor.text() }
}

/** The last field of a request, and not there where there is nothing to tell. */
const putTold = (writer: Writer, told: Told | undefined): void => {
  if (told !== undefined) putList(putText(writer, told.actor), told.notes, putNote)
}

const readTold = (cursor: Cursor): { readonly told?: Told } =>
  cursor.isAtEnd ? {} : { told: { actor: cursor.text(), notes: cursor.list(readNote) } }

// Requests.

const putRequest = (writer: Writer, request: Request): void => {
  writer.u8(requestTypes[request.type])
  switch (request.type) {
    case "get":
      return putKeys(putNumber(writer, request.at), request.keys)
    case "scan":
      putSpan(writer, request.span)
      putFlag(putNumber(writer, request.at), request.reverse)
      return void writer.u32(request.entriesMax).u32(request.sizeBytesMax)
    case "lock":
      putTxn(writer, request.txn)
      return putKeys(writer.u8(modes.indexOf(request.mode)), request.keys)
    case "unlock":
      return putKeys(putNumber(writer, request.txn), request.keys)
    case "commit-once":
      putTxn(writer, request.txn)
      putList(putNumber(writer, request.snapshot), request.mutations, putMutation)
      putReads(writer, request.reads)
      return putTold(writer, request.told)
    case "prepare":
      putTxn(writer, request.txn)
      return putList(putNumber(writer, request.snapshot), request.mutations, putMutation)
    case "validate":
      return putReads(putNumber(putNumber(writer, request.txn), request.until), request.reads)
    case "decide":
      putTxn(writer, request.txn)
      putKeys(putState(writer, request.outcome), request.keys)
      return putTold(writer, request.told)
    case "resolve":
      return putKeys(putState(putNumber(writer, request.txn), request.outcome), request.keys)
    case "forget":
    case "heartbeat":
      return putTxn(writer, request.txn)
    case "push":
      putTxn(writer, request.txn)
      return void putFlag(writer, request.abort)
    case "timestamps":
      return void writer.u32(request.count)
    case "locate":
    case "split":
      return void putString(writer, request.key)
    case "publish":
      return Fields.putLocation(writer, request.location)
    case "close":
    case "end-merge":
    case "merge":
    case "number-range":
      return
    case "freeze":
    case "thaw":
      return void putNumber(putString(writer, request.key), request.attempt)
    case "wait":
      putTxn(writer, request.waiter)
      return putList(putText(writer, request.place), request.holders, putTxn)
    case "collect":
      putSpan(writer, request.span)
      return void putNumber(writer, request.floor)
    case "changes":
      putSpan(writer, request.span)
      return void putNumber(writer, request.after).u32(request.entriesMax).u32(request.sizeBytesMax)
    case "members":
      putList(writer.u32(request.range), request.changes, (each, { store, type }) =>
        each.u8(memberChanges.indexOf(type)).u32(store)
      )
      return putList(writer, request.of, (each, store) => each.u32(store))
    case "transfer":
      return void writer.u32(request.range).u32(request.to)
  }
}

/** By the byte that tells them apart; fields are read in the order in which they are written. */
const requestReaders: Readonly<Record<number, (cursor: Cursor) => Request>> = {
  [requestTypes.get]: (cursor) => {
    const at = cursor.number()
    return { type: "get", keys: readKeys(cursor), at }
  },
  [requestTypes.scan]: (cursor) => ({
    type: "scan",
    span: readSpan(cursor),
    at: cursor.number(),
    reverse: cursor.flag(),
    entriesMax: cursor.u32(),
    sizeBytesMax: cursor.u32()
  }),
  [requestTypes.lock]: (cursor) => {
    const txn = readTxn(cursor)
    const mode = modes[cursor.choice(1)]
    return { type: "lock", txn, keys: readKeys(cursor), mode }
  },
  [requestTypes.unlock]: (cursor) => ({ type: "unlock", txn: cursor.number(), keys: readKeys(cursor) }),
  [requestTypes["commit-once"]]: (cursor) => ({
    type: "commit-once",
    txn: readTxn(cursor),
    snapshot: cursor.number(),
    mutations: cursor.list(readMutation),
    reads: readReads(cursor),
    ...readTold(cursor)
  }),
  [requestTypes.prepare]: (cursor) => ({
    type: "prepare",
    txn: readTxn(cursor),
    snapshot: cursor.number(),
    mutations: cursor.list(readMutation)
  }),
  [requestTypes.validate]: (cursor) => {
    const [txn, until] = [cursor.number(), cursor.number()]
    return { type: "validate", txn, reads: readReads(cursor), until }
  },
  [requestTypes.decide]: (cursor) => ({
    type: "decide",
    txn: readTxn(cursor),
    outcome: readOutcome(cursor),
    keys: readKeys(cursor),
    ...readTold(cursor)
  }),
  [requestTypes.resolve]: (cursor) => ({
    type: "resolve",
    txn: cursor.number(),
    outcome: readOutcome(cursor),
    keys: readKeys(cursor)
  }),
  [requestTypes.forget]: (cursor) => ({ type: "forget", txn: readTxn(cursor) }),
  [requestTypes.push]: (cursor) => ({ type: "push", txn: readTxn(cursor), abort: cursor.flag() }),
  [requestTypes.heartbeat]: (cursor) => ({ type: "heartbeat", txn: readTxn(cursor) }),
  [requestTypes.timestamps]: (cursor) => ({ type: "timestamps", count: cursor.u32() }),
  [requestTypes.locate]: (cursor) => ({ type: "locate", key: cursor.string() }),
  [requestTypes.publish]: (cursor) => ({ type: "publish", location: Fields.readLocation(cursor) }),
  [requestTypes["number-range"]]: () => ({ type: "number-range" }),
  [requestTypes.wait]: (cursor) => ({
    type: "wait",
    waiter: readTxn(cursor),
    place: cursor.text(),
    holders: cursor.list(readTxn)
  }),
  [requestTypes.split]: (cursor) => ({ type: "split", key: cursor.string() }),
  [requestTypes.collect]: (cursor) => ({ type: "collect", span: readSpan(cursor), floor: cursor.number() }),
  [requestTypes.changes]: (cursor) => ({
    type: "changes",
    span: readSpan(cursor),
    after: cursor.number(),
    entriesMax: cursor.u32(),
    sizeBytesMax: cursor.u32()
  }),
  [requestTypes.members]: (cursor) => ({
    type: "members",
    range: cursor.u32(),
    changes: cursor.list(readMemberChange),
    of: cursor.list((each) => each.u32())
  }),
  [requestTypes.transfer]: (cursor) => ({ type: "transfer", range: cursor.u32(), to: cursor.u32() }),
  [requestTypes.merge]: () => ({ type: "merge" }),
  [requestTypes["end-merge"]]: () => ({ type: "end-merge" }),
  [requestTypes.close]: () => ({ type: "close" }),
  [requestTypes.freeze]: (cursor) => ({ type: "freeze", key: cursor.string(), attempt: cursor.number() }),
  [requestTypes.thaw]: (cursor) => ({ type: "thaw", key: cursor.string(), attempt: cursor.number() })
}

// Responses.

export const putResponse = (writer: Writer, response: Response): void => {
  writer.u8(responseTypes[response.type])
  switch (response.type) {
    case "values":
      return putList(writer, response.values, putValue)
    case "entries":
      putList(writer, response.entries, putEntry)
      return putOptional(writer, response.resume, putString)
    case "locked":
      return putList(putNumber(writer, response.at), response.values, putValue)
    case "at":
      return void putNumber(writer, response.at)
    case "done":
      return
    case "state":
      return void putState(writer, response.state)
    case "location":
      return putOptional(writer, response.location, Fields.putLocation)
    case "range":
      return void writer.u32(response.range)
    case "victims":
      return putList(writer, response.victims, putNumber)
    case "halves":
      Fields.putDescriptor(writer, response.left)
      return Fields.putDescriptor(writer, response.right)
    case "changes":
      return putList(putNumber(writer, response.upTo), response.changes, putChange)
    case "unresolved":
      return putList(writer, response.transactions, putUnresolved)
    case "frozen":
      return void putString(writer, response.snapshot)
  }
}

/** By the byte that tells them apart. */
export const responseReaders: Readonly<Record<number, (cursor: Cursor) => Response>> = {
  [responseTypes.values]: (cursor) => ({ type: "values", values: cursor.list(readValue) }),
  [responseTypes.entries]: (cursor) => ({
    type: "entries",
    entries: cursor.list(readEntry),
    resume: cursor.optional(readString)
  }),
  [responseTypes.locked]: (cursor) => {
    const at = cursor.number()
    return { type: "locked", values: cursor.list(readValue), at }
  },
  [responseTypes.at]: (cursor) => ({ type: "at", at: cursor.number() }),
  [responseTypes.done]: () => ({ type: "done" }),
  [responseTypes.state]: (cursor) => ({ type: "state", state: readState(cursor) }),
  [responseTypes.location]: (cursor) => ({ type: "location", location: cursor.optional(Fields.readLocation) }),
  [responseTypes.range]: (cursor) => ({ type: "range", range: cursor.u32() }),
  [responseTypes.victims]: (cursor) => ({ type: "victims", victims: cursor.list(readNumber) }),
  [responseTypes.halves]: (cursor) => {
    const left: Descriptor = Fields.readDescriptor(cursor)
    return { type: "halves", left, right: Fields.readDescriptor(cursor) }
  },
  [responseTypes.changes]: (cursor) => {
    const upTo = cursor.number()
    return { type: "changes", changes: cursor.list(readChange), upTo }
  },
  [responseTypes.unresolved]: (cursor) => ({ type: "unresolved", transactions: cursor.list(readUnresolved) }),
  [responseTypes.frozen]: (cursor) => ({ type: "frozen", snapshot: cursor.string() })
}

/** Reads version, type, and what is behind them to the last byte. */
export const read = <A>(cursor: Cursor, readers: Readonly<Record<number, (cursor: Cursor) => A>>): A | Malformed => {
  const offset = cursor.at
  const type = cursor.byte()
  const reader = readers[type]
  if (cursor.problem === undefined && reader === undefined) return { problem: "type", offset }
  const found = reader?.(cursor)
  if (cursor.problem === undefined && !cursor.isAtEnd) cursor.wrong()
  return cursor.problem === undefined ? found! : { problem: cursor.problem, offset: cursor.at }
}

export const encodeRequest = ({ range, request, waiter }: Asked): Uint8Array => {
  const writer = Writer.make().u8(version).u32(range)
  putOptional(writer, waiter, putTxn)
  putRequest(writer, request)
  return writer.finish()
}

export const decodeRequest = (bytes: Uint8Array): Asked | Malformed => {
  const cursor = new Fields.Cursor(bytes)
  if (cursor.byte() !== version) return { problem: "version", offset: 0 }
  const range = cursor.u32()
  const waiter = cursor.optional(readTxn)
  const request = read(cursor, requestReaders)
  return "problem" in request ? request : { range, waiter, request }
}
