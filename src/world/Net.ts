/**
 * Net: byte streams and datagrams between nodes. Loss, delay, reordering, half-open and reset connections are part of
 * the contract, not accidents.
 *
 * Datagrams: each is delivered zero, one or several times, after any delay, in any order, whole and unchanged.
 *
 * Streams: the bytes that arrive are a prefix of the bytes that were written, in order, cut into chunks that have
 * nothing to do with the writes. Nothing tells a writer that its peer has read, or still lives: a half-open
 * connection takes bytes until its buffer is full and then stays silent, for ever if nobody ends it. A connection ends
 * exactly once, by `closed`.
 *
 * Ownership: bytes that were handed over, to `send`, to `write` or to a sink, are changed by nobody from then on. So one
 * message may be sent to many, sent again, or kept, without a copy.
 *
 * TLS: where `listen` and `dial` are given credentials, both ends prove who they are. A dial is established only to an end whose
 * certificate is of the authority and has the name that was asked for: others are `untrusted`. A listener accepts only
 * ends whose certificate is of its authority; the others' connections break, and a dialler may have heard `opened` by then. An
 * end with credentials and one without never talk.
 *
 * Sinks are never called from within a port's call. A sink must not block: it handles a chunk synchronously, or keeps
 * it and pauses the connection.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { NetError } from "./WorldError.ts"

/**
 * Where a socket is. `host` is a name that this world resolves; values are compared by `host` and `port`.
 *
 * In production a host with a slash in it is a path (`isPath`): a listener's socket in the machine's file system, with port 0, and what those who come
 * to it are known by. Without TLS; and there a connection that is broken may look to its other end like one that was ended.
 */
export interface Address {
  readonly host: string
  readonly port: number
}

export const isPath = ({ host }: Address): boolean => host.includes("/")

/** `host:port`, the key by which addresses are compared. */
export const addressKey = (address: Address): string => `${address.host}:${address.port}`

export interface DatagramSink {
  received(from: Address, bytes: Uint8Array): void
}

export interface DatagramSocket {
  readonly address: Address
  /** Fire and forget. Throws nothing: a datagram over `Limits.datagramBytesMax`, or sent after `close`, is dropped. */
  send(to: Address, bytes: Uint8Array): void
  close(): void
}

/** What a connection tells its owner: `opened` once (dialled ones), then `data`, `drained`, `ended`; at last `closed`. */
export interface StreamSink {
  /** The dialled connection is established. */
  opened(): void
  data(chunk: Uint8Array): void
  /** After a `write` that returned false: there is room again. */
  drained(): void
  /**
   * The peer will send no more bytes; this side may still write. That it meant to end is not said: the system of a process
   * that died ends its connections just so. Only a frame's own length tells that a frame is whole.
   */
  ended(): void
  /** The connection is over; nothing follows. `error` is undefined only when both sides ended it in order. */
  closed(error: NetError | undefined): void
}

export interface Connection {
  readonly local: Address
  readonly remote: Address
  /** The names in the certificate of the other end; undefined: without TLS, or before `opened`. */
  readonly peerNames: ReadonlyArray<string> | undefined
  /**
   * Queues bytes. False: over `Limits.connectionBufferedBytesMax` are waiting, so stop until `drained`; the bytes of
   * this call are queued all the same. After `end` or `closed`: dropped.
   */
  write(bytes: Uint8Array): boolean
  /** Bytes that were written and wait here. 0: what was written may be written over. */
  readonly bufferedBytes: number
  /** No more bytes follow from this side; what is queued is still sent. */
  end(): void
  /** Breaks the connection now: the peer sees `reset`, or nothing; this side's sink is told `closed` with `reset`. */
  reset(): void
  /** Stops `data` until `resume`; the peer's buffer fills up behind it. */
  pause(): void
  resume(): void
}

export interface Closable {
  readonly address: Address
  /** With TLS, in production: who comes from now on meets these. Throws when they do not read; then the old ones stay. */
  readonly renew?: (tls: Credentials) => void
  close(): void
}

/** A key, its certificate, and the authority whose certificates are believed, each as PEM. */
export interface Credentials {
  readonly key: Uint8Array
  readonly certificate: Uint8Array
  readonly authority: Uint8Array
}

