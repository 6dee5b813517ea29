/**
 * AuditEntry: one decision in the audit trail, its bytes and its hash. Entries of a chain are numbered from 1 on; each has the hash of the one
 * before it and, last, its own: SHA-256 of all its bytes before. So who keeps one hash can tell whether anything up to there has changed.
 *
 * `docs/formats.md` has the bytes. What decides about a chain is in `AuditChain` (writing) and `AuditVerification` (reading).
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import * as Limits from "#base/Limits.ts"

/** What is decided about, and how; by their numbers in an entry. A number is never given to another meaning. */
export const outcomes = {
  transaction: { committed: 1, aborted: 2 },
  saga: { started: 1, completed: 2, compensating: 3, compensated: 4, parked: 5, resumed: 6 },
  lock: { granted: 1, released: 2, expired: 3, denied: 4 },
  membership: { added: 1, promoted: 2, demoted: 3, removed: 4 },
  range: { begun: 1, split: 2, merged: 3 }
} as const

export type Kind = keyof typeof outcomes
export const kinds: Readonly<Record<Kind, number>> = { transaction: 1, saga: 2, lock: 3, membership: 4, range: 5 }

/** A kind with one of its outcomes. */
export type Verdict = { [K in Kind]: { readonly kind: K; readonly outcome: keyof (typeof outcomes)[K] } }[Kind]

/** The keys that an entry names: the first ones, as many as its bounds allow. */
export interface Touched {
  readonly keys: ReadonlyArray<Uint8Array>
  /** How many there were. */
  readonly keysTotal: number
}

export type Decision = Verdict &
  Touched & {
    /** Of the oracle: a whole number, not below 0. */
    readonly atMicros: number
    /** On whose behalf. */
    readonly actor: string
    /** What was decided about: the id of the transaction or saga, the name of the lock, the member, the other range. */
    readonly subject: string
  }

/** What a transaction decides besides, for instance about a saga or a lock. Names are within `Limits.auditNameBytesMax`. */
export type Note = Verdict & { readonly actor: string; readonly subject: string }

/** What the trail is told with a commit. Where ranges keep none, it is passed over. */
export interface Told {
  /** On whose behalf; empty: nobody has said. */
  readonly actor: string
  readonly notes: ReadonlyArray<Note>
}

/** Where an entry stands in its chain. All versions have it at the same place in their bytes. */
export interface Place {
  /** The group whose chain it is. */
  readonly chain: number
  readonly sequence: number
  /** The hash of the entry before. */
  readonly previous: Uint8Array
}

export type Entry = Decision & Place & { readonly hash: Uint8Array }

export const version = 1
export const hashBytes = 32
export const chainMax = 4_294_967_295

const u32Range = 4_294_967_296
/** Up to the hash of the entry before. */
const placeBytes = 48
/** Before the names: everything of fixed size but the hash. */
const headBytes = placeBytes + 12

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** As many keys from the first on as an entry may name, and how many there are. */
export const touched = (keys: ReadonlyArray<Uint8Array>): Touched => {
  let count = 0
  let sizeBytes = 0
  while (count < keys.length && count < Limits.auditKeysMax) {
    sizeBytes += keys[count].length
    if (sizeBytes > Limits.auditKeysBytesMax) break
    count++
  }
  return { keys: keys.slice(0, count), keysTotal: keys.length }
}

/** What an entry cannot hold of a decision, in words; undefined: it can hold all of it. */
export const objection = ({ actor, keys, keysTotal, subject, atMicros }: Decision): string | undefined => {
  for (const [what, name] of [
    ["actor", actor],
    ["subject", subject]
  ] as const) {
    if (!name.isWellFormed()) return `the ${what} is no Unicode text`
    // A unit of UTF-16 has three bytes of UTF-8 at most, and most names are short.
    const size = name.length * 3 <= Limits.auditNameBytesMax ? 0 : encoder.encode(name).length
    if (size > Limits.auditNameBytesMax) {
      return `the ${what} has more than ${Limits.auditNameBytesMax} bytes: name it by a hash`
    }
  }
  if (!Number.isSafeInteger(atMicros) || atMicros < 0) return "the time is no whole number of microseconds since 1970"
  const total = keys.reduce((sum, key) => sum + key.length, 0)
  if (keys.length > Limits.auditKeysMax || total > Limits.auditKeysBytesMax)
    return "the keys are over the bound: cut them"
  const isCount = Number.isInteger(keysTotal) && keysTotal >= keys.length && keysTotal < u32Range
  return isCount ? undefined : "there are fewer keys than are named"
}

/** A whole number below 2^53, in eight bytes. */
export const putLong = (writer: Bytes.Writer, value: number): Bytes.Writer =>
  writer.u32(value >>> 0).u32(Math.floor(value / u32Range))

const putPart = (writer: Bytes.Writer, bytes: Uint8Array): Bytes.Writer =>
  writer
    .u8(bytes.length)
    .u8(bytes.length >>> 8)
    .raw(bytes)

/** The entry's own hash, from its bytes. */
export const hashOf = (bytes: Uint8Array): Uint8Array => sha256(bytes.subarray(0, bytes.length - hashBytes))

