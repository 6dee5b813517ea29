/**
 * Key: where in an engine a key of the keyspace lies. All ranges of a store share the engine; a range's data are the keys of its span, so a
 * split or a merge moves nothing.
 *
 * | engine key                              | what                                                             |
 * | --------------------------------------- | ---------------------------------------------------------------- |
 * | 1, range u32                            | what the range's replica knows of itself (`RangeState`)          |
 * | 2, key escaped, 0, 1, 0x20              | the key's latest version                                         |
 * | 2, key escaped, 0, 1, 0x30, ~timestamp  | an older version; the later ones come first                      |
 * | 2, key escaped, 0, 1, 0x40, transaction | the record of a transaction whose anchor the key is              |
 * | 3, range u32, number u32                | a stretch of a snapshot that is being restored                   |
 * | 4, key escaped, 0, 1                    | the intent on the key: apart, because there are few, and all of a span are asked for |
 * | 5, range u32, chain u32, sequence u64   | an entry of the audit trail, of the range's chain or of one that it took in with its range |
 *
 * Numbers are big-endian; timestamps have eight bytes. In an escaped key each 0 is followed by 0xff, so that escaped keys sort as keys do
 * (FoundationDB's tuples).
 */
import { allocate } from "#base/Bytes.ts"
import type { GroupId } from "#consensus/Replica.ts"
import type { Bounds } from "#storage/Engine.ts"
import type { Span, Timestamp, TxnId } from "./Request.ts"

export const tags = { state: 1, data: 2, staged: 3, intent: 4, audit: 5 } as const
export const kinds = { head: 0x20, old: 0x30, record: 0x40 } as const

const two32 = 4_294_967_296

const zerosIn = (key: Uint8Array): number => {
  let zeros = 0
  for (let i = 0; i < key.length; i++) if (key[i] === 0) zeros++
  return zeros
}

/** Tag and escaped key, with room for so many bytes more; where they begin is the length less `room`. */
const escaped = (tag: number, key: Uint8Array, room: number): Uint8Array => {
  const zeros = zerosIn(key)
  const bytes = allocate(1 + key.length + zeros + room)
  bytes[0] = tag
  if (zeros === 0 && key.length > 40) bytes.set(key, 1)
  else {
    let at = 1
    for (let i = 0; i < key.length; i++) {
      const byte = key[i]
      bytes[at++] = byte
      if (byte === 0) bytes[at++] = 0xff
    }
  }
  return bytes
}

const of = (key: Uint8Array, kind: number, suffixBytes: number): Uint8Array => {
  const bytes = escaped(tags.data, key, 3 + suffixBytes)
  const at = bytes.length - 3 - suffixBytes
  bytes[at] = 0
  bytes[at + 1] = 1
  bytes[at + 2] = kind
  return bytes
}

const putU32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

const getU32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0

export const intent = (key: Uint8Array): Uint8Array => {
  const bytes = escaped(tags.intent, key, 2)
  bytes[bytes.length - 2] = 0
  bytes[bytes.length - 1] = 1
  return bytes
}

export const head = (key: Uint8Array): Uint8Array => of(key, kinds.head, 0)

export const old = (key: Uint8Array, at: Timestamp): Uint8Array => {
  const bytes = of(key, kinds.old, 8)
  putU32(bytes, bytes.length - 8, ~Math.floor(at / two32))
  putU32(bytes, bytes.length - 4, ~(at % two32))
  return bytes
}

export const record = (anchor: Uint8Array, txn: TxnId): Uint8Array => {
  const bytes = of(anchor, kinds.record, 8)
  putU32(bytes, bytes.length - 8, Math.floor(txn / two32))
  putU32(bytes, bytes.length - 4, txn % two32)
  return bytes
}

export const state = (range: GroupId): Uint8Array => {
  const bytes = new Uint8Array(5)
  bytes[0] = tags.state
  putU32(bytes, 1, range)
  return bytes
}

