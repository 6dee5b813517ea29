/**
 * RealNet: TCP and UDP of this machine as the `Net` port.
 *
 * Host names are resolved by the operating system; an address says what the caller gave (`listen`, `bind`, `dial`) or what the
 * system reports (the far side of an accepted connection, the sender of a datagram: numbers, not names).
 *
 * `close` lets go of every socket at once, as the end of a process does: their descriptors are closed when it returns, no
 * sink is called afterwards, and another RealNet may listen at the same addresses.
 */
import * as dns from "node:dns"
import * as net from "node:net"
import * as Net from "../Net.ts"
import type { Trace } from "../Trace.ts"
import * as NetFault from "./NetFault.ts"
import { plainHost, RealConnection } from "./RealConnection.ts"
import { RealDatagrams } from "./RealDatagrams.ts"
import type { RealTimers } from "./RealTimers.ts"
import { Resolver } from "./Resolver.ts"

const dialTimeoutMillis = 10_000

/** Established connections that wait to be accepted; the system's own bound (somaxconn) may be lower. */
const acceptBacklog = 1_024

const portMax = 65_535

const noSuchPort: NodeJS.ErrnoException = Object.assign(new Error("no such port"), { code: "ERR_SOCKET_BAD_PORT" })

export class RealNet implements Net.Port {
  private readonly timers: RealTimers
  private readonly trace: Trace["Service"]
  private readonly resolver: Resolver
  private readonly connections = new Set<RealConnection>()
  private readonly servers = new Set<net.Server>()
  private readonly datagrams = new Set<RealDatagrams>()
  private closed = false

  constructor(options: { readonly timers: RealTimers; readonly trace: Trace["Service"] }) {
    this.timers = options.timers
    this.trace = options.trace
    this.resolver = new Resolver(options.timers)
  }

  bind(address: Net.Address, sink: Net.DatagramSink, done: Net.Done<Net.DatagramSocket | undefined>): void {
    if (this.closed) return
    const fail = (error: NodeJS.ErrnoException): void => {
      if (!this.closed) done(NetFault.ofAddress(error, Net.addressKey(address)), undefined)
    }
    // Also for an address in numbers, which comes back as it is: the family decides the kind of socket.
    dns.lookup(address.host, (error, host, family) => {
      if (error !== null) return fail(error)
      if (this.closed) return
      // Node takes the lower 16 bits of whatever it is given.
      if (!(address.port >= 0 && address.port <= portMax)) return fail(noSuchPort)
      const socket = new RealDatagrams({
        address,
        family: family === 6 ? 6 : 4,
        resolver: this.resolver,
        sink,
        onClosed: (socket) => this.datagrams.delete(socket)
      })
      this.datagrams.add(socket)
      socket.bind(host, address.port, (error) => (error === undefined ? done(undefined, socket) : fail(error)))
    })
  }

  listen(
    address: Net.Address,
    accept: (connection: Net.Connection) => Net.StreamSink,
    done: Net.Done<Net.Closable | undefined>
  ): void {
    if (this.closed) return
    const server = net.createServer({ allowHalfOpen: true, noDelay: true })
    const fail = (error: NodeJS.ErrnoException): void => {
      this.servers.delete(server)
      if (!this.closed) done(NetFault.ofAddress(error, Net.addressKey(address)), undefined)
    }
    this.servers.add(server)
    server.on("connection", (socket) => {
      if (this.servers.has(server)) this.accept(socket, accept)
      else socket.destroy()
    })
    server.on("error", (error: NodeJS.ErrnoException) => {
      if (!server.listening) return fail(error)
      this.trace.emit("warn", "world/accept-failed", {
        address: Net.addressKey(address),
        reason: error.code ?? error.message
      })
    })
    server.on("listening", () => {
      // Closed while its host name was being resolved.
      if (!this.servers.has(server)) return void server.close()
      done(undefined, {
        address: { host: address.host, port: (server.address() as net.AddressInfo).port },
        close: () => {
          if (this.servers.delete(server)) server.close()
        }
      })
    })
    try {
      server.listen({ host: address.host, port: address.port, backlog: acceptBacklog, exclusive: true })
    } catch (error) {
      setImmediate(() => fail(error as NodeJS.ErrnoException))
    }
  }

  dial(address: Net.Address, sink: Net.StreamSink, options: Net.DialOptions = {}): Net.Connection {
    const socket = new net.Socket({ allowHalfOpen: true })
    const connection = new RealConnection({ socket, remote: address, established: false, onClosed: this.onClosed })
    connection.attach(sink)
    if (this.closed) {
      connection.abandon()
      return connection
    }
    this.connections.add(connection)
    socket.setNoDelay(true)
    try {
      socket.connect({ host: address.host, port: address.port })
      connection.limitDial(this.timers, options.timeoutMillis ?? dialTimeoutMillis)
    } catch (error) {
      connection.failDial(error as NodeJS.ErrnoException)
    }
    return connection
  }

  /** Lets go of every socket; no sink is called any more. */
  close(): void {
    this.closed = true
    for (const connection of this.connections) connection.abandon()
    for (const socket of this.datagrams) socket.close()
    for (const server of this.servers) server.close()
    this.connections.clear()
    this.datagrams.clear()
    this.servers.clear()
  }

  private accept(socket: net.Socket, accept: (connection: Net.Connection) => Net.StreamSink): void {
    const remote = { host: plainHost(socket.remoteAddress ?? ""), port: socket.remotePort ?? 0 }
    const connection = new RealConnection({ socket, remote, established: true, onClosed: this.onClosed })
    this.connections.add(connection)
    connection.attach(accept(connection))
  }

  private readonly onClosed = (connection: RealConnection): void => {
    this.connections.delete(connection)
  }
}
