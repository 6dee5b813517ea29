/**
 * RedisDirectives: what redis.conf and `--name value` of redis-server 7.0 mean here.
 *
 * Three kinds: those that are a setting of Orbit's under another name; those that ask for what Orbit does not do, which are refused when they ask
 * for it; all others of 7.0, which are accepted and handed to the door as they are: it knows which have a meaning to it.
 */
import * as Assignment from "./Assignment.ts"
import * as Kind from "./Kind.ts"
import type { Name } from "./Settings.ts"

type Values = ReadonlyArray<string>
type Given = readonly [Name, string]
/** Settings and their texts, or what is wrong. */
type Translation = (values: Values) => ReadonlyArray<Given> | string

const same =
  (name: Name): Translation =>
  (values) => [[name, values.join(" ")]]

const databases: Translation = ([count]) => (count === "16" ? [] : "allowed: 16")

const durabilities: Readonly<Record<string, string>> = { always: "auto", everysec: "async", no: "async" }

const appendfsync: Translation = ([when]) => {
  const durability = durabilities[when.toLowerCase()]
  return durability === undefined ? "allowed: always, everysec, no" : [["durability", durability]]
}

const outputLimits: Translation = (values) => {
  const given: Array<Given> = []
  for (let at = 0; at < values.length; at += 4) {
    const limit = values.slice(at + 1, at + 4).join(" ")
    const kind = values[at].toLowerCase()
    if (kind === "normal") given.push(["redisOutputLimit", limit])
    else if (kind === "pubsub") given.push(["redisPubsubOutputLimit", limit])
    else if (kind !== "replica" && kind !== "slave")
      return "allowed: normal, replica or pubsub, each with two limits in bytes and seconds"
  }
  return given
}

const levels: Readonly<Record<string, string>> = { debug: "debug", verbose: "info", notice: "info", warning: "warn" }

const loglevel: Translation = ([level]) => {
  const ours = levels[level.toLowerCase()]
  return ours === undefined ? "allowed: debug, verbose, notice, warning" : [["logLevel", ours]]
}

const translations: Readonly<Record<string, Translation>> = {
  port: same("redisPort"),
  unixsocket: same("redisSocket"),
  unixsocketperm: same("redisSocketMode"),
  bind: same("redisBind"),
  "cluster-enabled": same("redisCluster"),
  "cluster-port": same("redisNodesPort"),
  "protected-mode": same("redisProtected"),
  requirepass: ([secret]) => [["redisPassword", secret === "" ? "" : `#${Kind.hashOf(secret)}`]],
  user: same("redisUsers"),
  maxclients: same("redisConnectionsMax"),
  timeout: same("redisIdleSecondsMax"),
  "client-query-buffer-limit": same("redisRequestBytesMax"),
  "proto-max-bulk-len": same("redisArgumentBytesMax"),
  "client-output-buffer-limit": outputLimits,
  databases,
  dir: same("dataDirectory"),
  appendfsync,
  loglevel,
  "slowlog-log-slower-than": same("slowRequestMicros"),
  "slowlog-max-len": same("slowRequestsMax"),
  "tls-port": same("redisTlsPort"),
  "tls-cert-file": same("redisCertificateFile"),
  "tls-key-file": same("redisKeyFile"),
  "tls-ca-cert-file": same("redisAuthorityFile"),
  "tls-auth-clients": same("redisTlsClients")
}

/** What Orbit does not do, and the values by which nobody asks for it. */
const refusals: Readonly<Record<string, { readonly harmless: ReadonlyArray<string>; readonly why: string }>> = {
  aclfile: { harmless: [""], why: "access lists in files come later: give users by `user` lines" },
  replicaof: { harmless: ["no one"], why: "nodes replicate by consensus: name them by `nodes`" },
  slaveof: { harmless: ["no one"], why: "nodes replicate by consensus: name them by `nodes`" },
  loadmodule: { harmless: [], why: "modules of Redis are machine code, which Orbit does not run" },
  "rename-command": { harmless: [], why: "commands keep their names: give users rules by `user` lines" },
  daemonize: { harmless: ["no"], why: "the server stays in the foreground: let a service manager run it" },
  logfile: { harmless: [""], why: "logs go to standard error: lead them to a file there" },
  "syslog-enabled": { harmless: ["no"], why: "logs go to standard error" },
  "tls-key-file-pass": { harmless: [""], why: "keys are read as they are: give one without a password" },
  "tls-ca-cert-dir": { harmless: [""], why: "name one file by tls-ca-cert-file" }
}

