/**
 * Server: what all clients of a node share beside the data: who they are, who listens to what, who may do what, and what is set for them.
 */
import type { Engine, Listener } from "#database/redis/Engine.ts"
import type { Peer, Shards } from "#database/redis/Shards.ts"
import type { Part, Stored } from "#database/redis/Joint.ts"
import type { Request } from "#database/redis/Partaking.ts"
import type { Address, Connection, StreamSink } from "#world/Net.ts"
import { AclLog } from "./AclLog.ts"
import type { Client } from "./Client.ts"
import { Config } from "./Config.ts"
import * as ConfigBindings from "./ConfigBindings.ts"
import * as Departure from "./Departure.ts"
import { LatencyMonitor } from "./LatencyMonitor.ts"
import * as Machine from "./Machine.ts"
import { Memory } from "./Memory.ts"
import { PubSub } from "./PubSub.ts"
import type { Ran, Run } from "./Sample.ts"
import { defaults, type ServerSettings } from "./ServerSettings.ts"
import { Rates } from "./Rates.ts"
import { Slowlog } from "./Slowlog.ts"
import { type CommandUse, Stopwatch } from "./Stopwatch.ts"
import type { Topology } from "./Topology.ts"
import { Tracking } from "./Tracking.ts"
import * as User from "./User.ts"
import { Users } from "./Users.ts"

/** Bits of `Engine.notified`: under which of both names an event is published. */
const keyspaceEvents = 1
const keyeventEvents = 2

/** A command, and what it has cost so far. */
interface Used extends CommandUse {
  readonly command: { readonly name: string }
}

export interface Joint {
  /** Has slots of this node stand still. */
  hold(request: Request): void
  /** That is not wanted any more. */
  withdraw(request: Request): void
  /** Stores for several nodes, or for none. */
  store(parts: ReadonlyArray<Part>, done: (stored: Stored) => void): void
}

/** CLIENT PAUSE. */
export interface Pause {
  /** Milliseconds of the wall clock; 0: nobody is paused. */
  until: number
  /** Reading, too. */
  isAll: boolean
}

export class Server implements Listener {
  readonly engine: Engine
  readonly settings: ServerSettings
  /** By their ids, which rise. */
  readonly clients = new Map<number, Client>()
  readonly memory: Memory
  readonly pubsub = new PubSub()
  readonly tracking: Tracking
  readonly users = new Users()
  readonly aclLog = new AclLog()
  readonly pause: Pause = { until: 0, isAll: false }
  readonly monitors = new Set<Client>()
  /** Since the start. */
  readonly counts = {
    connections: 0,
    refused: 0,
    commands: 0,
    inputBytes: 0,
    outputBytes: 0,
    reads: 0,
    writes: 0,
    lazyFreed: 0
  }
  readonly rates = new Rates()
  /** Error replies since the start, by the word that they begin with. */
  readonly errors = new Map<string, number>()
  readonly stopwatch: Stopwatch
  readonly slowlog = new Slowlog()
  readonly latency = new LatencyMonitor()
  /** What CONFIG GET tells and CONFIG SET changes. */
  readonly config: Config
  /** The process that this runs in; who runs it sets it. */
  machine = Machine.unknown
  /** undefined: it is no member of a cluster, as far as clients know. */
  topology: Topology | undefined
  /** Which node answers for which keys; undefined: there is no other one, and this one answers for all. */
  shards: Shards | undefined
  /** This node's number, for other nodes. */
  node = 0
  /** To where another node lets nodes in; whoever opens this node's door sets it. */
  dial: ((peer: Peer, sink: StreamSink) => Connection) | undefined
  /** Nodes come in at a door of their own: at that of clients they are nobody. */
  hasNodesDoor = false
  /** This node's own address, where clients are told which node has their keys, and go there by themselves; undefined: they are carried there. */
  place: Address | undefined
  /** Milliseconds of the wall clock; of the last SAVE or the start. */
  savedAt: number
  /** Of the journal, at that time. */
  savedChanges = 0
  /** Milliseconds of the wall clock. */
  readonly startedAt: number
  /** Commands that were run so far; the executor sets it. */
  usedCommands: () => ReadonlyArray<Used> = () => []
  /** The data is there. */
  isReady = true
  /** Whose command runs. */
  current: Client | undefined
  /** A command looks up a key that its arguments do not name; `Scratch` sets it. */
  sought: (key: string) => void = () => {}
  /** Runs what a MULTI has collected; the executor sets it. */
  runQueued: (client: Client, queue: ReadonlyArray<ReadonlyArray<string>>) => void = () => {}
  /** Commands may be run again that were held up: CLIENT PAUSE is over, or another node answers for something; the sessions set it. */
  resumed: () => void = () => {}
  /** Has all data loaded again from what is stored, and says when; false: there is nothing to load it from. */
  reload: (done: () => void) => boolean = () => false
  /** Sends a message to the other nodes' clients. Default: there are no other nodes. */
  relay: (channel: string, message: string, isShard: boolean) => void = () => {}
  /** What is to be done at the end of each turn; the door sets it. */
  rested: () => void = () => {}
  /** This node's part in what several do together. */
  joint: Joint | undefined
  /** Where that is run. */
  scratch: { run(run: Run): Ran } | undefined
  private lastId = 0

