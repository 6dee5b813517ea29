/** RedisDoor: Redis's clients at a node: what the configuration says, as `protocols/resp` understands it. */
import * as Effect from "effect/Effect"
import * as Redis from "#database/redis/Redis.ts"
import * as AclRules from "#protocols/resp/AclRules.ts"
import type * as Machine from "#protocols/resp/Machine.ts"
import * as RespDoor from "#protocols/resp/Door.ts"
import type * as Topology from "#protocols/resp/Topology.ts"
import { Refusal } from "#protocols/resp/Refusal.ts"
import type { Server } from "#protocols/resp/Server.ts"
import type { Address, Credentials } from "#world/Net.ts"
import { Trace } from "#world/Trace.ts"
import * as Transport from "#cluster/transport/Transport.ts"
import { type Configuration, durabilityOf, nodesPortOf } from "./Configuration.ts"
import type { Door } from "./Door.ts"
import { codes, StartError } from "./Ending.ts"
import type * as Kind from "./Kind.ts"
import type { Metrics } from "./Metrics.ts"
import type { Config } from "./Settings.ts"

export interface Options {
  /** What the process tells of itself; `save` is the door's. */
  readonly machine: Omit<Machine.Machine, "port" | "directory" | "save">
  /** Reads those of the port with TLS; throws when they cannot be read. */
  readonly credentials?: () => Credentials
  /** Of this node among the others, with which they come in for their clients, and this one at theirs; undefined: they do without TLS. */
  readonly ofNodes?: Credentials | undefined
  /** What the other nodes say when they come for their clients: hard to guess. */
  readonly pass: string
  /** In the file system of the process. */
  readonly sockets?: ReadonlyArray<RespDoor.Place>
}

const aloneLeaseMillis = 3_600_000

/** Of the heap, for data. The rest is for the collector, which is slow where it has little, and for what is under way. */
const dataShare = 0.7
/** While it is loaded, for data and records: those of small keys take up to a third more than the keys. */
const loadedShare = 0.95
/** The young generation, of three parts, and the server itself. */
const besideDataBytes = 3 * 33_554_432 + 67_108_864

const dataBytesMax = (machine: Options["machine"], share: number): number =>
  Math.max(0, Math.floor(share * (machine.heapBytesMax - besideDataBytes)))

const everywhere = new Set(["0.0.0.0", "::"])

/** Where other nodes reach this door: all addresses are none to go to, so then it is where the node's store is. */
export const announced = ({ nodeId, nodes, redisAnnounce, redisBind, redisPort }: Config): Address => {
  if (redisAnnounce !== undefined) return redisAnnounce
  const [{ host }] = redisBind
  return { host: everywhere.has(host) ? (nodes.get(nodeId)?.host ?? host) : host, port: redisPort }
}

/** Where other nodes come in for their clients. */
const nodesDoorOf = (config: Config, tls: Credentials | undefined): RespDoor.Nodes | undefined => {
  const port = nodesPortOf(config)
  if (tls === undefined || port === undefined) return undefined
  const places = config.redisBind.map(({ host, optional }) => ({ host, port, isOptional: optional }))
  return { places, tls, nameOf: Transport.nameOf }
}

const idOf = (node: number): string => node.toString(16).padStart(40, "0")

/** As CLUSTER tells it: who has which slots, and who lives and has none yet. */
const topologyOf =
  (config: Config, redis: Redis.Redis): Topology.Topology =>
  () => {
    const { ownership, placement } = redis
    const self = { ...announced(config), id: idOf(config.nodeId), isSelf: true, isOnline: true }
    const living = new Set(placement.peers.map(({ node }) => node))
    const others = [...ownership.others.values()].filter(({ node, slots }) => living.has(node) || slots.count > 0)
    return [
      { ...self, slots: ownership.slots.ranges },
      ...others
        .sort((left, right) => left.node - right.node)
        .map(({ address, node, slots }) => ({
          ...address,
          id: idOf(node),
          isSelf: false,
          isOnline: living.has(node),
          slots: slots.ranges
        }))
    ]
  }

/** Directives whose lines add up. */
const addsUp = new Set(["save"])

const outputLimit = ({ hardBytes, softBytes, softMillis }: Kind.OutputLimit) => ({
  hardBytes,
  softBytes,
  softSeconds: softMillis / 1_000
})

