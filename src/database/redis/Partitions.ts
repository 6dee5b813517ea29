/**
 * Partitions: the slots in so many equal parts, each of which one node owns at a time. How many there are is decided once for a cluster; twelve
 * share evenly among one to four nodes, and six.
 */
import { assert } from "#base/Assert.ts"
import type { Span } from "#keyspace/Request.ts"
import * as Spaces from "#keyspace/Spaces.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import { Unencodable } from "#keyspace/TupleError.ts"

export const count = 12

/** Stands where a database's number does, behind a partition's first slot: there is who owns it. */
const ownerName = "owner"

/** The first slot of a partition; that of `count` is the end of them all. */
export const firstSlot = (partition: number): number => Math.ceil((partition * SpacesRedis.slots) / count)

export const ofSlot = (slot: number): number => Math.floor((slot * count) / SpacesRedis.slots)

/** All its keys. */
export const spanOf = (partition: number): Span =>
  SpacesRedis.spanOfSlots({ first: firstSlot(partition), last: firstSlot(partition + 1) - 1 })

/** The key that tells who owns it, among its own, so that both change in one round. */
export const ownerKey = (partition: number): Uint8Array => {
  const key = Spaces.keyOf("redis", [firstSlot(partition), ownerName])
  assert(!(key instanceof Unencodable), "a number and a word have bytes")
  return key
}
