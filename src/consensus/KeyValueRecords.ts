/**
 * KeyValueRecords: how a key-value group lies in an engine. All its keys begin with the group's prefix:
 *
 * | key after the prefix          | value                                                                                  |
 * | ----------------------------- | -------------------------------------------------------------------------------------- |
 * | 0                             | the generation in force, f64; none: 0                                                  |
 * | 1, generation u32 big-endian, `a` | applied index, term, revision f64; the members: four lists (count u32, f64 each), u8 |
 * | 1, generation, `k`, key       | revision of the key f64, value                                                         |
 * | 1, generation, `s`, session f64 | a record of `Sessions`                                                               |
 *
 * A snapshot that is being restored is written as the next generation, beside the one in force; one record takes it over.
 */
import * as Bytes from "#base/Bytes.ts"
import { Reader, Writer } from "#base/Bytes.ts"
import * as Limits from "#base/Limits.ts"
import type { ConfState } from "./Configuration.ts"
import type { Applied } from "./StateMachine.ts"

export const tags = { applied: 0x61, key: 0x6b, session: 0x73 } as const

/** Bytes of a generation after the prefix. */
const generationBytes = 5
export const generationMax = 0xffff_ffff

export const selectorKey = (prefix: Uint8Array): Uint8Array => Uint8Array.of(...prefix, 0)

/** What keys of a generation begin with; of 2^32, which there is none of: what is above all generations. */
export const generationPrefix = (prefix: Uint8Array, generation: number): Uint8Array => {
  if (generation > generationMax) return Uint8Array.of(...prefix, 2)
  const bytes = new Uint8Array(prefix.length + generationBytes)
  bytes.set(prefix)
  bytes[prefix.length] = 1
  for (let at = 0, shift = 24; shift >= 0; at++, shift -= 8) bytes[prefix.length + 1 + at] = generation >>> shift
  return bytes
}

/** `space`, tag, key: a key of an engine. */
export const keyIn = (space: Uint8Array, tag: number, key: Uint8Array): Uint8Array => {
  const bytes = Bytes.allocate(space.length + 1 + key.length)
  bytes.set(space)
  bytes[space.length] = tag
  bytes.set(key, space.length + 1)
  return bytes
}

/** Tag and number. */
const sessionKeyBytes = 9

export const sessionKey = (id: number): Uint8Array => Writer.make().f64(id).finish()

/** The session that a key is about, tag included. */
export const sessionOf = (key: Uint8Array): number => Bytes.getF64(key, 1)

export const valueRecord = (revision: number, value: Uint8Array): Uint8Array =>
  Writer.make().f64(revision).raw(value).finish()

export const revisionBytes = 8

export const revisionOf = (record: Uint8Array): number => Bytes.getF64(record, 0)

/** Whether a record of a snapshot can be one of a group, by its sizes; its key has the tag. */
export const isSound = (key: Uint8Array, record: Uint8Array): boolean =>
  key[0] === tags.key
    ? key.length > 1 && key.length <= 1 + Limits.groupKeyBytesMax && record.length >= revisionBytes
    : key[0] === tags.session && key.length === sessionKeyBytes

export const selectorRecord = (generation: number): Uint8Array => Writer.make().f64(generation).finish()

/** Undefined: it cannot be read. */
export const readSelector = (record: Uint8Array): number | undefined => {
  const generation = record.length === 8 ? Bytes.getF64(record, 0) : -1
  return Number.isSafeInteger(generation) && generation >= 0 && generation <= generationMax ? generation : undefined
}

const writeIds = (writer: Writer, ids: ReadonlyArray<number>): Writer => {
  writer.u32(ids.length)
  for (const id of ids) writer.f64(id)
  return writer
}

const readIds = (reader: Reader): ReadonlyArray<number> => {
  const ids: Array<number> = []
  for (let left = reader.u32(); left > 0 && reader.isWhole; left--) ids.push(reader.f64())
  return ids
}

const writeConfiguration = (writer: Writer, configuration: ConfState): Writer => {
  const { learners, learnersNext, voters, votersOutgoing } = configuration
  for (const ids of [voters, votersOutgoing, learners, learnersNext]) writeIds(writer, ids)
  return writer.u8(configuration.autoLeave ? 1 : 0)
}

export const appliedRecord = ({ configuration, index, term }: Applied, revision: number): Uint8Array =>
  writeConfiguration(Writer.make().f64(index).f64(term).f64(revision), configuration).finish()

/** Undefined: it cannot be read. */
export const readApplied = (
  record: Uint8Array
): { readonly applied: Applied; readonly revision: number } | undefined => {
  const reader = new Reader(record)
  const index = reader.f64()
  const term = reader.f64()
  const revision = reader.f64()
  const configuration: ConfState = {
    voters: readIds(reader),
    votersOutgoing: readIds(reader),
    learners: readIds(reader),
    learnersNext: readIds(reader),
    autoLeave: reader.u8() === 1
  }
  const isSound =
    [index, term, revision].every((value) => Number.isSafeInteger(value) && value >= 0) && revision <= index
  return isSound && reader.isWhole && reader.leftBytes === 0
    ? { applied: { index, term, configuration }, revision }
    : undefined
}
