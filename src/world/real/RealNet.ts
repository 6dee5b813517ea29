/**
 * RealNet: TCP and UDP of this machine as the `Net` port.
 *
 * Host names are resolved by the operating system; an address says what the caller gave (`listen`, `bind`, `dial`) or what the
 * system reports (the far side of an accepted connection, the sender of a datagram: numbers, not names).
 *
 * TLS between stores is version 1.3 alone: every store is Orbit's own, so nothing older is ever needed.
 *
 * `close` lets go of every socket at once, as the end of a process does: their descriptors are closed when it returns, no
 * sink is called afterwards, and another RealNet may listen at the same addresses.
 */
import * as dns from "node:dns"
import * as net from "node:net"
import * as tls from "node:tls"
import * as Net from "../Net.ts"
import type { Trace } from "../Trace.ts"
import type { NetError } from "../WorldError.ts"
import * as NetFault from "./NetFault.ts"
import { plainHost, RealConnection } from "./RealConnection.ts"
import { RealDatagrams } from "./RealDatagrams.ts"
import type { RealTimers } from "./RealTimers.ts"
import { Resolver } from "./Resolver.ts"
import * as SocketFile from "./SocketFile.ts"

const dialTimeoutMillis = 10_000

/** Established connections that wait to be accepted; the system's own bound (somaxconn) may be lower. */
const acceptBacklog = 1_024

const portMax = 65_535

/** Time for the handshake of TLS on an accepted connection. */
const handshakeTimeoutMillis = 10_000

/** Where all connections read that lend what they have read: one after the other. */
const lent = new Uint8Array(65_536)

const contextOf = ({ authority, certificate, key }: Net.Credentials): tls.SecureContextOptions => ({
  key: Buffer.from(key),
  cert: Buffer.from(certificate),
  ...(authority.length === 0 ? {} : { ca: Buffer.from(authority) }),
  minVersion: "TLSv1.3"
})

/** What comes from programs of others may be older. */
const serverContextOf = (credentials: NonNullable<Net.ListenOptions["tls"]>): tls.SecureContextOptions => ({
  ...contextOf(credentials),
  ...((credentials.clients ?? "stores") === "stores" ? {} : { minVersion: "TLSv1.2" })
})

const isWelcome = (socket: tls.TLSSocket, clients: Net.TlsClients): boolean => {
  if (socket.authorized || clients === "none") return true
  return clients === "optional" && Object.keys(socket.getPeerCertificate()).length === 0
}

const farEnd = (socket: net.Socket): string => `${plainHost(socket.remoteAddress ?? "")}:${socket.remotePort ?? 0}`

const noSuchPort: NodeJS.ErrnoException = Object.assign(new Error("no such port"), { code: "ERR_SOCKET_BAD_PORT" })

/** Throws when the credentials do not read, or when there is no such port. */
const connectSecurely = ({ host, port }: Net.Address, credentials: NonNullable<Net.DialOptions["tls"]>): net.Socket => {
  // Thrown by Node itself it would leave a socket behind.
  if (!(port >= 0 && port <= portMax)) throw noSuchPort
  // The name is also what is looked for in the certificate.
  const options = { ...contextOf(credentials), host, port, servername: credentials.name, allowHalfOpen: true }
  return tls.connect(options)
}

