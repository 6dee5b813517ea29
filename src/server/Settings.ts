/**
 * Settings: everything that a server can be told, in one table: name, values, default and meaning. Flags, variables, files, `--print-config` and
 * the documentation come from it.
 *
 * A setting `redisPort` is the flag `--redis-port`, the variable `ORBIT_REDIS_PORT` and the key `redisPort` of a file. Units stand in the names.
 * Redis's own names for them are in `RedisDirectives.ts`.
 */
import * as Kind from "./Kind.ts"

export interface Setting<A> {
  readonly kind: Kind.Kind<A>
  /** What it is when nobody says. */
  readonly initial: A
  /** One sentence, for people. */
  readonly what: string
}

const setting = <A>(kind: Kind.Kind<A>, initial: A, what: string): Setting<A> => ({ kind, initial, what })

const kibi = 1_024
const mebi = 1_048_576
const gibi = 1_073_741_824
const dayMillis = 86_400_000
const yearSeconds = 31_536_000

const port = Kind.whole(0, 65_535)
const none: Kind.OutputLimit = { hardBytes: 0, softBytes: 0, softMillis: 0 }
const loopback: ReadonlyArray<Kind.Bind> = [
  { host: "127.0.0.1", optional: false },
  { host: "::1", optional: true }
]

export const table = {
  dataDirectory: setting(Kind.text, "orbit-data", "Where the node keeps everything; made when it is not there."),
  engine: setting(Kind.choice("lsm", "btree", "memory"), "lsm", "How its store keeps ranges; all engines are durable."),
  durability: setting(
    Kind.choice("auto", "quorum", "local", "async"),
    "auto",
    "What an answered write has behind it: most nodes' disks, one disk, or memory for up to a second. auto: quorum in a cluster, local on a single node."
  ),
  audit: setting(
    Kind.yesNo,
    false,
    "Whether every decision goes into a hash-chained audit trail (`npm run audit`); the same on all nodes. Entries stay for good."
  ),
  drainMillisMax: setting(
    Kind.whole(0, 600_000),
    10_000,
    "How long a node that is asked to stop waits for its clients."
  ),
  nodeId: setting(Kind.whole(1, 65_535), 1, "The node's number in its cluster, never another one's again."),
  clusterId: setting(Kind.cluster, "", "Which cluster; drawn at the first start of a single node."),
  nodes: setting<ReadonlyMap<number, { readonly host: string; readonly port: number }>>(
    Kind.nodes,
    new Map(),
    "All nodes of the cluster, this one included; none: a single node."
  ),
  clusterFounders: setting<ReadonlyArray<number>>(
    Kind.numbers,
    [],
    "The nodes that the cluster began with; none: all. A node whose disk was lost may not be one of them."
  ),
  clusterListen: setting(
    Kind.address,
    undefined,
    "Where the node listens for the others; default: as `nodes` has it, or any port of loopback."
  ),
  clusterCertificateFile: setting(Kind.text, "", "Certificate (PEM) with the name store-N, for TLS between nodes."),
  clusterKeyFile: setting(Kind.text, "", "Its key (PEM)."),
  clusterAuthorityFile: setting(Kind.text, "", "The authority (PEM) whose certificates nodes believe."),
  clusterProtected: setting(Kind.yesNo, true, "Refuses to start where nodes listen beyond loopback without TLS."),
  redisPort: setting(port, 6_379, "Port for Redis clients; 0: none."),
  redisBind: setting(Kind.binds, loopback, "Where it listens for them."),
  redisAnnounce: setting(
    Kind.address,
    undefined,
    "Where other nodes reach its Redis clients' door; default: the first of those places, or the host in `nodes` where that is all addresses."
  ),
  redisCluster: setting(
    Kind.choice("no", "yes", "moved"),
    "no",
    "Whether clients are told that this is a Redis Cluster. yes: they are told which node has which slots, and every node carries what they say to where it belongs; moved: nodes send them there."
  ),
  redisSpread: setting(
    Kind.yesNo,
    true,
    "Whether a cluster's nodes share Redis's data. yes: each has about as many slots as any other. no: slots stay where they are, which is one node at first, so that commands on several keys stay within it; they move when a node dies."
  ),
  redisProtected: setting(
    Kind.yesNo,
    true,
    "Refuses to start where clients come from beyond loopback and need no password."
  ),
  redisPassword: setting(Kind.password, "", "The password of the user `default`; only its hash is kept."),
  redisUsers: setting<ReadonlyArray<string>>(Kind.users, [], "Users, a line of Redis's access list each."),
  redisConnectionsMax: setting(Kind.whole(1, 1_000_000), 10_000, "Connections of clients; more are refused."),
  redisIdleSecondsMax: setting(
    Kind.whole(0, yearSeconds),
    0,
    "A client that says nothing for so long is cut off; 0: never."
  ),
  redisRequestBytesMax: setting(Kind.bytes(mebi, gibi), gibi, "Bytes of a request that are kept until it is whole."),
  redisArgumentBytesMax: setting(Kind.bytes(mebi, gibi / 2), gibi / 2, "Bytes of one argument of a request."),
  redisOutputLimit: setting(
    Kind.outputLimit,
    none,
    "Replies to a client that are not sent yet, what it has just asked for included."
  ),
  redisPubsubOutputLimit: setting(
    Kind.outputLimit,
    { hardBytes: 32 * mebi, softBytes: 8 * mebi, softMillis: 60_000 },
    "The same for a client that subscribes."
  ),
  redisTlsPort: setting(port, 0, "Port for Redis clients by TLS; 0: none."),
  redisNodesPort: setting(
    port,
    0,
    "Port where the other nodes come in for their clients, by TLS, if nodes have certificates; 0: the clients' port + 10000. Without certificates they come to that of clients."
  ),
  redisCertificateFile: setting(Kind.text, "", "Certificate (PEM) for it; read again at SIGHUP."),
  redisKeyFile: setting(Kind.text, "", "Its key (PEM)."),
  redisAuthorityFile: setting(Kind.text, "", "The authority (PEM) of clients' certificates."),
  redisTlsClients: setting(
    Kind.choice("yes", "optional", "no"),
    "yes",
    "Whether clients by TLS have to show a certificate."
  ),
  redisSocket: setting(
    Kind.text,
    "",
    "A socket in the file system for Redis clients on this machine, relative to the data directory; none when empty."
  ),
  redisSocketMode: setting(
    Kind.rights,
    0,
    "Who may come in there, as a file's rights, such as 770; 0: as the process makes files."
  ),
  adminSocket: setting(
    Kind.text,
    "admin.sock",
    "The administrator's own, for whom Redis clients are served: everything is allowed there; relative to the data directory; none when empty."
  ),
  slowRequestMicros: setting(Kind.whole(-1, 3_600_000_000), 10_000, "Slower requests are kept in a log; -1: none."),
  slowRequestsMax: setting(Kind.whole(0, 1_048_576), 128, "How many of them are kept."),
  adminPort: setting(port, 9_600, "Port for health and metrics by HTTP; 0: none."),
  adminBind: setting(Kind.binds, loopback, "Where it listens for that."),
  adminProtected: setting(
    Kind.yesNo,
    true,
    "Refuses to start where it would listen beyond loopback: it asks for no password."
  ),
  adminConnectionsMax: setting(Kind.whole(1, 10_000), 64, "Connections for health and metrics; more are refused."),
  adminIdleMillisMax: setting(
    Kind.whole(100, dayMillis),
    10_000,
    "A connection that asks nothing for so long is cut off."
  ),
  adminRequestBytesMax: setting(Kind.bytes(256, 64 * kibi), 8 * kibi, "Bytes of one request for them."),
  logLevel: setting(Kind.choice("debug", "info", "warn", "error"), "info", "The least that is logged."),
  logFormat: setting(
    Kind.choice("auto", "json", "pretty"),
    "auto",
    "Lines of JSON or for people; auto: by the terminal."
  ),
  logSampleEvery: setting(Kind.whole(1, 1_000_000), 1, "Of so many events of a name below warn, one is logged."),
  otlpUrl: setting(
    Kind.url,
    "",
    "Where traces and logs go by OTLP over HTTP, such as http://127.0.0.1:4318; none when empty."
  )
}

export type Table = typeof table
export type Name = keyof Table

/** Every setting's value. */
export type Config = { readonly [N in Name]: Table[N] extends Setting<infer A> ? A : never }

export const names = Object.keys(table) as ReadonlyArray<Name>

/** `redisPort` as `redis-port`. */
export const flagOf = (name: Name): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

export const variableOf = (name: Name): string => `ORBIT_${flagOf(name).replaceAll("-", "_").toUpperCase()}`

const byFlag: ReadonlyMap<string, Name> = new Map(names.map((name) => [flagOf(name), name]))

export const ofFlag = (flag: string): Name | undefined => byFlag.get(flag)

/** What everything is when nobody says anything. */
export const initial: Config = Object.fromEntries(names.map((name) => [name, table[name].initial])) as Config
