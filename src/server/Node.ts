/**
 * Node: a whole member of a cluster, or a single node that is one: its share of the keyspace, transactions, locks, and the doors. Its only requirement
 * is World: `main.ts` gives it a machine, the simulator one of its own.
 *
 * In this order it begins: who it is (`Identity`), the admin door, the store, the services, the doors of clients; and it ends in the opposite one.
 *
 * Needs of its caller: one node a disk (`DirectoryLock`); after `drain` the end of the scope, by which everything is closed.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { end } from "#keyspace/Descriptor.ts"
import { Keyspace } from "#keyspace/Keyspace.ts"
import * as KeyspaceNode from "#keyspace/KeyspaceNode.ts"
import * as Scrubber from "#storage/Scrubber.ts"
import type { StorageError } from "#storage/StorageError.ts"
import * as Locks from "#txn/locks/Locks.ts"
import * as Transactions from "#txn/Transactions.ts"
import { Host } from "#world/Host.ts"
import type { Address, Credentials } from "#world/Net.ts"
import { Trace } from "#world/Trace.ts"
import type { World } from "#world/World.ts"
import type { DiskError, NetError } from "#world/WorldError.ts"
import * as AdminDoor from "./AdminDoor.ts"
import { type Configuration, durabilityOf, listenOf } from "./Configuration.ts"
import type { Door, OpenDoor } from "./Door.ts"
import { codes, type StartError } from "./Ending.ts"
import { Health } from "./Health.ts"
import * as Identity from "./Identity.ts"
import { Metrics } from "./Metrics.ts"
import * as NodeMetrics from "./NodeMetrics.ts"

export interface Listening {
  readonly name: string
  readonly address: Address
}

export interface Options {
  readonly configuration: Configuration
  /** For TLS between nodes. */
  readonly credentials?: Credentials | undefined
  /** Of clients. */
  readonly doors: ReadonlyArray<Door>
  /** Registers what only the machine knows. */
  readonly measure?: (metrics: Metrics) => void
}

export class Node extends Context.Service<
  Node,
  {
    readonly cluster: string
    readonly listening: ReadonlyArray<Listening>
    /** Has its doors read again what may have changed. */
    readonly reload: () => void
    /** Is not ready any more, takes no new clients, and waits for those that there are, `drainMillisMax` at most. False: some were not done. */
    readonly drain: Effect.Effect<boolean>
  }
>()("orbit/server/Node") {}

export const version = "0.1.0"

/** A range whose only voter is here has no other leader to wait for, as it else would after a restart. */
const leadOwn = ({ ranges }: KeyspaceNode.KeyspaceNode, self: number): void => {
  for (const { descriptor, leaseholder, stores } of ranges.known({ from: new Uint8Array(0), to: end })) {
    const isAlone = stores.length === 1 && stores[0] === self
    if (isAlone && leaseholder === undefined) ranges.group(descriptor.range)?.campaign()
  }
}

const openStore = Effect.fnUntraced(function* (options: Options, cluster: string) {
  const { config } = options.configuration
  const trace = yield* Trace
  const host = yield* Host
  const { audit, clusterFounders, engine, nodeId, nodes } = config
  const everybody = nodes.size === 0 ? [nodeId] : [...nodes.keys()].sort((left, right) => left - right)
  const peers = new Map([...nodes].filter(([node]) => node !== nodeId))
  const node = yield* KeyspaceNode.open({
    store: nodeId,
    cluster,
    listen: listenOf(config),
    peers,
    directory: "store",
    engine,
    range: { audits: audit },
    founders: clusterFounders.length === 0 ? everybody : clusterFounders,
    tls: options.credentials,
    halted: (message) => {
      trace.emit("error", "server/store-stopped", { message })
      host.exit(codes.failed)
    }
  })
  leadOwn(node, nodeId)
  return node
})

const openDoors = Effect.fnUntraced(function* (options: Options, metrics: Metrics) {
  const opened: Array<readonly [Door, OpenDoor]> = []
  for (const door of options.doors) {
    opened.push([door, yield* door.open({ configuration: options.configuration, metrics })])
  }
  return opened
})

const announce = Effect.fnUntraced(function* (listening: ReadonlyArray<Listening>, cluster: string, options: Options) {
  const trace = yield* Trace
  const host = yield* Host
  const { config } = options.configuration
  for (const { address, name } of listening) {
    trace.emit("info", "server/listening", { door: name, host: address.host, port: address.port })
  }
  trace.emit("info", "server/ready", {
    message: "Ready to accept connections",
    version,
    cluster,
    node: config.nodeId,
    data: config.dataDirectory,
    engine: config.engine,
    durability: durabilityOf(config),
    cores: host.cores
  })
})

const begin = Effect.fnUntraced(function* (
  options: Options,
  metrics: Metrics
): Effect.fn.Return<Node["Service"], StartError | StorageError | DiskError | NetError, World | Scope.Scope> {
  const { config } = options.configuration
  const health = new Health()
  const { cluster } = yield* Identity.establish({ cluster: config.clusterId, node: config.nodeId })
  NodeMetrics.watchHost(metrics, yield* Host, version)
  options.measure?.(metrics)
  const admin = config.adminPort === 0 ? undefined : yield* AdminDoor.open({ config, metrics, health })
  const store = yield* openStore(options, cluster)
  yield* Scrubber.start({ targets: [store.store.engine, store.store.wal] })
  NodeMetrics.watchStore(metrics, store, config.nodeId)
  const made = yield* Effect.provideService(Transactions.make(), Keyspace, store.keyspace)
  const transactions = yield* NodeMetrics.watchTransactions(metrics, made)
  const locks = yield* Effect.provideService(Locks.make, Transactions.Transactions, transactions)
  const doors = yield* openDoors(options, metrics).pipe(
    Effect.provideService(Keyspace, store.keyspace),
    Effect.provideService(Transactions.Transactions, transactions),
    Effect.provideService(Locks.Locks, locks)
  )
  health.started(
    store.router,
    doors.map(([, { verdict }]) => verdict)
  )
  const listening = [
    ...doors.flatMap(([{ name }, { addresses }]) => addresses.map((address) => ({ name, address }))),
    ...(admin?.addresses ?? []).map((address) => ({ name: "admin", address })),
    { name: "nodes", address: store.store.address }
  ]
  yield* announce(listening, cluster, options)
  const drain = Effect.suspend(() => {
    health.draining()
    admin?.drain()
    const all = Effect.forEach(doors, ([, door]) => door.drain, { concurrency: "unbounded", discard: true })
    return Effect.timeoutOrElse(Effect.as(all, true), {
      duration: config.drainMillisMax,
      orElse: () => Effect.succeed(false)
    })
  })
  const reload = (): void => {
    for (const [, door] of doors) door.reload()
  }
  return { cluster, listening, reload, drain }
})

/** A running node, for the life of the scope. */
export const open = Effect.fn("Node.open")(function* (options: Options) {
  const metrics = new Metrics()
  const trace = NodeMetrics.watchTrace(metrics, yield* Trace)
  return yield* Effect.provideService(begin(options, metrics), Trace, trace)
})

export const layer = (options: Options): Layer.Layer<Node, StartError | StorageError | DiskError | NetError, World> =>
  Layer.effect(Node, open(options))
