/** Task: one request at its leaseholder, from when it comes to its one answer; and what the leaseholder has in hand in one term. */
import type { GroupId } from "#consensus/Replica.ts"
import type { Done } from "#world/Completion.ts"
import type { Recent } from "./Recent.ts"
import * as Latches from "./Latches.ts"
import type { RangeError } from "./KeyspaceError.ts"
import { Unavailable, Unknown } from "./KeyspaceError.ts"
import * as Meta from "./Meta.ts"
import type { Asking, Request, Response, Timestamp, Txn, TxnId } from "./Request.ts"
import { Waits, type Waiter } from "./Waits.ts"

/** Whom it waits for, and where. */
interface Blocked {
  readonly key: Uint8Array
  readonly holders: ReadonlyArray<Txn>
  readonly sinceMicros: number
}

export class Task implements Waiter {
  readonly ticket: number
  readonly asking: Asking
  readonly deadlineMicros: number
  readonly leadership: Leadership
  latch: Latches.Latch | undefined
  blocked: Blocked | undefined
  /** Of a split: the right half's number. */
  right: GroupId | undefined
  /** What it does may take effect, whoever waits for it or not. */
  isProposed = false
  /** Of a look at changes: nothing that is told is after it. */
  upTo: Timestamp | undefined
  private answer: Done<Response | undefined, RangeError> | undefined

  constructor(given: {
    readonly ticket: number
    readonly asking: Asking
    readonly deadlineMicros: number
    readonly leadership: Leadership
    readonly done: Done<Response | undefined, RangeError>
  }) {
    this.ticket = given.ticket
    this.asking = given.asking
    this.deadlineMicros = given.deadlineMicros
    this.leadership = given.leadership
    this.answer = given.done
  }

  get wantsLock(): boolean {
    return this.asking.request.type === "lock"
  }

  get txn(): Txn | undefined {
    return this.asking.waiter
  }

  get isAnswered(): boolean {
    return this.answer === undefined
  }

  end(error: RangeError | undefined, response?: Response): void {
    const { answer } = this
    this.answer = undefined
    answer?.(error, response)
  }

  expire(): void {
    const { key, holders } = this.blocked ?? {}
    const forWhom = key === undefined ? "" : ` while it waited for transaction ${holders![0].id}`
    this.end(
      this.isProposed
        ? new Unknown({ message: "the deadline passed before it was decided: ask for the transaction's outcome" })
        : new Unavailable({ message: `the deadline passed${forWhom}: try again` })
    )
  }
}

/**
 * What a leaseholder knows by heart, for one term: latches, locks and who waits, when transactions were heard of. Nothing of it is
 * replicated, and nothing of it survives the term: what isolation rests on is in the range.
 */
export class Leadership {
  readonly term: number
  readonly latches = new Latches.Latches()
  readonly waits = new Waits<Task>()
  /** Everything of earlier terms shows: it may be looked at. */
  isReady = false
  isOver = false
  /** Until then. */
  readonly pending: Array<Task> = []
  readonly tasks = new Set<Task>()
  /** When a transaction whose anchor is here was last heard of, on this node's clock. */
  readonly heard = new Map<TxnId, number>()
  /** Once somebody follows the range's changes. */
  recent: Recent | undefined

  constructor(term: number) {
    this.term = term
  }
}

const keysOf = (mutations: ReadonlyArray<{ readonly key: Uint8Array }>): ReadonlyArray<Uint8Array> =>
  mutations.map(({ key }) => key)

/** What a request looks at and changes; undefined: the range as a whole. */
export const touched = (request: Request): Latches.Touched | undefined => {
  switch (request.type) {
    case "get":
      return { ...Latches.none, reads: request.keys }
    case "changes":
    case "scan":
      return { ...Latches.none, readSpans: [request.span] }
    case "commit-once":
      return {
        reads: request.reads.keys,
        readSpans: request.reads.spans,
        writes: [...keysOf(request.mutations), request.txn.anchor],
        writeSpans: []
      }
    case "prepare":
      return { ...Latches.none, writes: keysOf(request.mutations) }
    case "validate":
      return { ...Latches.none, reads: request.reads.keys, readSpans: request.reads.spans }
    case "lock":
    case "unlock":
    case "resolve":
      return { ...Latches.none, writes: request.keys }
    case "decide":
    case "forget":
    case "push":
    case "heartbeat":
      return { ...Latches.none, writes: [request.txn.anchor] }
    case "collect":
      return { ...Latches.none, writeSpans: [request.span] }
    case "end-merge":
    case "freeze":
    case "merge":
    case "thaw":
    case "split":
    case "publish":
    case "number-range":
      return undefined
    case "locate":
      return { ...Latches.none, readSpans: [Meta.below(request.key)] }
    case "close":
      return undefined
    case "members":
    case "timestamps":
    case "transfer":
    case "wait":
      return Latches.none
  }
}