  constructor(engine: Engine, settings: Partial<ServerSettings> = {}) {
    this.engine = engine
    this.settings = { ...defaults, ...settings }
    this.tracking = new Tracking((id) => this.clients.get(id))
    this.memory = new Memory(engine, this.clients)
    this.startedAt = this.savedAt = engine.now
    this.stopwatch = new Stopwatch(() => engine.wallMillis() * 1_000)
    const { latency, memory, settings: own, slowlog, stopwatch, tracking, users } = this
    const machine = (): Machine.Machine => this.machine
    this.config = new Config(
      ConfigBindings.of({
        aclLog: this.aclLog,
        engine,
        memory,
        settings: own,
        users,
        tracking,
        slowlog,
        stopwatch,
        latency,
        machine
      })
    )
    engine.listen(this)
  }

  /** Too much is in memory, and nothing of it may go. While clients are paused, or data is loaded, nothing does. */
  isOutOfMemory(): boolean {
    if (!this.isReady || this.pause.until > this.engine.now) return false
    const hasRoom = this.memory.makeRoom()
    this.tracking.settle()
    return !hasRoom
  }

  /** CONFIG RESETSTAT. */
  resetCounts(): void {
    for (const counts of [this.counts, this.engine.counts] as ReadonlyArray<Record<string, number>>) {
      for (const name of Object.keys(counts)) counts[name] = 0
    }
    this.memory.evictedClients = 0
    for (const use of this.usedCommands()) use.reset()
    this.errors.clear()
  }

  /** An error was replied. */
  countError(text: string): void {
    const end = text.indexOf(" ")
    const code = end < 0 ? text : text.slice(0, end)
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1)
  }

  /** The clients that are connected to this node: without those that other nodes are here for. */
  get ownClients(): ReadonlyArray<Client> {
    return [...this.clients.values()].filter(({ isRelayed }) => !isRelayed)
  }

  nextId(): number {
    return ++this.lastId
  }

  /** Somebody has come. */
  join(client: Client): void {
    this.clients.set(client.id, client)
    this.counts.connections += 1
    client.createdAt = client.usedAt = this.engine.now
    this.begin(client)
  }

  /** As a client is that has just come. */
  begin(client: Client): void {
    client.isNoEvict = client.isAdministrator || client.isRelayed
    client.user = client.isAdministrator ? User.administrator : this.users.default
    if (client.isRelayed) client.user = User.relayed
    client.isAuthenticated = client.user.isOn && client.user.isOpen
  }

  /** Somebody is gone, and nothing of it stays. */
  leave(client: Client): void {
    this.forget(client)
    this.memory.forget(client)
    this.clients.delete(client.id)
  }

  /** Ends everything that the client had going: what it waited for, queued, watched, listened to, tracked. */
  forget(client: Client): void {
    client.promise?.end(undefined, () => {})
    if (client.blocked !== undefined) this.engine.blocking.leave(client.blocked.waiter)
    client.blocked = undefined
    client.multi = undefined
    client.watched = []
    this.pubsub.forget(client)
    this.tracking.disable(client)
    this.monitors.delete(client)
    client.isMonitor = false
  }

  /** A blocked client waits no more. `error`: it is told that instead of what it would be when its time is over. False: it did not wait. */
  unblock(client: Client, error?: string): boolean {
    const { blocked } = client
    if (blocked === undefined) return client.port?.away?.unblock(error) ?? false
    this.engine.blocking.leave(blocked.waiter)
    if (error === undefined) blocked.timedOut()
    else {
      client.replies.error(error)
      this.countError(error)
    }
    blocked.finished(error !== undefined)
    client.blocked = undefined
    client.port?.unblocked()
    return true
  }

  /** This node does not answer for these slots any more: to be called in the turn in which it ceases to. */
  left(isGone: (slot: number) => boolean): void {
    Departure.leave(this, isGone)
  }

  changed(_: number, key: string, isExpired: boolean): void {
    if (this.tracking.isUsed) this.tracking.changed(key, isExpired ? undefined : this.current, this.current)
  }

  flushed(): void {
    if (this.tracking.isUsed) this.tracking.flushed(this.current)
  }

  notify(kind: number, event: string, database: number, key: string): void {
    const { notified } = this.engine
    if ((notified & kind) === 0) return
    if ((notified & keyspaceEvents) !== 0) this.tellAll(`__keyspace@${database}__:${key}`, event)
    if ((notified & keyeventEvents) !== 0) this.tellAll(`__keyevent@${database}__:${event}`, key)
  }

  private tellAll(channel: string, message: string): void {
    this.pubsub.publish(channel, message)
    this.relay(channel, message, false)
  }
}
