/**
 * Errand: one request on its way to one range. It asks the replica that is said to hold the lease, goes where it is sent, and tries again what may
 * be tried again, ever more slowly, until its deadline: every request of `Request.ts` may arrive twice.
 *
 * Its owner hears of one end: an answer; an error that is the request's own; that the range has not what was asked for, or cannot be found where it
 * was said to be; or that time is over. Then `isUnclear` says whether the request may have taken effect, or may yet.
 */
import type { Alarms } from "#cluster/Alarms.ts"
import type { CallError } from "#cluster/Calls.ts"
import type { StoreId } from "#consensus/Replica.ts"
import { Alarm } from "#world/DeadlineHeap.ts"
import { systemRange } from "./Descriptor.ts"
import { Unavailable, Unknown, type KeyspaceError, type Misplaced, type RangeError } from "./KeyspaceError.ts"
import type { Known } from "./Locations.ts"
import type { Asking, Request, Response, Txn } from "./Request.ts"

/** How requests leave a router. Each `done` is called once. */
export interface Send {
  readonly self: StoreId
  /** To a range of this store. */
  submit(asking: Asking, done: (error: RangeError | undefined, response: Response | undefined) => void): void
  /** To one of another store. */
  call(
    store: StoreId,
    asking: Asking,
    done: (error: RangeError | CallError | undefined, response: Response | undefined) => void
  ): void
  /** All that are known, this one included. */
  stores(): ReadonlyArray<StoreId>
}

export interface Settings {
  /** A range that is asked what it knows at once has to answer by then; else another replica is asked. */
  readonly quickMicros: number
  /** One that may have to let others go first: longer than it takes to find that a connection is dead. */
  readonly waitMicros: number
  /** Between two attempts: doubled with each from the first to the second, then shortened by chance, to half at most. */
  readonly backoffMicrosMin: number
  readonly backoffMicrosMax: number
  /** After the deadline, for a range to say what became of a request whose time is over. */
  readonly graceMicros: number
}

export const defaults: Settings = {
  quickMicros: 1_000_000,
  waitMicros: 4_000_000,
  backoffMicrosMin: 4_000,
  backoffMicrosMax: 200_000,
  graceMicros: 100_000
}

/** What errands have in common. */
export interface Means {
  readonly send: Send
  readonly alarms: Alarms
  readonly settings: Settings
  /** An integer in [0, bound). */
  readonly random: (bound: number) => number
}

export interface Owner {
  answered(errand: Errand, response: Response): void
  /** With what the replica knows of who has it: to be asked of whoever has, or found anew. */
  astray(errand: Errand, error: Misplaced | undefined): void
  failed(errand: Errand, error: KeyspaceError): void
}

/** Those whose effect outlives their leaseholder: one that was lost on its way may have it yet. */
const lasting: ReadonlySet<Request["type"]> = new Set([
  "commit-once",
  "prepare",
  "decide",
  "resolve",
  "forget",
  "push",
  "publish",
  "number-range",
  "split",
  "collect",
  "members",
  "transfer",
  "merge",
  "end-merge",
  "freeze",
  "thaw"
])

export const lasts = ({ type }: Request): boolean => lasting.has(type)

/** Those that may have to let other transactions go first, or go through much. */
const patient: ReadonlySet<Request["type"]> = new Set([
  "get",
  "scan",
  "lock",
  "commit-once",
  "prepare",
  "validate",
  "split",
  "collect",
  "changes",
  "members",
  "transfer",
  "merge",
  "end-merge",
  "freeze",
  "thaw"
])

/** Whether an earlier copy of the request meets the same, however late it comes. */
const isLasting = (error: KeyspaceError): boolean =>
  error._tag === "TooOld" || error._tag === "Refused" || (error._tag === "Conflict" && error.at !== undefined)

