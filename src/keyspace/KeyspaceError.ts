/**
 * What callers of the keyspace meet. Definite, unless it is `Unknown`: nothing has happened, and nothing will.
 *
 * `Misplaced`, `NotLeaseholder` and `Busy` are between ranges and routers, which go elsewhere or try again until the deadline.
 */
import { TaggedRefusal } from "#world/Refusal.ts"
import type { GroupId, StoreId } from "#consensus/Replica.ts"
import type { Location } from "./Descriptor.ts"
import type { Timestamp, TxnId } from "./Request.ts"

/** The range does not have all these keys (any more). `known`: what the store knows of who has. */
export class Misplaced extends TaggedRefusal("Misplaced")<{
  readonly range: GroupId
  readonly known: ReadonlyArray<Location>
}> {}

/** Ask `leaseholder`; when it is undefined, any other replica, or again in a while. */
export class NotLeaseholder extends TaggedRefusal("NotLeaseholder")<{
  readonly range: GroupId
  readonly leaseholder: StoreId | undefined
}> {}

/** Too much waits there. */
export class Busy extends TaggedRefusal("Busy")<{ readonly retryAfterMillis: number }> {}

/** A key was written, or may yet be, after the timestamp that the transaction read at: try the transaction again. */
export class Conflict extends TaggedRefusal("Conflict")<{
  readonly key: Uint8Array
  /** Of the other version; undefined: it is not committed. */
  readonly at: Timestamp | undefined
}> {}

/** The transaction was aborted: by who waited for it, by the deadlock detector, or because its coordinator fell silent. Try it again. */
export class Aborted extends TaggedRefusal("Aborted")<{
  readonly txn: TxnId
  readonly reason: "pushed" | "deadlock" | "forgotten"
}> {}

/** Versions as of the timestamp are no longer kept: read at a later one. */
export class TooOld extends TaggedRefusal("TooOld")<{
  readonly at: Timestamp
  /** What may be read at. */
  readonly floor: Timestamp
}> {}

/** A key, a value or a request is over its bound, or a key is where none may be; the message says which. */
export class Refused extends TaggedRefusal("Refused")<{ readonly message: string }> {}

/** The deadline passed, and nothing has happened. `message` says what was waited for. */
export class Unavailable extends TaggedRefusal("Unavailable")<{ readonly message: string }> {}

/** The deadline passed while it was under way. The outcome of a transaction can be asked for by its id. */
export class Unknown extends TaggedRefusal("Unknown")<{ readonly message: string }> {}

/** What a range answers with. */
export type RangeError =
  | Misplaced
  | NotLeaseholder
  | Busy
  | Conflict
  | Aborted
  | TooOld
  | Refused
  | Unavailable
  | Unknown

/** What a router leaves of it. */
export type KeyspaceError = Exclude<RangeError, Misplaced | NotLeaseholder | Busy>
