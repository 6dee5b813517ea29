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
  activeExpireEffort: 1,
  isActivelyExpiring: true,
  protoMaxBulkBytes: 512 * 1_048_576
}