/** The range whose state lies there. */
export const rangeOf = (engineKey: Uint8Array): GroupId => getU32(engineKey, 1)

export const states: Bounds = { from: Uint8Array.of(tags.state), to: Uint8Array.of(tags.state + 1) }

export const staged = (range: GroupId, number: number): Uint8Array => {
  const bytes = new Uint8Array(9)
  bytes[0] = tags.staged
  putU32(bytes, 1, range)
  putU32(bytes, 5, number)
  return bytes
}

/** Everything that is staged for the range. */
export const stagedOf = (range: GroupId): Required<Bounds> => ({ from: staged(range, 0), to: staged(range, two32 - 1) })

/** An entry of a chain, with the range that has it now. */
export const audit = (range: GroupId, chain: number, sequence: number): Uint8Array => {
  const bytes = new Uint8Array(17)
  bytes[0] = tags.audit
  putU32(bytes, 1, range)
  putU32(bytes, 5, chain)
  putU32(bytes, 9, Math.floor(sequence / two32))
  putU32(bytes, 13, sequence % two32)
  return bytes
}

/** All entries that a range has. */
export const auditOf = (range: GroupId): Required<Bounds> => ({ from: audit(range, 0, 0), to: audit(range + 1, 0, 0) })

/** All entries that a store has. */
export const audits: Required<Bounds> = { from: Uint8Array.of(tags.audit), to: Uint8Array.of(tags.audit + 1) }

/** What the key of an entry is made of. */
export const auditAt = (
  engineKey: Uint8Array
): { readonly range: GroupId; readonly chain: number; readonly sequence: number } => ({
  range: getU32(engineKey, 1),
  chain: getU32(engineKey, 5),
  sequence: getU32(engineKey, 9) * two32 + getU32(engineKey, 13)
})

/** Versions and records of the keys in a span. */
export const bounds = ({ from, to }: Span): Required<Bounds> => ({
  from: escaped(tags.data, from, 0),
  to: escaped(tags.data, to, 0)
})

/** Intents on the keys in a span. */
export const intents = ({ from, to }: Span): Required<Bounds> => ({
  from: escaped(tags.intent, from, 0),
  to: escaped(tags.intent, to, 0)
})

/** From the older versions of the key that are not later than the timestamp. */
export const oldUpTo = (key: Uint8Array, at: Timestamp): Required<Bounds> => ({
  from: old(key, at),
  to: of(key, kinds.record, 0)
})

/** Where an engine key of a version, a record or an intent comes apart: the escaped key ends there; -1: it is none. */
export const endOf = (engineKey: Uint8Array): number => {
  for (let at = 1; at + 1 < engineKey.length; at++) {
    if (engineKey[at] !== 0) continue
    if (engineKey[at + 1] === 1) return at
    at++
  }
  return -1
}

export const kindAt = (engineKey: Uint8Array, end: number): number => engineKey[end + 2]

/** The key whose escaped form ends at `end`. */
export const keyOf = (engineKey: Uint8Array, end: number): Uint8Array => {
  let zeros = 0
  for (let i = 1; i < end; i++) if (engineKey[i] === 0) zeros++
  const key = allocate(end - 1 - zeros)
  let at = 0
  for (let i = 1; i < end; i++) {
    const byte = engineKey[i]
    key[at++] = byte
    // What follows a zero is its mark.
    if (byte === 0) i++
  }
  return key
}

/** Timestamp of an older version. */
export const oldAt = (engineKey: Uint8Array, end: number): Timestamp =>
  (~getU32(engineKey, end + 3) >>> 0) * two32 + (~getU32(engineKey, end + 7) >>> 0)

/** Transaction of a record. */
export const recordOf = (engineKey: Uint8Array, end: number): TxnId =>
  getU32(engineKey, end + 3) * two32 + getU32(engineKey, end + 7)
