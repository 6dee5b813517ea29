/** Asked: what each client asked for last, as a judge hears it: what an answer means depends on its request. */
import { getU32 } from "#base/Bytes.ts"
import type { Sent } from "#sim/run/Judge.ts"
import * as Call from "./Call.ts"

/** Of a request: kind, client, number. Of an answer: kind, number. */
const requestHeadBytes = 9
export const answerHeadBytes = 5

export class Asked {
  private readonly servers: number
  private readonly requests: Array<Uint8Array | undefined> = []

  constructor(servers: number) {
    this.servers = servers
  }

  /** Hears a datagram of a client. False: it is a server's. */
  hears({ bytes, from }: Sent): boolean {
    if (from < this.servers) return false
    if (bytes[0] === Call.kinds.request && bytes.length > requestHeadBytes) this.requests[from - this.servers] = bytes
    return true
  }

  /** What a server answers here, and to whom; undefined: it answers nothing that is still asked. */
  answeredBy({
    bytes,
    to
  }: Sent): { readonly client: number; readonly number: number; readonly body: Uint8Array } | undefined {
    if (to < this.servers || bytes[0] !== Call.kinds.answer || bytes.length < answerHeadBytes) return undefined
    const client = to - this.servers
    const request = this.requests[client]
    const number = getU32(bytes, 1)
    if (request === undefined || getU32(request, 5) !== number) return undefined
    return { client, number, body: request.subarray(requestHeadBytes) }
  }
}
