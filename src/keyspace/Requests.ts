/**
 * Requests: what stores ask each other's ranges, as calls: takes those that come to this store's ranges, and asks other stores'. Between this store's
 * own router and ranges nothing is encoded.
 */
import type { CallError, Calls } from "#cluster/Calls.ts"
import * as Limits from "#base/Limits.ts"
import type { StoreId } from "#consensus/Replica.ts"
import * as AnswerCodec from "./AnswerCodec.ts"
import { Refused, Unavailable, type RangeError } from "./KeyspaceError.ts"
import type { Asking, Response } from "./Request.ts"
import * as RequestCodec from "./RequestCodec.ts"

export interface Parts {
  readonly calls: Calls
  /** To a range of this store; `done` is called once. */
  readonly submit: (
    asking: Asking,
    done: (error: RangeError | undefined, response: Response | undefined) => void,
    from: StoreId
  ) => void
}

const isMalformed = (found: object): found is RequestCodec.Malformed => "problem" in found

/**
 * For so long an answer may be on its way. A range that says at its deadline that nothing has happened is heard: or everything that had to wait too
 * long would be unknown.
 */
const wayMicros = 100_000

/** A call's head stands before it. */
const bytesMax = Limits.frameBytesMax - 64

export class Requests {
  private readonly parts: Parts

  /** From then on this store's ranges can be asked. */
  constructor(parts: Parts) {
    this.parts = parts
    parts.calls.serve(this.serve)
  }

  /** Asks a range of another store. `done` is called once; within the call where the request is too large for any answer. */
  call(
    to: StoreId,
    asking: Asking,
    done: (error: RangeError | CallError | undefined, response: Response | undefined) => void
  ): void {
    const request = RequestCodec.encodeRequest(asking)
    if (request.length > bytesMax) {
      const message = "the request is larger than what stores can send each other: write in smaller parts"
      return done(new Refused({ message }), undefined)
    }
    this.parts.calls.call(to, request, asking.timeoutMicros + wayMicros, (error, bytes) => {
      if (error !== undefined) return done(error, undefined)
      const answer = AnswerCodec.decode(bytes)
      // It was served, and nobody here can tell how.
      if (isMalformed(answer)) done("lost", undefined)
      else if (AnswerCodec.isError(answer)) done(answer, undefined)
      else done(undefined, answer)
    })
  }

  private readonly serve = (
    from: StoreId,
    bytes: Uint8Array,
    timeoutMicros: number,
    reply: (answer: Uint8Array) => void
  ): void => {
    const asked = RequestCodec.decodeRequest(bytes)
    if (isMalformed(asked)) {
      const message = `a store that speaks otherwise: ${asked.problem} at byte ${asked.offset} of the request`
      return reply(AnswerCodec.encode(new Unavailable({ message })))
    }
    const leftMicros = Math.max(0, timeoutMicros - wayMicros)
    const answered = (error: RangeError | undefined, response: Response | undefined): void => {
      const answer = AnswerCodec.encode(error ?? response!)
      const message = "the answer is larger than what stores can send each other: ask for fewer keys"
      reply(answer.length > bytesMax ? AnswerCodec.encode(new Refused({ message })) : answer)
    }
    this.parts.submit({ ...asked, timeoutMicros: leftMicros }, answered, from)
  }
}
