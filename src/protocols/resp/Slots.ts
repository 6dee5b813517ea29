/** Slots: which slot of Redis Cluster a key lies in, and what a client is told whose keys are at another node. */
import * as Latin1 from "#base/Latin1.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import type { Address } from "#world/Net.ts"

export const slotOf = (key: string): number => SpacesRedis.slotOf(Latin1.encode(key))

/** All slots are at one node: a command may have keys of several, and is sent there by the first. */
export const moved = (key: string, { host, port }: Address): string => `MOVED ${slotOf(key)} ${host}:${port}`
