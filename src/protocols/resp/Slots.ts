/** Slots: which slot of Redis Cluster a key lies in, and what a client is told whose keys are at another node. */
import * as Latin1 from "#base/Latin1.ts"
import { SlotSet } from "#database/redis/SlotSet.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import type { Address } from "#world/Net.ts"

/** Where the bytes of most keys are looked at: this is asked for each key of each command. */
const scratch = new Uint8Array(1_024)

/** As `SpacesRedis.slotOf`, of a key as text with one char a byte. Allocates nothing for a key that is not long. */
export const slotOf = (key: string): number => {
  const { length } = key
  if (length > scratch.length) return SpacesRedis.slotOf(Latin1.encode(key))
  const open = key.indexOf("{")
  const close = open < 0 ? -1 : key.indexOf("}", open + 1)
  Latin1.write(key, scratch, 0)
  const crc = close > open + 1 ? SpacesRedis.crc16(scratch, open + 1, close) : SpacesRedis.crc16(scratch, 0, length)
  return crc % SpacesRedis.slots
}

export const setOf = (keys: ReadonlyArray<string>): SlotSet =>
  SlotSet.of(keys.map((key) => [slotOf(key), slotOf(key)] as const))

/** A command may have keys of several slots; one node has them all, so it is the slot of any of them. */
export const moved = (key: string, { host, port }: Address): string => `MOVED ${slotOf(key)} ${host}:${port}`
