/**
 * The faults of the world, one class a service. A fault is typed, is retried by one policy in one place, and its
 * message says what to do. The codes are closed sets so that a caller can decide by `code` alone.
 */
import * as Data from "effect/Data"

/**
 * - `not-found`, `exists`, `not-a-file`: the path is not what the caller took it for.
 * - `no-space`: the device is full; reads go on, writes may succeed again when there is room. A prefix of the bytes
 *   may have been written.
 * - `io`: the device failed. After a failed `sync` the unsynced bytes of that file must be taken for lost for ever:
 *   a later sync that succeeds says nothing about them (PostgreSQL's "fsyncgate").
 * - `closed`: the file was closed, or the node is stopping.
 */
export type DiskErrorCode = "not-found" | "exists" | "not-a-file" | "no-space" | "io" | "closed"

export type DiskOperation =
  | "open"
  | "read"
  | "write"
  | "append"
  | "truncate"
  | "sync"
  | "size"
  | "rename"
  | "remove"
  | "list"
  | "make-directory"
  | "sync-directory"

export class DiskError extends Data.TaggedError("DiskError")<{
  readonly code: DiskErrorCode
  readonly operation: DiskOperation
  readonly path: string
  readonly message: string
}> {}

/**
 * - `address-in-use`, `address-not-available`: choose another port or host.
 * - `refused`: nobody listens there (a reset answered the dial).
 * - `timeout`: nobody answered within the dial's deadline; the peer may be dead or cut off.
 * - `reset`: the connection broke; bytes in flight in either direction may or may not have arrived.
 * - `untrusted`: the other end's certificate is not of the authority, is of another name or out of date, or this end's
 *   credentials do not read: a person must look.
 * - `too-large`: a datagram over `Net.datagramBytesMax`.
 * - `closed`: used after close.
 */
export type NetErrorCode =
  | "address-in-use"
  | "address-not-available"
  | "refused"
  | "timeout"
  | "reset"
  | "untrusted"
  | "too-large"
  | "closed"

export class NetError extends Data.TaggedError("NetError")<{
  readonly code: NetErrorCode
  readonly address: string
  readonly message: string
}> {}
