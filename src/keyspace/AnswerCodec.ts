/**
 * AnswerCodec: the bytes of what a range answers: a response of `RequestCodec.ts`, or an error. What holds there of requests holds here of answers.
 *
 * A number of 128 or more is an error's. One that a program does not know is malformed: the caller takes the answer for lost.
 */
import { Writer } from "#base/Bytes.ts"
import * as Fields from "./Fields.ts"
import type { Cursor } from "./Fields.ts"
import {
  Aborted,
  Busy,
  Conflict,
  Misplaced,
  NotLeaseholder,
  Refused,
  TooOld,
  Unavailable,
  Unknown,
  type RangeError
} from "./KeyspaceError.ts"
import type { Response } from "./Request.ts"
import * as RequestCodec from "./RequestCodec.ts"

/** The byte that tells errors apart. A number is never given to another one. */
export const errorTypes = {
  Misplaced: 128,
  NotLeaseholder: 129,
  Busy: 130,
  Conflict: 131,
  Aborted: 132,
  TooOld: 133,
  Refused: 134,
  Unavailable: 135,
  Unknown: 136
} as const satisfies Record<RangeError["_tag"], number>

const reasons = ["pushed", "deadlock", "forgotten"] as const

const { putList, putNumber, putOptional, putString, putText } = Fields

const putError = (writer: Writer, error: RangeError): void => {
  writer.u8(errorTypes[error._tag])
  switch (error._tag) {
    case "Misplaced":
      return putList(writer.u32(error.range), error.known, Fields.putLocation)
    case "NotLeaseholder":
      return putOptional(writer.u32(error.range), error.leaseholder, (each, store) => each.u32(store))
    case "Busy":
      return void writer.u32(Math.ceil(error.retryAfterMillis))
    case "Conflict":
      return putOptional(putString(writer, error.key), error.at, putNumber)
    case "Aborted":
      return void putNumber(writer, error.txn).u8(reasons.indexOf(error.reason))
    case "TooOld":
      return void putNumber(putNumber(writer, error.at), error.floor)
    case "Refused":
    case "Unavailable":
    case "Unknown":
      return void putText(writer, error.message)
  }
}

const errorReaders: Readonly<Record<number, (cursor: Cursor) => RangeError>> = {
  [errorTypes.Misplaced]: (cursor) => new Misplaced({ range: cursor.u32(), known: cursor.list(Fields.readLocation) }),
  [errorTypes.NotLeaseholder]: (cursor) =>
    new NotLeaseholder({ range: cursor.u32(), leaseholder: cursor.optional((each) => each.u32()) }),
  [errorTypes.Busy]: (cursor) => new Busy({ retryAfterMillis: cursor.u32() }),
  [errorTypes.Conflict]: (cursor) =>
    new Conflict({ key: cursor.string(), at: cursor.optional((each) => each.number()) }),
  [errorTypes.Aborted]: (cursor) => new Aborted({ txn: cursor.number(), reason: reasons[cursor.choice(2)] }),
  [errorTypes.TooOld]: (cursor) => new TooOld({ at: cursor.number(), floor: cursor.number() }),
  [errorTypes.Refused]: (cursor) => new Refused({ message: cursor.text() }),
  [errorTypes.Unavailable]: (cursor) => new Unavailable({ message: cursor.text() }),
  [errorTypes.Unknown]: (cursor) => new Unknown({ message: cursor.text() })
}

const readers: Readonly<Record<number, (cursor: Cursor) => Response | RangeError>> = {
  ...RequestCodec.responseReaders,
  ...errorReaders
}

export type Answer = Response | RangeError

export const isError = (answer: Answer): answer is RangeError => "_tag" in answer

export const encode = (answer: Answer): Uint8Array => {
  const writer = Writer.make().u8(RequestCodec.version)
  if (isError(answer)) putError(writer, answer)
  else RequestCodec.putResponse(writer, answer)
  return writer.finish()
}

export const decode = (bytes: Uint8Array): Answer | RequestCodec.Malformed => {
  const cursor = new Fields.Cursor(bytes)
  return cursor.byte() === RequestCodec.version ? RequestCodec.read(cursor, readers) : { problem: "version", offset: 0 }
}
