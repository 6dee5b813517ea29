/**
 * RangeServer: a range's leaseholder, which is the leader of its group: takes requests, lets those that touch the same keys go one after the
 * other, evaluates them on what is applied (`Evaluation`), and proposes what comes out.
 *
 * The way of a request: `submit` → the term's first barrier → (of those that only look: a barrier of their own, `Group.read`) → latches →
 * evaluation → the group → applied and shown → latches released. Who meets an intent or a lock gives its latches back and waits (`Waits`); after a
 * while the holder is pushed, and the deadlock detector hears of it (`Contention`).
 *
 * - A leader evaluates when everything of earlier terms is applied and shows, and what it proposes counts in its own term only.
 * - A latch whose proposal is undecided stays, also when its caller was told `Unknown`: it may take effect yet.
 */
import { Group } from "#consensus/Group.ts"
import type { GroupId, StoreId } from "#consensus/Replica.ts"
import type { ConsensusError } from "#consensus/ConsensusError.ts"
import * as Keys from "#storage/Keys.ts"
import type { StorageError } from "#storage/StorageError.ts"
import type { Done } from "#world/Completion.ts"
import type { Changes } from "./Changes.ts"
import { Contention } from "./Contention.ts"
import { Demand } from "./Demand.ts"
import { Evaluation } from "./Evaluation.ts"
import { Busy, Misplaced, NotLeaseholder, Refused, Unavailable, Unknown, type RangeError } from "./KeyspaceError.ts"
import * as Following from "./Following.ts"
import type { Answered, Ends, Leaseholder, Options, Services } from "./Leaseholder.ts"
import { Load } from "./Load.ts"
import * as RangeCommand from "./RangeCommand.ts"
import { contains, type RangeMachine } from "./RangeMachine.ts"
import type { Asking, Request, Response, Span, Timestamp, Txn } from "./Request.ts"
import { Leadership, Task, touched } from "./Task.ts"

const looks: ReadonlySet<Request["type"]> = new Set(["get", "scan", "validate", "timestamps", "changes", "close"])

/** Nobody else has a vote, so nobody else can have led since; and it has applied all that there is. */
const isAlone = ({ isLeader, machine, raft: { core } }: Group): boolean => {
  const { voters, votersOutgoing } = machine.applied.configuration
  const isOnly = isLeader && voters.length === 1 && votersOutgoing.length === 0
  return isOnly && core.hasCommittedOwn && machine.applied.index === core.log.committed
}

/** Those that say that nothing will be committed any more up to a timestamp. */
const isClosing: ReadonlySet<Request["type"]> = new Set(["changes", "close"])

/** Those that a range answers while it holds still for its left neighbour. */
const whileFrozen: ReadonlySet<Request["type"]> = new Set(["freeze", "thaw"])

const notNow = new Unavailable({ message: "the range's members, or its bounds, are changing: try again" })

const held = new Busy({ retryAfterMillis: 50 })

const barrier = new Uint8Array(0)
const never = Infinity

/** Every key that has to be the range's. */
const keysOf = (request: Request): ReadonlyArray<Uint8Array> => {
  const all = touched(request)
  if (all !== undefined) return [...all.reads, ...all.writes]
  return request.type === "split" || request.type === "freeze" || request.type === "thaw" ? [request.key] : []
}

export class RangeServer implements Leaseholder {
  readonly range: GroupId
  readonly machine: RangeMachine
  readonly options: Options
  readonly services: Services
  private readonly evaluation: Evaluation
  private readonly contention: Contention
  private leadership: Leadership | undefined
  private tickets = 0
  readonly load: Load
  readonly demand = new Demand()

  constructor(machine: RangeMachine, services: Services, options: Options) {
    this.range = machine.range
    this.machine = machine
    this.services = services
    this.options = options
    this.load = new Load({ perSecondMax: options.perSecondMax, below: (bound) => services.below(bound) })
    this.evaluation = new Evaluation(this)
    this.contention = new Contention(this)
    machine.onWrite = (operations) => this.leadership?.recent?.take(operations)
  }

