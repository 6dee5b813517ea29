/**
 * Settings: what of the configuration decides how data behaves. Names, units and defaults are those of redis.conf 7.0; a running server
 * changes them by CONFIG SET.
 */
export interface Settings {
  hashMaxListpackEntries: number
  hashMaxListpackValueBytes: number
  setMaxIntsetEntries: number
  zsetMaxListpackEntries: number
  zsetMaxListpackValueBytes: number
  /** Above zero: entries of a node of a list; below: -1 to -5 are 4, 8, 16, 32, 64 KiB. */
  listMaxListpackSize: number
  streamNodeMaxBytes: number
  streamNodeMaxEntries: number
  hllSparseMaxBytes: number
  /** 0: no limit. */
  maxMemoryBytes: number
  /** `noeviction`, `allkeys-lru`, `volatile-ttl` and so on. */
  maxMemoryPolicy: string
  /** Keys of a database that are looked at for one to go. */
  maxMemorySamples: number
  /** From 0 to 100: how much one run of evictions may do. */
  evictionTenacity: number
  /** The higher, the more uses it takes to raise a frequency. */
  lfuLogFactor: number
  /** In which a frequency falls by one; 0: never. */
  lfuDecayMinutes: number
  activeExpireEffort: number
  /** Keys whose time has passed go also when nobody looks. Only DEBUG turns it off. */
  isActivelyExpiring: boolean
  protoMaxBulkBytes: number
}

export const defaults: Settings = {
  hashMaxListpackEntries: 512,
  hashMaxListpackValueBytes: 64,
  setMaxIntsetEntries: 512,
  zsetMaxListpackEntries: 128,
  zsetMaxListpackValueBytes: 64,
  listMaxListpackSize: -2,
  streamNodeMaxBytes: 4_096,
  streamNodeMaxEntries: 100,
  hllSparseMaxBytes: 3_000,
  maxMemoryBytes: 0,
  maxMemoryPolicy: "noeviction",
  maxMemorySamples: 5,
  evictionTenacity: 10,
  lfuLogFactor: 10,
  lfuDecayMinutes: 1,
  activeExpireEffort: 1,
  isActivelyExpiring: true,
  protoMaxBulkBytes: 512 * 1_048_576
}
