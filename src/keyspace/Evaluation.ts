/**
 * Evaluation: what each request looks at and comes to, under its latches. The rules of `Request.ts` stand here as code; that they make
 * transactions strictly serializable is argued there.
 */
import { ChangeRefused, type ConsensusError } from "#consensus/ConsensusError.ts"
import { storeOf } from "#consensus/Replica.ts"
import * as ReplicatedLog from "#consensus/ReplicatedLog.ts"
import type { Told } from "./audit/AuditEntry.ts"
import * as Decisions from "./audit/Decisions.ts"
import { Changes } from "./Changes.ts"
import { changes } from "./Changing.ts"
import { collect } from "./Collecting.ts"
import * as Key from "./Key.ts"
import type { Leaseholder } from "./Leaseholder.ts"
import { Aborted, Conflict, Refused, TooOld, Unavailable } from "./KeyspaceError.ts"
import * as Merging from "./Merging.ts"
import { isInside } from "./RangeMachine.ts"
import { Page } from "./Page.ts"
import * as Placement from "./Placement.ts"
import * as Reading from "./Reading.ts"
import type { KeyState } from "./Reading.ts"
import * as Records from "./Records.ts"
import type { Mutation, Outcome, Reads, Request, Timestamp, Txn, TxnId, TxnState, Value } from "./Request.ts"
import type { Task } from "./Task.ts"

type Of<Type extends Request["type"]> = Extract<Request, { readonly type: Type }>

const always = Infinity

const valueOf = (version: Records.Version | undefined): Value =>
  version === undefined ? { value: undefined, at: 0 } : { value: Reading.kept(version.value), at: version.at }

export class Evaluation {
  private readonly server: Leaseholder

  constructor(server: Leaseholder) {
    this.server = server
  }

  evaluate(task: Task, request: Request): void {
    switch (request.type) {
      case "get":
        return this.get(task, request)
      case "scan":
        return this.scan(task, request)
      case "lock":
        return this.lock(task, request)
      case "unlock":
        return this.unlock(task, request)
      case "commit-once":
        return this.commitOnce(task, request)
      case "prepare":
        return this.prepare(task, request)
      case "validate":
        return this.validate(task, request)
      case "decide":
        return this.decide(task, request)
      case "resolve":
        return this.resolve(task, request)
      case "forget":
        return this.forget(task, request)
      case "push":
        return this.push(task, request)
      case "heartbeat":
        return this.heartbeat(task, request)
      case "merge":
        return Merging.merge(this.server, task)
      case "end-merge":
        return Merging.endMerge(this.server, task)
      case "freeze":
      case "thaw":
        return Merging.hold(this.server, task, request)
      case "members":
      case "transfer":
        return this.manage(task, request)
      case "close":
        return this.close(task)
      case "changes":
        return changes(this.server, task, request, this.pause)
      case "collect":
        return collect(this.server, task, request, this.pause)
      case "split":
        return this.split(task, request)
      default:
        return this.server.services.other(this.server, task, request)
    }
  }

  // Looking.

  private get floor(): Timestamp {
    return this.server.machine.state!.floor
  }

  /** Versions as of `at` are all there. */
  private isKept(task: Task, at: Timestamp): boolean {
    const { floor } = this
    if (at >= floor) return true
    this.server.end(task, new TooOld({ at, floor }))
    return false
  }

  private get(task: Task, { at, keys }: Of<"get">): void {
    const { port } = this.server.services
    if (!this.isKept(task, at)) return
    const loaded = this.server.resume(task, ({ states }: { readonly states: ReadonlyArray<KeyState> }) => {
      if (this.isBlockedBefore(task, keys, states, at, undefined)) return
      const values: Array<Value> = []
      let left = keys.length
      const got = (index: number): ((version: Records.Version | undefined) => void) => {
        return (version) => {
          values[index] = valueOf(version)
          if (--left === 0) this.server.end(task, undefined, { type: "values", values })
        }
      }
      if (left === 0) return this.server.end(task, undefined, { type: "values", values })
      keys.forEach((key, index) => {
        const { head } = states[index]
        if (head === undefined || head.at <= at) got(index)(head)
        else Reading.seenAt(port, key, head, at, this.server.resume(task, got(index)))
      })
    })
    Reading.states(port, keys, loaded)
  }