/**
 * Who may come to a listener with TLS. `stores`, the default: only ends with a certificate of the authority. For programs of others, which may speak
 * TLS 1.2: `required` is the same; with `optional` they may have none, with `none` they are not asked for one, and there may be no authority. Ends with
 * credentials that this world dials from are dealt with as ever.
 */
export type TlsClients = "stores" | "required" | "optional" | "none"

/** Of a listener's path. A socket there that nobody listens at any more is replaced; what is no socket never is. */
export interface PathOptions {
  /** Who may come in, as a file's rights; undefined: as the process makes files. */
  readonly mode?: number | undefined
  /** Whoever listens there loses the path; otherwise it is `address-in-use`. */
  readonly replaces?: boolean
}

export interface ListenOptions {
  readonly path?: PathOptions
  /** What `data` is given is lent: the next read lies in the same memory. Default: it is given for good, which costs memory and time each. */
  readonly lendsReads?: boolean
  readonly tls?: Credentials & { readonly clients?: TlsClients }
}

export interface DialOptions {
  /** `name` is to be in the certificate of whoever answers. */
  readonly tls?: Credentials & { readonly name: string }
  /** Fails with `timeout` when the connection is not established by then. Default: 10,000 ms. */
  readonly timeoutMillis?: number
}

/** Exactly one call, never within the submitting call. */
export type Done<A> = (error: NetError | undefined, value: A) => void

export interface Port {
  /** Port 0 picks a free port: see the result's `address`. */
  bind(address: Address, sink: DatagramSink, done: Done<DatagramSocket | undefined>): void
  /** `accept` is called for each new connection and returns its sink; established already, so `opened` is not called. Port 0 picks a free port: see the result's `address`. */
  listen(
    address: Address,
    accept: (connection: Connection) => StreamSink,
    done: Done<Closable | undefined>,
    options?: ListenOptions
  ): void
  /** The connection may be written to at once; bytes go out when it is established. A failed dial is `closed` with its error. */
  dial(address: Address, sink: StreamSink, options?: DialOptions): Connection
}

export class Net extends Context.Service<
  Net,
  {
    readonly port: Port
    /** A datagram socket for the life of the scope. */
    readonly bind: (address: Address, sink: DatagramSink) => Effect.Effect<DatagramSocket, NetError, Scope.Scope>
    /** Listens for the life of the scope. Closing stops new connections; the owners of the old ones end them. */
    readonly listen: (
      address: Address,
      accept: (connection: Connection) => StreamSink,
      options?: ListenOptions
    ) => Effect.Effect<Closable, NetError, Scope.Scope>
    /** Succeeds when the connection is established; resets it when the scope closes, unless it has closed by then. */
    readonly dial: (
      address: Address,
      sink: Omit<StreamSink, "opened">,
      options?: DialOptions
    ) => Effect.Effect<Connection, NetError, Scope.Scope>
  }
>()("orbit/world/Net") {}

const acquire = <A extends { close(): void }>(
  submit: (done: Done<A | undefined>) => void
): Effect.Effect<A, NetError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<A, NetError>((resume) => {
      submit((error, value) => resume(error === undefined ? Effect.succeed(value!) : Effect.fail(error)))
    }),
    (resource) => Effect.sync(() => resource.close())
  )

/** The service over a port: written once, used by the real and by the simulated net. */
export const make = (port: Port): Net["Service"] => ({
  port,
  bind: (address, sink) => acquire((done) => port.bind(address, sink, done)),
  listen: (address, accept, options) => acquire((done) => port.listen(address, accept, done, options)),
  dial: (address, sink, options) =>
    Effect.acquireRelease(
      Effect.callback<Connection, NetError>((resume) => {
        let open = false
        const connection = port.dial(
          address,
          {
            opened: () => {
              open = true
              resume(Effect.succeed(connection))
            },
            data: (chunk) => sink.data(chunk),
            drained: () => sink.drained(),
            ended: () => sink.ended(),
            closed: (error) => {
              if (open) sink.closed(error)
              else if (error !== undefined) resume(Effect.fail(error))
            }
          },
          options
        )
        return Effect.sync(() => connection.reset())
      }),
      (connection) => Effect.sync(() => connection.reset()),
      // A dial may take its whole deadline; whoever waits for it may be interrupted, which breaks it off.
      { interruptible: true }
    )
})
