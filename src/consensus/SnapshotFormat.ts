/**
 * SnapshotFormat: the bytes of a state machine's snapshot, which may be cut anywhere on their way.
 *
 * `version u8`; the applied record as the record of an empty key; then the records in the order of their keys; then the end:
 * `key length u32, value length u32, key, value` each; the end is a record without key and value, followed by the state's digest u32.
 */
import * as Bytes from "#base/Bytes.ts"

export const version = 1
const headBytes = 8
const noBytes = new Uint8Array(0)

/** One record. */
export const put = (writer: Bytes.Writer, key: Uint8Array, value: Uint8Array): Bytes.Writer =>
  writer.u32(key.length).u32(value.length).raw(key).raw(value)

/** What a snapshot's bytes are, in the order of their coming; false: they are none of a snapshot. */
export interface Visitor {
  /** The first record: what the state is as of. */
  applied(record: Uint8Array): boolean
  /** Views. */
  record(key: Uint8Array, value: Uint8Array): boolean
  end(digest: number): boolean
}

/** Reads a snapshot's bytes, however they are cut. */
export class SnapshotReader {
  private readonly visitor: Visitor
  private readonly recordBytesMax: number
  private left: Uint8Array = noBytes
  private at: "begin" | "applied" | "records" | "digest" | "end" | "malformed" = "begin"

  constructor(visitor: Visitor, recordBytesMax: number) {
    this.visitor = visitor
    this.recordBytesMax = recordBytesMax
  }

  /** It has been read to its end, and was sound. */
  get isWhole(): boolean {
    return this.at === "end" && this.left.length === 0
  }

  /** False: this is no snapshot, and nothing more of it is read. */
  take(bytes: Uint8Array): boolean {
    const all = this.left.length === 0 ? bytes : joined(this.left, bytes)
    let from = 0
    while (this.at !== "malformed") {
      const read = this.step(all, from)
      if (read === 0) break
      from += read
    }
    this.left = Bytes.copy(all, from)
    if (this.at === "end" && this.left.length > 0) this.at = "malformed"
    return this.at !== "malformed"
  }

  /** Reads the next item, and returns its size; 0: it is not all there. */
  private step(bytes: Uint8Array, from: number): number {
    const leftBytes = bytes.length - from
    switch (this.at) {
      case "begin":
        if (leftBytes < 1) return 0
        this.at = bytes[from] === version ? "applied" : "malformed"
        return 1
      case "digest":
        if (leftBytes < 4) return 0
        this.at = this.visitor.end(Bytes.getU32(bytes, from)) ? "end" : "malformed"
        return 4
      case "applied":
      case "records":
        return leftBytes < headBytes ? 0 : this.record(bytes, from)
      default:
        return 0
    }
  }

  private record(bytes: Uint8Array, from: number): number {
    const keyBytes = Bytes.getU32(bytes, from)
    const valueBytes = Bytes.getU32(bytes, from + 4)
    const sizeBytes = headBytes + keyBytes + valueBytes
    if (sizeBytes > this.recordBytesMax) {
      this.at = "malformed"
      return 0
    }
    if (bytes.length - from < sizeBytes) return 0
    const key = bytes.subarray(from + headBytes, from + headBytes + keyBytes)
    const value = bytes.subarray(from + headBytes + keyBytes, from + sizeBytes)
    if (this.at === "applied") this.at = keyBytes === 0 && this.visitor.applied(value) ? "records" : "malformed"
    else if (keyBytes === 0) this.at = valueBytes === 0 ? "digest" : "malformed"
    else if (!this.visitor.record(key, value)) this.at = "malformed"
    return sizeBytes
  }
}

const joined = (left: Uint8Array, right: Uint8Array): Uint8Array => {
  const both = new Uint8Array(left.length + right.length)
  both.set(left)
  both.set(right, left.length)
  return both
}