  /** `from`: the store that asks; undefined: this one for the range's own sake. */
  submit(asking: Asking, done: Answered, from?: StoreId): void {
    if (from !== undefined) this.demand.count(from)
    if (this.load.count()) this.sample(asking.request)
    const group = this.services.group(this.range)
    if (group?.isLeader === false && Following.canAnswer(this.machine, asking.request)) {
      return Following.answer(this.machine, this.services, asking.request, (error, response) => {
        if (error !== undefined) this.services.unread(error)
        const isAnswer = error === undefined && response !== undefined
        done(isAnswer ? undefined : this.elsewhere(), isAnswer ? response : undefined)
      })
    }
    if (group === undefined || !group.isLeader || this.machine.descriptor === undefined) {
      return done(this.elsewhere(), undefined)
    }
    if (this.machine.state!.phase === "merged") {
      return done(new Misplaced({ range: this.range, known: this.services.known(this.machine.descriptor) }), undefined)
    }
    if (this.isHeld(asking.request)) return done(held, undefined)
    const leadership = this.lead(group)
    if (leadership.tasks.size >= this.options.tasksMax) return done(new Busy({ retryAfterMillis: 50 }), undefined)
    const task = new Task({
      ticket: ++this.tickets,
      asking,
      deadlineMicros: this.services.nowMicros() + asking.timeoutMicros,
      leadership,
      done
    })
    leadership.tasks.add(task)
    this.services.busy(this)
    if (leadership.isReady) this.begin(task)
    else leadership.pending.push(task)
  }

  private sample(request: Request): void {
    const { reads, readSpans, writes } = touched(request) ?? {}
    const keys = [...(reads ?? []), ...(writes ?? []), ...(readSpans ?? []).flatMap(({ from, to }) => [from, to])]
    if (keys.length === 0) return
    let [first, last] = [keys[0], keys[0]]
    for (const key of keys) {
      if (Keys.compare(key, first) < 0) first = key
      else if (Keys.compare(last, key) < 0) last = key
    }
    this.load.asked(first, last)
  }

  /** It holds still: what it has may be its left neighbour's by now, and have been changed there. */
  private isHeld({ type }: Request): boolean {
    return this.machine.state!.frozen > 0 && !whileFrozen.has(type)
  }

  private elsewhere(): NotLeaseholder {
    return new NotLeaseholder({ range: this.range, leaseholder: this.services.group(this.range)?.leader })
  }

  // Leadership.

  private lead(group: Group): Leadership {
    const { term } = group.raft.core
    if (this.leadership?.term === term) return this.leadership
    this.endLeadership()
    const leadership = new Leadership(term)
    this.leadership = leadership
    this.demand.begin(this.services.nowMicros())
    this.prove(leadership)
    return leadership
  }

  /** Waits until everything of earlier terms is applied here, and shows. */
  private prove(leadership: Leadership): void {
    const group = this.services.group(this.range)
    if (group === undefined) return this.endLeadership()
    group.read(barrier, never, (error) => {
      if (leadership.isOver) return
      if (error !== undefined || !this.isLeading(leadership)) return this.endLeadership()
      this.machine.whenShown(() => {
        if (leadership.isOver) return
        leadership.isReady = true
        for (const task of leadership.pending.splice(0)) this.begin(task)
      })
    })
  }

  private isLeading({ isOver, term }: Leadership): boolean {
    const group = this.services.group(this.range)
    return !isOver && group !== undefined && group.isLeader && group.raft.core.term === term
  }

  /** What is proposed is decided by the log; everything else is to go to whoever leads now. */
  private endLeadership(): void {
    const { leadership } = this
    if (leadership === undefined) return
    this.leadership = undefined
    leadership.isOver = true
    for (const task of [...leadership.tasks]) if (!task.isProposed) this.moved(task)
  }

  private moved(task: Task): void {
    const group = this.services.group(this.range)
    this.end(task, new NotLeaseholder({ range: this.range, leaseholder: group?.isLeader ? undefined : group?.leader }))
  }

  /** The replica is gone from this store, or the store is closing. */
  close(): void {
    this.endLeadership()
  }

  // Tasks.

