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
 * | 8 audited write               | as a write; but before the operations decisions: count u32, each its length u32 and its bytes (`AuditEntry`) |
 */
import * as Bytes from "#base/Bytes.ts"
import { Reader, Writer } from "#base/Bytes.ts"
import type { GroupId } from "#consensus/Replica.ts"
import type { Batch } from "#storage/Batch.ts"
import type { Timestamp } from "./Request.ts"

const version = 1
const kinds = { write: 1, split: 2, "begin-merge": 3, "end-merge": 4, freeze: 5, thaw: 6, merge: 7 } as const
const auditedWrite = 8

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
      /** For the audit trail, encoded, in their order. Undefined: it is not told. */
      readonly decisions: ReadonlyArray<Uint8Array> | undefined
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

type Write = Extract<RangeCommand, { readonly type: "write" }>

/** Before the operations of a write that tells nothing to the audit trail. */
export const writeHeadBytes = 38

/** A write of the operations of a batch that has `writeHeadBytes` before them, in the batch's own memory where nothing is told. */
export const encodeWrite = (batch: Batch, write: Omit<Write, "type" | "operations" | "count">): Uint8Array => {
  const { closed, decisions, floor, sizeBytes, term } = write
  const { count } = batch
  if (decisions !== undefined) return encode({ type: "write", ...write, operations: batch.encoded(), count })
  const bytes = batch.framed()
  bytes[0] = version
  bytes[1] = kinds.write
  Bytes.putF64(bytes, 2, term)
  Bytes.putF64(bytes, 10, sizeBytes)
  Bytes.putF64(bytes, 18, floor)
  Bytes.putF64(bytes, 26, closed)
  Bytes.putU32(bytes, 34, count)
  return bytes
}

export const encode = (command: RangeCommand): Uint8Array => {
  const isAudited = command.type === "write" && command.decisions !== undefined
  const writer = Writer.make()
    .u8(version)
    .u8(isAudited ? auditedWrite : kinds[command.type])
    .f64(command.term)
  switch (command.type) {
    case "write":
      writer.f64(command.sizeBytes).f64(command.floor).f64(command.closed).u32(command.count)
      if (command.decisions !== undefined) putDecisions(writer, command.decisions)
      return writer.raw(command.operations).finish()
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

const putDecisions = (writer: Writer, decisions: ReadonlyArray<Uint8Array>): void => {
  writer.u32(decisions.length)
  for (const decision of decisions) writer.u32(decision.length).raw(decision)
}

const readDecisions = (reader: Reader): ReadonlyArray<Uint8Array> => {
  const count = reader.u32()
  // More than there can be: what is read is not whole.
  const read = count * 4 > reader.leftBytes ? reader.leftBytes + 1 : 0
  return read > 0 ? [reader.raw(read)] : Array.from({ length: count }, () => reader.raw(reader.u32()))
}

const readers: Readonly<Record<number, (reader: Reader, term: number) => RangeCommand>> = {
  [kinds.write]: (reader, term) => readWrite(reader, term, () => undefined),
  [auditedWrite]: (reader, term) => readWrite(reader, term, readDecisions),
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

const readWrite = (
  reader: Reader,
  term: number,
  decisionsIn: (reader: Reader) => ReadonlyArray<Uint8Array> | undefined
): RangeCommand => {
  const [sizeBytes, floor, closed] = [reader.f64(), reader.f64(), reader.f64()]
  const count = reader.u32()
  const decisions = decisionsIn(reader)
  return { type: "write", term, sizeBytes, floor, closed, count, decisions, operations: reader.rest() }
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