  /** Somebody's intent may be committed at or before `at`: then it waits for that. */
  private isBlockedBefore(
    task: Task,
    keys: ReadonlyArray<Uint8Array>,
    states: ReadonlyArray<KeyState>,
    at: Timestamp,
    own: TxnId | undefined
  ): boolean {
    const index = states.findIndex(({ intent }) => mayCome(intent, at, own))
    if (index < 0) return false
    this.server.block(task, keys[index], [states[index].intent!.txn])
    return true
  }

  private readonly pause = (goOn: () => void): void => this.server.services.defer(goOn)

  private scan(task: Task, request: Of<"scan">): void {
    const { at, reverse, span } = request
    if (!this.isKept(task, at)) return
    const page = new Page(request)
    let blocked: { readonly key: Uint8Array; readonly txn: Txn } | undefined
    const visit = (item: Reading.Item): boolean => {
      if (task.isAnswered) return false
      if (!mayCome(item.intent, at, undefined)) return page.visit(item)
      blocked = { key: item.key, txn: item.intent!.txn }
      return false
    }
    const ended = this.server.resume(task, () => {
      if (blocked !== undefined) return this.server.block(task, blocked.key, [blocked.txn])
      this.server.end(task, undefined, { type: "entries", entries: page.entries, resume: page.resume })
    })
    Reading.scan(this.server.services.port, { span, at, reverse }, visit, this.pause, ended)
  }

  /** Closes what was committed so far: nothing will be, at that timestamp or before, but what intents may become. */
  private close(task: Task): void {
    const { machine, services } = this.server
    const { closed, descriptor } = machine.state!
    const looked = this.server.resume(task, (intents: ReadonlyArray<Reading.Intended>) => {
      const upTo = intents.reduce((lowest, { intent }) => Math.min(lowest, intent.txn.id), task.upTo!)
      if (upTo <= closed) return this.server.end(task, undefined, { type: "done" })
      // Who comes now gets a later timestamp, and a later place in the log.
      this.server.letGo(task)
      this.server.propose(task, new Changes(), { response: () => ({ type: "done" }), closed: upTo })
    })
    Reading.intents(services.port, { span: descriptor }, this.pause, looked)
  }

  /**
   * That nothing in `reads` has a version in (since, until], or will; `then` when it is so. Whose intents are told apart by `own`.
   */
  private unchanged(task: Task, reads: Reads, until: Timestamp, own: TxnId, then: () => void): void {
    const { keys, since, spans } = reads
    const { port } = this.server.services
    let found:
      | { readonly key: Uint8Array; readonly by: Txn | undefined; readonly at: Timestamp | undefined }
      | undefined
    const look = (key: Uint8Array, { intent }: KeyState, seen: Records.Version | undefined): boolean => {
      if (task.isAnswered) return false
      if (seen !== undefined && seen.at > since) found = { key, by: undefined, at: seen.at }
      else if (mayCome(intent, until, own)) found ??= { key, by: intent!.txn, at: undefined }
      return found === undefined
    }
    const ended = (): void => {
      if (found === undefined) then()
      else if (found.by !== undefined) this.server.block(task, found.key, [found.by])
      else this.server.end(task, new Conflict({ key: found.key, at: found.at }))
    }
    const span = (index: number): void => {
      if (index === spans.length || found !== undefined) return ended()
      const visit = (item: Reading.Item): boolean => look(item.key, item, item.seen)
      Reading.scan(
        port,
        { span: spans[index], at: until },
        visit,
        this.pause,
        this.server.resume(task, () => span(index + 1))
      )
    }
    const loaded = this.server.resume(task, ({ states }: { readonly states: ReadonlyArray<KeyState> }) => {
      const key = (index: number): void => {
        for (let at = index; at < keys.length; at++) {
          const { head } = states[at]
          if (head !== undefined && head.at > until) {
            const seen = (version: Records.Version | undefined): void => {
              if (look(keys[at], states[at], version)) key(at + 1)
              else ended()
            }
            return Reading.seenAt(port, keys[at], head, until, this.server.resume(task, seen))
          }
          if (!look(keys[at], states[at], head)) return ended()
        }
        span(0)
      }
      key(0)
    })
    Reading.states(port, keys, loaded)
  }