const tlsClients = { yes: "required", optional: "optional", no: "none" } as const

const placesOf = (config: Config, credentials: Options["credentials"]): ReadonlyArray<RespDoor.Place> => {
  const at = (port: number, tls: RespDoor.Place["tls"]): ReadonlyArray<RespDoor.Place> =>
    port === 0 ? [] : config.redisBind.map(({ host, optional }) => ({ host, port, isOptional: optional, tls }))
  const tls = config.redisTlsPort === 0 ? undefined : credentials?.()
  const clients = tlsClients[config.redisTlsClients]
  return [...at(config.redisPort, undefined), ...at(config.redisTlsPort, tls && { ...tls, clients })]
}

/** What was said of Redis's own names, and what the settings are under them. */
const told = ({ config, directives }: Configuration): ReadonlyArray<readonly [string, string]> => {
  const values = new Map<string, string>()
  for (const { name, values: given } of directives) {
    const text = given.join(" ")
    const before = values.get(name)
    values.set(name, addsUp.has(name) && before !== undefined && text !== "" ? `${before} ${text}` : text)
  }
  return [
    ...values,
    ["slowlog-log-slower-than", String(config.slowRequestMicros)],
    ["slowlog-max-len", String(config.slowRequestsMax)],
    ["bind", config.redisBind.map(({ host, optional }) => `${optional ? "-" : ""}${host}`).join(" ")],
    ["tls-port", String(config.redisTlsPort)],
    ["unixsocket", config.redisSocket],
    ["unixsocketperm", config.redisSocketMode.toString(8)],
    ["cluster-enabled", config.redisCluster === "no" ? "no" : "yes"],
    ["appendfsync", durabilityOf(config) === "async" ? "everysec" : "always"]
  ]
}

const configure = (server: Server, configuration: Configuration): StartError | undefined => {
  const { redisPassword, redisUsers } = configuration.config
  if (redisPassword !== "") {
    server.users.set(server.users.default.with({ isOpen: false, passwords: [redisPassword] }))
  }
  for (const line of redisUsers) {
    const [name, ...rules] = line.split(/\s+/)
    try {
      // As in Redis, a line is all that there is of its user, the default one too.
      server.users.set(AclRules.apply(AclRules.newcomer(name), rules))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return new StartError({ code: codes.configuration, message: `redis-users: ${name}: ${error.text}` })
    }
  }
  for (const [name, value] of told(configuration)) {
    try {
      server.config.begin(name, value)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return new StartError({ code: codes.configuration, message: `${name}: ${value}: ${error.text}` })
    }
  }
  return undefined
}

const measure = (metrics: Metrics, { sessions, server }: RespDoor.Door, redis: Redis.Redis): void => {
  const gauge = (name: string, help: string, of: () => number): void => metrics.read({ name, type: "gauge", help }, of)
  const counter = (name: string, help: string, of: () => number): void =>
    metrics.read({ name, type: "counter", help }, of)
  const { counts } = server
  gauge("orbit_redis_connections", "Open connections of Redis clients.", () => sessions.count)
  gauge("orbit_redis_ready", "1 while this node answers for what it has of Redis's data.", () =>
    redis.isReady ? 1 : 0
  )
  gauge("orbit_redis_slots", "Hash slots that this node answers for.", () => redis.placement.here.count)
  gauge("orbit_redis_output_bytes", "Bytes of replies that wait for clients.", () => sessions.outputBytes)
  counter("orbit_redis_connections_total", "Connections of Redis clients that were let in.", () => counts.connections)
  counter("orbit_redis_connections_refused_total", "Connections that were not.", () => counts.refused)
  counter("orbit_redis_commands_total", "Commands of Redis clients that were run.", () => counts.commands)
  counter("orbit_redis_input_bytes_total", "Bytes that came from Redis clients.", () => counts.inputBytes)
  counter("orbit_redis_output_bytes_total", "Bytes that went to Redis clients.", () => counts.outputBytes)
  counter("orbit_redis_keyspace_hits_total", "Keys that were looked up and were there.", () => redis.engine.counts.hits)
  counter(
    "orbit_redis_keyspace_misses_total",
    "Keys that were looked up and were not.",
    () => redis.engine.counts.misses
  )
  counter("orbit_redis_expired_keys_total", "Keys that expired.", () => redis.engine.counts.expired)
  counter("orbit_redis_evicted_keys_total", "Keys that went to make room.", () => redis.engine.counts.evicted)
  counter(
    "orbit_redis_evicted_clients_total",
    "Clients that were broken off to make room.",
    () => server.memory.evictedClients
  )
  gauge("orbit_redis_data_bytes", "Memory that keys and values take, about.", () => redis.engine.usedBytes)
}

