/**
 * What transactions meet beside the errors of the keyspace. Definite, unless it is `OutcomeUnknown`: nothing of the transaction is there, and
 * nothing will be.
 *
 * A body meets `Conflict`, `Aborted` and `TooOld` of the keyspace, too; they are what `Transactions.run` tries again for, and a transaction
 * that has met one of them is not committed, whatever its body does about it.
 */
import { TaggedRefusal } from "#world/Refusal.ts"
import type { Aborted, Conflict, Refused, TooOld, Unavailable } from "#keyspace/KeyspaceError.ts"
import type { Txn } from "#keyspace/Request.ts"

/** It met others as often as it may try: fewer of them at a time, or locks (`getForUpdate`), would help. */
export class RetriesExhausted extends TaggedRefusal("RetriesExhausted")<{
  readonly attempts: number
  readonly last: Retried
  readonly message: string
}> {}

/** Its time is over. */
export class DeadlinePassed extends TaggedRefusal("DeadlinePassed")<{
  readonly attempts: number
  readonly timeoutMillis: number
  readonly message: string
}> {}

/** Whether it is committed will be known: ask `Transactions.outcome` with `txn`, and do not repeat what must not happen twice before that. */
export class OutcomeUnknown extends TaggedRefusal("OutcomeUnknown")<{
  readonly txn: Txn
  readonly message: string
}> {}

/** It holds more than it may: split it. */
export class TransactionTooLarge extends TaggedRefusal("TransactionTooLarge")<{
  readonly sizeBytes: number
  readonly sizeBytesMax: number
  readonly message: string
}> {}

/** Too many transactions are open on this store. */
export class Overloaded extends TaggedRefusal("Overloaded")<{
  readonly open: number
  readonly message: string
}> {}

/** What another attempt may help against. */
export type Retried = Conflict | Aborted | TooOld

/** What a body meets. */
export type StepError = Retried | Refused | Unavailable | DeadlinePassed | TransactionTooLarge

/** What becomes of a transaction as a whole. `TooOld`: it was to read at a timestamp of its caller. */
export type RunError =
  | RetriesExhausted
  | DeadlinePassed
  | OutcomeUnknown
  | TransactionTooLarge
  | Overloaded
  | Refused
  | Unavailable
  | TooOld
