/**
 * Keyspace: the ordered keys of the whole cluster, from any of its stores: finds the ranges that are asked, follows them when they move, and
 * tries again until the deadline what may be tried again. What it does not know is what a transaction is; that is the room `txn`.
 *
 * Every call may name keys of many ranges, except where it is said.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Told } from "./audit/AuditEntry.ts"
import type { KeyspaceError } from "./KeyspaceError.ts"
import type { Entry, Mutation, Outcome, Reads, Span, Timestamp, Txn, TxnId, TxnState, Value } from "./Request.ts"

export interface CallOptions {
  /** Default: 5,000. */
  readonly timeoutMillis?: number
  /** The transaction that waits where the call has to: without it, a circle of waits that goes through this call is not found. */
  readonly waiter?: Txn
  /** Of reads: a replica at hand may answer, when it has everything up to that time; else the leaseholder does. Default: false. */
  readonly anyReplica?: boolean
}

export interface ScanOptions {
  readonly span: Span
  readonly at: Timestamp
  /** From the last key back. Default: false. */
  readonly reverse?: boolean
  /** Default: 1,000. */
  readonly entriesMax?: number
  /** Default: 1 MiB. */
  readonly sizeBytesMax?: number
}

export interface Scanned {
  readonly entries: ReadonlyArray<Entry>
  /** What is left to scan; undefined: nothing. */
  readonly rest: Span | undefined
}

export interface Locked {
  /** In the order of the keys. */
  readonly values: ReadonlyArray<Value>
  /** All values are in force then. */
  readonly at: Timestamp
}

type Asked<A> = Effect.Effect<A, KeyspaceError>

export class Keyspace extends Context.Service<
  Keyspace,
  {
    /** One that is later than every one that was given before the call. */
    readonly timestamp: (options?: CallOptions) => Asked<Timestamp>
    /** In the order of the keys. */
    readonly get: (keys: ReadonlyArray<Uint8Array>, at: Timestamp, options?: CallOptions) => Asked<ReadonlyArray<Value>>
    /** Entries of one range at least, unless the span has none. */
    readonly scan: (scan: ScanOptions, options?: CallOptions) => Asked<Scanned>
    readonly lock: (
      txn: Txn,
      keys: ReadonlyArray<Uint8Array>,
      mode: "shared" | "exclusive",
      options?: CallOptions
    ) => Asked<Locked>
    readonly unlock: (txn: TxnId, keys: ReadonlyArray<Uint8Array>, options?: CallOptions) => Asked<void>
    /** A whole transaction, where all of it is in one range; undefined: it is not, and nothing has happened. */
    readonly commitOnce: (
      commit: {
        readonly txn: Txn
        readonly snapshot: Timestamp
        readonly mutations: ReadonlyArray<Mutation>
        readonly reads: Reads
        readonly told?: Told | undefined
      },
      options?: CallOptions
    ) => Asked<Timestamp | undefined>
    /** When it fails, some intents may be laid. */
    readonly prepare: (
      prepare: { readonly txn: Txn; readonly snapshot: Timestamp; readonly mutations: ReadonlyArray<Mutation> },
      options?: CallOptions
    ) => Asked<void>
    readonly validate: (txn: TxnId, reads: Reads, until: Timestamp, options?: CallOptions) => Asked<void>
    /** What was decided, by this call or before it. `keys`: of all intents. */
    readonly decide: (
      txn: Txn,
      outcome: Outcome,
      keys: ReadonlyArray<Uint8Array>,
      options?: CallOptions,
      told?: Told
    ) => Asked<TxnState>
    readonly resolve: (
      txn: TxnId,
      outcome: Outcome,
      keys: ReadonlyArray<Uint8Array>,
      options?: CallOptions
    ) => Asked<void>
    readonly forget: (txn: Txn, options?: CallOptions) => Asked<void>
    readonly push: (txn: Txn, abort: boolean, options?: CallOptions) => Asked<TxnState>
    readonly heartbeat: (txn: Txn, options?: CallOptions) => Asked<TxnState>
  }
>()("orbit/keyspace/Keyspace") {}
