/**
 * Connection: a client's connection to one of the servers, and to the next one when that breaks or is silent. Commands go out together, in pieces
 * of any size, and their replies come in their order.
 *
 * What was sent on a connection that broke may have been carried out: `broken` says so. Nothing is sent again.
 */
import * as Latin1 from "#base/Latin1.ts"
import { type Address, type Connection as Stream, type Net, type StreamSink } from "#world/Net.ts"
import type { Timers } from "#world/Timers.ts"
import * as Replies from "./Replies.ts"

/** Of each command, in their order. */
export type Answered =
  | { readonly type: "replies"; readonly replies: ReadonlyArray<Replies.Reply> }
  | { readonly type: "broken"; readonly reason: string }

interface Pending {
  readonly count: number
  readonly replies: Array<Replies.Reply>
  readonly done: (answered: Answered) => void
}

const timeoutMicrosMax = 1_500_000
const tickets = { timeout: 0 } as const

export class Connection {
  private readonly net: Net["Service"]
  private readonly servers: ReadonlyArray<Address>
  private readonly timer: ReturnType<Timers["Service"]["attach"]>
  private readonly timeoutMicrosMin: number
  private timeoutMicros: number
  private server: number
  private stream: Stream | undefined
  private replies = new Replies.Replies()
  private pending: Pending | undefined

  constructor(parts: {
    readonly net: Net["Service"]
    readonly timers: Timers["Service"]
    readonly servers: ReadonlyArray<Address>
    readonly first: number
    /** Without a reply for so long it goes elsewhere; where it has gone in vain, twice as long, up to the usual time. */
    readonly timeoutMicros?: number
  }) {
    this.timeoutMicrosMin = parts.timeoutMicros ?? timeoutMicrosMax
    this.timeoutMicros = this.timeoutMicrosMin
    this.net = parts.net
    this.servers = parts.servers
    this.server = parts.first % parts.servers.length
    this.timer = parts.timers.attach({ fired: () => this.timedOut() })
  }

  /** One call at a time. `cutAt`: only so many bytes are sent, and then the connection is broken. */
  call(commands: ReadonlyArray<ReadonlyArray<string>>, done: (answered: Answered) => void, cutAt?: number): void {
    this.stream ??= this.dial()
    this.pending = { count: commands.length, replies: [], done }
    this.timer.set(tickets.timeout, this.timeoutMicros)
    const bytes = Latin1.encode(commands.map(Replies.encode).join(""))
    if (cutAt === undefined) this.stream.write(bytes)
    else {
      this.stream.write(bytes.subarray(0, Math.min(cutAt, bytes.length)))
      this.stream.end()
    }
  }

  /** Whatever was begun on it is over, and the next call goes to another server. */
  leave(): void {
    const { stream } = this
    this.stream = undefined
    this.server = (this.server + 1) % this.servers.length
    stream?.reset()
  }

  private dial(): Stream {
    this.replies = new Replies.Replies()
    const mine = (act: () => void) => (): void => {
      if (this.stream === stream) act()
    }
    const sink: StreamSink = {
      opened: () => {},
      data: (chunk) => {
        if (this.stream === stream) this.data(chunk)
      },
      drained: () => {},
      ended: mine(() => this.broken("the server ended it")),
      closed: mine(() => this.broken("the connection broke"))
    }
    const stream: Stream = this.net.port.dial(this.servers[this.server], sink, { timeoutMillis: 1_000 })
    return stream
  }

  private data(chunk: Uint8Array): void {
    for (const reply of this.replies.take(chunk)) {
      const { pending } = this
      if (pending === undefined) continue
      pending.replies.push(reply)
      if (pending.replies.length < pending.count) continue
      this.timeoutMicros = this.timeoutMicrosMin
      this.end(pending, { type: "replies", replies: pending.replies })
    }
  }

  private timedOut(): void {
    this.timeoutMicros = Math.min(2 * this.timeoutMicros, timeoutMicrosMax)
    this.broken("no reply")
  }

  private broken(reason: string): void {
    const { pending } = this
    this.leave()
    if (pending !== undefined) this.end(pending, { type: "broken", reason })
  }

  private end(pending: Pending, answered: Answered): void {
    this.pending = undefined
    this.timer.clear(tickets.timeout)
    pending.done(answered)
  }
}
