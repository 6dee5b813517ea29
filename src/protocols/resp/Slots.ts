/** Slots: which slot of Redis Cluster a key lies in, and what a client is told whose keys are at another node. */
import { SlotSet } from "#database/redis/SlotSet.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import type { Address } from "#world/Net.ts"

export const slotOf = SpacesRedis.slotOfText

export const setOf = (keys: ReadonlyArray<string>): SlotSet =>
  SlotSet.of(keys.map((key) => [slotOf(key), slotOf(key)] as const))

/** A command may have keys of several slots; one node has them all, so it is the slot of any of them. */
export const moved = (key: string, { host, port }: Address): string => `MOVED ${slotOf(key)} ${host}:${port}`
