/**
 * Request: what a range is asked, and answers. Keys are those of the keyspace, all of one request in the range's span; timestamps come from the
 * oracle. A transaction is called by its first timestamp, which nobody else has.
 *
 * Every request may arrive twice, late, or after its sender died, and is harmless then:
 * - A commit leaves a record at the transaction's anchor, its first key written; a second copy finds it.
 * - `prepare` and `commit-once` refuse where a key has a version after `snapshot`: the first copy's, too, once it took effect.
 * - A record is never decided twice, and one that was forgotten is below `floor`, under which nothing is decided any more.
 *
 * Why commit timestamps need no clocks (Percolator, OSDI 2010, section 2.2): a transaction asks the oracle for its commit timestamp when all its
 * intents (or, in one range, its latches) are in place. Whoever reads at a later timestamp began to read after that, and meets them.
 */
import type { MemberChange } from "#consensus/ReplicatedLog.ts"
import type { GroupId, StoreId } from "#consensus/Replica.ts"
import type { Told } from "./audit/AuditEntry.ts"
import type { Descriptor, Location } from "./Descriptor.ts"

/** Of the oracle: microseconds, roughly; rises across the cluster, and none is given twice. Below 2^53. */
export type Timestamp = number

/** The timestamp that a transaction began with. */
export type TxnId = Timestamp

export interface Txn {
  readonly id: TxnId
  /** Where its record is: a key that it writes or locks. */
  readonly anchor: Uint8Array
  /** Of two, the older is spared: the `id` of the first attempt of what is tried again. */
  readonly age: Timestamp
}

/** Keys in [from, to). */
export interface Span {
  readonly from: Uint8Array
  readonly to: Uint8Array
}

export interface Mutation {
  readonly key: Uint8Array
  /** Absent: the key is deleted. */
  readonly value: Uint8Array | undefined
}

/** What must not have changed: no version after `since`. */
export interface Reads {
  readonly since: Timestamp
  readonly keys: ReadonlyArray<Uint8Array>
  readonly spans: ReadonlyArray<Span>
}

export type Outcome = { readonly type: "committed"; readonly at: Timestamp } | { readonly type: "aborted" }

export type Request =
  /** The values as of `at`. Waits for intents that may be committed before it. */
  | { readonly type: "get"; readonly keys: ReadonlyArray<Uint8Array>; readonly at: Timestamp }
  /** Entries as of `at` in order, from the end when `reverse`, until a bound is met. */
  | {
      readonly type: "scan"
      readonly span: Span
      readonly at: Timestamp
      readonly reverse: boolean
      readonly entriesMax: number
      readonly sizeBytesMax: number
    }
  /**
   * Locks keys for a transaction, in the leaseholder's memory: first come, first served. It is not what isolation rests on (that is what `validate`
   * and `snapshot` are for): it spares conflicts, and a lock is lost with its leaseholder. Answered with the values in force.
   */
  | {
      readonly type: "lock"
      readonly txn: Txn
      readonly keys: ReadonlyArray<Uint8Array>
      readonly mode: "shared" | "exclusive"
    }
  | { readonly type: "unlock"; readonly txn: TxnId; readonly keys: ReadonlyArray<Uint8Array> }
  /** A whole transaction, in one round: all that it read and wrote is in this range. */
  | {
      readonly type: "commit-once"
      readonly txn: Txn
      readonly snapshot: Timestamp
      readonly mutations: ReadonlyArray<Mutation>
      readonly reads: Reads
      readonly told?: Told | undefined
    }
  /** Lays intents; the first phase. Several of one transaction and range may follow each other, with different keys. */
  | {
      readonly type: "prepare"
      readonly txn: Txn
      readonly snapshot: Timestamp
      readonly mutations: ReadonlyArray<Mutation>
    }
  /** That nothing in `reads` has a version in (since, until], or ever will, but for the transaction's own. */
  | { readonly type: "validate"; readonly txn: TxnId; readonly reads: Reads; readonly until: Timestamp }
  /** The second phase, at the anchor: decides once and for all, and names everything that is to be resolved then. */
  | {
      readonly type: "decide"
      readonly txn: Txn
      readonly outcome: Outcome
      readonly keys: ReadonlyArray<Uint8Array>
      readonly told?: Told | undefined
    }
  /** Puts versions in place of intents, or takes them away. Intents of others, and none, are passed over. */
  | {
      readonly type: "resolve"
      readonly txn: TxnId
      readonly outcome: Outcome
      readonly keys: ReadonlyArray<Uint8Array>
    }
  /** All intents are resolved: the record may go. At the anchor. */
  | { readonly type: "forget"; readonly txn: Txn }
  /**
   * What became of a transaction, at its anchor. One that has not said for too long that it lives is aborted; one that is undecided and alive is
   * `pending`. `abort`: also one that lives.
   */
  | { readonly type: "push"; readonly txn: Txn; readonly abort: boolean }
  /** At the anchor: its coordinator lives. */
  | { readonly type: "heartbeat"; readonly txn: Txn }
  /** Of the system's range: so many timestamps, the last of which is answered. */
  | { readonly type: "timestamps"; readonly count: number }
  /** Of the system's range: who has this key, to the best of its knowledge. */
  | { readonly type: "locate"; readonly key: Uint8Array }
  /** Of the system's range: a range tells where it is. */
  | { readonly type: "publish"; readonly location: Location }
  /** Of the system's range: a number for a new range. */
  | { readonly type: "number-range" }
  /**
   * Of the system's range: of one transaction's wait for others. Answered by the transactions that have to give way, so that nobody waits in a
   * circle. Repeated while the wait lasts; empty `holders` end it.
   */
  | {
      readonly type: "wait"
      readonly waiter: Txn
      /** Tells several waits of one transaction apart. */
      readonly place: string
      readonly holders: ReadonlyArray<Txn>
    }
  /**
   * Of a range's own leaseholder: nobody reads before `floor` any more, and what only they would see goes from the span: older versions, keys that
   * were deleted, records of transactions that are resolved. Answered with what is not: transactions that began before, and are not.
   */
  | { readonly type: "collect"; readonly span: Span; readonly floor: Timestamp }
  /**
   * What was committed in the span after `after`, in the order of the timestamps; all that ever will be, up to the timestamp that is answered. To
   * be asked again from there: nothing is missed and nothing told twice.
   */
  | {
      readonly type: "changes"
      readonly span: Span
      readonly after: Timestamp
      readonly entriesMax: number
      readonly sizeBytesMax: number
    }
  /** Of a range's own leaseholder: replicas may answer reads as of now, from when they have heard of it. */
  | { readonly type: "close" }
  /** The range takes in its right neighbour, if that is small. */
  | { readonly type: "merge" }
  /** Of a range's own leaseholder: what became of an attempt to merge is settled, if there was one. */
  | { readonly type: "end-merge" }
  /** Of the range that begins at `key`, by its left neighbour: it holds still, and says all that it has. */
  | { readonly type: "freeze"; readonly key: Uint8Array; readonly attempt: Timestamp }
  /** The same: it goes on; that attempt, and those before it, freeze it no more. */
  | { readonly type: "thaw"; readonly key: Uint8Array; readonly attempt: Timestamp }
  /** Replicas of the range come and go, all of them at once. */
  | {
      readonly type: "members"
      readonly range: GroupId
      readonly changes: ReadonlyArray<MemberChange>
      /** Stores with a vote, of which the change is meant: of others, and to its leaseholder, it is refused. None: whatever they are. */
      readonly of: ReadonlyArray<StoreId>
    }
  /** Another store's replica becomes the leaseholder. */
  | { readonly type: "transfer"; readonly range: GroupId; readonly to: StoreId }
  /** Cuts the range in two at `key`. */
  | { readonly type: "split"; readonly key: Uint8Array }

