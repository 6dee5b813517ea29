/** What tuples and their bytes are refused for. Both are values that functions answer with, not exceptions. */
import * as Data from "effect/Data"

/**
 * - `not-an-integer`: a number that is no safe integer: tag it as a float, or use a bigint.
 * - `integer-too-large`: its magnitude needs more than 255 bytes.
 * - `not-a-float32`: a number that 32 bits do not hold exactly.
 * - `timestamp-out-of-range`: not a whole number of microseconds in 64 bits.
 * - `not-a-uuid`: not 16 bytes.
 * - `lone-surrogate`: a text that is not Unicode; it has no UTF-8.
 * - `too-deep`, `too-large`: over the bounds in `Limits`.
 */
export type UnencodableReason =
  | "not-an-integer"
  | "integer-too-large"
  | "not-a-float32"
  | "timestamp-out-of-range"
  | "not-a-uuid"
  | "lone-surrogate"
  | "too-deep"
  | "too-large"

/** The tuple has no bytes. */
export class Unencodable extends Data.TaggedError("Unencodable")<{
  readonly reason: UnencodableReason
  readonly message: string
}> {}

/** No tuple has these bytes. */
export class Malformed extends Data.TaggedError("Malformed")<{
  /** Where the element begins, or the byte of it, that no encoder writes; counted from the first of the bytes. */
  readonly offsetBytes: number
  readonly message: string
}> {}
