/**
 * Transaction: what a body of `Transactions.run` works with. Reads see what was committed when its attempt began (read committed: when the
 * call began), and its own writes on top; writes wait in memory until the body is done.
 *
 * A body may run more than once, so it does nothing but this and what may be repeated. It may do several things at once. What it reads is
 * consistent at any time (but for read committed), also in an attempt that fails later.
 *
 * Keys and values that were handed over are not changed any more.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Note } from "#keyspace/audit/AuditEntry.ts"
import type { Entry, Span, Timestamp, TxnId } from "#keyspace/Request.ts"
import type { StepError } from "./TxnError.ts"
import type { Savepoint } from "./WriteBuffer.ts"

export interface ScanOptions {
  /** From the last key back. Default: false. */
  readonly reverse?: boolean
  /** Default: 1,000. */
  readonly entriesMax?: number
  /** Give or take one entry. Default: 1 MiB. */
  readonly sizeBytesMax?: number
}

export interface Scanned {
  readonly entries: ReadonlyArray<Pick<Entry, "key" | "value">>
  /** What is left to scan; undefined: nothing. */
  readonly rest: Span | undefined
}

/** Shared: others may hold it shared, nobody exclusively. */
export type LockMode = "shared" | "exclusive"

type Step<A> = Effect.Effect<A, StepError>

export class Transaction extends Context.Service<
  Transaction,
  {
    readonly id: TxnId
    /** 1, then one more with each attempt. */
    readonly attempt: number
    /** What is read is what was committed up to then. Locks move it on. */
    readonly readAt: () => Timestamp
    /** The value, or undefined. */
    readonly get: (key: Uint8Array) => Step<Uint8Array | undefined>
    /**
     * Counts the key as read. For whoever knows what it was at `readAt`, from a transaction that was committed then: it is not asked for, and that it
     * has not changed since is checked with all else.
     */
    readonly known: (key: Uint8Array) => Step<void>
    /** In the order of the keys. */
    readonly getMany: (keys: ReadonlyArray<Uint8Array>) => Step<ReadonlyArray<Uint8Array | undefined>>
    readonly scan: (span: Span, options?: ScanOptions) => Step<Scanned>
    /**
     * Locks the keys, one after the other in the order in which transactions ask, and reads them. Default: exclusively. Nobody else commits to
     * them while they are locked, as long as their leaseholder stays; that they did not change is checked when this transaction commits.
     */
    readonly getForUpdate: (
      keys: ReadonlyArray<Uint8Array>,
      mode?: LockMode
    ) => Step<ReadonlyArray<Uint8Array | undefined>>
    /** Locks the keys that there are. */
    readonly scanForUpdate: (span: Span, options?: ScanOptions & { readonly mode?: LockMode }) => Step<Scanned>
    readonly put: (key: Uint8Array, value: Uint8Array) => Step<void>
    readonly delete: (key: Uint8Array) => Step<void>
    /** Reads the span and deletes what there is; returns how much that was. */
    readonly deleteRange: (span: Span) => Step<number>
    /**
     * What the transaction decides besides, for the audit trail: written with its commit, where ranges keep a trail; of one that writes nothing there is
     * no entry. Long names are cut. At most `Limits.auditNotesMax`.
     */
    readonly note: (note: Note) => Step<void>
    readonly savepoint: () => Step<Savepoint>
    /** Takes back what was written since; what was read since, and locked, remains so. The savepoint stays, later ones are gone. */
    readonly rollbackTo: (savepoint: Savepoint) => Step<void>
  }
>()("orbit/txn/Transaction") {}
