/**
 * Greeting: the first bytes of a connection, in both directions, pure. Who dials says who it is and whom it wants; who accepted
 * answers who it is, and whether they can talk. `docs/wire.md` has the table. Magic, range of versions and checksum keep their
 * places in all versions, so that two that cannot talk can say so.
 *
 * A store counts its dials, and its starts are counted by its epoch: so the connections of one store are ordered, and an acceptor
 * takes only newer ones. A dial that was given up and comes through late does not displace its successor, and a process that
 * still runs beside its own successor is refused.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as Hex from "#base/Hex.ts"
import type { StoreId } from "#consensus/Replica.ts"

export const sizeBytes = 64

/** Versions of what comes behind the greeting that this program speaks. */
export const versions = { min: 3, max: 3 }

/** "ORBITNET". */
const magic = [0x4f, 0x52, 0x42, 0x49, 0x54, 0x4e, 0x45, 0x54]
const clusterBytes = 16
const u32Range = 4_294_967_296

/**
 * What an acceptor says to a greeting:
 * - `welcome`: frames may follow.
 * - `version`: no version that both speak. `cluster`: of another one. `wrong-store`: the dialled address is another store's.
 * - `unknown-store`: it has no address for the caller, and so does not know it; that may be news that is still to come.
 * - `stale`: it has heard from a later start, or a later dial, of the caller.
 * - `wrong-name`: the caller's certificate is not that of its store.
 */
export const verdicts = [
  "welcome",
  "version",
  "cluster",
  "wrong-store",
  "unknown-store",
  "stale",
  "wrong-name"
] as const
export type Verdict = (typeof verdicts)[number]

/** What all greetings of one store have in common. */
export interface Identity {
  /** Which cluster: 32 hexadecimal digits, drawn when it was founded. */
  readonly cluster: string
  readonly store: StoreId
  /** Of the store's start: rises with each. Below 2^53. */
  readonly epoch: number
}

export interface Greeting extends Identity {
  readonly versionMin: number
  readonly versionMax: number
  /** The store at the other end, as the sender knows it. */
  readonly to: StoreId
  /** Of the dial within its epoch, from 1 on; an answer repeats it. */
  readonly dial: number
  /** Of a dialler: `welcome`. */
  readonly verdict: Verdict
}

export const encode = (greeting: Greeting): Uint8Array => {
  const { cluster, dial, epoch, store, to, verdict, versionMax, versionMin } = greeting
  const clusterId = Hex.bytesOf(cluster)
  assert(clusterId.length === clusterBytes, "a cluster's id has 32 digits")
  assert(Number.isSafeInteger(epoch) && epoch >= 0, "an epoch is an integer in [0, 2^53)")
  const bytes = new Uint8Array(sizeBytes)
  bytes.set(magic)
  bytes[8] = versionMin
  bytes[9] = versionMax
  bytes[10] = verdicts.indexOf(verdict)
  bytes.set(clusterId, 12)
  Bytes.putU32(bytes, 28, store)
  Bytes.putU32(bytes, 32, to)
  Bytes.putU32(bytes, 36, epoch)
  Bytes.putU32(bytes, 40, Math.floor(epoch / u32Range))
  Bytes.putU32(bytes, 44, dial)
  Bytes.putU32(bytes, 60, crc32c(bytes, 0, 0, 60))
  return bytes
}

/** Why bytes are no greeting: something else speaks at the other end, or something changed them on the way. */
export type Problem = "magic" | "checksum" | "verdict"

/** Needs `sizeBytes` bytes. */
export const decode = (bytes: Uint8Array): Greeting | Problem => {
  if (magic.some((byte, index) => bytes[index] !== byte)) return "magic"
  if (Bytes.getU32(bytes, 60) !== crc32c(bytes, 0, 0, 60)) return "checksum"
  const verdict = verdicts[bytes[10]]
  if (verdict === undefined) return "verdict"
  return {
    versionMin: bytes[8],
    versionMax: bytes[9],
    verdict,
    cluster: Hex.of(bytes.subarray(12, 28)),
    store: Bytes.getU32(bytes, 28),
    to: Bytes.getU32(bytes, 32),
    epoch: Bytes.getU32(bytes, 36) + Bytes.getU32(bytes, 40) * u32Range,
    dial: Bytes.getU32(bytes, 44)
  }
}

/** The newest connection of a peer that was taken. */
export interface Seen {
  readonly epoch: number
  readonly dial: number
}

export const isNewer = (greeting: Seen, seen: Seen | undefined): boolean =>
  seen === undefined || greeting.epoch > seen.epoch || (greeting.epoch === seen.epoch && greeting.dial > seen.dial)

/** Whether both ends belong together, as far as each can see by itself. */
export const judge = (self: Identity, greeting: Greeting): Verdict => {
  if (greeting.versionMin > versions.max || greeting.versionMax < versions.min) return "version"
  if (greeting.cluster !== self.cluster) return "cluster"
  return greeting.to === self.store ? "welcome" : "wrong-store"
}
