/**
 * Relay: carries a client's connection to the node that has the data, byte for byte, both ways: so any node serves any key, and what a session is
 * lives in one place. When either end is over, so is the other.
 *
 * A relayed connection begins with a line that says so, and whose it is: it is not relayed again, however little a node knows of who has the
 * data by then. Every other connection that comes in is looked at only as far as it might be such a line.
 *
 * With `via`, the line says through whom the client comes, too: who has the data tells such a client so, instead of serving it.
 */
import * as Latin1 from "#base/Latin1.ts"
import { type Address, addressKey, type Connection, type Port, type StreamSink } from "#world/Net.ts"
import type { Via } from "./Topology.ts"

/** No command of Redis begins like that. */
const word = "ORBIT-RELAY "
const lineBytesMax = 512

/** What hears of one end, and tells the other. What has come is lent, and may have to wait here. */
const sink = (own: () => Connection, other: () => Connection): StreamSink => ({
  opened: () => {},
  data: (chunk) => {
    if (!other().write(chunk.slice())) own().pause()
  },
  drained: () => other().resume(),
  ended: () => other().end(),
  closed: (error) => {
    if (error === undefined) other().end()
    else other().reset()
  }
})

/** What hears of the client's connection from now on. */
export const relay = (port: Port, client: Connection, owner: Address, via?: Via): StreamSink => {
  const toClient = sink(
    () => server,
    () => client
  )
  const server: Connection = port.dial(owner, toClient)
  const through = via === undefined ? "" : ` ${via.id} ${via.host} ${via.port}`
  // Paths may have anything in them.
  const own = addressKey(client.remote).replaceAll(/[^!-~]/g, "?")
  server.write(Latin1.encode(`${word}${own}${through}\r\n`))
  return sink(
    () => client,
    () => server
  )
}

const joined = (first: Uint8Array, second: Uint8Array): Uint8Array => {
  if (first.length === 0) return second
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}

/** Who takes a connection, once it is known where it comes from: `client` if a node relays it. */
export type Choose = (relayed: Relayed | undefined) => StreamSink

interface Relayed {
  readonly client: string
  readonly via?: Via
}

const relayedBy = (line: string): Relayed => {
  const [client, id, host, port] = line.split(" ")
  return port === undefined ? { client } : { client, via: { id, host, port: Number(port) } }
}

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
    this.to?.closed(error)
  }
}
