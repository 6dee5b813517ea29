/**
 * RealDatagrams: one UDP socket over `node:dgram`.
 *
 * Promises: a datagram goes out in one system call or is dropped; an error of the system on the way (no route, a full buffer, a
 * refused port) is loss, which the contract allows and callers live with. Host names are resolved by `Resolver`, which
 * keeps its answers for a while: the system's resolver takes a thread of the pool, far too much for each datagram.
 */
import * as dgram from "node:dgram"
import * as net from "node:net"
import * as Limits from "#base/Limits.ts"
import type * as Net from "../Net.ts"
import { plainHost } from "./RealConnection.ts"
import type { Resolver } from "./Resolver.ts"

/** With a callback of its own a failed send is not an event of the socket: the datagram is lost. */
const lost = (): void => {}

export class RealDatagrams implements Net.DatagramSocket {
  private readonly socket: dgram.Socket
  private readonly family: 4 | 6
  private readonly resolver: Resolver
  private readonly sink: Net.DatagramSink
  private readonly onClosed: (socket: RealDatagrams) => void
  private host: string
  private port = 0
  private closed = false

  constructor(options: {
    readonly address: Net.Address
    readonly family: 4 | 6
    readonly resolver: Resolver
    readonly sink: Net.DatagramSink
    readonly onClosed: (socket: RealDatagrams) => void
  }) {
    this.socket = dgram.createSocket({ type: options.family === 4 ? "udp4" : "udp6" })
    this.family = options.family
    this.resolver = options.resolver
    this.sink = options.sink
    this.onClosed = options.onClosed
    this.host = options.address.host
  }

  /** `done` is called once, later. The socket must not be used before it is bound. */
  bind(host: string, port: number, done: (error: NodeJS.ErrnoException | undefined) => void): void {
    let bound = false
    this.socket.on("message", this.whenReceived)
    this.socket.on("error", (error) => {
      // Once bound: what the system says of an earlier datagram's fate. It is lost, no more.
      if (bound || this.closed) return
      this.close()
      done(error)
    })
    this.socket.on("listening", () => {
      bound = true
      this.port = this.socket.address().port
      if (!this.closed) done(undefined)
    })
    this.socket.bind({ address: host, port, exclusive: true })
  }

  get address(): Net.Address {
    return { host: this.host, port: this.port }
  }

  send(to: Net.Address, bytes: Uint8Array): void {
    if (this.closed || bytes.length > Limits.datagramBytesMax || !(to.port > 0 && to.port < 65536)) return
    if (net.isIP(to.host) === this.family) {
      this.socket.send(bytes, to.port, to.host, lost)
      return
    }
    this.resolver.resolve(to.host, this.family, (host) => {
      if (host !== undefined && !this.closed) this.socket.send(bytes, to.port, host, lost)
    })
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.socket.close()
    this.onClosed(this)
  }

  private readonly whenReceived = (bytes: Buffer, from: dgram.RemoteInfo): void => {
    if (this.closed) return
    this.sink.received(
      { host: plainHost(from.address), port: from.port },
      new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    )
  }
}