  /** From the beginning, or again after it had to wait. */
  begin(task: Task): void {
    task.blocked = undefined
    if (task.asking.request.type === "split" && task.right === undefined) return this.number(task)
    // Before its latch: whoever comes after that commits later.
    if (isClosing.has(task.asking.request.type) && task.upTo === undefined) {
      return this.timestamp(task, (at) => {
        task.upTo = at
        this.begin(task)
      })
    }
    if (!looks.has(task.asking.request.type)) return this.enter(task)
    const group = this.services.group(this.range)
    if (group === undefined) return this.moved(task)
    if (isAlone(group) && task.leadership.isReady) return this.enter(task)
    group.read(barrier, never, (error) => {
      if (task.isAnswered) return
      if (error === undefined) this.enter(task)
      else this.moved(task)
    })
  }

  /** Before it keeps everybody waiting. */
  private number(task: Task): void {
    this.services.numberRange((error, number) => {
      if (error !== undefined) return this.end(task, error)
      task.right = number
      this.enter(task)
    })
  }

  private enter(task: Task): void {
    const { leadership } = task
    if (task.isAnswered) return
    if (!this.isLeading(leadership)) return this.moved(task)
    const { request } = task.asking
    const all = touched(request)
    // Before it waits for a latch on everything: the range that asks for it may be this one, and have it.
    if (all === undefined && this.isElsewhere(task, request)) return
    const { descriptor } = this.machine
    const latch = leadership.latches.acquire(
      all ?? { reads: [], readSpans: [], writes: [], writeSpans: [descriptor!] },
      (own) => {
        task.latch = own
        this.evaluate(task)
      }
    )
    // Else it may be over by now.
    if (!latch.isGranted) task.latch = latch
  }

  private evaluate(task: Task): void {
    if (task.isAnswered) return this.release(task)
    if (!this.isLeading(task.leadership)) return this.moved(task)
    const { request } = task.asking
    if ((request.type === "members" || request.type === "transfer") && request.range !== this.range) {
      return this.end(task, new Misplaced({ range: this.range, known: [] }))
    }
    const outside = this.outside(request)
    if (outside !== undefined) {
      return this.end(task, new Misplaced({ range: this.range, known: this.services.known(outside) }))
    }
    // It came before that, and has waited for the latch of who asked for it, or for the term to begin.
    if (this.isHeld(request)) return this.end(task, held)
    this.evaluation.evaluate(task, request)
  }

  private isElsewhere(task: Task, request: Request): boolean {
    const outside = this.outside(request)
    if (outside === undefined) return false
    this.end(task, new Misplaced({ range: this.range, known: this.services.known(outside) }))
    return true
  }

  /** What of the request this range does not have. */
  private outside(request: Request): Span | undefined {
    const descriptor = this.machine.descriptor!
    const key = keysOf(request).find((each) => !contains(descriptor, each))
    if (key !== undefined) return { from: key, to: key }
    const spans = touched(request)?.readSpans ?? []
    return spans.find(({ from, to }) => !contains(descriptor, from) || !isUpTo(descriptor, to))
  }

  /** Whoever was asked something for it goes on, unless it is over. */
  resume<A>(task: Task, then: (value: A) => void): Done<A, StorageError> {
    return (error, value) => {
      if (error !== undefined) {
        this.end(task, new Unavailable({ message: error.message }))
        this.services.unread(error)
        return
      }
      if (task.isAnswered) return this.release(task)
      if (!this.isLeading(task.leadership)) return this.moved(task)
      then(value)
    }
  }

  /** A timestamp for a commit that holds its latches, or a lock that is held. */
  timestamp(task: Task, then: (at: Timestamp) => void): void {
    this.services.timestamp((error, at) => {
      if (error !== undefined) return this.end(task, error)
      if (task.isAnswered) return this.release(task)
      if (!this.isLeading(task.leadership)) return this.moved(task)
      then(at)
    })
  }

  /** It waits for other transactions, and begins anew after them. */
  block(task: Task, key: Uint8Array, holders: ReadonlyArray<Txn>): void {
    this.release(task)
    task.blocked = { key, holders, sinceMicros: this.services.nowMicros() }
    task.leadership.waits.wait(key, task)
  }

  wake(tasks: ReadonlyArray<Task>): void {
    for (const task of tasks) {
      this.contention.goesOn(task)
      this.begin(task)
    }
  }