/** Everything that this node has is loaded, and it is known who has the rest. */
const isServed = ({ isReady, placement }: Redis.Redis): boolean => isReady && placement.isWhole

const settlePauseMillis = 5
const settleMillisMax = 10_000

/** Until clients are served: who comes before is told that the data is loading. A cluster may take longer than this to be one. */
const settling = Effect.fnUntraced(function* (redis: Redis.Redis, trace: Trace["Service"]) {
  for (let waitedMillis = 0; !isServed(redis) && redis.trouble === undefined; waitedMillis += settlePauseMillis) {
    if (waitedMillis >= settleMillisMax && !redis.isLoading) {
      trace.emit("warn", "server/redis-not-loaded", { waitedMillis })
      return
    }
    yield* Effect.sleep(settlePauseMillis)
  }
})

/** What does not read is told, and the old credentials stay. */
const reload = (door: RespDoor.Door, credentials: Options["credentials"], trace: Trace["Service"]): void => {
  if (credentials === undefined) return
  try {
    door.renew(credentials())
    trace.emit("info", "server/certificates-read")
  } catch (error) {
    trace.emit("error", "server/certificates-refused", {
      reason: error instanceof Error ? error.message : String(error)
    })
  }
}

export const make = ({ credentials, machine, ofNodes, pass, sockets = [] }: Options): Door => ({
  name: "Redis clients",
  open: Effect.fnUntraced(function* ({ configuration, metrics }) {
    const { config } = configuration
    const isAlone = config.nodes.size === 0
    const nodes = nodesDoorOf(config, ofNodes)
    const redis = yield* Redis.open({
      node: config.nodeId,
      address: announced(config),
      relay: nodes && { ...announced(config), port: nodes.places[0].port },
      pass,
      // Nobody else can take over from a single node, however long it stands still.
      ...(isAlone && { leaseMillis: aloneLeaseMillis }),
      isAlone,
      spreads: config.redisSpread,
      dataBytesMax: dataBytesMax(machine, loadedShare),
      settings: { protoMaxBulkBytes: config.redisArgumentBytesMax }
    })
    let refusal: StartError | undefined
    const door = yield* RespDoor.open({
      addresses: [...placesOf(config, credentials), ...sockets],
      redis,
      durability: durabilityOf(config) === "async" ? "async" : "stored",
      nodes,
      redirects: config.redisCluster === "moved" ? announced(config) : undefined,
      settings: {
        clientsMax: config.redisConnectionsMax,
        idleSeconds: config.redisIdleSecondsMax,
        isProtected: config.redisProtected,
        requestBytesMax: config.redisRequestBytesMax,
        outputLimit: outputLimit(config.redisOutputLimit),
        pubsubOutputLimit: outputLimit(config.redisPubsubOutputLimit)
      },
      prepare: (server) => {
        // Whoever asks to save is answered once it is: nobody waits longer than a batch takes.
        const save = (): void => void redis.storing.settled(() => {})
        server.machine = { ...machine, port: config.redisPort, directory: config.dataDirectory, save }
        server.memory.dataBytesMax = dataBytesMax(machine, dataShare)
        server.node = config.nodeId
        if (!isAlone) server.shards = redis.placement
        if (config.redisCluster !== "no") server.topology = topologyOf(config, redis)
        refusal = configure(server, configuration)
      }
    })
    if (refusal !== undefined) return yield* refusal
    measure(metrics, door, redis)
    const trace = yield* Trace
    for (const { message } of door.missing) trace.emit("info", "server/not-listening", { message })
    yield* settling(redis, trace)
    if (redis.trouble !== undefined) return yield* new StartError({ code: codes.data, message: redis.trouble })
    return {
      addresses: door.addresses,
      reload: () => reload(door, credentials, trace),
      verdict: () => (isServed(redis) ? undefined : (redis.trouble ?? "Redis's data is not loaded")),
      drain: door.drain(config.drainMillisMax)
    }
  })
})
