/** Leaseholder: what evaluates requests (`Evaluation`), and settles who waits (`Contention`), needs of the leaseholder (`RangeServer`) and of its store. */
import type { Group } from "#consensus/Group.ts"
import type { GroupId, StoreId } from "#consensus/Replica.ts"
import type * as Engine from "#storage/Engine.ts"
import type { StorageError } from "#storage/StorageError.ts"
import type { Done } from "#world/Completion.ts"
import type { Changes } from "./Changes.ts"
import type { Location } from "./Descriptor.ts"
import type { RangeError } from "./KeyspaceError.ts"
import type { Load } from "./Load.ts"
import type { RangeCommand } from "./RangeCommand.ts"
import type { RangeMachine } from "./RangeMachine.ts"
import type { Asking, Request, Response, Span, Timestamp, Txn, TxnId, TxnState } from "./Request.ts"
import type { Task } from "./Task.ts"

export interface Options {
  /** Requests that a range has in hand at a time. */
  readonly tasksMax: number
  /** A transaction that was not heard of for so long may be aborted. */
  readonly txnTtlMicros: number
  /** So long a request waits for a transaction before it asks what became of it, and between two times. */
  readonly pushAfterMicros: number
  /** Requests a second; a range that is asked more, for long, is cut in two. */
  readonly perSecondMax: number
  /** Whether decisions go into the audit trail. All stores of a cluster say the same. */
  readonly audits: boolean
}

export const defaults: Options = {
  tasksMax: 4_096,
  txnTtlMicros: 3_000_000,
  pushAfterMicros: 20_000,
  perSecondMax: 20_000,
  audits: false
}

/** What ranges need of their store. */
export interface Services {
  /** Through the router. */
  push(txn: Txn, done: Done<TxnState | undefined, RangeError>): void
  /** Tells the deadlock detector, and hears which transactions have to give way. */
  wait(
    waiter: Txn,
    place: string,
    holders: ReadonlyArray<Txn>,
    done: Done<ReadonlyArray<TxnId> | undefined, RangeError>
  ): void
  readonly port: Engine.Port
  nowMicros(): number
  group(range: GroupId): Group | undefined
  timestamp(done: Done<Timestamp, RangeError>): void
  /** Asks the range that has a key. */
  at(key: Uint8Array, request: Request, done: Done<Response | undefined, RangeError>): void
  /** One that no range had. */
  numberRange(done: Done<GroupId | undefined, RangeError>): void
  /** What this store knows of who has the keys, when this range has not. */
  known(span: Span): ReadonlyArray<Location>
  /** Requests that are not about keys of any range. */
  other(range: Leaseholder, task: Task, request: Request): void
  /** A whole number below the bound, each equally likely. */
  below(bound: number): number
  /** Calls in a later turn. */
  defer(then: () => void): void
  /** The range wants `tick`s. */
  busy(range: Leaseholder): void
  failed(error: StorageError): void
  /** What the engine has could not be read: of damage the store ends, where others have what is here. */
  unread(error: StorageError): void
}

/** What comes of a proposal. */
export interface Ends {
  /** It took effect. */
  readonly response: () => Response
  /** It shows, and its latches go. */
  readonly shown?: () => void
  /** Nobody knows whether it did, or it did not. */
  readonly failed?: () => void
  readonly floor?: Timestamp
  readonly closed?: Timestamp
}

/** What `submit` answers with; a response when there is no error. */
export type Answered = Done<Response | undefined, RangeError>

export interface Leaseholder {
  readonly range: GroupId
  readonly machine: RangeMachine
  readonly options: Options
  readonly services: Services
  readonly load: Load
  submit(asking: Asking, done: Answered, from?: StoreId): void
  /** Answers, and lets go of everything. */
  end(task: Task, error: RangeError | undefined, response?: Response): void
  /** Goes on with what a task had asked for, unless it is over. */
  resume<A>(task: Task, then: (value: A) => void): Done<A, StorageError>
  /** A timestamp for a commit that holds its latches, or a lock that is held. */
  timestamp(task: Task, then: (at: Timestamp) => void): void
  /** The task waits for other transactions, and begins anew after them. */
  block(task: Task, key: Uint8Array, holders: ReadonlyArray<Txn>): void
  wake(tasks: ReadonlyArray<Task>): void
  propose(task: Task, changes: Changes, ends: Ends): void
  command(task: Task, command: RangeCommand, ends: Ends): void
  /** Gives its latches back before its end: what it proposes comes before what they kept waiting. */
  letGo(task: Task): void
  /** Proposes what is not the end of a task; goes on, with its latches, when that has taken effect and shows. */
  step(task: Task, command: RangeCommand, then: () => void): void
  /** Time goes by. False: there is nothing to do any more. */
  tick(): boolean
}
