/**
 * CutNet: a Net, as far as a store uses it, whose streams a server's own program cuts, to some addresses or to all, and heals when it likes: links that stay cut when the
 * nemesis has healed its faults, or that go in the worst moment, which only the server knows; or that only stand still. Connections break at a cut, or at the end
 * of one that goes one way. Of two stores one dials, so cutting its way to the other cuts both.
 */
import { addressKey, Net, type Address, type Connection, type StreamSink } from "#world/Net.ts"

/** Of a connection that is refused. */
const unheard: StreamSink = {
  opened: () => {},
  data: () => {},
  drained: () => {},
  ended: () => {},
  closed: () => {}
}

/** What is written while `isMuted` says so never arrives: the connection has to break before anything else is. */
class Muffled implements Connection {
  readonly whole: Connection
  private readonly isMuted: () => boolean

  constructor(whole: Connection, isMuted: () => boolean) {
    this.whole = whole
    this.isMuted = isMuted
  }

  get local(): Address {
    return this.whole.local
  }

  get remote(): Address {
    return this.whole.remote
  }

  get peerNames(): ReadonlyArray<string> | undefined {
    return this.whole.peerNames
  }

  write(bytes: Uint8Array): boolean {
    return this.isMuted() || this.whole.write(bytes)
  }

  get bufferedBytes(): number {
    return this.whole.bufferedBytes
  }

  end(): void {
    this.whole.end()
  }

  reset(): void {
    this.whole.reset()
  }

  pause(): void {
    this.whole.pause()
  }

  resume(): void {
    this.whole.resume()
  }
}

export class CutNet {
  readonly net: Net["Service"]
  private readonly keys = new Set<string>()
  /** And the key of whoever was dialled. */
  private readonly connections = new Map<Connection, string | undefined>()
  private isAlone = false
  private isMuted = false
  private isDeaf = false

  constructor(whole: Net["Service"]) {
    const { port } = whole
    this.net = Net.of({
      ...whole,
      listen: (address, accept, options) =>
        whole.listen(address, (connection) => this.accepted(this.muffled(connection), accept), options),
      port: {
        bind: (address, sink, done) => port.bind(address, sink, done),
        listen: (address, accept, done, options) => port.listen(address, accept, done, options),
        dial: (address, sink, options) => {
          const key = addressKey(address)
          const connection: Connection = this.muffled(
            port.dial(
              address,
              this.watched(sink, () => connection),
              options
            )
          )
          this.connections.set(connection, key)
          if (this.isAlone || this.keys.has(key)) connection.reset()
          else if (this.isDeaf) connection.pause()
          return connection
        }
      }
    })
  }

  private muffled(connection: Connection): Connection {
    return new Muffled(connection, () => this.isMuted)
  }

  private accepted(connection: Connection, accept: (connection: Connection) => StreamSink): StreamSink {
    if (this.isAlone) {
      connection.reset()
      return unheard
    }
    this.connections.set(connection, undefined)
    if (this.isDeaf) connection.pause()
    return this.watched(accept(connection), () => connection)
  }

  private watched(sink: StreamSink, of: () => Connection): StreamSink {
    return {
      opened: () => sink.opened(),
      data: (chunk) => sink.data(chunk),
      drained: () => sink.drained(),
      ended: () => sink.ended(),
      closed: (error) => {
        this.connections.delete(of())
        sink.closed(error)
      }
    }
  }

  /** For good: those addresses are not reached any more. */
  cut(addresses: ReadonlyArray<Address>): void {
    for (const address of addresses) this.keys.add(addressKey(address))
    for (const [connection, key] of this.connections) if (key !== undefined && this.keys.has(key)) connection.reset()
  }

  /** Nobody is reached, and nobody reaches this server, until `heal`. */
  isolate(): void {
    this.isAlone = true
    this.breakAll()
  }

  /** It hears everybody and is heard by nobody, until `heal`. */
  mute(): void {
    this.isMuted = true
  }

  /** Everybody hears it; what it would hear waits until `heal`. */
  deafen(): void {
    this.isDeaf = true
    for (const connection of this.connections.keys()) connection.pause()
  }

  /**
   * What one connection brings waits until `end` is called; the others go on, and so does the way back. `draw` gives an integer in [0, bound).
   */
  stall(draw: (bound: number) => number): { readonly end: () => void } {
    const connection = [...this.connections.keys()][draw(this.connections.size)]
    connection?.pause()
    return {
      end: () => {
        if (this.connections.has(connection) && !this.isDeaf) connection.resume()
      }
    }
  }

  heal(): void {
    if (this.isMuted) this.breakAll()
    if (this.isDeaf) for (const connection of this.connections.keys()) connection.resume()
    this.isAlone = false
    this.isMuted = false
    this.isDeaf = false
  }

  private breakAll(): void {
    for (const connection of this.connections.keys()) connection.reset()
  }
}
