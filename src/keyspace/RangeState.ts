/**
 * RangeState: what a replica of a range knows beside its keys, as one record of the engine: part of every batch, so that it is true of
 * the keys that lie there.
 *
 * Version 1, little-endian: `phase u8, sizeBytes f64, floor f64, closed f64, digest u32; frozen, thawed, merging f64; range u32, generation f64, from bytes, to bytes;
 * founders: count u32, f64 each; what is applied: bytes` as in `KeyValueRecords`; of a restore: the span before, two `bytes`. Version 2, of a range with
 * an audit chain: the same, then the chain's `sequence f64, atMicros f64, hash`.
 */
import { copy, Reader, Writer } from "#base/Bytes.ts"
import { emptyState } from "#consensus/Configuration.ts"
import * as KeyValueRecords from "#consensus/KeyValueRecords.ts"
import type { GroupId, StoreId } from "#consensus/Replica.ts"
import type { Applied } from "#consensus/StateMachine.ts"
import type { Trail } from "./audit/RangeTrail.ts"
import { firstDescriptors, type Descriptor } from "./Descriptor.ts"
import type { Span, Timestamp } from "./Request.ts"

const version = 1
const versionAudited = 2
const hashBytes = 32

/**
 * - `founding`: a split left its keys here; the group is about to be founded by `founders`.
 * - `merged`: its keys are another range's; the replica is about to go.
 * - `restoring`: a snapshot that is staged as a whole takes the place of the keys in `before`, and of those of the range.
 */
const phases = [undefined, "ready", "founding", "restoring", "merged"] as const
export type Phase = NonNullable<(typeof phases)[number]>

export interface RangeState {
  readonly phase: Phase
  readonly descriptor: Descriptor
  readonly applied: Applied
  /** Of versions and records in the engine, as their writers counted. */
  readonly sizeBytes: number
  /** Versions before it, but the last ones, may be gone, and nothing is decided before it any more. */
  readonly floor: Timestamp
  /** No version will be written at this timestamp or before, but by intents that are there. */
  readonly closed: Timestamp
  /** Of the commands that were applied, one after the other. */
  readonly digest: number
  readonly founders: ReadonlyArray<StoreId>
  /** The attempt of its left neighbour to take it in for which it holds still; 0: none. */
  readonly frozen: Timestamp
  /** The last attempt that was given up: no earlier one, and not this, freezes it any more. */
  readonly thawed: Timestamp
  /** Its own attempt to take in its right neighbour, which is to be carried out or given up; 0: none. */
  readonly merging: Timestamp
  readonly before: Span | undefined
  /** Undefined: it has begun none. */
  readonly trail: Trail | undefined
}

/** A range that has no keys yet, and is about to be founded. */
export const founding = (descriptor: Descriptor, founders: ReadonlyArray<StoreId>): RangeState => ({
  phase: "founding",
  descriptor,
  applied: { index: 0, term: 0, configuration: emptyState },
  sizeBytes: 0,
  floor: 0,
  closed: 0,
  digest: 0,
  founders,
  frozen: 0,
  thawed: 0,
  merging: 0,
  before: undefined,
  trail: undefined
})

/** Of one of the ranges that a cluster begins with, whose store stopped before this reached the engine. */
export const first = (range: GroupId): RangeState | undefined => {
  const descriptor = firstDescriptors.find((each) => each.range === range)
  return descriptor === undefined ? undefined : founding(descriptor, [])
}

const bytes = (writer: Writer, part: Uint8Array): Writer => writer.u32(part.length).raw(part)

export const encode = (state: RangeState): Uint8Array => {
  const { before, descriptor, founders, trail } = state
  const writer = Writer.make()
    .u8(trail === undefined ? version : versionAudited)
    .u8(phases.indexOf(state.phase))
    .f64(state.sizeBytes)
    .f64(state.floor)
    .f64(state.closed)
    .u32(state.digest)
    .f64(state.frozen)
    .f64(state.thawed)
    .f64(state.merging)
    .u32(descriptor.range)
    .f64(descriptor.generation)
  bytes(bytes(writer, descriptor.from), descriptor.to).u32(founders.length)
  for (const store of founders) writer.f64(store)
  bytes(writer, KeyValueRecords.appliedRecord(state.applied, 0))
  if (before !== undefined) bytes(bytes(writer, before.from), before.to)
  if (trail !== undefined) writer.f64(trail.sequence).f64(trail.atMicros).raw(trail.hash)
  return writer.finish()
}

/** Undefined: it cannot be read. */
export const decode = (record: Uint8Array): RangeState | undefined => {
  const reader = new Reader(record)
  const part = (): Uint8Array => reader.raw(reader.u32())
  const written = reader.u8()
  if (written !== version && written !== versionAudited) return undefined
  const phase = phases[reader.u8()]
  const [sizeBytes, floor, closed, digest] = [reader.f64(), reader.f64(), reader.f64(), reader.u32()]
  const [frozen, thawed, merging] = [reader.f64(), reader.f64(), reader.f64()]
  const descriptor = { range: reader.u32(), generation: reader.f64(), from: part(), to: part() }
  const count = reader.u32()
  if (count * 8 > reader.leftBytes) return undefined
  const founders = Array.from({ length: count }, () => reader.f64())
  const applied = KeyValueRecords.readApplied(part())
  const before = phase === "restoring" ? { from: part(), to: part() } : undefined
  const trail = written === versionAudited ? readTrail(reader) : undefined
  if (phase === undefined || applied === undefined || !reader.isWhole || reader.leftBytes > 0) return undefined
  return {
    phase,
    descriptor,
    applied: applied.applied,
    sizeBytes,
    floor,
    closed,
    digest,
    founders,
    frozen,
    thawed,
    merging,
    before,
    trail
  }
}

const readTrail = (reader: Reader): Trail => ({
  sequence: reader.f64(),
  atMicros: reader.f64(),
  hash: copy(reader.raw(hashBytes))
})