/** The hash that the bytes of an entry end with. */
export const hashIn = (bytes: Uint8Array): Uint8Array => bytes.subarray(bytes.length - hashBytes)

export const areEqual = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Of a verdict: its kind and its outcome, a byte each. */
export const codesOf = ({ kind, outcome }: Verdict): readonly [kind: number, outcome: number] => {
  const codes: Readonly<Record<string, number>> = outcomes[kind]
  return [kinds[kind], codes[outcome]]
}

/** A decision without objection, before it has a place: as it travels to whoever keeps the chain. `entryOf` makes an entry of it. */
export const encodeDecision = (decision: Decision): Uint8Array => {
  const [kind, outcome] = codesOf(decision)
  const writer = putLong(Bytes.Writer.make().u8(kind).u8(outcome), decision.atMicros).u32(decision.keysTotal)
  putPart(putPart(writer, encoder.encode(decision.actor)), encoder.encode(decision.subject))
  writer.u8(decision.keys.length)
  for (const key of decision.keys) putPart(writer, key)
  return writer.finish()
}

/** When an encoded decision was made. */
export const atOf = (decision: Uint8Array): number => getLong(new Bytes.Reader(decision.subarray(2, 10)))

/** The bytes of an entry. */
export const entryOf = (decision: Uint8Array, { chain, previous, sequence }: Place): Uint8Array => {
  assert(Number.isInteger(chain) && chain >= 0 && chain <= chainMax, "a chain's number has four bytes")
  assert(Number.isSafeInteger(sequence) && sequence > 0, "entries are numbered from 1 on")
  assert(previous.length === hashBytes, "a hash has 32 bytes")
  const writer = Bytes.Writer.make().u8(version).u8(decision[0]).u8(decision[1]).u8(0).u32(chain)
  putLong(writer, sequence).raw(previous).raw(decision.subarray(2)).raw(new Uint8Array(hashBytes))
  const bytes = writer.finish()
  bytes.set(hashOf(bytes), bytes.length - hashBytes)
  return bytes
}

/** Both at once. */
export const encode = (decision: Decision, place: Place): Uint8Array => entryOf(encodeDecision(decision), place)

/** By the numbers of kind and outcome. */
const verdicts = new Map(
  (Object.keys(outcomes) as ReadonlyArray<Kind>).flatMap((kind) =>
    Object.entries(outcomes[kind]).map(
      ([outcome, code]) => [kinds[kind] * 256 + code, { kind, outcome } as Verdict] as const
    )
  )
)

/** The verdict behind the numbers of a kind and an outcome; undefined: there is none. */
export const verdictOf = (kind: number, outcome: number): Verdict | undefined =>
  outcome < 256 ? verdicts.get(kind * 256 + outcome) : undefined

export const getLong = (reader: Bytes.Reader): number => {
  const low = reader.u32()
  return reader.u32() * u32Range + low
}

/** A copy, because an entry outlives what it was read from. */
const getPart = (reader: Bytes.Reader): Uint8Array => {
  const low = reader.u8()
  return Bytes.copy(reader.raw(low | (reader.u8() << 8)))
}

/** The text of some bytes; undefined: they are not UTF-8. */
const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** Where some bytes say that they stand, whatever their version; undefined: they are too short for that. */
export const placeOf = (bytes: Uint8Array): Place | undefined => {
  if (bytes.length < headBytes + hashBytes) return undefined
  const reader = new Bytes.Reader(bytes)
  reader.u32()
  return { chain: reader.u32(), sequence: getLong(reader), previous: Bytes.copy(reader.raw(hashBytes)) }
}

/** The entry of some bytes; a text says why there is none. It does not look at the hashes. */
export const decode = (bytes: Uint8Array): Entry | string => {
  const place = placeOf(bytes)
  if (place === undefined || bytes.length > Limits.auditEntryBytesMax) return "its length is no entry's"
  if (bytes[0] !== version) return `it has version ${bytes[0]}, and this program reads version ${version}`
  const verdict = verdictOf(bytes[1], bytes[2])
  if (verdict === undefined)
    return `nothing is known of outcome ${bytes[2]} of kind ${bytes[1]}: a newer program wrote it`
  const reader = new Bytes.Reader(bytes.subarray(placeBytes, bytes.length - hashBytes))
  const atMicros = getLong(reader)
  const keysTotal = reader.u32()
  const [actor, subject] = [textOf(getPart(reader)), textOf(getPart(reader))]
  const keys = Array.from({ length: reader.u8() }, () => getPart(reader))
  if (bytes[3] !== 0 || !reader.isWhole || reader.leftBytes !== 0) return "its parts do not fill it"
  if (actor === undefined || subject === undefined) return "a name is not UTF-8"
  if (!Number.isSafeInteger(place.sequence) || place.sequence === 0) return "its sequence number is none"
  const entry = { ...verdict, ...place, atMicros, actor, subject, keys, keysTotal, hash: Bytes.copy(hashIn(bytes)) }
  return objection(entry) ?? entry
}
