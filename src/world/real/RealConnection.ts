/**
 * RealConnection: one TCP connection over `node:net`, telling its sink what happens to it.
 *
 * Promises, with `Net.ts`: chunks reach the sink as they leave the system, without copy and without a Promise; small
 * writes go out at once (no Nagle delay: callers gather a turn's frames into one write themselves); `closed` comes
 * exactly once and last; nothing is told after it, and after a local `reset` nothing else. Node calls its listeners from
 * the event loop or from the next tick, never from within the calls made here, which is what the contract asks.
 *
 * Chunks are handed on as plain `Uint8Array`: Node's `Buffer` has a `slice` that shares where `Uint8Array`'s copies,
 * and a program that came to rely on it would behave differently in the simulator.
 */
import type { Socket } from "node:net"
import { TLSSocket } from "node:tls"
import * as Limits from "#base/Limits.ts"
import * as Net from "../Net.ts"
import type { NetError } from "../WorldError.ts"
import { Alarm } from "../DeadlineHeap.ts"
import * as NetFault from "./NetFault.ts"
import type { RealTimers } from "./RealTimers.ts"

/** What of Node's own handles is used here. */
interface Resettable {
  readonly _parent?: Resettable
  reset?: (done: () => void) => void
}

/** The DNS names in the certificate of the other end. Node puts a name with anything unusual in it in quotes. */
const namesOf = (socket: TLSSocket): ReadonlyArray<string> =>
  (socket.getPeerCertificate().subjectaltname ?? "")
    .split(", ")
    .flatMap((name) => (name.startsWith("DNS:") ? [name.slice("DNS:".length)] : []))

/** `dialing` until established, `open`, `broken` by this side until the socket is gone, then `closed`. */
type Phase = "dialing" | "open" | "broken" | "closed"

export class RealConnection implements Net.Connection {
  readonly remote: Net.Address
  private readonly socket: Socket
  private readonly onClosed: (connection: RealConnection) => void
  private sink: Net.StreamSink | undefined
  private phase: Phase
  /** The system knows of the socket. */
  private attempted: boolean
  private localHost = ""
  private localPort = 0
  private names: ReadonlyArray<string> | undefined
  private endedHere = false
  private endedThere = false
  private wantsDrain = false
  private error: NetError | undefined
  private deadline: { readonly alarm: Alarm; readonly timers: RealTimers } | undefined

  constructor(options: {
    readonly socket: Socket
    readonly remote: Net.Address
    readonly established: boolean
    readonly onClosed: (connection: RealConnection) => void
  }) {
    this.socket = options.socket
    this.remote = options.remote
    this.onClosed = options.onClosed
    this.phase = options.established ? "open" : "dialing"
    this.attempted = options.established
    if (options.established) this.learnEnds()
    const socket = this.socket
    socket.once("connectionAttempt", this.whenAttempted)
    socket.on(socket instanceof TLSSocket ? "secureConnect" : "connect", this.whenConnected)
    socket.on("data", this.whenData)
    socket.on("drain", this.whenDrained)
    socket.on("end", this.whenEnded)
    socket.on("error", this.whenFailed)
    socket.on("close", this.whenClosed)
  }

  /** To be called in the turn in which the connection was made. */
  attach(sink: Net.StreamSink): void {
    this.sink = sink
  }

  /** Breaks the dial off with `timeout` when it is not established by then. */
  limitDial(timers: RealTimers, timeoutMillis: number): void {
    const alarm = new Alarm(() => {
      if (this.phase !== "dialing") return
      this.phase = "broken"
      this.error = NetFault.make(
        "timeout",
        Net.addressKey(this.remote),
        `not established within ${timeoutMillis} ms; the peer may be dead or cut off, so try again later`
      )
      this.tearDown()
    })
    this.deadline = { alarm, timers }
    timers.set(alarm, timeoutMillis * 1000)
  }

  /** Ends a dial that could not even begin; told later, as every end is. */
  failDial(error: NetError): void {
    this.error = error
    this.socket.destroy()
  }

  /** Where this side is; port 0 until a dialled connection is established. */
  get local(): Net.Address {
    return { host: this.localHost, port: this.localPort }
  }

  get peerNames(): ReadonlyArray<string> | undefined {
    return this.names
  }

