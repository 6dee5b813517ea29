/**
 * RangeStore: the ranges of one store: opens their state machines on its engine, founds the right halves of splits, gives each range its
 * leaseholder (`RangeServer`), and tells the system range where those are that it leads.
 *
 * No two ranges of a store have one key: a snapshot waits for its span (`reserve`), and the right half of a split has its keys from the batch on that
 * cut them off. A right half that was left in the engine when the store stopped is founded when it starts again.
 */
import * as Effect from "effect/Effect"
import type { Host } from "#consensus/Host.ts"
import { Group } from "#consensus/Group.ts"
import type * as HostDriver from "#consensus/HostDriver.ts"
import { storeOf, type GroupId, type StoreId } from "#consensus/Replica.ts"
import type { Applied } from "#consensus/StateMachine.ts"
import { Batch } from "#storage/Batch.ts"
import * as Engine from "#storage/Engine.ts"
import * as Keys from "#storage/Keys.ts"
import { Deferral } from "#storage/memory/Deferral.ts"
import { Corrupt, type StorageError } from "#storage/StorageError.ts"
import * as Completion from "#world/Completion.ts"
import type { Done } from "#world/Completion.ts"
import type * as Timers from "#world/Timers.ts"
import type { Trace } from "#world/Trace.ts"
import { systemRange, type Descriptor, type Location } from "./Descriptor.ts"
import * as Key from "./Key.ts"
import { NotLeaseholder, Unavailable, type RangeError } from "./KeyspaceError.ts"
import type { Answered, Leaseholder, Options, Services } from "./Leaseholder.ts"
import * as LeaseTransfer from "./LeaseTransfer.ts"
import { contains, overlaps, RangeMachine, type Neighbours } from "./RangeMachine.ts"
import { deleteSpan, deleteStaged, install } from "./RangeRestore.ts"
import { RangeServer } from "./RangeServer.ts"
import * as Placing from "./Placing.ts"
import * as RangeState from "./RangeState.ts"
import type { Asking, Request, Response, Span, Timestamp, Txn, TxnId, TxnState, Unresolved } from "./Request.ts"
import { type Means, Splitting } from "./Splitting.ts"
import * as Sweep from "./Sweep.ts"
import { SystemRange } from "./SystemRange.ts"
import type { Task } from "./Task.ts"

/** What it needs of the cluster around it. */
export interface Around {
  readonly host: Host
  /** Asks whichever range it concerns, through the router. */
  ask(request: Request, timeoutMicros: number, done: Done<Response | undefined, RangeError>): void
  timestamp(timeoutMicros: number, done: Done<Timestamp, RangeError>): void
  /** Asks the range that has a key. */
  at(key: Uint8Array, request: Request, timeoutMicros: number, done: Done<Response | undefined, RangeError>): void
  /** Where a range is that has a replica here: the system's range may be out of reach. */
  learned(location: Location): void
  /** All that there are. */
  stores(): ReadonlyArray<StoreId>
  /** Sees a transaction that was decided to its end. */
  settle(unresolved: Unresolved): void
}

export interface StoreOptions {
  readonly store: StoreId
  readonly port: Engine.Port
  readonly timers: Timers.Timers["Service"]
  readonly wallMicros: () => number
  readonly range: Options
  readonly sweep: Sweep.Options
  readonly placing: Placing.Options
  /** Between two closings of a range that changes, after which its other replicas answer reads as of then; 0: never. */
  readonly closeMicros: number
  readonly trace: Trace["Service"]
  /** A range that is larger is cut in two. */
  readonly splitBytes: number
  /** A whole number below the bound, each equally likely. */
  readonly below: (bound: number) => number
}

const tickTicket = 0
const tickMicros = 10_000
/** So often it looks whether what it leads is where it said. */
const publishTicks = 20
const askTimeoutMicros = 5_000_000
/** A replica that holds still, or hears no leader, for so long asks whether its range is still there, and then again and again. */
const seekTicks = 500
/** After a split the other members get so many heartbeats' time to apply it, before the right half's first election. */
const foundingTicks = 3

