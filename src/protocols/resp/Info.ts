/**
 * Info: the sections of INFO, `name:value` lines as clients' tools read them from 7.0.15. What Orbit has no such thing of says what a Redis says
 * that has none of it: no replicas, no scripts, no forks.
 */
import type { Client } from "./Client.ts"
import * as ClientInfo from "./ClientInfo.ts"
import * as ClientMemory from "./ClientMemory.ts"
import type { Server } from "./Server.ts"

type Fields = ReadonlyArray<readonly [name: string, value: string | number]>

/** The server whose behaviour this one has. */
export const redisVersion = "7.0.15"

const mebi = 1_048_576

/** Bytes with a unit, as Redis writes them for people. */
export const human = (bytes: number): string => {
  if (bytes < 1_024) return `${bytes}B`
  for (const [size, unit] of [
    [1_024, "K"],
    [mebi, "M"],
    [1_024 * mebi, "G"]
  ] as const) {
    if (bytes < size * 1_024) return `${(bytes / size).toFixed(2)}${unit}`
  }
  return `${(bytes / (1_024 * 1_024 * mebi)).toFixed(2)}T`
}

const server = ({ config, engine, machine, startedAt, topology }: Server): Fields => {
  const uptimeSeconds = Math.floor((engine.now - startedAt) / 1_000)
  return [
    ["redis_version", redisVersion],
    ["redis_git_sha1", "00000000"],
    ["redis_git_dirty", 0],
    ["redis_build_id", "0"],
    ["redis_mode", topology === undefined ? "standalone" : "cluster"],
    ["os", machine.operatingSystem],
    ["arch_bits", 64],
    ["monotonic_clock", "POSIX clock_gettime"],
    ["multiplexing_api", "epoll"],
    ["process_id", machine.processId],
    ["process_supervised", "no"],
    ["run_id", machine.runId],
    ["tcp_port", machine.port],
    ["server_time_usec", engine.now * 1_000],
    ["uptime_in_seconds", uptimeSeconds],
    ["uptime_in_days", Math.floor(uptimeSeconds / 86_400)],
    ["hz", config.get("hz")!],
    ["configured_hz", config.get("hz")!],
    ["lru_clock", Math.floor(engine.now / 1_000) % 16_777_216],
    ["executable", "orbit"],
    ["config_file", ""],
    ["io_threads_active", 0]
  ]
}

const largest = (clients: ReadonlyMap<number, Client>, of: (client: Client) => number): number =>
  [...clients.values()].reduce((max, client) => Math.max(max, of(client)), 0)

const clients = ({ clients: all, ownClients, settings, tracking }: Server): Fields => [
  ["connected_clients", ownClients.length],
  ["cluster_connections", all.size - ownClients.length],
  ["maxclients", settings.clientsMax],
  ["client_recent_max_input_buffer", largest(all, ClientMemory.ofInput)],
  ["client_recent_max_output_buffer", largest(all, ClientMemory.ofOutput)],
  ["blocked_clients", ownClients.filter(ClientInfo.isBlocked).length],
  ["tracking_clients", [...tracking.clients].filter(({ isRelayed }) => !isRelayed).length],
  ["clients_in_timeout_table", [...all.values()].filter(({ blocked }) => (blocked?.until ?? 0) > 0).length]
]

const percent = (part: number, whole: number): string =>
  whole === 0 ? "0.00%" : `${((100 * part) / whole).toFixed(2)}%`

