/**
 * Server: a store of replicated groups (`cluster/Store`) with clients that ask over datagrams. Members talk over streams, under the
 * same address. A request is carried out here, or its asker is told who leads; what cannot be done now is not answered, and comes again.
 *
 * The store stops when its disk fails, and the process with it; it finds out at its next start what is true.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import { assert } from "#base/Assert.ts"
import type { Reader } from "#base/Bytes.ts"
import * as Store from "#cluster/Store.ts"
import * as Settings from "#cluster/transport/Settings.ts"
import type { ConsensusError } from "#consensus/ConsensusError.ts"
import type { Role } from "#consensus/Core.ts"
import { Group } from "#consensus/Group.ts"
import type { Options as HostSettings } from "#consensus/Host.ts"
import * as HostOptions from "#consensus/HostOptions.ts"
import * as Command from "#consensus/KeyValueCommand.ts"
import * as ReplicatedLog from "#consensus/ReplicatedLog.ts"
import * as Sessions from "#consensus/Sessions.ts"
import type { Answer } from "#consensus/Waiting.ts"
import { driftPpmMax } from "#sim/faults/Fault.ts"
import type { ServerSpec } from "#sim/run/Scenario.ts"
import { Disk } from "#world/Disk.ts"
import { Host } from "#world/Host.ts"
import { Net, type Address, type DatagramSocket } from "#world/Net.ts"
import { Trace } from "#world/Trace.ts"
import * as Call from "../systems/Call.ts"
import { CutNet } from "./CutNet.ts"
import { HangingDisk } from "./HangingDisk.ts"
import { Holdings } from "./Holdings.ts"
import { Observed } from "./Observed.ts"
import { ObservedSteps } from "./ObservedSteps.ts"
import { readChanges, requests } from "./Workload.ts"

export interface Behaviour {
  /** Members at the start: the first so many servers. */
  readonly membersMax: number
  readonly groups: number
  /**
   * For a canary: the first server's clock is so many times too slow, far beyond any bound that leases allow for. It leads whenever it
   * can. Default: 1, like all others'.
   */
  readonly slowness?: number
  /** The shortest ticks of any server, where they may not be alike; a lease is shorter than the time-outs of all. Default: its own. */
  readonly tickMillisMin?: number
  /** Of pairs of servers, the first, which is the higher one, does not reach the second any more, from `cutMillis` after its start on. */
  readonly cuts?: ReadonlyArray<readonly [number, number]>
  /** The server whose disk hangs from `hangMillis` after its start on. */
  readonly hangs?: number
}

const cluster = "0123456789abcdef0123456789abcdef"
const directory = "store"
const electionTicks = 10
/** A caller waits at most so long for its place in the log; the client asks again sooner. */
const callMillis = 500
const managementsMax = 16
const fillMillis = 10
/** Connections of a server that stand still at a time. */
const stallsMax = 2
/** What a leader appends when it is cut off. */
const tailEntriesMax = 24
/** Over so many keys, so that a snapshot has several chunks. */
const fillerKeys = 64
const encoder = new TextEncoder()
const filler = (number: number): Uint8Array =>
  Sessions.plain(Command.encode(Command.increment(encoder.encode(`filler ${number % fillerKeys}`), 1)))
const statusQuery = Command.encodeQuery({ type: "status" })

const number = (spec: ServerSpec, name: string, otherwise: number): number => Number(spec.options[name] ?? otherwise)