export class RealNet implements Net.Port {
  private readonly timers: RealTimers
  private readonly trace: Trace["Service"]
  private readonly resolver: Resolver
  private readonly connections = new Set<RealConnection>()
  private readonly servers = new Set<net.Server>()
  private readonly datagrams = new Set<RealDatagrams>()
  /** Accepted connections that are in the handshake of TLS. */
  private readonly handshaking = new Map<string, net.Socket>()
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
    done: Net.Done<Net.Closable | undefined>,
    options: Net.ListenOptions = {}
  ): void {
    if (this.closed) return
    const fail = (error: NetError): void => {
      if (!this.closed) done(error, undefined)
    }
    let server: net.Server
    try {
      server =
        options.tls === undefined
          ? this.plainServer(accept, options.lendsReads === true, Net.isPath(address) ? address : undefined)
          : this.secureServer(options.tls, accept)
    } catch (error) {
      const fault = NetFault.ofSecureDial(error as NodeJS.ErrnoException, Net.addressKey(address))
      return void setImmediate(() => fail(fault))
    }
    if (!Net.isPath(address)) return this.start(server, address, done, options.tls)
    this.startAtPath(server, address, done, options.path)
  }

  /** `path`: where it will listen, if that is one: both ends of its connections are known by it. */
  private plainServer(
    accept: (connection: Net.Connection) => Net.StreamSink,
    lendsReads: boolean,
    path: Net.Address | undefined
  ): net.Server {
    const server = net.createServer({ allowHalfOpen: true, noDelay: path === undefined, pauseOnConnect: lendsReads })
    server.on("connection", (socket) => {
      if (!this.servers.has(server)) socket.destroy()
      else if (lendsReads) this.acceptLending(socket, accept, path)
      else this.accept(socket, accept, path)
    })
    return server
  }

  /**
   * The connection as a socket that reads into memory of ours: for each read Node takes 64 KiB otherwise, a sixth of what a small request costs.
   * Node has that for sockets that dial (`onread`); one that was accepted has to be made anew around what it stands for.
   */
  private acceptLending(
    accepted: net.Socket,
    accept: (connection: Net.Connection) => Net.StreamSink,
    path: Net.Address | undefined
  ): void {
    const holder = accepted as unknown as { _handle: object | null }
    const handle = holder._handle
    holder._handle = null
    accepted.destroy()
    const read = (sizeBytes: number, buffer: Uint8Array): boolean => {
      connection.read(buffer.subarray(0, sizeBytes))
      return true
    }
    const options = { handle, allowHalfOpen: true, onread: { buffer: lent, callback: read } }
    const connection = this.accept(new net.Socket(options as net.SocketConstructorOpts), accept, path)
  }

  private secureServer(
    credentials: NonNullable<Net.ListenOptions["tls"]>,
    accept: (connection: Net.Connection) => Net.StreamSink
  ): net.Server {
    const { clients = "stores" } = credentials
    const server = tls.createServer({
      ...serverContextOf(credentials),
      requestCert: clients !== "none",
      // Who is not believed is turned away below, where its address and the reason are known.
      rejectUnauthorized: false,
      allowHalfOpen: true,
      noDelay: true,
      handshakeTimeout: handshakeTimeoutMillis
    })
    const refuse = (socket: tls.TLSSocket, reason: string): void => {
      this.trace.emit("warn", "world/tls-refused", { address: farEnd(socket), reason })
      socket.destroy()
    }
    server.on("connection", (socket) => {
      const key = farEnd(socket)
      this.handshaking.set(key, socket)
      socket.once("close", () => {
        if (this.handshaking.get(key) === socket) this.handshaking.delete(key)
      })
    })
    server.on("secureConnection", (socket) => {
      this.handshaking.delete(farEnd(socket))
      if (!this.servers.has(server)) socket.destroy()
      else if (isWelcome(socket, clients)) this.accept(socket, accept)
      else refuse(socket, String(socket.authorizationError))
    })
    server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
      this.handshaking.delete(farEnd(socket))
      if (!this.closed) refuse(socket, error.code ?? error.message)
    })
    return server
  }

  private start(
    server: net.Server,
    address: Net.Address,
    done: Net.Done<Net.Closable | undefined>,
    secured: Net.ListenOptions["tls"]
  ): void {
    const fail = (error: NodeJS.ErrnoException): void => {
      this.servers.delete(server)
      if (!this.closed) done(NetFault.ofAddress(error, Net.addressKey(address)), undefined)
    }
    this.servers.add(server)
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
        ...(server instanceof tls.Server && secured !== undefined
          ? { renew: (own: Net.Credentials) => server.setSecureContext(serverContextOf({ ...secured, ...own })) }
          : {}),
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

  private startAtPath(
    server: net.Server,
    address: Net.Address,
    done: Net.Done<Net.Closable | undefined>,
    options: Net.PathOptions = {}
  ): void {
    this.servers.add(server)
    SocketFile.listen(server, address.host, options, acceptBacklog, (error) => {
      if (!this.servers.has(server)) return void server.close()
      if (error !== undefined) {
        this.servers.delete(server)
        server.close()
        return done(error, undefined)
      }
      server.on("error", (error: NodeJS.ErrnoException) => {
        this.trace.emit("warn", "world/accept-failed", { address: address.host, reason: error.code ?? error.message })
      })
      done(undefined, {
        address,
        close: () => {
          if (this.servers.delete(server)) server.close()
        }
      })
    })
  }

  dial(address: Net.Address, sink: Net.StreamSink, options: Net.DialOptions = {}): Net.Connection {
    let socket = new net.Socket({ allowHalfOpen: true })
    let failure: NetError | undefined
    try {
      if (options.tls !== undefined && !this.closed) socket = connectSecurely(address, options.tls)
      else if (!this.closed)
        socket.connect(Net.isPath(address) ? { path: address.host } : { host: address.host, port: address.port })
    } catch (error) {
      const ofDial = options.tls === undefined ? NetFault.ofAddress : NetFault.ofSecureDial
      failure = ofDial(error as NodeJS.ErrnoException, Net.addressKey(address))
    }
    const connection = new RealConnection({ socket, remote: address, established: false, onClosed: this.onClosed })
    connection.attach(sink)
    if (this.closed) {
      connection.abandon()
      return connection
    }
    this.connections.add(connection)
    socket.setNoDelay(true)
    if (failure === undefined) connection.limitDial(this.timers, options.timeoutMillis ?? dialTimeoutMillis)
    else connection.failDial(failure)
    return connection
  }

  /** Lets go of every socket; no sink is called any more. */
  close(): void {
    this.closed = true
    for (const connection of this.connections) connection.abandon()
    for (const socket of this.datagrams) socket.close()
    for (const server of this.servers) server.close()
    for (const socket of this.handshaking.values()) socket.destroy()
    this.handshaking.clear()
    this.connections.clear()
    this.datagrams.clear()
    this.servers.clear()
  }

  private accept(
    socket: net.Socket,
    accept: (connection: Net.Connection) => Net.StreamSink,
    path?: Net.Address
  ): RealConnection {
    const remote = path ?? { host: plainHost(socket.remoteAddress ?? ""), port: socket.remotePort ?? 0 }
    const connection = new RealConnection({ socket, remote, established: true, onClosed: this.onClosed })
    this.connections.add(connection)
    connection.attach(accept(connection))
    return connection
  }

  private readonly onClosed = (connection: RealConnection): void => {
    this.connections.delete(connection)
  }
}