export class RangeStore implements Neighbours, Services, Sweep.Means, Means, LeaseTransfer.Means {
  readonly port: Engine.Port
  private readonly options: StoreOptions
  private readonly timers: Timers.Port
  private readonly deferral: Deferral
  private readonly system: SystemRange
  private readonly servers = new Map<GroupId, RangeServer>()
  /** Spans of snapshots that are coming in. */
  private readonly reserved = new Map<GroupId, Span>()
  /** Right halves, and first ranges, whose groups are about to be founded. */
  private readonly founding = new Map<GroupId, RangeState.RangeState>()
  private readonly awake = new Set<Leaseholder>()
  /** What was said last of ranges that this store leads. */
  private readonly published = new Map<GroupId, string>()
  private readonly splitting: Splitting
  private readonly settling = new Set<GroupId>()
  private readonly learnt = new Map<GroupId, number>()
  /** When ranges were closed last, and what was applied then. */
  private readonly closing = new Map<GroupId, { readonly micros: number; readonly index: number }>()
  /** Replicas that may be of ranges which are no more, and since when. */
  private readonly suspected = new Map<GroupId, number>()
  private readonly sweep: Sweep.Sweep
  private readonly placing: Placing.Placing
  private readonly leases: LeaseTransfer.LeaseTransfer | undefined
  private around: Around | undefined
  private ticks = 0

  constructor(options: StoreOptions) {
    this.options = options
    this.port = options.port
    this.system = new SystemRange(options.wallMicros)
    this.sweep = new Sweep.Sweep(this, options.sweep)
    this.splitting = new Splitting(this, options.splitBytes)
    this.placing = new Placing.Placing(
      {
        port: options.port,
        trace: options.trace,
        nowMicros: () => this.nowMicros(),
        defer: (then) => this.defer(then),
        stores: () => this.around!.stores(),
        isLive: (store) => this.isLive(store),
        at: (key, request, done) => this.at(key, request, done)
      },
      options.placing
    )
    this.leases = options.placing.replicas === 0 ? undefined : new LeaseTransfer.LeaseTransfer(this)
    this.deferral = new Deferral(options.timers.attach)
    this.timers = options.timers.attach({ fired: () => this.tick() })
  }

  // State machines.

  readonly machines: HostDriver.Machines = {
    open: (group, initial) => this.open(group, initial),
    remove: (group) => this.remove(group)
  }

  private readonly open = Effect.fnUntraced(function* (this: RangeStore, group: GroupId, initial: Applied) {
    const state = yield* this.stateOf(group)
    const machine = new RangeMachine({
      range: group,
      port: this.port,
      deferral: this.deferral,
      neighbours: this,
      ...(yield* this.started(group, initial, state))
    })
    this.servers.get(group)?.close()
    this.servers.set(group, new RangeServer(machine, this, this.options.range))
    return machine
  }).bind(this)

  private started(
    group: GroupId,
    initial: Applied,
    known: RangeState.RangeState | undefined
  ): Effect.Effect<Pick<RangeMachine, "applied" | "state">, StorageError> {
    const founded = this.founding.get(group)
    if (known?.phase === "restoring") {
      const installed = Completion.submit<RangeState.RangeState | undefined, StorageError>((done) =>
        install(this.port, known, () => false, done)
      )
      return Effect.map(installed, (state) => ({ applied: state!.applied, state }))
    }
    if (known?.phase === "ready" || known?.phase === "merged")
      return Effect.succeed({ applied: known.applied, state: known })
    const state = known ?? founded ?? RangeState.first(group)
    // Who was invited knows nothing, whatever a split has left here: a snapshot takes its place.
    if (state === undefined || initial.index === 0) return Effect.succeed({ applied: initial, state: undefined })
    return Effect.succeed({
      applied: initial,
      state: { ...state, phase: "ready" as const, founders: [], applied: initial }
    })
  }

