/** Slots: of which slots of Redis Cluster keys are, and what a client is told whose keys are at another node. */
import { SlotSet } from "#database/redis/SlotSet.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import type { Address } from "#world/Net.ts"

export const setOf = (keys: ReadonlyArray<string>): SlotSet =>
  SlotSet.of(keys.map((key) => [SpacesRedis.slotOfText(key), SpacesRedis.slotOfText(key)] as const))

/** A command may have keys of several slots; one node has them all, so it is the slot of any of them. */
export const moved = (key: string, { host, port }: Address): string =>
  `MOVED ${SpacesRedis.slotOfText(key)} ${host}:${port}`