const memory = (of: Server): Fields => {
  const { counts, engine, machine, memory: counted } = of
  const { residentBytes, usedBytes: heapBytes } = machine.usage()
  const [usedBytes, clientsBytes] = [counted.usedBytes(), counted.ofClients()]
  const peakBytes = counted.peakBytes
  const { maxMemoryBytes, maxMemoryPolicy } = engine.settings
  const sizes: ReadonlyArray<readonly [name: string, bytes: number]> = [
    ["used_memory", usedBytes],
    ["used_memory_rss", residentBytes],
    ["used_memory_peak", peakBytes]
  ]
  return [
    ...sizes.flatMap(([name, bytes]): Fields => [
      [name, bytes],
      [`${name}_human`, human(bytes)]
    ]),
    ["used_memory_peak_perc", percent(usedBytes, peakBytes)],
    ["used_memory_overhead", clientsBytes],
    ["used_memory_startup", 0],
    ["used_memory_dataset", engine.usedBytes],
    ["used_memory_dataset_perc", percent(engine.usedBytes, usedBytes)],
    ["allocator_allocated", heapBytes],
    ["allocator_active", residentBytes],
    ["allocator_resident", residentBytes],
    ["total_system_memory", machine.memoryBytes],
    ["total_system_memory_human", human(machine.memoryBytes)],
    ["used_memory_lua", 0],
    ["used_memory_lua_human", "0B"],
    ["used_memory_scripts", 0],
    ["used_memory_scripts_human", "0B"],
    ["number_of_cached_scripts", 0],
    ["number_of_functions", 0],
    ["number_of_libraries", 0],
    ["maxmemory", maxMemoryBytes],
    ["maxmemory_human", human(maxMemoryBytes)],
    ["maxmemory_policy", maxMemoryPolicy],
    ["mem_fragmentation_ratio", usedBytes === 0 ? "0.00" : (residentBytes / usedBytes).toFixed(2)],
    ["mem_fragmentation_bytes", Math.max(0, residentBytes - usedBytes)],
    ["mem_not_counted_for_evict", 0],
    ["mem_clients_slaves", 0],
    ["mem_clients_normal", clientsBytes],
    ["mem_aof_buffer", 0],
    ["mem_allocator", "v8"],
    ["active_defrag_running", 0],
    ["lazyfree_pending_objects", 0],
    ["lazyfreed_objects", counts.lazyFreed]
  ]
}

const persistence = ({ engine, isReady, savedAt, savedChanges }: Server): Fields => [
  ["loading", isReady ? 0 : 1],
  ["async_loading", 0],
  ["current_cow_peak", 0],
  ["current_cow_size", 0],
  ["current_fork_perc", "0.00"],
  ["rdb_changes_since_last_save", engine.journal.changes - savedChanges],
  ["rdb_bgsave_in_progress", 0],
  ["rdb_last_save_time", Math.floor(savedAt / 1_000)],
  ["rdb_last_bgsave_status", "ok"],
  ["rdb_last_bgsave_time_sec", -1],
  ["rdb_current_bgsave_time_sec", -1],
  ["rdb_saves", 0],
  ["rdb_last_cow_size", 0],
  ["rdb_last_load_keys_expired", 0],
  ["rdb_last_load_keys_loaded", 0],
  ["aof_enabled", 0],
  ["aof_rewrite_in_progress", 0],
  ["aof_rewrite_scheduled", 0],
  ["aof_last_rewrite_time_sec", -1],
  ["aof_current_rewrite_time_sec", -1],
  ["aof_last_bgrewrite_status", "ok"],
  ["aof_last_write_status", "ok"],
  ["aof_last_cow_size", 0],
  ["module_fork_in_progress", 0],
  ["module_fork_last_cow_size", 0]
]

const statistics = ({
  counts,
  engine,
  errors: errorCounts,
  memory: counted,
  pubsub,
  rates,
  tracking
}: Server): Fields => {
  const errors = [...errorCounts.values()].reduce((sum, count) => sum + count, 0)
  return [
    ["total_connections_received", counts.connections],
    ["total_commands_processed", counts.commands],
    ["instantaneous_ops_per_sec", Math.round(rates.latest.commands)],
    ["total_net_input_bytes", counts.inputBytes],
    ["total_net_output_bytes", counts.outputBytes],
    ["instantaneous_input_kbps", (rates.latest.inputBytes / 1_024).toFixed(2)],
    ["instantaneous_output_kbps", (rates.latest.outputBytes / 1_024).toFixed(2)],
    ["rejected_connections", counts.refused],
    ["sync_full", 0],
    ["sync_partial_ok", 0],
    ["sync_partial_err", 0],
    ["expired_keys", engine.counts.expired],
    ["expired_stale_perc", "0.00"],
    ["expired_time_cap_reached_count", 0],
    ["evicted_keys", engine.counts.evicted],
    ["evicted_clients", counted.evictedClients],
    ["keyspace_hits", engine.counts.hits],
    ["keyspace_misses", engine.counts.misses],
    ["pubsub_channels", pubsub.lines.channel.size],
    ["pubsub_patterns", pubsub.lines.pattern.size],
    ["pubsubshard_channels", pubsub.lines.shard.size],
    ["latest_fork_usec", 0],
    ["total_forks", 0],
    ["migrate_cached_sockets", 0],
    ["tracking_total_keys", tracking.keysCount],
    ["tracking_total_items", tracking.itemsCount],
    ["tracking_total_prefixes", tracking.prefixesCount],
    ["unexpected_error_replies", 0],
    ["total_error_replies", errors],
    ["total_reads_processed", counts.reads],
    ["total_writes_processed", counts.writes]
  ]
}

