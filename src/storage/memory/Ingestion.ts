/**
 * Ingestion: entries of any number that take effect at once. They go through the log as records of bounded size, and take effect
 * with the last of them; a replay drops what has no last one. Entries that fit into one record are an ordinary batch.
 *
 * | record | bytes                                                            |
 * | ------ | ---------------------------------------------------------------- |
 * | batch  | as `Batch` has it: the first byte is 1, 2 or 3; or nothing       |
 * | part   | 16, number of the part from 0 on (4 bytes), puts as in a batch   |
 * | last   | 17, number of the part (4 bytes), puts as in a batch             |
 */
import * as Bytes from "#base/Bytes.ts"
import * as Batch from "../Batch.ts"
import type { Source } from "../Engine.ts"
import * as Keys from "../Keys.ts"
import { Refused } from "../StorageError.ts"

const partKind = 16
const lastKind = 17
const headBytes = 5

export const headOf = (part: number, isLast: boolean): Uint8Array => {
  const bytes = new Uint8Array(headBytes)
  bytes[0] = isLast ? lastKind : partKind
  Bytes.putU32(bytes, 1, part)
  return bytes
}

/** Takes entries from a source as batches of a bounded size, the last one shorter, and checks their order. */
export class Parts {
  private readonly source: Source
  private readonly sizeBytesMax: number
  private isAhead = false
  private last: Uint8Array | undefined
  isAtEnd = false

  constructor(source: Source, sizeBytesMax: number) {
    this.source = source
    this.sizeBytesMax = sizeBytesMax
  }

  next(): Batch.Batch | Refused {
    const batch = new Batch.Batch()
    while (this.isAhead || this.source.next()) {
      this.isAhead = false
      const key = this.source.key()
      const value = this.source.value()
      if (batch.count > 0 && batch.sizeBytes + key.length + value.length > this.sizeBytesMax) {
        this.isAhead = true
        return batch
      }
      if (this.last !== undefined && Keys.compare(this.last, key) >= 0) {
        return new Refused({ reason: "not-sorted", message: "keys of an ingestion rise: sort them, each key once" })
      }
      this.last = Bytes.copy(key)
      batch.put(key, value)
      if (batch.refused !== undefined) return batch.refused
    }
    this.isAtEnd = true
    return batch
  }
}

/** Puts the parts together when a log is replayed. */
export class Replayed {
  private parts: Array<Uint8Array> = []

  /** The batches that take effect with this record, in order; `undefined`: it is malformed. */
  record(bytes: Uint8Array, from: number, to: number): ReadonlyArray<Uint8Array> | undefined {
    const kind = from === to ? 0 : bytes[from]
    if (kind !== partKind && kind !== lastKind) {
      this.parts = []
      return [bytes.subarray(from, to)]
    }
    if (to - from < headBytes) return undefined
    const part = new Bytes.Reader(bytes.subarray(from + 1, from + headBytes)).u32()
    // The parts of one that was given up may stand before.
    if (part === 0) this.parts = []
    if (part !== this.parts.length) return undefined
    // A log may use its buffer again.
    this.parts.push(bytes.slice(from + headBytes, to))
    if (kind === partKind) return []
    const { parts } = this
    this.parts = []
    return parts
  }
}
