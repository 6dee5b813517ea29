/**
 * Records: what lies in an engine under the keys of `Key.ts`. Numbers are little-endian, f64 for timestamps; `bytes` are a length (u32) and so
 * many bytes. Every record begins with the version of its format.
 *
 * | what                  | value                                                                                            |
 * | --------------------- | ------------------------------------------------------------------------------------------------ |
 * | latest, older version | 1, u8 whether there is a value; the latest: its timestamp f64; the value                          |
 * | intent                | 1, u8 whether there is a value, transaction f64, age f64, anchor bytes; the value                 |
 * | record                | 1, u8 outcome (1 committed, 2 aborted), timestamp f64, count u32, so many keys bytes             |
 *
 * Values that cannot be read are damage that no checksum found: a defect.
 */
import { assert } from "#base/Assert.ts"
import { Reader, Writer } from "#base/Bytes.ts"
import type { Mutation, Outcome, Timestamp, Txn } from "./Request.ts"

const version = 1
const outcomes = [undefined, "committed", "aborted"] as const

export interface Version {
  /** Absent: the key is deleted. */
  readonly value: Uint8Array | undefined
  readonly at: Timestamp
}

export interface Intent {
  readonly txn: Txn
  readonly value: Uint8Array | undefined
}

export interface TxnRecord {
  readonly outcome: Outcome
  /** Whose intents may not all be resolved. */
  readonly keys: ReadonlyArray<Uint8Array>
}

const flagged = (value: Uint8Array | undefined): Writer =>
  Writer.make()
    .u8(version)
    .u8(value === undefined ? 0 : 1)

const finished = (writer: Writer, value: Uint8Array | undefined): Uint8Array =>
  value === undefined ? writer.finish() : writer.raw(value).finish()

const read = (record: Uint8Array): Reader => {
  const reader = new Reader(record)
  assert(reader.u8() === version, "records have a version that this program knows")
  return reader
}

/** Of the latest version, what stands before its value, if it has one. */
export const headFrame = ({ at, value }: Version): Uint8Array => flagged(value).f64(at).finish()

export const readHead = (record: Uint8Array): Version => {
  const reader = read(record)
  const hasValue = reader.u8() === 1
  const at = reader.f64()
  return { at, value: hasValue ? reader.rest() : undefined }
}

export const old = (value: Uint8Array | undefined): Uint8Array => finished(flagged(value), value)

export const readOld = (record: Uint8Array): Uint8Array | undefined => {
  const reader = read(record)
  return reader.u8() === 1 ? reader.rest() : undefined
}

export const intent = ({ age, anchor, id }: Txn, { value }: Mutation): Uint8Array =>
  finished(flagged(value).f64(id).f64(age).u32(anchor.length).raw(anchor), value)

export const readIntent = (record: Uint8Array): Intent => {
  const reader = read(record)
  const hasValue = reader.u8() === 1
  const id = reader.f64()
  const age = reader.f64()
  const anchor = reader.raw(reader.u32())
  return { txn: { id, age, anchor }, value: hasValue ? reader.rest() : undefined }
}

export const record = ({ keys, outcome }: TxnRecord): Uint8Array => {
  const writer = Writer.make()
    .u8(version)
    .u8(outcomes.indexOf(outcome.type))
    .f64(outcome.type === "committed" ? outcome.at : 0)
    .u32(keys.length)
  for (const key of keys) writer.u32(key.length).raw(key)
  return writer.finish()
}

export const readRecord = (bytes: Uint8Array): TxnRecord => {
  const reader = read(bytes)
  const type = outcomes[reader.u8()]
  assert(type !== undefined, "a record has an outcome")
  const at = reader.f64()
  const keys = Array.from({ length: reader.u32() }, () => reader.raw(reader.u32()))
  return { outcome: type === "committed" ? { type, at } : { type }, keys }
}