  private validate(task: Task, { reads, txn, until }: Of<"validate">): void {
    if (!this.isKept(task, reads.since)) return
    this.unchanged(task, reads, until, txn, () => this.server.end(task, undefined, { type: "done" }))
  }

  // Locks.

  private lock(task: Task, { keys, mode, txn }: Of<"lock">): void {
    const { waits } = task.leadership
    const loaded = this.server.resume(task, ({ states }: { readonly states: ReadonlyArray<KeyState> }) => {
      if (this.isHeld(task, keys, states, txn.id, mode)) return
      for (const key of keys) {
        const earlier = waits.earlier(key, task.ticket, txn.id)
        if (earlier.length > 0) return this.server.block(task, key, earlier)
      }
      for (const key of keys) waits.lock(key, txn, mode)
      this.server.timestamp(task, (at) => {
        const values = states.map(({ head }) => valueOf(head))
        this.server.end(task, undefined, { type: "locked", values, at })
      })
    })
    Reading.states(this.server.services.port, keys, loaded)
  }

  private unlock(task: Task, { keys, txn }: Of<"unlock">): void {
    const { waits } = task.leadership
    this.server.end(task, undefined, { type: "done" })
    this.server.wake(waits.unlock(txn, keys))
  }

  /** Another transaction has an intent or a lock on one of the keys: it waits. */
  private isHeld(
    task: Task,
    keys: ReadonlyArray<Uint8Array>,
    states: ReadonlyArray<KeyState>,
    own: TxnId,
    mode: "shared" | "exclusive"
  ): boolean {
    if (this.isBlockedBefore(task, keys, states, always, own)) return true
    for (const key of keys) {
      const holders = task.leadership.waits.holders(key, own, mode)
      if (holders.length === 0) continue
      this.server.block(task, key, holders)
      return true
    }
    return false
  }

  // Writing.

  private readonly conflicts = (
    task: Task,
    mutations: ReadonlyArray<Mutation>,
    states: ReadonlyArray<KeyState>,
    snapshot: Timestamp
  ): boolean => {
    const index = states.findIndex(({ head }) => head !== undefined && head.at > snapshot)
    if (index < 0) return false
    this.server.end(task, new Conflict({ key: mutations[index].key, at: states[index].head!.at }))
    return true
  }

  /** What is known of a transaction: its record, or that it is too old to have one. */
  private stateOf(txn: TxnId, record: Uint8Array | undefined): TxnState {
    if (record !== undefined) return Records.readRecord(record).outcome
    return txn <= this.floor ? { type: "aborted" } : { type: "pending" }
  }

  private aborted(task: Task, txn: TxnId, record: Uint8Array | undefined): void {
    this.server.end(task, new Aborted({ txn, reason: record === undefined ? "forgotten" : "pushed" }))
  }

  private commitOnce(task: Task, { mutations, reads, snapshot, told, txn }: Of<"commit-once">): void {
    // A copy of one that took effect is answered, however late it is.
    const oldest = reads.keys.length + reads.spans.length === 0 ? snapshot : Math.min(snapshot, reads.since)
    const keys = mutations.map(({ key }) => key)
    const recordKey = Key.record(txn.anchor, txn.id)
    const loaded = (found: {
      readonly states: ReadonlyArray<KeyState>
      readonly others: ReadonlyArray<Uint8Array | undefined>
    }): void => {
      const { states } = found
      const [record] = found.others
      const state = this.stateOf(txn.id, record)
      if (state.type === "committed") return this.server.end(task, undefined, { type: "at", at: state.at })
      if (state.type === "aborted") return this.aborted(task, txn.id, record)
      // That a key was deleted may have been forgotten.
      if (!this.isKept(task, oldest)) return
      if (this.isHeld(task, keys, states, txn.id, "exclusive")) return
      if (this.conflicts(task, mutations, states, snapshot)) return
      this.unchanged(task, reads, always, txn.id, () => {
        this.server.timestamp(task, (at) => {
          const changes = new Changes(mutations)
          mutations.forEach(({ key, value }, index) => changes.version(key, states[index], value, at))
          changes.record(txn, { outcome: { type: "committed", at }, keys: [] })
          if (!this.tell(task, changes, txn, { type: "committed", at }, keys, told)) return
          this.server.propose(task, changes, {
            response: () => ({ type: "at", at }),
            shown: () => this.server.wake(task.leadership.waits.unlockAll(txn.id))
          })
        })
      })
    }
    Reading.states(this.server.services.port, keys, this.server.resume(task, loaded), [recordKey])
  }