  private stateOf(group: GroupId): Effect.Effect<RangeState.RangeState | undefined, StorageError> {
    return Effect.flatMap(Engine.make(this.port).get(Key.state(group)), (record) => {
      if (record === undefined) return Effect.succeed(undefined)
      const state = RangeState.decode(record)
      return state === undefined ? Effect.fail(unreadable(group)) : Effect.succeed(state)
    })
  }

  private readonly remove = Effect.fnUntraced(function* (this: RangeStore, group: GroupId) {
    // What a split has left for it is no former life.
    if (this.founding.has(group)) return
    const server = this.servers.get(group)
    server?.close()
    server?.machine.close()
    const state = yield* this.stateOf(group)
    if (state !== undefined) {
      const entries = Key.auditOf(group)
      const batch = deleteStaged(new Batch(), group).deleteRange(entries.from, entries.to).delete(Key.state(group))
      for (const span of [state.descriptor, state.before]) {
        if (span !== undefined) for (const own of this.without(group, span)) deleteSpan(batch, own)
      }
      yield* Engine.make(this.port).write(batch, "buffered")
    }
    this.servers.delete(group)
    this.published.delete(group)
    this.sweep.forget(group)
    this.closing.delete(group)
    this.splitting.forget(group)
    this.leases?.forget(group)
    this.learnt.delete(group)
    this.reserved.delete(group)
  }).bind(this)

  /** What of a span no other range of this store has, or gets: the one that took it in may be here, and may have been cut since. */
  private without(group: GroupId, span: Span): ReadonlyArray<Span> {
    const living = [...this.servers].filter(([, { machine }]) => machine.state?.phase !== "merged")
    const others = [
      ...living.map(([range, { machine }]) => [range, machine.spans] as const),
      ...[...this.founding].map(([range, { descriptor }]) => [range, [descriptor]] as const),
      ...[...this.reserved].map(([range, reserved]) => [range, [reserved]] as const)
    ]
      .flatMap(([range, spans]) => (range === group ? [] : spans))
      .filter((other) => overlaps(other, span))
      .sort((left, right) => Keys.compare(left.from, right.from))
    const left: Array<Span> = []
    let { from } = span
    for (const other of others) {
      if (Keys.compare(from, other.from) < 0) left.push({ from, to: other.from })
      if (Keys.compare(from, other.to) < 0) from = other.to
    }
    if (Keys.compare(from, span.to) < 0) left.push({ from, to: span.to })
    return left
  }

  absorbed(range: GroupId): boolean {
    const server = this.servers.get(range)
    if (server === undefined) return false
    server.machine.absorb()
    server.close()
    this.reserved.delete(range)
    this.retire(range)
    return true
  }

  /** Not within a turn of the groups. */
  private retire(range: GroupId): void {
    this.defer(() => this.around?.host.retire(range))
  }

  // Beginnings.

  /** Ranges go to work; those that a split has left without a group get theirs. */
  readonly begin = Effect.fnUntraced(function* (this: RangeStore, around: Around) {
    const early = [...this.founding.values()]
    this.around = around
    for (const state of early) this.foundDurably(state)
    if (this.options.placing.replicas > 0) for (const store of around.stores()) around.host.watch(store)
    this.timers.set(tickTicket, tickMicros)
    const left: Array<RangeState.RangeState> = []
    yield* Engine.make(this.port).scan({ bounds: Key.states }, (key, record) => {
      const state = RangeState.decode(record)
      if (state?.phase === "founding" && around.host.group(Key.rangeOf(key)) === undefined) left.push(state)
    })
    for (const state of left) this.founded(state)
    for (const [range, { machine }] of this.servers) if (machine.state?.phase === "merged") this.retire(range)
  }).bind(this)

  /** Founds the first ranges of a cluster, the same way on each store; one that has them already does nothing. */
  found(descriptor: Descriptor, founders: ReadonlyArray<StoreId>): void {
    this.founded(RangeState.founding(descriptor, founders))
  }