const replication = ({ machine }: Server): Fields => [
  ["role", "master"],
  ["connected_slaves", 0],
  ["master_failover_state", "no-failover"],
  ["master_replid", machine.runId],
  ["master_replid2", "0".repeat(40)],
  ["master_repl_offset", 0],
  ["second_repl_offset", -1],
  ["repl_backlog_active", 0],
  ["repl_backlog_size", 1_048_576],
  ["repl_backlog_first_byte_offset", 0],
  ["repl_backlog_histlen", 0]
]

const processor = ({ machine }: Server): Fields => {
  const { systemMicros, userMicros } = machine.usage()
  return [
    ["used_cpu_sys", (systemMicros / 1_000_000).toFixed(6)],
    ["used_cpu_user", (userMicros / 1_000_000).toFixed(6)],
    ["used_cpu_sys_children", "0.000000"],
    ["used_cpu_user_children", "0.000000"],
    ["used_cpu_sys_main_thread", (systemMicros / 1_000_000).toFixed(6)],
    ["used_cpu_user_main_thread", (userMicros / 1_000_000).toFixed(6)]
  ]
}

const commandStatistics = ({ usedCommands }: Server): Fields =>
  usedCommands()
    .filter(({ calls, rejected }) => calls + rejected > 0)
    .map(({ calls, command, failed, micros, rejected }) => [
      `cmdstat_${command.name}`,
      `calls=${calls},usec=${Math.round(micros)},usec_per_call=${(calls === 0 ? 0 : micros / calls).toFixed(2)},rejected_calls=${rejected},failed_calls=${failed}`
    ])

const errorStatistics = ({ errors }: Server): Fields =>
  [...errors].map(([code, count]) => [`errorstat_${code}`, `count=${count}`])

const latencyStatistics = ({ config, usedCommands }: Server): Fields => {
  const percents = config
    .get("latency-tracking-info-percentiles")!
    .split(" ")
    .filter((percent) => percent !== "")
  return usedCommands().flatMap(({ command, durations }): Fields => {
    if (durations === undefined) return []
    const shares = percents.map(
      (percent) => `p${percent}=${(durations.percentile(Number(percent)) / 1_000).toFixed(3)}`
    )
    return [[`latency_percentiles_usec_${command.name}`, shares.join(",")]]
  })
}

const keyspace = ({ engine }: Server): Fields =>
  engine.databases.flatMap((database, number): Fields => {
    const { expiring, size } = database
    return size === 0 ? [] : [[`db${number}`, `keys=${size},expires=${expiring},avg_ttl=${database.ttlMillis()}`]]
  })

interface Section {
  readonly title: string
  readonly fields: (server: Server) => Fields
  /** Told only to who asks for it. */
  readonly isExtra?: boolean
}

const sections: Readonly<Record<string, Section>> = {
  server: { title: "Server", fields: server },
  clients: { title: "Clients", fields: clients },
  memory: { title: "Memory", fields: memory },
  persistence: { title: "Persistence", fields: persistence },
  stats: { title: "Stats", fields: statistics },
  replication: { title: "Replication", fields: replication },
  cpu: { title: "CPU", fields: processor },
  modules: { title: "Modules", fields: () => [] },
  commandstats: { title: "Commandstats", fields: commandStatistics, isExtra: true },
  errorstats: { title: "Errorstats", fields: errorStatistics },
  latencystats: { title: "Latencystats", fields: latencyStatistics, isExtra: true },
  cluster: { title: "Cluster", fields: ({ topology }) => [["cluster_enabled", topology === undefined ? 0 : 1]] },
  keyspace: { title: "Keyspace", fields: keyspace }
}

const wanted = (names: ReadonlyArray<string>): ReadonlyArray<Section> => {
  const asked = new Set(names.map((name) => name.toLowerCase()))
  const isEverything = asked.has("everything") || asked.has("all")
  const isDefault = asked.size === 0 || asked.has("default")
  return Object.entries(sections)
    .filter(([name, { isExtra }]) => asked.has(name) || isEverything || (isDefault && isExtra !== true))
    .map(([, section]) => section)
}

/** The sections of these names; of none: the usual ones. */
export const text = (of: Server, names: ReadonlyArray<string>): string =>
  wanted(names)
    .map(({ fields, title }) =>
      [`# ${title}`, ...fields(of).map(([name, value]) => `${name}:${value}`), ""].join("\r\n")
    )
    .join("\r\n")
