/** ConfigBindings: the names of CONFIG that do something here, and where each one's value lives. */
import { databasesCount, type Engine } from "#database/redis/Engine.ts"
import type { Settings } from "#database/redis/Settings.ts"
import type { AclLog } from "./AclLog.ts"
import type { Binding } from "./Config.ts"
import type { LatencyMonitor } from "./LatencyMonitor.ts"
import type { Machine } from "./Machine.ts"
import type { Memory } from "./Memory.ts"
import * as NotifyFlags from "./NotifyFlags.ts"
import type { ServerSettings } from "./ServerSettings.ts"
import type { Slowlog } from "./Slowlog.ts"
import type { Stopwatch } from "./Stopwatch.ts"
import type { Tracking } from "./Tracking.ts"
import type { Users } from "./Users.ts"

export interface Parts {
  readonly aclLog: AclLog
  readonly engine: Engine
  readonly memory: Memory
  readonly settings: ServerSettings
  readonly users: Users
  readonly tracking: Tracking
  readonly slowlog: Slowlog
  readonly latency: LatencyMonitor
  readonly stopwatch: Stopwatch
  readonly machine: () => Machine
}

/** Names of numbers in the settings of the data. */
const ofData: Readonly<Record<string, keyof Settings>> = {
  "active-expire-effort": "activeExpireEffort",
  "hash-max-listpack-entries": "hashMaxListpackEntries",
  "hash-max-listpack-value": "hashMaxListpackValueBytes",
  "hll-sparse-max-bytes": "hllSparseMaxBytes",
  "list-max-listpack-size": "listMaxListpackSize",
  "lfu-decay-time": "lfuDecayMinutes",
  "lfu-log-factor": "lfuLogFactor",
  "maxmemory-eviction-tenacity": "evictionTenacity",
  "maxmemory-samples": "maxMemorySamples",
  "proto-max-bulk-len": "protoMaxBulkBytes",
  "set-max-intset-entries": "setMaxIntsetEntries",
  "stream-node-max-bytes": "streamNodeMaxBytes",
  "stream-node-max-entries": "streamNodeMaxEntries",
  "zset-max-listpack-entries": "zsetMaxListpackEntries",
  "zset-max-listpack-value": "zsetMaxListpackValueBytes"
}

const number = (get: () => number, set: (value: number) => void): Binding => ({
  get: () => String(get()),
  set: (value) => set(Number(value))
})

const fixed = (get: () => string, fixedReason = "it is set at the start"): Binding => ({
  get,
  set: () => {},
  fixedReason
})

const dataBindings = ({ settings }: Engine): Readonly<Record<string, Binding>> =>
  Object.fromEntries(
    Object.entries(ofData).map(([name, field]) => {
      const numbers = settings as unknown as Record<string, number>
      return [
        name,
        number(
          () => numbers[field],
          (value) => {
            numbers[field] = value
          }
        )
      ]
    })
  )

/** The limits of normal clients, replicas (kept as Redis has them, there are none) and listeners. */
const outputLimits = (settings: ServerSettings): Binding => {
  let replicas = "268435456 67108864 60"
  const print = ({ hardBytes, softBytes, softSeconds }: ServerSettings["outputLimit"]): string =>
    `${hardBytes} ${softBytes} ${softSeconds}`
  const parse = (words: ReadonlyArray<string>): ServerSettings["outputLimit"] => {
    const [hardBytes, softBytes, softSeconds] = words.map(Number)
    return { hardBytes, softBytes, softSeconds }
  }
  return {
    get: () => `normal ${print(settings.outputLimit)} slave ${replicas} pubsub ${print(settings.pubsubOutputLimit)}`,
    set: (value) => {
      const words = value.split(" ")
      settings.outputLimit = parse(words.slice(1, 4))
      replicas = words.slice(5, 8).join(" ")
      settings.pubsubOutputLimit = parse(words.slice(9, 12))
    }
  }
}

const clientBindings = ({ settings, tracking, users }: Parts): Readonly<Record<string, Binding>> => {
  let password = ""
  return {
    "client-output-buffer-limit": outputLimits(settings),
    "client-query-buffer-limit": number(
      () => settings.requestBytesMax,
      (value) => {
        settings.requestBytesMax = value
      }
    ),
    maxclients: number(
      () => settings.clientsMax,
      (value) => {
        settings.clientsMax = value
      }
    ),
    "protected-mode": {
      get: () => (settings.isProtected ? "yes" : "no"),
      set: (value) => {
        settings.isProtected = value === "yes"
      }
    },
    requirepass: {
      get: () => password,
      set: (value) => {
        password = value
        users.setDefaultPassword(value)
      }
    },
    timeout: number(
      () => settings.idleSeconds,
      (value) => {
        settings.idleSeconds = value
      }
    ),
    "tracking-table-max-keys": number(
      () => tracking.keysMax,
      (value) => {
        tracking.keysMax = value
        tracking.limit(undefined)
      }
    )
  }
}

const memoryBindings = ({ engine, memory }: Parts): Readonly<Record<string, Binding>> => ({
  maxmemory: number(
    () => engine.settings.maxMemoryBytes,
    (value) => {
      engine.settings.maxMemoryBytes = value
      memory.limitsChanged()
    }
  ),
  "maxmemory-clients": {
    get: () => memory.limit,
    set: (value) => {
      memory.limit = value
    }
  },
  "maxmemory-policy": {
    get: () => engine.settings.maxMemoryPolicy,
    set: (value) => engine.setPolicy(value)
  }
})

const watchBindings = ({ aclLog, engine, latency, slowlog, stopwatch }: Parts): Readonly<Record<string, Binding>> => ({
  "latency-monitor-threshold": number(
    () => latency.thresholdMillis,
    (value) => {
      latency.thresholdMillis = value
    }
  ),
  "latency-tracking": {
    get: () => (stopwatch.isDetailed ? "yes" : "no"),
    set: (value) => {
      stopwatch.isDetailed = value === "yes"
    }
  },
  "notify-keyspace-events": {
    get: () => NotifyFlags.print(engine.notified),
    set: (value) => {
      engine.notified = NotifyFlags.parse(value)!
    }
  },
  "acllog-max-len": number(
    () => aclLog.entriesMax,
    (value) => {
      aclLog.entriesMax = value
    }
  ),
  "slowlog-log-slower-than": number(
    () => slowlog.slowerThanMicros,
    (value) => {
      slowlog.slowerThanMicros = value
    }
  ),
  "slowlog-max-len": number(
    () => slowlog.lengthMax,
    (value) => slowlog.resize(value)
  )
})

export const of = (parts: Parts): Readonly<Record<string, Binding>> => ({
  ...dataBindings(parts.engine),
  ...clientBindings(parts),
  ...memoryBindings(parts),
  ...watchBindings(parts),
  databases: fixed(() => String(databasesCount)),
  dir: fixed(() => parts.machine().directory),
  port: fixed(() => String(parts.machine().port), "Unable to listen on this port. It is chosen at the start.")
})