/** The directives of 7.0.15 besides those above. */
const others: ReadonlySet<string> = new Set(
  `acl-pubsub-default acllog-max-len active-defrag-cycle-max active-defrag-cycle-min active-defrag-ignore-bytes
  active-defrag-max-scan-fields active-defrag-threshold-lower active-defrag-threshold-upper active-expire-effort activedefrag
  activerehashing always-show-logo aof-disable-auto-gc aof-load-truncated aof-rewrite-incremental-fsync aof-timestamp-enabled
  aof-use-rdb-preamble aof_rewrite_cpulist appenddirname appendfilename appendonly auto-aof-rewrite-min-size
  auto-aof-rewrite-percentage bgsave_cpulist bind-source-addr bio_cpulist busy-reply-threshold
  cluster-allow-pubsubshard-when-down cluster-allow-reads-when-down cluster-allow-replica-migration cluster-announce-bus-port
  cluster-announce-hostname cluster-announce-ip cluster-announce-port cluster-announce-tls-port cluster-config-file
  cluster-link-sendbuf-limit cluster-migration-barrier cluster-node-timeout
  cluster-preferred-endpoint-type cluster-replica-no-failover cluster-replica-validity-factor cluster-require-full-coverage
  cluster-slave-no-failover cluster-slave-validity-factor crash-log-enabled crash-memcheck-enabled dbfilename disable-thp
  dynamic-hz enable-debug-command enable-module-command enable-protected-configs hash-max-listpack-entries
  hash-max-listpack-value hash-max-ziplist-entries hash-max-ziplist-value hll-sparse-max-bytes hz ignore-warnings io-threads
  io-threads-do-reads jemalloc-bg-thread latency-monitor-threshold latency-tracking latency-tracking-info-percentiles
  lazyfree-lazy-eviction lazyfree-lazy-expire lazyfree-lazy-server-del lazyfree-lazy-user-del lazyfree-lazy-user-flush
  lfu-decay-time lfu-log-factor list-compress-depth list-max-listpack-size list-max-ziplist-size lua-time-limit masterauth
  masteruser maxmemory maxmemory-clients maxmemory-eviction-tenacity maxmemory-policy maxmemory-samples min-replicas-max-lag
  min-replicas-to-write min-slaves-max-lag min-slaves-to-write no-appendfsync-on-rewrite notify-keyspace-events oom-score-adj
  oom-score-adj-values pidfile proc-title-template propagation-error-behavior rdb-del-sync-files rdb-save-incremental-fsync
  rdbchecksum rdbcompression repl-backlog-size repl-backlog-ttl repl-disable-tcp-nodelay repl-diskless-load
  repl-diskless-sync repl-diskless-sync-delay repl-diskless-sync-max-replicas repl-ping-replica-period repl-ping-slave-period
  repl-timeout replica-announce-ip replica-announce-port replica-announced replica-ignore-disk-write-errors
  replica-ignore-maxmemory replica-lazy-flush replica-priority replica-read-only replica-serve-stale-data
  sanitize-dump-payload save server_cpulist set-max-intset-entries set-proc-title shutdown-on-sigint shutdown-on-sigterm
  shutdown-timeout slave-announce-ip slave-announce-port slave-ignore-maxmemory slave-lazy-flush slave-priority
  slave-read-only slave-serve-stale-data socket-mark-id stop-writes-on-bgsave-error stream-node-max-bytes
  stream-node-max-entries supervised syslog-facility syslog-ident tcp-backlog tcp-keepalive tls-ciphers tls-ciphersuites
  tls-client-cert-file tls-client-key-file tls-client-key-file-pass tls-cluster tls-dh-params-file tls-prefer-server-ciphers
  tls-protocols tls-replication tls-session-cache-size tls-session-cache-timeout tls-session-caching tracking-table-max-keys
  zset-max-listpack-entries zset-max-listpack-value zset-max-ziplist-entries zset-max-ziplist-value`.split(/\s+/)
)

export const isKnown = (name: string): boolean =>
  Object.hasOwn(translations, name) || Object.hasOwn(refusals, name) || others.has(name)

/** A directive by its name in lower case, which is known. */
export const translate = ({ name, source, values }: Assignment.Directive): Assignment.Said => {
  const place = source.origin === "flag" ? source.place : `${source.place}: ${name}`
  const shown = `${place} ${values.join(" ")}`
  const refusal = Object.hasOwn(refusals, name) ? refusals[name] : undefined
  if (refusal !== undefined) {
    const asks = !refusal.harmless.includes(values.join(" ").toLowerCase())
    return asks ? Assignment.problem(`${shown}: not supported; ${refusal.why}`) : Assignment.nothing
  }
  const directives = [{ name, source, values }]
  if (!Object.hasOwn(translations, name)) return { ...Assignment.nothing, directives }
  if (values.length === 0) return Assignment.problem(`${place}: a value is missing`)
  const given = translations[name](values)
  if (typeof given === "string") return Assignment.problem(`${shown}: ${given}`)
  const assignments = given.map(([setting, text]) => ({ name: setting, text, source }))
  return { ...Assignment.nothing, assignments }
}