  /** Once; where nothing has begun yet, when it does. */
  founded(state: RangeState.RangeState): void {
    const { range } = state.descriptor
    const isKnown = this.founding.has(range)
    this.founding.set(range, state)
    if (!isKnown && this.around !== undefined) this.foundDurably(state)
  }

  /** The group's log is durable from its beginning on, and has nothing of what the range begins with: that has to be durable before it. */
  private foundDurably(state: RangeState.RangeState): void {
    const { range } = state.descriptor
    this.port.sync((error) => {
      if (error === undefined) return this.foundGroup(state)
      this.founding.delete(range)
      this.failed(error)
    })
  }

  private foundGroup(state: RangeState.RangeState): void {
    const { range } = state.descriptor
    const { host } = this.around!
    host.found(range, state.founders, (error, group) => {
      this.founding.delete(range)
      if (error !== undefined) {
        // It has a replica already, or it had one.
        if (error._tag !== "ChangeRefused") this.failed(error)
        return
      }
      if (group === undefined) return
      this.begun.add(range)
      if (!this.leadsBefore(state)) return
      const { heartbeatTicks, tickMicros: hostTickMicros } = host.options
      const delayTicks = Math.ceil((foundingTicks * heartbeatTicks * hostTickMicros) / tickMicros)
      this.campaigns.push({ group, tick: this.ticks + (state.founders.length === 1 ? 0 : delayTicks) })
    })
  }

  private campaigns: Array<{ readonly group: Group; readonly tick: number }> = []
  /** Nobody knows yet where these ranges are. */
  private readonly begun = new Set<GroupId>()

  /** Whether this store leads the range that the new one was cut off from, or is all that there is. */
  private leadsBefore({ descriptor, founders }: RangeState.RangeState): boolean {
    if (founders.length === 1) return true
    for (const [range, server] of this.servers) {
      const other = server.machine.descriptor
      if (other === undefined || range === descriptor.range) continue
      const isLeft = other.generation === descriptor.generation && Keys.compare(other.to, descriptor.from) === 0
      if (isLeft) return this.group(range)?.isLeader === true
    }
    return false
  }

  // Neighbours.

  reserve(range: GroupId, span: Span): boolean {
    for (const [other, server] of this.servers) {
      if (other !== range && server.machine.touches(span)) return false
    }
    for (const [other, reserved] of this.reserved) if (other !== range && overlaps(reserved, span)) return false
    for (const [other, { descriptor }] of this.founding) {
      if (other !== range && overlaps(descriptor, span)) return false
    }
    this.reserved.set(range, span)
    return true
  }

  /** Up to where this store's replica of a range may answer reads without leading; 0: it has none. */
  closedOf(range: GroupId): Timestamp {
    return this.servers.get(range)?.machine.closed ?? 0
  }

  release(range: GroupId): void {
    this.reserved.delete(range)
  }

  // Requests.

  submit(asking: Asking, done: Answered, from?: StoreId): void {
    const server = this.servers.get(asking.range)
    if (server === undefined || this.around === undefined) {
      return done(new NotLeaseholder({ range: asking.range, leaseholder: undefined }), undefined)
    }
    server.submit(asking, done, from)
  }

  // Services of the leaseholders.

  nowMicros(): number {
    return this.timers.nowMicros()
  }

  isLive(store: StoreId): boolean {
    return this.around!.host.isLive(store)
  }

  group(range: GroupId): Group | undefined {
    const group = this.around?.host.find(range)
    return group instanceof Group ? group : undefined
  }

  private ask(
    request: Request,
    done: Done<Response | undefined, RangeError>,
    timeoutMicros: number = askTimeoutMicros
  ): void {
    this.around!.ask(request, timeoutMicros, done)
  }

  push(txn: Txn, done: Done<TxnState | undefined, RangeError>): void {
    this.ask({ type: "push", txn, abort: false }, (error, response) =>
      done(error, response?.type === "state" ? response.state : undefined)
    )
  }

