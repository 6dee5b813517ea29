/** Ending: why a server does not start, or ends, and the exit code that says so to whoever started it. `docs/server.md` has the table. */
import * as Data from "effect/Data"

export const codes = {
  /** It was asked to stop, and everything that had begun was finished. */
  done: 0,
  /** A defect, or its disk or log is not well. */
  failed: 1,
  /** What it was told does not read, or does not fit together. */
  configuration: 2,
  /** Another process has the data directory. */
  taken: 3,
  /** The data directory is of another node, or cannot be used. */
  data: 4,
  /** It cannot listen where it is told to. */
  address: 5,
  /** Clients were cut off: they had not finished in time, or it was asked to stop a second time. */
  forced: 6
} as const

/** A person must act; the message says how. */
export class StartError extends Data.TaggedError("StartError")<{
  readonly code: number
  readonly message: string
}> {}