  private prepare(task: Task, { mutations, snapshot, txn }: Of<"prepare">): void {
    const keys = mutations.map(({ key }) => key)
    if (txn.id <= this.floor) return this.aborted(task, txn.id, undefined)
    if (!this.isKept(task, snapshot)) return
    const loaded = this.server.resume(task, ({ states }: { readonly states: ReadonlyArray<KeyState> }) => {
      if (this.isHeld(task, keys, states, txn.id, "exclusive")) return
      if (this.conflicts(task, mutations, states, snapshot)) return
      const changes = new Changes(mutations)
      for (const mutation of mutations) changes.intent(txn, mutation)
      this.server.propose(task, changes, {
        response: () => ({ type: "done" }),
        // The intents stand for them now.
        shown: () => this.server.wake(task.leadership.waits.unlock(txn.id, keys))
      })
    })
    Reading.states(this.server.services.port, keys, loaded)
  }

  // Records.

  /** What is decided goes into the audit trail with it. False: it cannot be written down, and is refused. */
  private tell(
    task: Task,
    changes: Changes,
    txn: Txn,
    outcome: Outcome,
    keys: ReadonlyArray<Uint8Array>,
    told: Told | undefined
  ): boolean {
    if (!this.server.options.audits) return true
    const decisions = Decisions.of(txn, outcome, keys, told)
    if (typeof decisions === "string") {
      this.server.end(task, new Refused({ message: decisions }))
      return false
    }
    changes.decisions = decisions
    return true
  }

  private decide(task: Task, { keys, outcome, told, txn }: Of<"decide">): void {
    this.withRecord(task, txn, (record) => {
      const state = this.stateOf(txn.id, record)
      if (state.type !== "pending") return this.server.end(task, undefined, { type: "state", state })
      const changes = new Changes()
      changes.record(txn, { outcome, keys: outcome.type === "committed" ? keys : [] })
      if (!this.tell(task, changes, txn, outcome, keys, told)) return
      task.leadership.heard.delete(txn.id)
      this.server.propose(task, changes, { response: () => ({ type: "state", state: outcome }) })
    })
  }

  private withRecord(task: Task, txn: Txn, then: (record: Uint8Array | undefined) => void): void {
    const loaded = ([record]: ReadonlyArray<Uint8Array | undefined>): void => then(record)
    Reading.values(this.server.services.port, [Key.record(txn.anchor, txn.id)], this.server.resume(task, loaded))
  }

  private resolve(task: Task, { keys, outcome, txn }: Of<"resolve">): void {
    const { waits } = task.leadership
    const loaded = this.server.resume(task, ({ states }: { readonly states: ReadonlyArray<KeyState> }) => {
      const changes = new Changes()
      const resolved = keys.filter((key, index) => changes.resolve(key, states[index], txn, outcome))
      const woken = (): void =>
        this.server.wake([...waits.unlockAll(txn), ...resolved.flatMap((key) => waits.wake(key))])
      if (resolved.length > 0) {
        return this.server.propose(task, changes, { response: () => ({ type: "done" }), shown: woken })
      }
      this.server.end(task, undefined, { type: "done" })
      // Whoever waits for what is there no more looks again.
      this.server.wake([...waits.unlockAll(txn), ...keys.flatMap((key) => waits.wake(key))])
    })
    Reading.states(this.server.services.port, keys, loaded)
  }

  private forget(task: Task, { txn }: Of<"forget">): void {
    this.withRecord(task, txn, (record) => {
      const known = record === undefined ? undefined : Records.readRecord(record)
      if (known === undefined || known.keys.length === 0) return this.server.end(task, undefined, { type: "done" })
      const changes = new Changes()
      changes.record(txn, { ...known, keys: [] }, record)
      this.server.propose(task, changes, { response: () => ({ type: "done" }) })
    })
  }

