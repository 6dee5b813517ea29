/**
 * Value: what a key of Redis holds. Strings are plain text of one char a byte (`base/Latin1`), those that are small integers numbers, large ones
 * that are written in place, and everything else, are a `Value`: a structure that knows what of it has changed since it was last stored.
 */

export type Type = "string" | "list" | "set" | "zset" | "hash" | "stream"

/** Takes the elements of a value that are to be stored. Names and bytes are text of one char a byte. */
export interface ElementSink {
  put(sub: string, bytes: string): void
  remove(sub: string): void
}

export interface Value {
  readonly type: Type
  /** Elements; bytes of a string. A collection without any goes with its key, a stream stays. */
  readonly size: number
  /** As OBJECT ENCODING says it. */
  readonly encoding: string
  /** What it takes of memory, about (see `Footprint`). */
  readonly heldBytes: number
  /** What is stored of it beside its elements. */
  head(): string
  /**
   * Hands out what has changed since the last call; `whole`: everything. After it nothing has. Names of elements are unique within the value,
   * and stay the same as long as the element does.
   */
  persist(sink: ElementSink, whole: boolean): void
  clone(): Value
}

/** A number is a safe integer, and means its decimal digits. */
export type Content = string | number | Value

export const typeOf = (content: Content): Type => (typeof content === "object" ? content.type : "string")

/** What Redis keeps within a string's own header. */
const embeddedBytesMax = 44

export const encodingOf = (content: Content): string => {
  if (typeof content === "object") return content.encoding
  if (typeof content === "number") return "int"
  return content.length <= embeddedBytesMax ? "embstr" : "raw"
}
