/**
 * What can go wrong in storage, one class a kind. Reads meet `Corrupt` and `DiskError`; writes meet `Refused`, after which
 * nothing has happened and nothing will, and `Stopped`, after which only the next start finds out what is true.
 */
import * as Data from "effect/Data"
import type { DiskError } from "#world/WorldError.ts"

/** Bytes on disk are not what was written there. They are never returned; repair from a replica or a backup. */
export class Corrupt extends Data.TaggedError("Corrupt")<{
  readonly path: string
  /** Where in the file the unit begins (a record, a block, a page) that does not match its checksum. */
  readonly offsetBytes: number
  readonly message: string
}> {}

/**
 * - `key-too-large`, `value-too-large`, `batch-too-large`: over the bound in `Limits`.
 * - `overloaded`: more bytes are waiting to be written than the engine's bound; try again when some have completed.
 * - `no-space`: the device is full. Reads go on; writes succeed again when there is room.
 * - `not-sorted`: an ingested key is not above the one before it.
 * - `snapshot-released`, `closed`: used after its end.
 * - `exists`: the directory of a checkpoint holds something already.
 * - `not-supported`, `not-installed`: of an engine from a package: it has no such thing, or is not there.
 */
export type RefusedReason =
  | "key-too-large"
  | "value-too-large"
  | "batch-too-large"
  | "overloaded"
  | "no-space"
  | "not-sorted"
  | "snapshot-released"
  | "closed"
  | "exists"
  | "not-supported"
  | "not-installed"

/** Nothing has happened and nothing will; the reason says what the caller can do. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly reason: RefusedReason
  readonly message: string
}> {}

/**
 * A write or a sync failed in a way after which the engine cannot know what is durable: it takes no more writes until it
 * is opened again (fsyncgate: a failed sync is never repeated and believed). The outcome of writes that end so is unknown.
 * Reads of what was visible before go on.
 */
export class Stopped extends Data.TaggedError("Stopped")<{
  readonly cause: DiskError | Corrupt
  readonly message: string
}> {}

export type StorageError = Corrupt | Refused | Stopped | DiskError