const settings = (spec: ServerSpec, { slowness = 1, tickMillisMin = Infinity }: Behaviour): Partial<HostSettings> => {
  const tickMicros = number(spec, "tickMillis", 20) * 1_000 * (spec.index === 0 ? slowness : 1)
  const ppm = number(spec, "clock.driftPpmMax", driftPpmMax)
  const messageBytesMax = number(spec, "messageBytes", 16_384)
  const inflightMax = number(spec, "inflight", 64)
  return {
    electionTicks,
    tickMicros,
    heartbeatTicks: number(spec, "heartbeatTicks", 1),
    reads: spec.options["reads"] === "lease" ? "lease" : "quorum",
    leaseMicros: HostOptions.leaseMicrosOf(
      { electionTicks, tickMicros: Math.min(tickMicros, tickMillisMin * 1_000) },
      ppm
    ),
    ...(slowness === 1 ? {} : { preference: (_: number, store: number) => (store === 1 ? 1 : 0) }),
    messageBytesMax,
    inflightMax,
    inflightBytesMax: Math.max(1_000, 16 * messageBytesMax),
    // Of two round trips, for usual entries; those that open a session have one byte.
    uncommittedBytesMax: number(
      spec,
      "uncommittedBytes",
      Math.min(4_096, 2 * inflightMax * Math.max(50, messageBytesMax))
    ),
    queueBytesMax: number(spec, "queueBytes", 65_536),
    // So long in the queue, so long in the log: less than a caller waits.
    waitTicksMax: Math.max(3, Math.floor((0.4 * callMillis * 1_000) / tickMicros)),
    readsMax: number(spec, "readsMax", 1_000),
    flushEntries: number(spec, "flushEntries", 8),
    flushTicks: number(spec, "flushTicks", 3),
    logBytesMax: number(spec, "logBytes", 65_536) * (spec.index % 2 === 0 ? number(spec, "unevenness", 1) : 1),
    sleepAfterTicks: number(spec, "sleepTicks", 10),
    snapshots: {
      chunkBytes: number(spec, "chunkBytes", 1_000),
      windowChunks: 3,
      retryTicks: 5,
      patienceTicks: 50,
      sendersMax: 2,
      bytesPerTick: 65_536
    }
  }
}

/** How soon a broken connection is dialled again. */
const transportSettings = (spec: ServerSpec): Settings.Settings => {
  const backoffMicrosMin = number(spec, "backoffMillis", 0) * 1_000
  const quick = { backoffMicrosMin, backoffMicrosMax: 4 * backoffMicrosMin }
  return { ...Settings.defaults, ...(backoffMicrosMin > 0 ? quick : {}) }
}

/** That a store stops, or that its log was damaged, is no surprise among faults: the judges look at what it did. */
const calm = (trace: Trace["Service"]): Trace["Service"] => ({
  ...trace,
  emit: (level, name, fields) => {
    // What members send is sound, whatever their disks do.
    const isOfDisk = name === "raft/halted" && !String(fields?.["reason"]).includes("snapshot")
    const isExpected = isOfDisk || name.startsWith("storage/")
    trace.emit(level === "error" && isExpected ? "warn" : level, name, fields)
  }
})

const noted = (error: ConsensusError | undefined, elsewhere: (server: number) => void): boolean => {
  if (error === undefined) return true
  if (error._tag === "NotLeader") elsewhere(error.leader === undefined ? Call.none : error.leader - 1)
  if (error._tag === "NoGroup") elsewhere(Call.none)
  return false
}

/** One change a store: of two that fall on one, the first. */
const changesOf = (body: Reader, storeOf: (server: number) => number): ReadonlyArray<ReplicatedLog.MemberChange> => {
  const changes = readChanges(body).map(({ server, type }) => ({ type, store: storeOf(server) }))
  return changes.filter(({ store }, at) => changes.findIndex((other) => other.store === store) === at)
}