  private push(task: Task, { abort, txn }: Of<"push">): void {
    this.withRecord(task, txn, (record) => {
      const state = this.stateOf(txn.id, record)
      if (state.type !== "pending") return this.server.end(task, undefined, { type: "state", state })
      const { heard } = task.leadership
      const now = this.server.services.nowMicros()
      const last = heard.get(txn.id)
      // It may have been alive all the time, with another leaseholder.
      if (last === undefined) heard.set(txn.id, now)
      const isSilent = last !== undefined && now - last > this.server.options.txnTtlMicros
      if (!abort && !isSilent) return this.server.end(task, undefined, { type: "state", state })
      const changes = new Changes()
      changes.record(txn, { outcome: { type: "aborted" }, keys: [] })
      if (!this.tell(task, changes, txn, { type: "aborted" }, [], undefined)) return
      heard.delete(txn.id)
      this.server.propose(task, changes, { response: () => ({ type: "state", state: { type: "aborted" } }) })
    })
  }

  private heartbeat(task: Task, { txn }: Of<"heartbeat">): void {
    this.withRecord(task, txn, (record) => {
      const state = this.stateOf(txn.id, record)
      if (state.type === "pending") task.leadership.heard.set(txn.id, this.server.services.nowMicros())
      this.server.end(task, undefined, { type: "state", state })
    })
  }

  // Ranges.

  private manage(task: Task, request: Of<"members"> | Of<"transfer">): void {
    const group = this.server.services.group(this.server.range)
    const done = (error: ConsensusError | undefined): void => {
      if (error === undefined) return this.server.end(task, undefined, { type: "done" })
      const message = "message" in error && error.message !== "" ? error.message : error._tag
      this.server.end(task, new Unavailable({ message }))
    }
    if (group === undefined) return this.server.end(task, new Unavailable({ message: "the replica is gone" }))
    // The group says what came of it, also when it is led elsewhere then.
    task.isProposed = true
    if (request.type === "transfer") return group.transfer(request.to, done)
    const stores = this.server.machine.applied.configuration.voters.map(storeOf)
    const isMeant = request.of.length === 0 || Placement.isSame(request.of, stores)
    // Who asks knew of another leaseholder: one that leaves hands over before, where there is somebody.
    const own = storeOf(group.replica)
    const isLeft = request.changes.some(({ store, type }) => type === "remove" && store === own)
    if (!isMeant || (request.of.length > 1 && isLeft)) {
      return this.server.end(task, new Refused({ message: "the range is not where it was meant to be" }))
    }
    const change = ReplicatedLog.changeOf(group, request.changes)
    if (change instanceof ChangeRefused) return done(change)
    group.changeMembers(change, done)
  }

  private split(task: Task, { key }: Of<"split">): void {
    const { machine, services } = this.server
    const { descriptor } = machine.state!
    if (!isInside(descriptor, key)) {
      return this.server.end(task, new Refused({ message: "a range is split at a key between its first and its end" }))
    }
    let rightSizeBytes = 0
    const visit = ({ sizeBytes }: Reading.Item): boolean => {
      rightSizeBytes += sizeBytes
      return true
    }
    const counted = this.server.resume(task, () => {
      const right = task.right!
      const generation = descriptor.generation + 1
      this.server.command(
        task,
        { type: "split", term: task.leadership.term, key, right, rightSizeBytes },
        {
          response: () => ({
            type: "halves",
            left: { ...descriptor, to: key, generation },
            right: { range: right, from: key, to: descriptor.to, generation }
          }),
          // Those who wait for what is in the other half now are told so.
          shown: () => this.server.wake(task.leadership.waits.wakeAll())
        }
      )
    })
    Reading.scan(services.port, { span: { from: key, to: descriptor.to }, at: Infinity }, visit, this.pause, counted)
  }
}

/** Whether a transaction's write may yet get a timestamp that is not later than `at`: it gets one after its own first. */
const mayCome = (intent: Records.Intent | undefined, at: Timestamp, own: TxnId | undefined): boolean =>
  intent !== undefined && intent.txn.id !== own && intent.txn.id < at