  wait(
    waiter: Txn,
    place: string,
    holders: ReadonlyArray<Txn>,
    done: Done<ReadonlyArray<TxnId> | undefined, RangeError>
  ): void {
    this.ask({ type: "wait", waiter, place, holders }, (error, response) =>
      done(error, response?.type === "victims" ? response.victims : undefined)
    )
  }

  timestamp(done: Done<Timestamp, RangeError>): void {
    this.around!.timestamp(askTimeoutMicros, done)
  }

  at(key: Uint8Array, request: Request, done: Done<Response | undefined, RangeError>): void {
    this.around!.at(key, request, askTimeoutMicros, done)
  }

  numberRange(done: Done<GroupId | undefined, RangeError>): void {
    this.ask({ type: "number-range" }, (error, response) => {
      if (error !== undefined || response?.type === "range") {
        return done(error, response?.type === "range" ? response.range : undefined)
      }
      done(new Unavailable({ message: "the system range gave no number for a range" }), undefined)
    })
  }

  settle(unresolved: Unresolved): void {
    this.around!.settle(unresolved)
  }

  known(span: Span): ReadonlyArray<Location> {
    const known: Array<Location> = []
    for (const range of this.servers.keys()) {
      const location = this.locationOf(range)
      if (location !== undefined && overlaps(location.descriptor, afterward(span))) known.push(location)
    }
    return known
  }

  private locationOf(range: GroupId): Location | undefined {
    const server = this.servers.get(range)
    const group = this.group(range)
    if (server?.machine.descriptor === undefined || group === undefined) return undefined
    const { demand, machine } = server
    const isSettled = group.isLeader && demand.isSettled(this.options.store, this.nowMicros())
    const stores = machine.applied.configuration.voters.map(storeOf)
    return { descriptor: server.machine.descriptor, stores, leaseholder: group.leader, isSettled }
  }

  other(range: Leaseholder, task: Task, request: Request): void {
    this.system.evaluate(range, task, request)
  }

  defer(then: () => void): void {
    this.deferral.defer(then)
  }

  below(bound: number): number {
    return this.options.below(bound)
  }

  /** A second store may lead one of two halves. */
  hasOthers(): boolean {
    return this.around!.stores().length > 1
  }

  busy(range: Leaseholder): void {
    this.awake.add(range)
  }

  failed(error: StorageError): void {
    this.around!.host.failed(error)
  }

  unread(error: StorageError): void {
    this.around!.host.unread(error)
  }

  // Time.

  private tick(): void {
    this.ticks++
    this.timers.set(tickTicket, tickMicros)
    for (const range of this.awake) if (!range.tick()) this.awake.delete(range)
    const due = this.campaigns.filter(({ tick }) => tick <= this.ticks)
    this.campaigns = this.campaigns.filter(({ tick }) => tick > this.ticks)
    for (const { group } of due) if (!group.isClosed && group.leader === undefined) group.campaign()
    if (this.ticks % publishTicks === 0) this.tend()
    if (this.begun.size > 0) this.announce()
  }

  /** Nobody is to wait for the next look who wants something of a range that has just begun. */
  private announce(): void {
    for (const range of this.begun) {
      const server = this.servers.get(range)
      const location = this.locationOf(range)
      if (this.group(range) === undefined) this.begun.delete(range)
      if (server?.machine.state?.phase !== "ready" || location?.leaseholder === undefined) continue
      this.begun.delete(range)
      this.learn(range, server)
      if (location.leaseholder === this.options.store) this.publish(range, location)
    }
  }

  /** Says where the ranges are that it leads, when that is news, and cuts those that have become too large. */
  private tend(): void {
    for (const [range, server] of this.servers) {
      this.seek(range, server)
      this.learn(range, server)
    }
    if (this.group(systemRange)?.isLeader === true) this.placing.tend()
    else this.placing.rest()
    for (const [range, server] of this.servers) {
      const location = this.locationOf(range)
      if (location === undefined || location.leaseholder !== this.options.store) {
        this.published.delete(range)
        continue
      }
      this.publish(range, location)
      this.settleMerge(server)
      this.closeUp(server)
      this.splitting.tend(server)
      this.sweep.tend(server)
      this.leases?.tend(server, location)
    }
  }

