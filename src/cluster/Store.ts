/**
 * Store: one node's share of the replicated groups, whole: a log that everything on it shares, an engine with the groups' states, the transport to
 * the other stores, and the host of the groups.
 *
 * | place          | what                                        |
 * | -------------- | ------------------------------------------- |
 * | `<dir>/log`    | the log (`storage/wal`)                     |
 * | `<dir>/engine` | the engine's files                          |
 * | `<dir>/damaged` | it is out of service (`OutOfService`)      |
 *
 * On the log: stream 1 is the engine's, stream 2 counts the store's starts, those from 2^31 on are the groups' (`GroupLogs`).
 * In the engine, a group's keys begin with its number, four bytes, the highest first, unless its state machines are of another kind.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as HostDriver from "#consensus/HostDriver.ts"
import type { Options as HostSettings } from "#consensus/Host.ts"
import * as KeyValue from "#consensus/KeyValue.ts"
import type { Observer } from "#consensus/Observer.ts"
import type { ReplicatedLog } from "#consensus/ReplicatedLog.ts"
import type { GroupId, StoreId } from "#consensus/Replica.ts"
import { Batch } from "#storage/Batch.ts"
import * as BtreeEngine from "#storage/btree/BtreeEngine.ts"
import type * as BtreeOptions from "#storage/btree/Options.ts"
import * as Engine from "#storage/Engine.ts"
import * as LsmEngine from "#storage/lsm/LsmEngine.ts"
import type * as LsmOptions from "#storage/lsm/LsmOptions.ts"
import * as MemoryEngine from "#storage/memory/MemoryEngine.ts"
import type { StorageError } from "#storage/StorageError.ts"
import * as Wal from "#storage/wal/Wal.ts"
import * as Completion from "#world/Completion.ts"
import { Disk } from "#world/Disk.ts"
import type { Address, Credentials } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import type { World } from "#world/World.ts"
import type { DiskError, NetError } from "#world/WorldError.ts"
import { Alarms } from "./Alarms.ts"
import { Calls } from "./Calls.ts"
import type * as Settings from "./transport/Settings.ts"
import type { Transport } from "./transport/Transport.ts"
import * as OutOfService from "./OutOfService.ts"
import * as TransportDriver from "./transport/TransportDriver.ts"

/** What an engine is given. */
interface Place {
  readonly directory: string
  readonly log: Wal.Wal
  readonly stream: number
}

export interface Options {
  readonly store: StoreId
  /** Which cluster: 32 hexadecimal digits, drawn when it was founded. */
  readonly cluster: string
  readonly listen: Address
  /** Where the other stores are. */
  readonly peers: ReadonlyMap<StoreId, Address>
  /** Made when it is not there; its parent must be. */
  readonly directory: string
  /** Default: memory. */
  readonly engine?: "memory" | "lsm" | "btree"
  readonly wal?: Partial<Wal.Options>
  readonly memory?: Omit<MemoryEngine.Options, keyof Place>
  readonly lsm?: Omit<LsmOptions.Options, keyof Place>
  readonly btree?: Omit<BtreeOptions.Options, keyof Place>
  /** How far the groups' durable states may be behind, for which their logs are kept. */
  readonly state?: Pick<KeyValue.Options, "syncEntries" | "syncBytes">
  /** What the groups replicate, in the store's engine. Default: keys and values (`KeyValue`), each group's under its own number. */
  readonly machines?: (engine: Engine.Port) => HostDriver.Machines
  readonly transport?: Settings.Settings
  /** Stores talk by TLS alone; the certificate has the store's name (`Transport.nameOf`). Default: plainly. */
  readonly tls?: Credentials | undefined
  readonly host?: Partial<HostSettings>
  readonly observer?: Observer | undefined
  /** Consensus has stopped on this store; open it again once the disk is well. */
  readonly halted: (message: string) => void
}

export interface Store {
  readonly log: ReplicatedLog["Service"]
  readonly wal: Wal.Wal
  readonly engine: Engine.Port
  readonly transport: Transport
  /** What stores ask each other. */
  readonly calls: Calls
  /** Deadlines of whoever has many. */
  readonly alarms: Alarms
  readonly address: Address
}