  write(bytes: Uint8Array): boolean {
    if (this.endedHere || this.phase === "broken" || this.phase === "closed") return false
    if (bytes.length > 0) this.socket.write(bytes)
    if (this.socket.writableLength <= Limits.connectionBufferedBytesMax) return true
    this.wantsDrain = true
    return false
  }

  get bufferedBytes(): number {
    return this.socket.writableLength
  }

  end(): void {
    if (this.endedHere || this.phase === "broken" || this.phase === "closed") return
    this.endedHere = true
    this.socket.end()
  }

  reset(): void {
    if (this.phase === "broken" || this.phase === "closed") return
    this.error = NetFault.make("reset", Net.addressKey(this.remote), "this side broke the connection")
    this.phase = "broken"
    this.tearDown()
  }

  pause(): void {
    if (this.phase !== "closed") this.socket.pause()
  }

  resume(): void {
    if (this.phase !== "closed") this.socket.resume()
  }

  /** Lets go of the socket without another word to the sink, as the end of a process does. */
  abandon(): void {
    this.phase = "closed"
    this.deadline?.timers.clear(this.deadline.alarm)
    this.socket.destroy()
  }

  /**
   * Closes the socket so that the peer sees a reset, or nothing: after a plain close it would see the orderly end of a
   * stream of which it has only a part. Node's `resetAndDestroy` does so by this very flag, but would first wait for a
   * connection that is being dialled to be established. Before the first attempt there is no socket yet to be reset. Under TLS
   * it is the connection below that is reset: TLS itself knows only orderly ends.
   */
  private tearDown(): void {
    const socket = this.socket as Socket & { resetAndClosing?: boolean; readonly _handle?: Resettable | null }
    const handle = socket._handle
    const below = handle?._parent
    if (below !== undefined) handle!.reset = (done) => below.reset!(done)
    // A socket in the file system knows no reset.
    const isResettable = socket instanceof TLSSocket ? below !== undefined : !Net.isPath(this.remote)
    socket.resetAndClosing = this.attempted && isResettable
    socket.destroy()
  }

  private learnEnds(): void {
    if (this.socket instanceof TLSSocket) this.names = namesOf(this.socket)
    this.localHost = Net.isPath(this.remote) ? this.remote.host : plainHost(this.socket.localAddress ?? "")
    this.localPort = this.socket.localPort ?? 0
  }

  private readonly whenAttempted = (): void => {
    this.attempted = true
  }

  private readonly whenConnected = (): void => {
    if (this.phase !== "dialing") return
    this.phase = "open"
    this.deadline?.timers.clear(this.deadline.alarm)
    this.learnEnds()
    this.sink!.opened()
  }

  private readonly whenData = (chunk: Buffer): void => {
    this.read(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  }

  /** What has come. */
  read(bytes: Uint8Array): void {
    if (this.phase === "open") this.sink!.data(bytes)
  }

  private readonly whenDrained = (): void => {
    if (this.phase !== "open" || !this.wantsDrain) return
    this.wantsDrain = false
    this.sink!.drained()
  }

  private readonly whenEnded = (): void => {
    if (this.phase !== "open") return
    this.endedThere = true
    this.sink!.ended()
  }

  private readonly whenFailed = (error: NodeJS.ErrnoException): void => {
    const address = Net.addressKey(this.remote)
    const ofDial = this.socket instanceof TLSSocket ? NetFault.ofSecureDial : NetFault.ofAddress
    this.error ??= this.phase === "dialing" ? ofDial(error, address) : NetFault.ofConnection(error, address)
    // A reset that failed: Node does not tell the close of such a socket.
    if (this.phase === "broken") setImmediate(this.whenClosed)
  }

  private readonly whenClosed = (): void => {
    this.onClosed(this)
    if (this.phase === "closed") return
    this.phase = "closed"
    this.deadline?.timers.clear(this.deadline.alarm)
    const inOrder = this.endedThere && this.socket.writableFinished
    if (this.error === undefined && !inOrder) {
      this.error = NetFault.make("reset", Net.addressKey(this.remote), "the connection broke; dial again")
    }
    this.sink!.closed(this.error)
  }
}

/** IPv4 peers of a dual-stack socket come as `::ffff:10.0.0.1`. */
export const plainHost = (host: string): string =>
  host.startsWith("::ffff:") && host.includes(".") ? host.slice("::ffff:".length) : host