  /** A range that has changed lets its other replicas answer, from time to time. */
  private closeUp(server: RangeServer): void {
    const { closeMicros } = this.options
    const { machine, range } = server
    const now = this.nowMicros()
    const last = this.closing.get(range)
    const isDue = last === undefined || (now - last.micros >= closeMicros && last.index < machine.applied.index)
    if (closeMicros === 0 || !isDue || machine.applied.configuration.voters.length === 1) return
    // What it proposes itself is no change.
    this.closing.set(range, { micros: now, index: Infinity })
    const asking = { range, timeoutMicros: askTimeoutMicros, waiter: undefined, request: { type: "close" as const } }
    this.submit(asking, (error) => {
      this.closing.set(range, { micros: now, index: error === undefined ? machine.applied.index + 1 : -1 })
    })
  }

  private learn(range: GroupId, { machine }: RangeServer): void {
    const generation = machine.state?.phase === "ready" ? machine.state.descriptor.generation : 0
    if (generation === 0 || this.learnt.get(range) === generation) return
    const location = this.locationOf(range)
    if (location === undefined) return
    this.learnt.set(range, generation)
    this.around!.learned(location)
  }

  /** An attempt to merge that its leaseholder did not live to see the end of. */
  private settleMerge(server: RangeServer): void {
    const { range } = server
    if ((server.machine.state?.merging ?? 0) === 0 || this.settling.has(range)) return
    this.settling.add(range)
    const request = { type: "end-merge" as const }
    this.submit({ range, timeoutMicros: askTimeoutMicros, waiter: undefined, request }, () => {
      this.settling.delete(range)
    })
  }

  /**
   * A replica that holds still, or hears no leader, for long may be one of a range that was merged: then another range has its first key, in a
   * later generation. A range never gets back a key that it began with.
   */
  private seek(range: GroupId, server: RangeServer): void {
    const { state } = server.machine
    const isSuspicious = state !== undefined && (state.frozen > 0 || this.group(range)?.leader === undefined)
    if (!isSuspicious || range === systemRange) {
      this.suspected.delete(range)
      return
    }
    const since = this.suspected.get(range) ?? this.ticks
    this.suspected.set(range, since)
    if (this.ticks - since < seekTicks) return
    this.suspected.set(range, this.ticks)
    this.ask({ type: "locate", key: state.descriptor.from }, (error, response) => {
      const { descriptor } = (response?.type === "location" ? response.location : undefined) ?? {}
      const own = server.machine.descriptor
      if (error !== undefined || descriptor === undefined || own === undefined) return
      const isAnothers = descriptor.range !== range && descriptor.generation > own.generation
      if (isAnothers && contains(descriptor, own.from) && this.servers.get(range) === server) this.absorbed(range)
    })
  }

  private publish(range: GroupId, location: Location): void {
    const said = `${location.descriptor.generation} ${location.stores.join(" ")} ${location.isSettled}`
    if (this.published.get(range) === said) return
    this.published.set(range, said)
    this.ask({ type: "publish", location }, (error) => {
      if (error !== undefined && this.published.get(range) === said) this.published.delete(range)
    })
  }

  /** Nothing goes on. */
  close(): void {
    this.timers.clear(tickTicket)
    for (const server of this.servers.values()) server.close()
  }
}

const afterward = ({ from, to }: Span): Span => ({ from, to: from === to ? Uint8Array.of(...to, 0) : to })

const unreadable = (range: GroupId): Corrupt =>
  new Corrupt({
    path: "",
    offsetBytes: 0,
    message: `the state of range ${range} in the engine cannot be read: it was written by a later version, or it is damaged`
  })
