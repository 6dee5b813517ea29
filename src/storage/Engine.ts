/**
 * Engine: ordered, binary-safe keys and values of one node, kept through power loss. Keys sort by their bytes, unsigned, a
 * prefix before what it begins.
 *
 * Promises:
 * - A batch takes effect whole or not at all, also over a crash. Batches take effect in the order in which they were submitted.
 * - A `synced` batch is durable when it completes, and not visible to reads before. A `buffered` one is visible when it completes
 *   and durable with the next synced batch or `sync`, whatever comes first. After a crash the engine holds the effect of a
 *   prefix of the batches that were submitted, one that contains everything that was durable. What it shows once it is open
 *   is durable: what was seen after one crash is there after the next.
 * - A snapshot sees the batches that were visible when it was taken, and nothing later, until it is released.
 * - Damaged bytes are never returned: a read that meets them fails with `Corrupt`, which names file and offset.
 * - A full disk: the batch is refused (`no-space`) and has not happened; reads go on; writes succeed again when there is room.
 *   Any other failure of a write or a sync: `Stopped`, reads go on.
 *
 * Bytes that were handed to an engine are not changed any more; bytes that it hands out are views of immutable memory:
 * nobody changes them, and who keeps one for long copies it, because a view keeps its whole block.
 *
 * Two faces, one contract: `Port` answers at once from memory where it can (`get`, `Cursor.next`) and by one completion else; `Engine`
 * is the same as Effects, made from the port by `make`. Completions never run inside the call that they complete.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Completion from "#world/Completion.ts"
import type { Batch } from "./Batch.ts"
import type { Corrupt, StorageError } from "./StorageError.ts"

export type Done<A> = Completion.Done<A, StorageError>

/** The answer is not in memory: ask again by `fetch`. */
export const elsewhere: unique symbol = Symbol("elsewhere")
export type Elsewhere = typeof elsewhere

/** Keys in [from, to); a bound that is absent is the end of the keyspace. */
export interface Bounds {
  readonly from?: Uint8Array
  readonly to?: Uint8Array
}

export interface Snapshot {
  /** Everything that was asked of the engine with it must have completed. Releasing twice is harmless. */
  release(): void
}

export interface ScanOptions {
  readonly bounds?: Bounds
  /** From the last key back. Default: false. */
  readonly reverse?: boolean
  /** Default: what is visible at the call. */
  readonly at?: Snapshot
}

/** `wait`: the next entry is not in memory; call `fill`, then `next` again. */
export type Step = "entry" | "end" | "wait"

/** A position in the keyspace, as of one snapshot: what is written later does not show. */
export interface Cursor {
  /** Moves to the next entry. After `end` it stays there. */
  next(): Step
  /** The entry that `next` moved to. */
  key(): Uint8Array
  value(): Uint8Array
  /** Brings what `next` waits for into memory. */
  fill(done: Done<void>): void
  /** Must be called once, at any time. */
  close(): void
}

export type Durability = "synced" | "buffered"

/** Entries in ascending order of their keys, each key once. */
export interface Source {
  /** Moves to the next entry; false at the end. */
  next(): boolean
  key(): Uint8Array
  value(): Uint8Array
}

export interface Stats {
  /** Bytes of this engine's files, without a log that it shares. */
  readonly diskBytes: number
  /** Memory that the engine counts against its budget. */
  readonly memoryBytes: number
  /** Bytes of keys and values that callers wrote. */
  readonly userBytes: number
  /** Bytes that were written for it to files other than the log; over `userBytes`: write amplification. */
  readonly writtenBytes: number
  readonly batches: number
  /** What else an engine knows of itself, by name. */
  readonly details: Readonly<Record<string, number>>
}

/** What one step of verification found. */
export interface Verified {
  /** Hand it to the next step; 0: everything has been read once. */
  readonly position: number
  readonly bytesRead: number
  readonly rot: ReadonlyArray<Corrupt>
}

