/**
 * Frame: the bytes of frames on a connection, pure. `docs/wire.md` has the table.
 *
 * The header and the payload have a checksum each: a length that was damaged is found before anybody waits for so many bytes. The
 * header's begins from the frame's number in its connection, so a frame that is missing, repeated or out of place is found as
 * well, whatever is between two stores.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as Limits from "#base/Limits.ts"

export const headerBytes = 13

/** What stands in a header where others have their lane: nothing is sent, and the sender lives. */
export const keepAlive = 4

const checksumOf = (bytes: Uint8Array, at: number, number: number): number =>
  crc32c(bytes, at + 4, number >>> 0, at + headerBytes)

/** Puts header and payload where there is room for both. */
export const put = (
  bytes: Uint8Array,
  at: number,
  frame: { readonly lane: number; readonly number: number; readonly payload: Uint8Array }
): void => {
  const { lane, number, payload } = frame
  assert(payload.length <= Limits.frameBytesMax, "a frame has at most Limits.frameBytesMax bytes")
  Bytes.putU32(bytes, at + 4, payload.length)
  bytes[at + 8] = lane
  Bytes.putU32(bytes, at + 9, crc32c(payload))
  Bytes.putU32(bytes, at, checksumOf(bytes, at, number))
  bytes.set(payload, at + headerBytes)
}

const noBytes: Uint8Array = new Uint8Array(0)

/** Why a stream of frames cannot be read on: a checksum that does not match, or a header that no sender writes. */
export type Problem = "header" | "lane" | "length" | "payload"

/** Takes the frames out of the chunks of one connection. A frame within one chunk is a view of it. */
export class Reader {
  /** Frames that were read. */
  number = 0
  private chunk = noBytes
  private at = 0
  private readonly head = new Uint8Array(headerBytes)
  private headFilled = 0
  /** Of the frame whose header was read; -1: none was. */
  private payloadBytes = -1
  private lane = 0
  private checksum = 0
  /** A payload that came in parts, as far as it is here. */
  private body: Uint8Array | undefined
  private bodyFilled = 0

  /**
   * Visits each frame that the chunk completes, while `visit` returns true. After a problem, or after false, nothing more may be
   * read.
   */
  read(chunk: Uint8Array, visit: (lane: number, payload: Uint8Array) => boolean): Problem | undefined {
    this.chunk = chunk
    this.at = 0
    for (;;) {
      if (this.payloadBytes < 0) {
        const problem = this.takeHead()
        if (problem !== undefined) return problem
        if (this.payloadBytes < 0) return undefined
      }
      const payload = this.takePayload()
      if (payload === undefined) return undefined
      if (crc32c(payload) !== this.checksum) return "payload"
      this.number++
      this.payloadBytes = -1
      if (!visit(this.lane, payload)) return undefined
    }
  }

  private takeHead(): Problem | undefined {
    const { at, chunk, head } = this
    // Mostly a chunk ends where a frame does.
    if (at === chunk.length) return undefined
    if (this.headFilled === 0 && chunk.length - at >= headerBytes) {
      this.at = at + headerBytes
      return this.open(chunk, at)
    }
    const end = Math.min(chunk.length, at + headerBytes - this.headFilled)
    head.set(chunk.subarray(at, end), this.headFilled)
    this.headFilled += end - at
    this.at = end
    if (this.headFilled < headerBytes) return undefined
    this.headFilled = 0
    return this.open(head, 0)
  }

  private open(bytes: Uint8Array, at: number): Problem | undefined {
    if (Bytes.getU32(bytes, at) !== checksumOf(bytes, at, this.number)) return "header"
    const payloadBytes = Bytes.getU32(bytes, at + 4)
    const lane = bytes[at + 8]
    if (lane > keepAlive || (lane === keepAlive && payloadBytes > 0)) return "lane"
    if (payloadBytes > Limits.frameBytesMax) return "length"
    this.payloadBytes = payloadBytes
    this.lane = lane
    this.checksum = Bytes.getU32(bytes, at + 9)
    return undefined
  }

  /** Undefined: the chunk is spent before the payload is whole. */
  private takePayload(): Uint8Array | undefined {
    const { at, chunk, payloadBytes } = this
    const missingBytes = payloadBytes - this.bodyFilled
    const end = Math.min(chunk.length, at + missingBytes)
    this.at = end
    const isWhole = end - at === missingBytes
    if (isWhole && this.bodyFilled === 0) return chunk.subarray(at, end)
    if (end === at) return undefined
    this.body ??= Bytes.allocate(payloadBytes)
    const { body } = this
    body.set(chunk.subarray(at, end), this.bodyFilled)
    this.bodyFilled += end - at
    if (!isWhole) return undefined
    this.body = undefined
    this.bodyFilled = 0
    return body
  }
}