const engineStream = 1
const startsStream = 2

const prefixOf = (group: GroupId): Uint8Array => Uint8Array.of(group >>> 24, group >>> 16, group >>> 8, group)

/** Of the store's start: one more than of the last one, durably. */
const nextEpoch = Effect.fnUntraced(function* (wal: Wal.Wal) {
  const epoch = Math.max(1, wal.extent(startsStream).end)
  // A stream whose end is in doubt goes on where it is told.
  wal.cutTail(startsStream, epoch)
  yield* Completion.submit<void, StorageError>((done) => wal.append(startsStream, epoch, [], "synced", done))
  wal.cutHead(startsStream, epoch)
  return epoch
})

const openEngine = (
  { btree, directory, engine = "memory", lsm, memory }: Options,
  log: Wal.Wal
): Effect.Effect<Engine.Port, StorageError, World | Scope.Scope> => {
  const place: Place = { directory: `${directory}/engine`, log, stream: engineStream }
  if (engine === "lsm") return LsmEngine.open({ ...lsm, ...place })
  return engine === "btree" ? BtreeEngine.open({ ...btree, ...place }) : MemoryEngine.open({ ...memory, ...place })
}

const keyValues =
  ({ state }: Options, timers: Timers["Service"]) =>
  (port: Engine.Port): HostDriver.Machines => ({
    open: (group, initial) =>
      Effect.provideService(KeyValue.open({ ...state, port, prefix: prefixOf(group), initial }), Timers, timers),
    remove: (group) =>
      Completion.submit((done) =>
        port.write(new Batch().deleteRange(prefixOf(group), prefixOf(group + 1)), "buffered", done)
      )
  })

export const open = Effect.fn("Store.open")(function* (
  options: Options
): Effect.fn.Return<Store, StorageError | DiskError | NetError, World | Scope.Scope> {
  const { cluster, directory, listen, peers, store } = options
  const disk = yield* Disk
  const trace = yield* Trace
  const timers = yield* Timers
  yield* disk.makeDirectory(directory)
  // Or power loss takes everything in it along.
  yield* disk.syncDirectory(directory.slice(0, Math.max(0, directory.lastIndexOf("/"))))
  yield* OutOfService.check(directory)
  const wal = yield* Wal.open({ ...options.wal, directory: `${directory}/log` })
  const engine = yield* openEngine(options, wal)
  const epoch = yield* nextEpoch(wal)
  const { address, transport } = yield* TransportDriver.make({
    self: { cluster, store, epoch },
    listen,
    peers,
    tls: options.tls,
    ...(options.transport === undefined ? {} : { settings: options.transport })
  })
  const alarms = yield* Effect.acquireRelease(
    Effect.sync(() => new Alarms(timers.attach)),
    (made) => Effect.sync(() => made.close())
  )
  const calls = new Calls({ attach: (sink) => transport.attachRequests(sink), alarms, trace })
  const leaving = yield* Deferred.make<Effect.Effect<void, never, Disk>>()
  const log = yield* HostDriver.open({
    store,
    epoch,
    log: wal,
    peers: (sink) => transport.attach(sink),
    machines: (options.machines ?? keyValues(options, timers))(engine),
    settings: options.host ?? {},
    observer: options.observer,
    halted: ({ error, isSpare, message }) => {
      const damage = OutOfService.damageIn(directory, error)
      if (damage === undefined || !isSpare) return options.halted(message)
      const { offsetBytes, path } = damage
      trace.emit("error", "storage/out-of-service", { store, path, offsetBytes, message: damage.message })
      const left = Effect.sync(() => options.halted(message))
      Deferred.doneUnsafe(leaving, Effect.succeed(Effect.andThen(OutOfService.leave(directory, damage), left)))
    }
  })
  yield* Effect.forkScoped(Effect.flatten(Deferred.await(leaving)), { startImmediately: true })
  return { log, wal, engine, transport, calls, alarms, address }
})
