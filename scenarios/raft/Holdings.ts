/**
 * Holdings: what a replica and its store hold in memory, against the bounds of their options, looked at with every step. What has grown is
 * traced, `raft/holds`: what, how much, and how much it may be at most; the judge `memory` says whether that is so.
 *
 * A size may go over its bound by one command, because one of any size is taken where nothing waits. That logs are cut, and that states
 * become durable so that they can be, is counted in ticks for which it was possible and did not happen.
 */
import * as Limits from "#base/Limits.ts"
import type { Group } from "#consensus/Group.ts"
import type { Host, Options } from "#consensus/Host.ts"
import type * as Observer from "#consensus/Observer.ts"
import type { Lane } from "#consensus/Peers.ts"
import type { Progress } from "#consensus/Progress.ts"
import type { Sessions } from "#consensus/Sessions.ts"
import type { SnapshotTraffic } from "#consensus/SnapshotTraffic.ts"
import type { Judge, Observed, Violation } from "#sim/run/Judge.ts"
import type { Fields, Trace } from "#world/Trace.ts"

/** Longer than any command of these scenarios. */
const commandBytesMax = 1_024
/** Growth that is worth a line of the trace. */
const growth = 1.5

/** What is held, in the words of the trace; a number in the code, because it is looked at with every message. */
const whats = [
  "queued",
  "uncommitted",
  "reads",
  "in flight",
  "bytes in flight",
  "snapshots sent",
  "chunks sent",
  "chunks received",
  "outbox",
  "sessions",
  "uncut log",
  "state behind"
] as const
const slots = {
  queued: 0,
  uncommitted: 1,
  reads: 2,
  inFlight: 3,
  bytesInFlight: 4,
  snapshotsSent: 5,
  chunksSent: 6,
  chunksReceived: 7,
  outbox: 8,
  sessions: 9,
  uncutLog: 10,
  stateBehind: 11
} as const
type Slot = (typeof slots)[keyof typeof slots]

/** What only this file looks at. */
interface Inside {
  readonly around: Host
  readonly queued: { readonly sizeBytes: number }
  readonly reading: { readonly count: number }
  readonly isFlushing: boolean
  readonly isRestoring: boolean
}

/** What is said to one peer in this turn. */
type Drafts = Readonly<Record<Lane, { readonly writer: { readonly sizeBytes: number } }>>

interface Machine {
  readonly state?: { readonly sessions: Sessions }
  readonly trail?: { readonly isSyncing: boolean }
}

/** Of one replica. */
interface Seen {
  readonly group: Group
  /** By slot. */
  readonly most: Array<number>
  age: number
  /** Ticks for which the log could have been cut, or the state been made durable, and was not. */
  uncutTicks: number
  unkeptTicks: number
  firstIndex: number
  durableIndex: number
}

export class Holdings {
  private readonly trace: Trace["Service"]
  private readonly options: Options
  /** Applied entries after which a state is to become durable. */
  private readonly syncEntries: number
  private readonly seen = new Map<Observer.Group, Seen>()

  constructor(trace: Trace["Service"], options: Options, syncEntries: number) {
    this.trace = trace
    this.options = options
    this.syncEntries = syncEntries
  }

  look(observed: Observer.Group): void {
    const group = observed as Group
    const inside = group as unknown as Inside
    const { options } = this
    const { core } = group.raft
    const seen = this.seenOf(group)
    this.holds(seen, slots.queued, inside.queued.sizeBytes, options.queueBytesMax + commandBytesMax)
    this.holds(seen, slots.uncommitted, core["uncommittedBytes"], options.uncommittedBytesMax + commandBytesMax)
    this.holds(seen, slots.reads, inside.reading.count, options.readsMax)
    if (core.role === "leader") {
      for (const id of core.tracker.ids) this.inFlight(seen, core.tracker.get(id)!)
    }
    this.snapshots(seen, inside.around["snapshots"])
    const outbox = inside.around["outbox"]
    // Where none is begun, all are empty.
    if (outbox["begun"] > 0) this.drafts(seen, outbox["drafts"].values())
    const sessions = (group.machine as unknown as Machine).state?.sessions.count ?? 0
    this.holds(seen, slots.sessions, sessions, Limits.sessionsMax)
    if (core.age !== seen.age) this.ticked(inside, seen)
  }

