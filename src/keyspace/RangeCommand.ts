/**
 * RangeCommand: what the replicas of a range apply. A leaseholder has evaluated it (`RangeServer`), so there is nothing left to decide but whether
 * it still counts: it does in the term in which it was evaluated, and in no other, because there another leaseholder may have come between.
 *
 * Version 1, little-endian: `version u8, kind u8, term f64`, then
 *
 * | kind                          | what follows                                                                         |
 * | ----------------------------- | ------------------------------------------------------------------------------------ |
 * | 1 write                       | size, floor, closed f64, count u32, so many operations of a batch                       |
 * | 2 split                       | right u32, size of the right half f64, key                                             |
 * | 3 begin, 4 end a merge; 5 freeze, 6 thaw | attempt f64                                                                 |
 * | 7 merge                       | attempt f64, the right neighbour as a snapshot                                         |
 */
import { Reader, Writer } from "#base/Bytes.ts"
import type { GroupId } from "#consensus/Replica.ts"
import type { Timestamp } from "./Request.ts"

const version = 1
const kinds = { write: 1, split: 2, "begin-merge": 3, "end-merge": 4, freeze: 5, thaw: 6, merge: 7 } as const

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
  | {
      readonly type: "begin-merge" | "end-merge" | "freeze" | "thaw"
      readonly term: number
      readonly attempt: Timestamp
    }
  | { readonly type: "merge"; readonly term: number; readonly attempt: Timestamp; readonly snapshot: Uint8Array }

export const encode = (command: RangeCommand): Uint8Array => {
  const writer = Writer.make().u8(version).u8(kinds[command.type]).f64(command.term)
  switch (command.type) {
    case "write":
      return writer
        .f64(command.sizeBytes)
        .f64(command.floor)
        .f64(command.closed)
        .u32(command.count)
        .raw(command.operations)
        .finish()
    case "split":
      return writer.u32(command.right).f64(command.rightSizeBytes).raw(command.key).finish()
    case "begin-merge":
    case "end-merge":
    case "freeze":
    case "thaw":
      return writer.f64(command.attempt).finish()
    case "merge":
      return writer.f64(command.attempt).raw(command.snapshot).finish()
  }
}

const readers: Readonly<Record<number, (reader: Reader, term: number) => RangeCommand>> = {
  [kinds.write]: (reader, term) => {
    const [sizeBytes, floor, closed] = [reader.f64(), reader.f64(), reader.f64()]
    const count = reader.u32()
    return { type: "write", term, sizeBytes, floor, closed, count, operations: reader.rest() }
  },
  [kinds.split]: (reader, term) => {
    const right = reader.u32()
    const rightSizeBytes = reader.f64()
    return { type: "split", term, right, rightSizeBytes, key: reader.rest() }
  },
  [kinds["begin-merge"]]: (reader, term) => ({ type: "begin-merge", term, attempt: reader.f64() }),
  [kinds["end-merge"]]: (reader, term) => ({ type: "end-merge", term, attempt: reader.f64() }),
  [kinds.freeze]: (reader, term) => ({ type: "freeze", term, attempt: reader.f64() }),
  [kinds.thaw]: (reader, term) => ({ type: "thaw", term, attempt: reader.f64() }),
  [kinds.merge]: (reader, term) => ({ type: "merge", term, attempt: reader.f64(), snapshot: reader.rest() })
}

/** Undefined: it cannot be read. */
export const decode = (bytes: Uint8Array): RangeCommand | undefined => {
  const reader = new Reader(bytes)
  const isKnown = reader.u8() === version
  const read = readers[reader.u8()]
  if (!isKnown || read === undefined) return undefined
  const command = read(reader, reader.f64())
  return reader.isWhole ? command : undefined
}

/** What a proposer is answered: the command took effect, or it did not, because its term was over, or because of the members. */
export const answers = { done: Uint8Array.of(1), stale: Uint8Array.of(2), refused: Uint8Array.of(3) } as const