export interface Port {
  /** The key's value, `undefined` when it has none. Never touches the disk. */
  get(key: Uint8Array, at?: Snapshot): Uint8Array | undefined | Elsewhere
  /** The same, from wherever it is. */
  fetch(key: Uint8Array, at: Snapshot | undefined, done: Done<Uint8Array | undefined>): void
  scan(options: ScanOptions): Cursor
  snapshot(): Snapshot
  write(batch: Batch, durability: Durability, done: Done<void>): void
  /** Everything that was submitted before it is durable when it completes. */
  sync(done: Done<void>): void
  /** Moves what only the log has into the engine's own files, durably. */
  flush(done: Done<void>): void
  /** Brings the files to the smallest size that their live entries allow. */
  compact(done: Done<void>): void
  /** Writes what is visible at the call as an engine of the same kind, durably, into a directory that is new or empty. */
  checkpoint(directory: string, done: Done<void>): void
  /** Puts all entries of the source at once, as one batch of any size; durable when it completes. */
  ingest(source: Source, done: Done<void>): void
  /** Reads the engine's files as they are on disk, a bounded stretch a call, from `position` (0 at first). */
  verify(position: number, done: Done<Verified | undefined>): void
  stats(): Stats
}

export class Engine extends Context.Service<
  Engine,
  {
    readonly port: Port
    readonly get: (key: Uint8Array, at?: Snapshot) => Effect.Effect<Uint8Array | undefined, StorageError>
    /** The values in the order of the keys, all as of one moment. */
    readonly getMany: (
      keys: ReadonlyArray<Uint8Array>,
      at?: Snapshot
    ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, StorageError>
    /** Hands each entry to `visit` until it returns false. */
    readonly scan: (
      options: ScanOptions,
      visit: (key: Uint8Array, value: Uint8Array) => boolean | void
    ) => Effect.Effect<void, StorageError>
    readonly snapshot: Effect.Effect<Snapshot, never, Scope.Scope>
    readonly write: (batch: Batch, durability?: Durability) => Effect.Effect<void, StorageError>
    readonly sync: Effect.Effect<void, StorageError>
    readonly flush: Effect.Effect<void, StorageError>
    readonly compact: Effect.Effect<void, StorageError>
    readonly checkpoint: (directory: string) => Effect.Effect<void, StorageError>
    readonly ingest: (source: Source) => Effect.Effect<void, StorageError>
    readonly stats: Effect.Effect<Stats>
  }
>()("orbit/storage/Engine") {}

const get = (port: Port, key: Uint8Array, at?: Snapshot): Effect.Effect<Uint8Array | undefined, StorageError> =>
  Effect.suspend(() => {
    const value = port.get(key, at)
    return value === elsewhere ? Completion.submit((done) => port.fetch(key, at, done)) : Effect.succeed(value)
  })

const withSnapshot = <A, E>(
  port: Port,
  at: Snapshot | undefined,
  use: (at: Snapshot) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  at === undefined
    ? Effect.acquireUseRelease(
        Effect.sync(() => port.snapshot()),
        use,
        (own) => Effect.sync(() => own.release())
      )
    : use(at)

/** Entries between two yields of a scan that never waits, so that other fibers get their turn. */
const scanEntriesMax = 1_024

const scan = Effect.fnUntraced(function* (
  cursor: Cursor,
  visit: (key: Uint8Array, value: Uint8Array) => boolean | void
) {
  for (let entries = 0; ;) {
    const step = cursor.next()
    if (step === "end") return
    if (step === "wait") yield* Completion.submit<void, StorageError>((done) => cursor.fill(done))
    else if (visit(cursor.key(), cursor.value()) === false) return
    else if (++entries % scanEntriesMax === 0) yield* Effect.yieldNow
  }
})

/** The service over a port that an engine's `open` gives: written once, used by every engine. */
export const make = (port: Port): Engine["Service"] => ({
  port,
  get: (key, at) => get(port, key, at),
  getMany: (keys, at) =>
    withSnapshot(port, at, (own) => Effect.forEach(keys, (key) => get(port, key, own), { concurrency: "unbounded" })),
  scan: (options, visit) =>
    Effect.acquireUseRelease(
      Effect.sync(() => port.scan(options)),
      (cursor) => scan(cursor, visit),
      (cursor) => Effect.sync(() => cursor.close())
    ),
  snapshot: Effect.acquireRelease(
    Effect.sync(() => port.snapshot()),
    (snapshot) => Effect.sync(() => snapshot.release())
  ),
  write: (batch, durability = "synced") => Completion.submit((done) => port.write(batch, durability, done)),
  sync: Completion.submit((done) => port.sync(done)),
  flush: Completion.submit((done) => port.flush(done)),
  compact: Completion.submit((done) => port.compact(done)),
  checkpoint: (directory) => Completion.submit((done) => port.checkpoint(directory, done)),
  ingest: (source) => Completion.submit((done) => port.ingest(source, done)),
  stats: Effect.sync(() => port.stats())
})
