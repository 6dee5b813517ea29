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
import type { Progress } from "#consensus/Progress.ts"
import type { Sessions } from "#consensus/Sessions.ts"
import type { SnapshotTraffic } from "#consensus/SnapshotTraffic.ts"
import type { Judge, Observed, Violation } from "#sim/run/Judge.ts"
import type { Fields, Trace } from "#world/Trace.ts"

/** Longer than any command of these scenarios. */
const commandBytesMax = 1_024
/** Growth that is worth a line of the trace. */
const growth = 1.5

/** What only this file looks at. */
interface Inside {
  readonly around: Host
  readonly queueBytes: number
  readonly reading: { readonly count: number }
  readonly isFlushing: boolean
  readonly isRestoring: boolean
}

interface Machine {
  readonly state?: { readonly sessions: Sessions }
  readonly trail?: { readonly isSyncing: boolean }
}

/** Of one replica. */
interface Seen {
  readonly most: Map<string, number>
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
    let seen = this.seen.get(group)
    if (seen === undefined) {
      seen = { most: new Map(), age: core.age, uncutTicks: 0, unkeptTicks: 0, firstIndex: 0, durableIndex: 0 }
      this.seen.set(group, seen)
    }
    const holds = (what: string, amount: number, bound: number): void => this.holds(group, seen, what, amount, bound)
    holds("queued", inside.queueBytes, options.queueBytesMax + commandBytesMax)
    holds("uncommitted", core["uncommittedBytes"], options.uncommittedBytesMax + commandBytesMax)
    holds("reads", inside.reading.count, options.readsMax)
    if (core.role === "leader") {
      for (const id of core.tracker.ids) this.inFlight(core.tracker.get(id)!, holds)
    }
    this.snapshots(inside.around["snapshots"], holds)
    for (const { bulk, normal, system } of inside.around["outbox"]["drafts"].values()) {
      for (const { writer } of [bulk, normal, system]) holds("outbox", writer.sizeBytes, Limits.frameBytesMax)
    }
    const sessions = (group.machine as unknown as Machine).state?.sessions.count ?? 0
    holds("sessions", sessions, Limits.sessionsMax)
    if (core.age !== seen.age) this.ticked(group, inside, seen)
  }

  private inFlight({ inflights }: Progress, holds: (what: string, amount: number, bound: number) => void): void {
    const { inflightBytesMax, inflightMax, messageBytesMax } = this.options
    holds("in flight", inflights.count, inflightMax)
    holds("bytes in flight", inflights["sizeBytes"], inflightBytesMax + Math.max(messageBytesMax, commandBytesMax))
  }

  private snapshots(traffic: SnapshotTraffic, holds: (what: string, amount: number, bound: number) => void): void {
    const { sendersMax, windowChunks } = this.options.snapshots
    holds("snapshots sent", traffic["senders"].length, sendersMax)
    for (const { sender } of traffic["senders"]) holds("chunks sent", sender["unanswered"].length, windowChunks)
    for (const receiver of traffic["receivers"].values()) {
      holds("chunks received", receiver["queue"].length, windowChunks)
    }
  }

  /** A tick flushes and cuts what it can. */
  private ticked(group: Group, { isFlushing, isRestoring }: Inside, seen: Seen): void {
    const { flushEntries, flushTicks, logBytesMax } = this.options
    const { log, machine } = group
    seen.age = group.raft.core.age
    const isBusy = isFlushing || isRestoring || log.isFull
    const { firstIndex } = log
    const { index: durableIndex } = machine.durable
    const isTooLong = log.sizeBytes > 4 * logBytesMax && durableIndex >= firstIndex
    const isUncut = isTooLong && !isBusy && firstIndex === seen.firstIndex
    seen.uncutTicks = isUncut ? seen.uncutTicks + 1 : 0
    this.holds(group, seen, "uncut log", seen.uncutTicks, 2 * flushTicks)
    const isBehind = machine.applied.index - durableIndex > this.syncEntries + 2 * flushEntries
    const isSyncing = (machine as unknown as Machine).trail?.isSyncing === true
    const isUnkept = isBehind && !isSyncing && !isBusy && durableIndex === seen.durableIndex
    seen.unkeptTicks = isUnkept ? seen.unkeptTicks + 1 : 0
    this.holds(group, seen, "state behind", seen.unkeptTicks, 2 * flushTicks)
    seen.firstIndex = firstIndex
    seen.durableIndex = durableIndex
  }

  private holds(group: Group, seen: Seen, what: string, amount: number, bound: number): void {
    if (amount === 0) return
    const most = seen.most.get(what) ?? 0
    if (amount <= most || (amount <= growth * most && amount <= bound)) return
    seen.most.set(what, amount)
    this.trace.emit("debug", "raft/holds", { group: group.id, replica: group.replica, what, amount, bound })
  }
}

/** What an event says that is over its bound; undefined: nothing. */
export const check = (name: string, { amount, bound, replica, what }: Fields): string | undefined =>
  name === "raft/holds" && Number(amount) > Number(bound)
    ? `bounded memory: replica ${replica} holds ${amount} (${what}), and ${bound} is the most`
    : undefined

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
