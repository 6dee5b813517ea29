/**
 * SagaEntry: the bytes of what the keyspace has of a saga: the entries of its journal, and its record, which tells who may work on it.
 * `docs/formats.md` has them.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import type { CancelledBy, Event, Status } from "./SagaCore.ts"

/** A step of a saga, as its child sees it. */
export interface Parent {
  readonly id: string
  readonly step: number
}

/** The first entry of a journal. */
export interface Started {
  readonly type: "started"
  readonly at: number
  readonly input: Uint8Array
}

export type Entry = Started | Event

export interface Record {
  readonly definition: string
  readonly version: number
  /** Of the plan that its journal was written under. */
  readonly fingerprint: number
  readonly parent: Parent | undefined
  readonly status: Status
  /** Of its owners, one more with each. */
  readonly epoch: number
  /** Somebody works on it. */
  readonly isOwned: boolean
  /** From then on anybody may take it over; Infinity: there is nothing to do. */
  readonly dueAt: number
  /** Entries of its journal. */
  readonly entries: number
}

const version = 1
/** Numbers that are never given to another meaning. */
const types = [
  "started",
  "begun",
  "done",
  "failed",
  "undoing",
  "undone",
  "undo-failed",
  "cancelled",
  "resumed"
] as const
const cancellers: ReadonlyArray<CancelledBy> = ["caller", "deadline", "parent"]
export const statuses: ReadonlyArray<Status> = ["running", "completed", "compensating", "compensated", "parked"]

const flag = { isDefinite: 1, isFinal: 2 } as const

const putBytes = (writer: Bytes.Writer, bytes: Uint8Array): Bytes.Writer => writer.u32(bytes.length).raw(bytes)

/** A copy: an entry outlives what it was read from. */
const getBytes = (reader: Bytes.Reader): Uint8Array => Bytes.copy(reader.raw(reader.u32()))

export const encode = (entry: Entry): Uint8Array => {
  const writer = Bytes.Writer.make()
    .u8(version)
    .u8(types.indexOf(entry.type) + 1)
    .f64(entry.at)
  switch (entry.type) {
    case "started":
      return putBytes(writer, entry.input).finish()
    case "begun":
    case "undoing":
      return writer.u32(entry.step).u32(entry.epoch).finish()
    case "done":
      return putBytes(writer.u32(entry.step), entry.result).finish()
    case "failed": {
      const flags = (entry.isDefinite ? flag.isDefinite : 0) + (entry.isFinal ? flag.isFinal : 0)
      return writer.u32(entry.step).u8(flags).text(entry.message).finish()
    }
    case "undone":
      return writer
        .u32(entry.step)
        .u8(entry.byHand ? 1 : 0)
        .finish()
    case "undo-failed":
      return writer.u32(entry.step).text(entry.message).finish()
    case "cancelled":
      return writer.u8(cancellers.indexOf(entry.by)).text(entry.message).finish()
    case "resumed":
      return writer.finish()
  }
}

const decodeRest = (type: Entry["type"], at: number, reader: Bytes.Reader): Entry | undefined => {
  switch (type) {
    case "started":
      return { type, at, input: getBytes(reader) }
    case "begun":
    case "undoing":
      return { type, at, step: reader.u32(), epoch: reader.u32() }
    case "done":
      return { type, at, step: reader.u32(), result: getBytes(reader) }
    case "failed": {
      const step = reader.u32()
      const flags = reader.u8()
      const [isDefinite, isFinal] = [(flags & flag.isDefinite) !== 0, (flags & flag.isFinal) !== 0]
      return { type, at, step, isDefinite, isFinal, message: reader.text() }
    }
    case "undone":
      return { type, at, step: reader.u32(), byHand: reader.u8() === 1 }
    case "undo-failed":
      return { type, at, step: reader.u32(), message: reader.text() }
    case "cancelled": {
      const by = cancellers[reader.u8()]
      return by === undefined ? undefined : { type, at, by, message: reader.text() }
    }
    case "resumed":
      return { type, at }
  }
}

/** Undefined: the bytes are none, or a newer program's. */
export const decode = (bytes: Uint8Array): Entry | undefined => {
  const reader = new Bytes.Reader(bytes)
  const isKnown = reader.u8() === version
  const type = types[reader.u8() - 1]
  const at = reader.f64()
  if (!isKnown || type === undefined) return undefined
  const entry = decodeRest(type, at, reader)
  return reader.isWhole && reader.leftBytes === 0 ? entry : undefined
}

export const encodeRecord = (record: Record): Uint8Array => {
  const writer = Bytes.Writer.make()
    .u8(version)
    .u8(statuses.indexOf(record.status) + 1)
    .u8(record.isOwned ? 1 : 0)
    .u32(record.version)
    .u32(record.fingerprint)
    .u32(record.epoch)
    .u32(record.entries)
    .f64(record.dueAt)
    .text(record.definition)
  const { parent } = record
  return (parent === undefined ? writer.u8(0) : writer.u8(1).u32(parent.step).text(parent.id)).finish()
}

export const decodeRecord = (bytes: Uint8Array): Record | undefined => {
  const reader = new Bytes.Reader(bytes)
  const isKnown = reader.u8() === version
  const status = statuses[reader.u8() - 1]
  if (!isKnown || status === undefined) return undefined
  const record = {
    status,
    isOwned: reader.u8() === 1,
    version: reader.u32(),
    fingerprint: reader.u32(),
    epoch: reader.u32(),
    entries: reader.u32(),
    dueAt: reader.f64(),
    definition: reader.text()
  }
  const hasParent = reader.u8() === 1
  const step = hasParent ? reader.u32() : 0
  const parent = hasParent ? { step, id: reader.text() } : undefined
  return reader.isWhole && reader.leftBytes === 0 ? { ...record, parent } : undefined
}

/** What was written by programs of this version, and is guarded by the checksums below. */
export const entryOf = (bytes: Uint8Array): Entry => {
  const entry = decode(bytes)
  assert(entry !== undefined, "a journal has entries that this program wrote, or one before it")
  return entry
}

export const recordOf = (bytes: Uint8Array): Record => {
  const record = decodeRecord(bytes)
  assert(record !== undefined, "a saga's record was written by this program, or one before it")
  return record
}
