/**
 * Refusal: the base of errors that are answers. A range that has moved, a leaseholder that is another store, a conflict:
 * each is made many times a second where work is contended, travels as a value, and ends where somebody decides what to do
 * next. It has no stack: V8 walks and describes ten frames for one, several microseconds, and who it is told to is elsewhere.
 * Faults (`WorldError.ts`, `StorageError.ts`) and defects keep theirs.
 *
 * Used as `Data.TaggedError` is, and else the same.
 */
import * as Data from "effect/Data"

export const TaggedRefusal: typeof Data.TaggedError = (tag) => {
  class Refusal extends Data.TaggedError(tag)<Record<string, unknown>> {
    constructor(fields: Record<string, unknown>) {
      const limit = Error.stackTraceLimit
      Error.stackTraceLimit = 0
      super(fields)
      Error.stackTraceLimit = limit
    }
  }
  return Refusal as never
}
