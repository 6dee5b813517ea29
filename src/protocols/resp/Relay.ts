/**
 * Relay: how the nodes of a cluster come in at each other's doors, each for one client of its own: such a connection begins with a line that says so,
 * whose it is, and what only nodes of this cluster know. What follows are commands as of any client.
 *
 * Every other connection that comes in is looked at only as far as it might be such a line.
 */
import * as Latin1 from "#base/Latin1.ts"
import type { Connection, StreamSink } from "#world/Net.ts"

/** No command of Redis begins like that. */
const word = "ORBIT-RELAY "
const lineBytesMax = 512

/** Who comes through another node. */
export interface Relayed {
  /** Its address, as `host:port`. */
  readonly client: string
  readonly pass: string
  /** The number of the node that it is connected to. */
  readonly front: number
}

/** What such a connection begins with. */
export const lineOf = ({ client, front, pass }: Relayed): string =>
  // Paths may have anything in them.
  `${word}${client.replaceAll(/[^!-~]/g, "?")} ${pass} ${front}\r\n`

/** What it is told whose pass is another one. */
export const wrongPass = "ERR this node does not know that pass: ask again"

const relayedBy = (line: string): Relayed => {
  const [client, pass = "", front = ""] = line.split(" ")
  return { client, pass, front: Number(front) }
}

const joined = (first: Uint8Array, second: Uint8Array): Uint8Array => {
  if (first.length === 0) return second
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}

/** Who takes a connection, once it is known where it comes from; undefined: from a client. */
export type Choose = (relayed: Relayed | undefined) => StreamSink

/** A connection whose first bytes have not come. */
export class Arrival implements StreamSink {
  private to: StreamSink | undefined
  private first: Uint8Array = new Uint8Array(0)
  private readonly choose: Choose

  constructor(choose: Choose) {
    this.choose = choose
  }

  opened(): void {}

  data(chunk: Uint8Array): void {
    if (this.to !== undefined) return this.to.data(chunk)
    const bytes = joined(this.first, chunk)
    const text = Latin1.decode(bytes, 0, Math.min(bytes.length, lineBytesMax))
    const isLine = text.startsWith(word.slice(0, text.length))
    const end = isLine ? text.indexOf("\r\n") : -1
    if (isLine && end < 0 && bytes.length < lineBytesMax) {
      this.first = bytes.slice()
      return
    }
    this.to = this.choose(end < 0 ? undefined : relayedBy(text.slice(word.length, end)))
    const from = end < 0 ? 0 : end + 2
    if (from < bytes.length) this.to.data(from === 0 ? bytes : bytes.subarray(from))
  }

  drained(): void {
    this.to?.drained()
  }

  ended(): void {
    this.to ??= this.choose(undefined)
    this.to.ended()
  }

  closed(error: Parameters<StreamSink["closed"]>[0]): void {
    this.to ??= this.choose(undefined)
    this.to.closed(error)
  }
}

/** Who is not let in: nothing that it says is heard. */
export const nobody: StreamSink = {
  opened: () => {},
  data: () => {},
  drained: () => {},
  ended: () => {},
  closed: () => {}
}

/** Tells the other end why it is not let in, and ends the connection. */
export const refuse = (connection: Connection, problem: string): StreamSink => {
  connection.write(Latin1.encode(`-${problem}\r\n`))
  connection.end()
  return nobody
}
