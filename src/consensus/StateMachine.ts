/**
 * StateMachine: what a group replicates. It applies committed entries, in order, and is the same on every replica that has applied
 * the same ones. It keeps its own durable copy, with the index up to which entries are in it: what an entry changes and that index
 * are written as one batch, or not at all (etcd issue 13766 is what happens otherwise).
 *
 * Needs of its caller: entries come in order of their indexes, each once, from `applied + 1` on; a snapshot is restored
 * while nothing else is under way.
 */
import type { ConfState } from "./Configuration.ts"
import type { Done } from "#storage/Engine.ts"

/** The last entry that is in a state, and the members of the group as of it. */
export interface Applied {
  readonly index: number
  readonly term: number
  readonly configuration: ConfState
}

/** The state as of one entry, while the machine goes on; a sequence of bytes that a `Restore` of the same version reads. */
export interface Snapshot {
  readonly applied: Applied
  /** The next stretch, of about `sizeBytes`; empty at the end. One at a time. */
  next(sizeBytes: number, done: Done<Uint8Array>): void
  /** Once, at any time. */
  close(): void
}

/** Takes a snapshot's bytes in order, apart from the state in force. */
export interface Restore {
  take(bytes: Uint8Array, done: Done<void>): void
  /** Everything was taken: puts it in place of the state, durably, or fails and leaves the state as it was. */
  finish(done: Done<void>): void
  /** Drops what was taken. */
  abandon(): void
}

export interface StateMachine {
  /** What it contains now. */
  readonly applied: Applied
  /** What it would contain after a crash now: the log is needed from here on. */
  readonly durable: Applied
  /** What was to make it durable has failed: a flush is due, also where nothing was applied since the last one. */
  readonly needsFlush: boolean
  /** Applies a command; what its proposer is answered. Synchronous and total: a command that cannot be read has an answer too. */
  apply(index: number, term: number, command: Uint8Array): Uint8Array
  /** An entry without a command: of a new leader (no configuration), or a change of the members. */
  pass(index: number, term: number, configuration: ConfState | undefined): void
  /** Writes what was applied since the last call as one batch; done when it is durable, or will be with the log's next sync. */
  flush(done: Done<void>): void
  /** Answers from what is applied. */
  read(query: Uint8Array): Uint8Array
  snapshot(): Snapshot
  restore(applied: Applied): Restore
  /** Of what is applied, the same on all replicas that have applied the same: for judges. */
  digest(): number
}
