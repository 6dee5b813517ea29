/**
 * Log: one durable sequence of records for everything on a node that has to write before it answers: engines and, later, every
 * Raft group. Each writer has a number (its stream) and gives its records rising positions; all that was appended while
 * a write was under way goes to disk with one write and one sync. `Wal.open` makes one from a directory.
 *
 * Promises:
 * - Records of all streams are durable in the order of their submission: a durable record's predecessors are durable.
 * - After a crash a stream has a prefix of what was appended to it, with everything that was durable: a torn tail is cut.
 * - Damage that is not a torn tail is never taken for the end: `Wal.open` reports it, and `replay` gives it as `damaged`, with stream
 *   and position where the record's header can still tell (protocol-aware recovery, Alagappan et al., FAST 2018, section 3).
 * - A full disk refuses an append (`no-space`), and it has not happened. Any other failure stops the log (`Stopped`).
 */
import type { Corrupt } from "./StorageError.ts"
import type { Done, Durability, Verified } from "./Engine.ts"

/** Gets a stream's records in order. */
export interface Replay {
  record(position: number, bytes: Uint8Array, from: number, to: number): void
  /** This record was written, and its bytes are not what was written. */
  damaged(position: number, corrupt: Corrupt): void
}

export interface LogStats {
  readonly diskBytes: number
  readonly segments: number
  readonly records: number
  readonly syncs: number
}

export interface Log {
  /**
   * Appends one record: the bytes of `parts` one behind the other, which are the caller's again. Positions of a stream rise by
   * one, except after `cutTail`; the first may be any. When a record is refused, so are those behind it that were submitted
   * before its caller was told; the stream then goes on at the end of its `extent`.
   * Buffered: completes when the log has taken it and everything before it is complete.
   */
  append(
    stream: number,
    position: number,
    parts: ReadonlyArray<Uint8Array>,
    durability: Durability,
    done: Done<void>
  ): void
  /** Everything appended before is durable when it completes. */
  sync(done: Done<void>): void
  /**
   * Between the two, what is appended waits for `flush`, and not for the log's own turn: for who knows when its own turn ends, one
   * at a time. Neither completes anything itself.
   */
  hold(): void
  flush(): void
  /** The stream's records before `position` are not needed any more; their space is freed some time later. */
  cutHead(stream: number, position: number): void
  /** The stream's records from `position` on never were; the next append is at `position`. Durable with the next synced append. */
  cutTail(stream: number, position: number): void
  /**
   * Hands over the stream's records from `position` on, as they are on disk. A stream that may have lost its end to damage gives
   * `damaged` at the position behind its last record: nobody knows what stood there, or whether a cut did. It takes records again
   * when `cutTail` has said where it goes on.
   */
  replay(stream: number, position: number, replay: Replay, done: Done<void>): void
  /** First position that was not cut, and the one after the last; both 0 for a stream that never was. */
  extent(stream: number): { readonly first: number; readonly end: number }
  /** Every stream that has, or ever had, a record. Damage found at opening may hide some: then the list is not complete. */
  listed(): { readonly numbers: ReadonlyArray<number>; readonly isComplete: boolean }
  /** See `Engine.Port.verify`. */
  verify(position: number, done: Done<Verified | undefined>): void
  stats(): LogStats
}