  propose(task: Task, changes: Changes, ends: Ends): void {
    const { refused } = changes.batch
    if (refused !== undefined) return this.end(task, new Refused({ message: refused.message }))
    const command = RangeCommand.encodeWrite(changes.batch, {
      term: task.leadership.term,
      sizeBytes: changes.sizeBytes,
      floor: ends.floor ?? 0,
      closed: ends.closed ?? 0,
      decisions: this.options.audits ? changes.decisions : undefined
    })
    this.replicate(task, command, ends)
  }

  command(task: Task, command: RangeCommand.RangeCommand, ends: Ends): void {
    this.replicate(task, RangeCommand.encode(command), ends)
  }

  private replicate(task: Task, command: Uint8Array, ends: Ends): void {
    const group = this.services.group(this.range)
    if (group === undefined) return this.moved(task)
    task.isProposed = true
    group.propose(command, never, (error, answer) => {
      if (error !== undefined || answer[0] !== RangeCommand.answers.done[0]) ends.failed?.()
      if (error !== undefined) return this.notProposed(task, error)
      if (answer[0] === RangeCommand.answers.stale[0]) return this.moved(task)
      if (answer[0] === RangeCommand.answers.refused[0]) {
        return this.end(task, notNow)
      }
      task.end(undefined, ends.response())
      this.machine.whenShown(() => {
        ends.shown?.()
        this.release(task)
        task.leadership.tasks.delete(task)
      })
    })
  }

  letGo(task: Task): void {
    this.release(task)
  }

  step(task: Task, command: RangeCommand.RangeCommand, then: () => void): void {
    const group = this.services.group(this.range)
    if (group === undefined) return this.moved(task)
    task.isProposed = true
    group.propose(RangeCommand.encode(command), never, (error, answer) => {
      if (error !== undefined) return this.notProposed(task, error)
      if (answer[0] === RangeCommand.answers.stale[0]) return this.moved(task)
      if (answer[0] === RangeCommand.answers.refused[0]) return this.end(task, notNow)
      // Its latches stay, also when nobody waits for it any more.
      this.machine.whenShown(() => (this.isLeading(task.leadership) ? then() : this.moved(task)))
    })
  }

  private notProposed(task: Task, error: ConsensusError): void {
    if (error._tag === "NotLeader" || error._tag === "NoGroup" || error._tag === "Halted") return this.moved(task)
    if (error._tag === "Overloaded") return this.end(task, new Busy({ retryAfterMillis: error.retryAfterMillis }))
    if (error._tag === "Unknown") return this.end(task, new Unknown({ message: error.message }))
    this.end(task, new Unavailable({ message: error.message }))
  }

  /** Answers, and lets go of everything. */
  end(task: Task, error: RangeError | undefined, response?: Response): void {
    this.leaveWait(task)
    this.release(task)
    task.leadership.tasks.delete(task)
    task.end(error, response)
  }

  leaveWait(task: Task): void {
    if (task.blocked === undefined) return
    task.leadership.waits.remove(task.blocked.key, task)
    this.contention.goesOn(task)
    task.blocked = undefined
  }

  private release(task: Task): void {
    const { latch } = task
    task.latch = undefined
    if (latch !== undefined && !latch.isReleased) task.leadership.latches.release(latch)
  }

  /** False: there is nothing to do. */
  tick(): boolean {
    const { leadership } = this
    if (leadership === undefined) return false
    if (!this.isLeading(leadership)) {
      this.endLeadership()
      return false
    }
    const now = this.services.nowMicros()
    for (const task of leadership.tasks) {
      if (task.isAnswered || task.deadlineMicros > now) continue
      if (task.isProposed) task.expire()
      else {
        task.expire()
        this.end(task, undefined)
      }
    }
    this.contention.tick(leadership)
    for (const [txn, heard] of leadership.heard) {
      if (now - heard > 10 * this.options.txnTtlMicros) leadership.heard.delete(txn)
    }
    return leadership.tasks.size > 0 || leadership.heard.size > 0 || !leadership.waits.isEmpty
  }
}

const isUpTo = (span: Span, to: Uint8Array): boolean =>
  contains(span, to) || (to.length === span.to.length && to.every((byte, at) => byte === span.to[at]))