/** After so many attempts in vain the range is looked for anew: its replicas may have moved. */
const attemptsMax = 4
/** As often in a row it goes at once to where it is sent. */
const redirectsMax = 2
/** So many stores in a row that know of no leaseholder it asks at once, one after the other: among more it pauses. */
const askedAtOnceMax = 8

/** So often in a row what went astray goes at once to where it was sent. */
export const detoursMax = 2

/** How long to wait after so many failures. */
export const backoffMicros = ({ random, settings }: Means, failures: number): number => {
  let micros = settings.backoffMicrosMin
  for (let failure = 1; failure < failures && micros < settings.backoffMicrosMax; failure++) micros *= 2
  const half = Math.ceil(Math.min(micros, settings.backoffMicrosMax) / 2)
  return half + random(half)
}

/** What an errand begins with. */
export interface Task {
  readonly request: Request
  readonly waiter: Txn | undefined
  /** The first that is asked is the replica at hand, if there is one. */
  readonly anyReplica: boolean
  readonly deadlineMicros: number
  readonly known: Known
  /** Of errands before it with the same request. */
  readonly failures: number
  readonly isUnclear: boolean
}

export class Errand extends Alarm {
  readonly task: Task
  failures: number
  isUnclear: boolean
  private readonly means: Means
  private readonly owner: Owner
  private isOver = false
  /** A replica has not answered yet. */
  private isAsking = false
  private redirects = 0
  private attempts = 0
  /** Where nobody says who leads, no store is asked again before all were. */
  private readonly asked = new Set<StoreId>()
  private askedAtOnce = 0
  private store: StoreId = 0
  /** The last one, for whoever reads why time was over. */
  private problem = "nobody was asked"

  constructor(means: Means, owner: Owner, task: Task) {
    super(() => this.expire())
    this.means = means
    this.owner = owner
    this.task = task
    this.failures = task.failures
    this.isUnclear = task.isUnclear
  }

  start(): void {
    const { alarms, settings } = this.means
    alarms.set(this, this.task.deadlineMicros + settings.graceMicros)
    this.attempt()
  }

  /** Nobody wants to know any more; what is under way may still take effect. */
  cancel(): void {
    this.isOver = true
    this.means.alarms.clear(this)
  }

  private attempt(): void {
    if (this.isOver) return
    const { known, request, waiter } = this.task
    const { alarms, send, settings } = this.means
    const leftMicros = this.task.deadlineMicros - alarms.nowMicros()
    if (leftMicros <= 0) return this.expire()
    const attemptMicros = patient.has(request.type) ? settings.waitMicros : settings.quickMicros
    const asking = {
      range: known.descriptor.range,
      timeoutMicros: Math.min(leftMicros, attemptMicros),
      waiter,
      request
    }
    this.store = this.choose()
    this.asked.add(this.store)
    this.isAsking = true
    if (this.store === send.self) send.submit(asking, this.ended)
    else send.call(this.store, asking, this.ended)
  }

  private choose(): StoreId {
    const { known } = this.task
    const { random, send } = this.means
    if (this.task.anyReplica && this.attempts === 0 && known.stores.includes(send.self)) {
      this.attempts++
      return send.self
    }
    if (known.leaseholder !== undefined) return known.leaseholder
    const { stores } = this
    // A replica at hand knows who leads without a way to the others.
    if (this.attempts++ === 0 && stores.includes(send.self)) return send.self
    if (this.unasked.length === 0) this.asked.clear()
    const { unasked } = this
    return unasked[random(unasked.length)]
  }

  private get unasked(): ReadonlyArray<StoreId> {
    return this.stores.filter((store) => !this.asked.has(store))
  }

  private get stores(): ReadonlyArray<StoreId> {
    const { descriptor, stores } = this.task.known
    return descriptor.range === systemRange || stores.length === 0 ? this.means.send.stores() : stores
  }

