/**
 * RangeCommand: what the replicas of a range apply. A leaseholder has evaluated it (`RangeServer`), so there is nothing left to decide but whether
 * it still counts: it does in the term in which it was evaluated, and in no other, because there another leaseholder may have come between.
 *
 * Version 1, little-endian: `version u8, kind u8, term f64`, then of a write `size f64, floor f64, closed f64, count u32` and so many operations of a batch, of a
 * split `right u32, size of the right half f64, key`.
 */
import { Reader, Writer } from "#base/Bytes.ts"
import type { GroupId } from "#consensus/Replica.ts"
import type { Timestamp } from "./Request.ts"

const version = 1
const kinds = { write: 1, split: 2 } as const

export type RangeCommand =
  | {
      readonly type: "write"
      readonly term: number
      /** What is added to the range's size. */
      readonly sizeBytes: number
      /** 0: as before. */
      readonly floor: Timestamp
      readonly closed: Timestamp
      /** Encoded operations of a `Batch`. */
      readonly operations: Uint8Array
      readonly count: number
    }
  | {
      readonly type: "split"
      readonly term: number
      readonly key: Uint8Array
      readonly right: GroupId
      readonly rightSizeBytes: number
    }

export const encode = (command: RangeCommand): Uint8Array => {
  const writer = Writer.make().u8(version).u8(kinds[command.type]).f64(command.term)
  return command.type === "write"
    ? writer
        .f64(command.sizeBytes)
        .f64(command.floor)
        .f64(command.closed)
        .u32(command.count)
        .raw(command.operations)
        .finish()
    : writer.u32(command.right).f64(command.rightSizeBytes).raw(command.key).finish()
}

/** Undefined: it cannot be read. */
export const decode = (bytes: Uint8Array): RangeCommand | undefined => {
  const reader = new Reader(bytes)
  if (reader.u8() !== version) return undefined
  const kind = reader.u8()
  const term = reader.f64()
  if (kind === kinds.write) {
    const [sizeBytes, floor, closed] = [reader.f64(), reader.f64(), reader.f64()]
    const count = reader.u32()
    const operations = reader.rest()
    return reader.isWhole ? { type: "write", term, sizeBytes, floor, closed, operations, count } : undefined
  }
  const right = reader.u32()
  const rightSizeBytes = reader.f64()
  const key = reader.rest()
  return kind === kinds.split && reader.isWhole ? { type: "split", term, right, rightSizeBytes, key } : undefined
}

/** What a proposer is answered: the command took effect, or it did not, because its term was over, or because of the members. */
export const answers = { done: Uint8Array.of(1), stale: Uint8Array.of(2), refused: Uint8Array.of(3) } as const