  private seenOf(group: Group): Seen {
    let seen = this.seen.get(group)
    if (seen === undefined) {
      const { age } = group.raft.core
      const most = whats.map(() => 0)
      seen = { group, most, age, uncutTicks: 0, unkeptTicks: 0, firstIndex: 0, durableIndex: 0 }
      this.seen.set(group, seen)
    }
    return seen
  }

  private inFlight(seen: Seen, { inflights }: Progress): void {
    const { inflightBytesMax, inflightMax, messageBytesMax } = this.options
    this.holds(seen, slots.inFlight, inflights.count, inflightMax)
    const bytesMax = inflightBytesMax + Math.max(messageBytesMax, commandBytesMax)
    this.holds(seen, slots.bytesInFlight, inflights["sizeBytes"], bytesMax)
  }

  private drafts(seen: Seen, drafts: Iterable<Drafts>): void {
    for (const { bulk, normal, system } of drafts) {
      this.holds(seen, slots.outbox, bulk.writer.sizeBytes, Limits.frameBytesMax)
      this.holds(seen, slots.outbox, normal.writer.sizeBytes, Limits.frameBytesMax)
      this.holds(seen, slots.outbox, system.writer.sizeBytes, Limits.frameBytesMax)
    }
  }

  private snapshots(seen: Seen, traffic: SnapshotTraffic): void {
    const { sendersMax, windowChunks } = this.options.snapshots
    this.holds(seen, slots.snapshotsSent, traffic["senders"].length, sendersMax)
    for (const { sender } of traffic["senders"]) {
      this.holds(seen, slots.chunksSent, sender["unanswered"].length, windowChunks)
    }
    for (const receiver of traffic["receivers"].values()) {
      this.holds(seen, slots.chunksReceived, receiver["queue"].length, windowChunks)
    }
  }

  /** A tick flushes and cuts what it can. */
  private ticked({ isFlushing, isRestoring }: Inside, seen: Seen): void {
    const { flushEntries, flushTicks, logBytesMax } = this.options
    const { group } = seen
    const { log, machine } = group
    seen.age = group.raft.core.age
    const isBusy = isFlushing || isRestoring || log.isFull
    const { firstIndex } = log
    const { index: durableIndex } = machine.durable
    const isTooLong = log.sizeBytes > 4 * logBytesMax && durableIndex >= firstIndex
    const isUncut = isTooLong && !isBusy && firstIndex === seen.firstIndex
    seen.uncutTicks = isUncut ? seen.uncutTicks + 1 : 0
    this.holds(seen, slots.uncutLog, seen.uncutTicks, 2 * flushTicks)
    const isBehind = machine.applied.index - durableIndex > this.syncEntries + 2 * flushEntries
    const isSyncing = (machine as unknown as Machine).trail?.isSyncing === true
    const isUnkept = isBehind && !isSyncing && !isBusy && durableIndex === seen.durableIndex
    seen.unkeptTicks = isUnkept ? seen.unkeptTicks + 1 : 0
    this.holds(seen, slots.stateBehind, seen.unkeptTicks, 2 * flushTicks)
    seen.firstIndex = firstIndex
    seen.durableIndex = durableIndex
  }

  private holds(seen: Seen, what: Slot, amount: number, bound: number): void {
    if (amount > seen.most[what]) this.grown(seen, what, amount, bound)
  }

  private grown({ group, most }: Seen, what: Slot, amount: number, bound: number): void {
    if (amount <= growth * most[what] && amount <= bound) return
    most[what] = amount
    const { id, replica } = group
    this.trace.emit("debug", "raft/holds", { group: id, replica, what: whats[what], amount, bound })
  }
}

/** What an event says that is over its bound; undefined: nothing. */
export const check = (name: string, fields: Fields): string | undefined => {
  if (name !== "raft/holds") return undefined
  const { amount, bound, replica, what } = fields
  return Number(amount) > Number(bound)
    ? `bounded memory: replica ${replica} holds ${amount} (${what}), and ${bound} is the most`
    : undefined
}

export const memory: Judge = {
  name: "memory",
  inside: true,
  make: () => ({
    observe: ({ fields, name }: Observed): Violation | undefined => {
      const detail = check(name, fields)
      return detail === undefined ? undefined : { detail }
    }
  })
}