  private readonly ended = (error: RangeError | CallError | undefined, response: Response | undefined): void => {
    this.isAsking = false
    if (error === undefined) {
      if (this.isOver) return
      this.finish()
      // Also where it came by chance: a range of one replica has nobody else who would say so.
      if (!this.task.anyReplica) this.task.known.leaseholder ??= this.store
      return this.owner.answered(this, response!)
    }
    if (typeof error === "string") return this.unanswered(error)
    switch (error._tag) {
      case "NotLeaseholder":
        return this.redirected(error.leaseholder)
      case "Busy":
        this.problem = `store ${this.store} has too much to do`
        return this.again(Math.ceil(error.retryAfterMillis * 1_000))
      case "Unavailable":
        return this.failing(error.message)
      case "Unknown":
        this.isUnclear ||= lasts(this.task.request)
        return this.failing(error.message)
      case "Misplaced":
        return this.stray(error)
      default:
        return this.fail(this.isUnclear ? this.unclear(error) : error)
    }
  }

  private unanswered(error: CallError): void {
    const { store } = this
    if (error === "lost" || error === "timed-out") this.isUnclear ||= lasts(this.task.request)
    this.problem = {
      lost: `the connection to store ${store} broke`,
      "timed-out": `store ${store} did not answer`,
      unconnected: `store ${store} cannot be reached`,
      full: `store ${store} has too much to do`
    }[error]
    if (error !== "full") this.unhint()
    this.again(0)
  }

  /** Another replica may know better than one that cannot. */
  private failing(message: string): void {
    this.problem = message
    this.unhint()
    this.again(0)
  }

  private redirected(leaseholder: StoreId | undefined): void {
    const { known } = this.task
    this.problem = `store ${this.store} does not hold the lease`
    known.leaseholder = leaseholder === this.store ? undefined : leaseholder
    const isAtOnce =
      known.leaseholder === undefined
        ? this.unasked.length > 0 && ++this.askedAtOnce < askedAtOnceMax
        : ++this.redirects <= redirectsMax
    if (isAtOnce) this.attempt()
    else this.again(0)
  }

  private unhint(): void {
    const { known } = this.task
    if (known.leaseholder === this.store) known.leaseholder = undefined
  }

  /** After a while, or when it was asked to. */
  private again(delayMicros: number): void {
    if (this.isOver) return
    this.redirects = 0
    this.askedAtOnce = 0
    this.failures++
    const { alarms } = this.means
    const { descriptor } = this.task.known
    if (descriptor.range !== systemRange && (this.failures - this.task.failures) % attemptsMax === 0) {
      return this.stray(undefined)
    }
    const now = alarms.nowMicros()
    const micros = Math.max(delayMicros, backoffMicros(this.means, this.failures))
    alarms.at(Math.min(now + micros, this.task.deadlineMicros), () => this.attempt())
  }

  private stray(error: Misplaced | undefined): void {
    if (this.isOver) return
    if (error !== undefined) this.failures++
    this.finish()
    this.owner.astray(this, error)
  }

  private fail(error: KeyspaceError): void {
    if (this.isOver) return
    this.finish()
    this.owner.failed(this, error)
  }

  /** What this copy of a commit has met, an earlier one may not have, or may not meet when it comes. */
  private unclear(error: KeyspaceError): KeyspaceError {
    if (this.task.request.type !== "commit-once" || isLasting(error)) return error
    return new Unknown({ message: `an earlier attempt was lost on its way; the last one ended with ${error._tag}` })
  }

  private expire(): void {
    if (this.isAsking && lasts(this.task.request)) this.isUnclear = true
    this.fail(overdue(this.task.request, this.task.known, this.problem, this.isUnclear))
  }

  private finish(): void {
    this.isOver = true
    this.means.alarms.clear(this)
  }
}

const overdue = (request: Request, { descriptor }: Known, problem: string, isUnclear: boolean): KeyspaceError => {
  const message = `"${request.type}" of range ${descriptor.range}: the deadline passed; last, ${problem}`
  return isUnclear ? new Unknown({ message }) : new Unavailable({ message })
}
