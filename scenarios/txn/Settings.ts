/** Settings: what a drawn plan's options mean for a store, from everything as usual to everything in small pieces. */
import * as Limits from "#base/Limits.ts"
import type * as Store from "#cluster/Store.ts"
import * as Transport from "#cluster/transport/Settings.ts"
import type { Options as HostSettings } from "#consensus/Host.ts"
import type { OptionValue } from "#sim/run/Plan.ts"
import type { ServerSpec } from "#sim/run/Scenario.ts"

/** The first is the default. */
export const options: Readonly<Record<string, ReadonlyArray<OptionValue>>> = {
  /** Ranges that the cluster is cut in when it begins. */
  ranges: [4, 1, 2, 10, 50],
  /** Servers that the cluster begins with; the others join it. */
  founders: [7, 3, 1],
  /** Voters of a range; 0: nobody but administrators moves them. */
  replicas: [3, 0, 5],
  /** A server that was not heard for so long has its replicas replaced. */
  deadMillis: [60_000, 1_500],
  /** A range of more bytes is cut in two; 0: never. */
  splitBytes: [0, 4_000, 16_000],
  /** Silence after which a transaction is abandoned. */
  ttlMillis: [1_000, 300, 3_000],
  /** So often a transaction says within that that it lives. */
  heartbeats: [4],
  pushMillis: [20, 5],
  /** For how long versions that are not the latest can be read: longer than a transaction may take. */
  retentionMillis: [600_000, 5_000],
  /** A connection on which nothing is heard for so long is broken. */
  silenceMillis: [700, 3_500],
  /** Whether servers ask what became of a transaction whose outcome is unknown, before they answer. */
  asksOutcome: [true, false],
  tickMillis: [20, 10, 50],
  messageBytes: [16_384, 300],
  logBytes: [65_536, 1_000, 6_000],
  segmentBytes: [65_536, 8_000],
  chunkBytes: [1_000, 200],
  sleepTicks: [10, 3, 1_000_000],
  /** A transaction is dozens of ways there and back. */
  "net.latencyMicrosMin": [200, 50],
  "net.latencyMicrosMax": [1_000, 500, 4_000],
  /** How soon a client asks again. */
  retryMillis: [150, 40]
}

/** What stores keep ranges in. */
export const engines: ReadonlyArray<OptionValue> = ["memory", "lsm", "btree"]

type Engine = Pick<Store.Options, "btree" | "engine" | "lsm" | "memory">

export const number = ({ options: own }: ServerSpec, name: string): number => Number(own[name] ?? options[name][0])

/** All is small, so that there are many tables, on some levels. */
export const engine = ({ options: { engine: own } }: ServerSpec): Engine => ({
  engine: own === "lsm" || own === "btree" ? own : "memory",
  btree: { pageBytes: 1_024, memoryBytesMax: 100_000 },
  memory: { slabBytes: 4_096, fanOut: 16 },
  lsm: {
    memoryBytesMax: 100_000,
    memtableBytes: 2_000,
    cacheBytes: 4_000,
    blockBytes: 300,
    tableBytes: 1_500,
    level0Tables: 2,
    level1Bytes: 6_000,
    manifestBytesMax: 2_000
  }
})

export const transport = (spec: ServerSpec): Transport.Settings => {
  const silenceMicros = number(spec, "silenceMillis") * 1_000
  return { ...Transport.defaults, silenceMicros, keepAliveMicros: Math.floor(silenceMicros / 4) }
}

export const host = (spec: ServerSpec): Partial<HostSettings> => ({
  electionTicks: 10,
  heartbeatTicks: 1,
  tickMicros: number(spec, "tickMillis") * 1_000,
  messageBytesMax: number(spec, "messageBytes"),
  inflightMax: 64,
  flushEntries: 8,
  flushTicks: 3,
  logBytesMax: number(spec, "logBytes"),
  sleepAfterTicks: number(spec, "sleepTicks"),
  snapshots: {
    chunkBytes: number(spec, "chunkBytes"),
    windowChunks: 3,
    retryTicks: 5,
    patienceTicks: 50,
    sendersMax: 2,
    bytesPerTick: Limits.datagramBytesMax
  }
})