/** How a request comes to a range. */
export interface Asking {
  readonly range: GroupId
  /** What is left of the asker's time. */
  readonly timeoutMicros: number
  /** Who waits, where it has to. */
  readonly waiter: Txn | undefined
  readonly request: Request
}

export interface Value {
  /** Absent: the key has none. */
  readonly value: Uint8Array | undefined
  /** Of the version; 0: there was never one. */
  readonly at: Timestamp
}

export interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly at: Timestamp
}

export interface Unresolved {
  readonly txn: Txn
  readonly outcome: Outcome
  readonly keys: ReadonlyArray<Uint8Array>
}

export interface Change {
  readonly key: Uint8Array
  /** Absent: it was deleted. */
  readonly value: Uint8Array | undefined
  readonly at: Timestamp
}

export type TxnState = Outcome | { readonly type: "pending" }

export type Response =
  | { readonly type: "values"; readonly values: ReadonlyArray<Value> }
  /** `resume`: a bound was met; go on from this key (when reverse: up to, without, it). */
  | { readonly type: "entries"; readonly entries: ReadonlyArray<Entry>; readonly resume: Uint8Array | undefined }
  /** Of `lock`: what is in force, and a timestamp at which it is. */
  | { readonly type: "locked"; readonly values: ReadonlyArray<Value>; readonly at: Timestamp }
  /** Of `commit-once`, and `timestamps`. */
  | { readonly type: "at"; readonly at: Timestamp }
  | { readonly type: "done" }
  /** Of `push` and `decide`. */
  | { readonly type: "state"; readonly state: TxnState }
  | { readonly type: "location"; readonly location: Location | undefined }
  | { readonly type: "range"; readonly range: number }
  | { readonly type: "victims"; readonly victims: ReadonlyArray<TxnId> }
  | { readonly type: "changes"; readonly changes: ReadonlyArray<Change>; readonly upTo: Timestamp }
  /** Of `freeze`: the range as a snapshot. */
  | { readonly type: "frozen"; readonly snapshot: Uint8Array }
  /** Of `collect`: transactions that are committed, and whose intents on these keys may be there yet. */
  | { readonly type: "unresolved"; readonly transactions: ReadonlyArray<Unresolved> }
  | { readonly type: "halves"; readonly left: Descriptor; readonly right: Descriptor }