export const server = Effect.fnUntraced(function* (spec: ServerSpec, behaviour: Behaviour) {
  const host = yield* Host
  const cutNet = new CutNet(yield* Net)
  const { net } = cutNet
  const whole = yield* Disk
  const hanging = behaviour.hangs === spec.index ? new HangingDisk(whole) : undefined
  const trace = yield* Trace
  const peers = new Map<number, Address>()
  for (const [index, address] of spec.peers.entries()) if (index !== spec.index) peers.set(index + 1, address)
  const options: HostSettings = { ...HostOptions.defaults, ...settings(spec, behaviour) }
  const syncEntries = number(spec, "syncEntries", 64)
  const segmentBytesMax = number(spec, "segmentBytes", 65_536)
  // Some segments, as on a machine. A start reads one after the other: hundreds of them take it longer than a run where its fiber is starved.
  const logBytesMax = 16 * segmentBytesMax
  const holdings = new Holdings(trace, options, syncEntries)
  const store = yield* Store.open({
    store: spec.index + 1,
    cluster,
    listen: spec.self,
    peers,
    directory,
    wal: { segmentBytesMax, aheadBytes: 0, carryAboveBytes: logBytesMax },
    memory: { slabBytes: 4_096, fanOut: 16, logBytesMax },
    state: { syncEntries },
    transport: transportSettings(spec),
    host: options,
    observer: spec.options["trace.steps"] === true ? new ObservedSteps(trace, holdings) : new Observed(trace, holdings),
    halted: (message) => {
      trace.emit("warn", "raft/store-stopped", { message })
      host.exit(1)
    }
  }).pipe(
    Effect.provideService(Trace, calm(trace)),
    Effect.provideService(Net, net),
    Effect.provideService(Disk, hanging?.disk ?? whole)
  )
  const { log } = store
  const founders = Array.from({ length: Math.min(behaviour.membersMax, spec.peers.length) }, (_, index) => index + 1)
  for (let group = 1; founders.includes(spec.index + 1) && group <= behaviour.groups; group++) {
    // Refused where it was founded before.
    log.host.found(group, founders, () => {})
  }

  // Clients do not know how many servers there are.
  const storeOf = (server: number): number => (server % spec.peers.length) + 1
  const work = yield* Queue.dropping<Effect.Effect<void>>(managementsMax)
  let reads = 0
  const observedRead = (group: Group, query: Uint8Array, answer: Answer<Uint8Array>): void => {
    const read = { group: group.id, replica: group.replica, read: ++reads }
    trace.emit("debug", "raft/asked", read)
    group.read(query, ReplicatedLog.deadlineOf(log.host, callMillis), (error, value) => {
      if (error === undefined) trace.emit("debug", "raft/read", { ...read, index: group.machine.applied.index })
      answer(error, value)
    })
  }
  // The socket hears before this fiber goes on.
  let isBound = false
  const socket: DatagramSocket = yield* net.bind(spec.self, {
    received: (from, bytes) => {
      const request = Call.readRequest(bytes)
      if (request === undefined || !isBound) return
      const { body, number: asked } = request
      const kind = body.u8()
      const id = body.u32()
      const elsewhere = (other: number): void => socket.send(from, Call.elsewhere(asked, other))
      const answer = (error: ConsensusError | undefined, value: Uint8Array): void => {
        if (noted(error, elsewhere)) socket.send(from, Call.answer(asked).raw(value).finish())
      }
      const group = log.host.find(id)
      if (!(group instanceof Group)) return elsewhere(Call.none)
      const deadline = ReplicatedLog.deadlineOf(log.host, callMillis)
      if (kind === requests.command) return group.propose(body.rest(), deadline, answer)
      if (kind === requests.query) return observedRead(group, body.rest(), answer)
      assert(kind === requests.transfer || kind === requests.members, "clients ask for what servers know")
      const managed =
        kind === requests.transfer
          ? log.transfer(id, storeOf(body.u8()))
          : log.changeMembership(id, changesOf(body, storeOf), { timeoutMillis: callMillis })
      Queue.offerUnsafe(
        work,
        Effect.match(managed, {
          onFailure: (error) => {
            // Whatever else it was, it is over: an operator would look, and try something else.
            if (error._tag === "NotLeader" || error._tag === "NoGroup") noted(error, elsewhere)
            else answer(undefined, Uint8Array.of(0))
          },
          onSuccess: () => answer(undefined, Uint8Array.of(1))
        })
      )
    }
  })
  isBound = true
  const probeMillis = number(spec, "probeMillis", 0)
  if (probeMillis > 0) {
    // It reads for itself, wherever clients are: a leader that was replaced and does not know is found by its first answer.
    const probe = Effect.sync(() => {
      for (const group of log.host.groups.values()) if (group.isLeader) observedRead(group, statusQuery, () => {})
    })
    yield* Effect.forkChild(Effect.forever(Effect.andThen(Effect.sleep(probeMillis), probe)))
  }
  const fillers = number(spec, "fillers", 0)
  const fillerMillis = number(spec, "fillerMillis", callMillis)
  // Clients wait for one command each. A leader that is cut off has a longer tail of its own by these, and logs grow faster. As many
  // again when all are answered, so that clients have their turn.
  let outstanding = 0
  let filled = 0
  const fill = (count: number): void => {
    for (const group of log.host.groups.values()) {
      for (let i = 0; group.isLeader && i < count; i++) {
        outstanding++
        group.propose(filler(filled++), ReplicatedLog.deadlineOf(log.host, fillerMillis), () => {
          outstanding--
        })
      }
    }
  }
  if (fillers > 0) {
    const again = Effect.sync(() => fill(outstanding > 0 ? 0 : fillers))
    yield* Effect.forkChild(Effect.forever(Effect.andThen(Effect.sleep(fillMillis), again)))
  }
  const cuts = (behaviour.cuts ?? []).filter(([first]) => first === spec.index).map(([, second]) => spec.peers[second])
  if (cuts.length > 0) {
    const cut = Effect.sync(() => cutNet.cut(cuts))
    yield* Effect.forkChild(Effect.andThen(Effect.sleep(number(spec, "cutMillis", 0)), cut))
  }
  if (hanging !== undefined) {
    const hang = Effect.sync(() => hanging.hang())
    yield* Effect.forkChild(Effect.andThen(Effect.sleep(number(spec, "hangMillis", 0)), hang))
  }
  const random = yield* Random.Random
  const below = (bound: number): number => Math.floor(random.nextDoubleUnsafe() * bound)
  const some = (most: number): number => 1 + below(most)
  const stallMillis = number(spec, "stallMillis", 0)
  if (stallMillis > 0) {
    const stall = Effect.gen(function* () {
      yield* Effect.sleep(some(stallMillis))
      const stalled = cutNet.stall(below)
      yield* Effect.sleep(some(stallMillis))
      stalled.end()
    })
    const times = Math.ceil(number(spec, "stallsForMillis", 0) / stallMillis)
    for (let i = 0; i < stallsMax; i++) yield* Effect.forkChild(Effect.repeat(stall, { times }))
  }
  const reignMillis = number(spec, "reignMillis", 0)
  const exileMillis = number(spec, "exileMillis", 0)
  const muteMillis = number(spec, "muteMillis", 0)
  if (reignMillis > 0) {
    const isAny = (role: Role): boolean => [...log.host.groups.values()].some(({ raft }) => raft.core.role === role)
    const exile = Effect.gen(function* () {
      yield* Effect.sleep(some(reignMillis))
      if (spec.options["exiled"] === "candidates" ? isAny("candidate") && some(2) === 1 : isAny("leader")) {
        cutNet.isolate()
        fill(some(tailEntriesMax))
        yield* Effect.sleep(exileMillis / 2 + some(exileMillis / 2))
      } else if (muteMillis > 0 && some(8) === 1) {
        cutNet.mute()
        yield* Effect.sleep(some(muteMillis))
      }
      cutNet.heal()
    })
    const times = Math.ceil(number(spec, "exilesForMillis", 0) / reignMillis)
    yield* Effect.forkChild(Effect.repeat(exile, { times }))
  }
  return yield* Effect.forever(Effect.flatMap(Queue.take(work), (next) => Effect.forkChild(next)))
})
