/** What callers of locks meet beside what transactions do. */
import { TaggedRefusal } from "#world/Refusal.ts"
import type { Timestamp } from "#keyspace/Request.ts"
import type { RunError } from "../TxnError.ts"

/** Others held it, or came first, for as long as the caller would wait. */
export class LockBusy extends TaggedRefusal("LockBusy")<{
  readonly name: string
  /** For whom it would have had to wait on. */
  readonly owners: ReadonlyArray<Timestamp>
  readonly waitedMillis: number
}> {}

/** It waited in a circle of sessions, each for the next one, of which it is the youngest: let go of what it holds, and begin anew. */
export class LockDeadlock extends TaggedRefusal("LockDeadlock")<{
  readonly name: string
  readonly owners: ReadonlyArray<Timestamp>
}> {}

/** The lock is not held any more: its time passed before it was renewed. What was to be done under it is to be done anew, under another. */
export class LeaseLost extends TaggedRefusal("LeaseLost")<{
  readonly name: string
  readonly token: Timestamp
}> {}

/** The call is one that cannot be: the message says why. */
export class LockRefused extends TaggedRefusal("LockRefused")<{ readonly message: string }> {}

/** What a transaction of a lock meets. */
export type LockFault = RunError | LockRefused

export type AcquireError = LockBusy | LockDeadlock | LockFault
