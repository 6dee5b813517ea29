/**
 * SimNet: the network between the machines of a run. Datagrams are one reused event each; streams are `SimConnection`s.
 * Addresses are machine names; `0.0.0.0` stands for the machine itself when it binds.
 */
import * as Limits from "#base/Limits.ts"
import { Event, type Epoch, type Kernel } from "#sim/kernel/Kernel.ts"
import { wordOf } from "#sim/kernel/TraceHash.ts"
import * as Net from "#world/Net.ts"
import * as SimCertificate from "./SimCertificate.ts"
import { Link, type NetTimes } from "./Link.ts"
import { headBytes, netError, SimConnection, type Carrier } from "./SimConnection.ts"

export interface NetObserver {
  message(event: {
    readonly channel: "datagram" | "stream"
    readonly from: number
    readonly to: number
    readonly sentAt: number
    readonly fate: "delivered" | "duplicate" | "lost" | "cut" | "dead"
    readonly bytes: Uint8Array
  }): void
}

/** What the net needs to know of a machine. */
export interface Endpoint {
  readonly index: number
  readonly name: string
  /** The incarnation that runs; undefined while the machine is down. */
  readonly epoch: Epoch | undefined
}

const firstEphemeralPort = 49_152
const lastPort = 65_535
/** When a dial that got no answer asks again (TCP's backed-off SYN). */
const dialRetryMicros = [0, 1_000_000, 3_000_000, 7_000_000]
const dialTimeoutMillisDefault = 10_000

class Datagram extends Event {
  readonly kind = 6
  private readonly net: SimNet
  link!: Link
  from!: Net.Address
  port = 0
  bytes!: Uint8Array
  /** The bytes' part of the trace hash. */
  word = 0
  sentAt = 0
  duplicate = false

  constructor(net: SimNet) {
    super()
    this.net = net
  }

  fire(): void {
    const { net, link } = this
    if (!link.isOpen) {
      if (link.cuts > 0) {
        this.observe("cut")
        net.free.push(this)
      } else link.waiting.push(() => net.kernel.schedule(this, link.arrival(this.bytes.length)))
      return
    }
    const epoch = net.machines[link.to].epoch
    const socket = epoch === undefined ? undefined : net.sockets[link.to].get(this.port)
    if (epoch === undefined || socket === undefined) {
      this.observe("dead")
      net.free.push(this)
      return
    }
    if (epoch.paused) {
      epoch.deferred.push(this)
      return
    }
    const { hash } = net.kernel
    hash.fold((link.from << 8) | link.to)
    hash.fold(this.word)
    if (net.observer !== undefined) this.observe(this.duplicate ? "duplicate" : "delivered")
    net.kernel.running = epoch
    const { from, bytes } = this
    net.free.push(this)
    socket.received(from, bytes)
  }

  observe(fate: "delivered" | "duplicate" | "lost" | "cut" | "dead"): void {
    const { link } = this
    this.net.observer?.message({
      channel: "datagram",
      from: link.from,
      to: link.to,
      sentAt: this.sentAt,
      fate,
      bytes: this.bytes
    })
  }
}

interface Listener {
  readonly accept: (connection: Net.Connection) => Net.StreamSink
  readonly lendsReads: boolean
  readonly tls: Net.Credentials | undefined
}

type Names = ReadonlyArray<string> | undefined

/**
 * What a dialler and a listener know of each other's names; a code: why they do not talk. A dialler that the listener does not
 * believe is told no more than that its connection breaks.
 */
const introduce = (
  dialler: Net.DialOptions["tls"],
  listener: Net.Credentials | undefined
): { readonly dialler: Names; readonly listener: Names } | "reset" | "untrusted" => {
  if (dialler === undefined && listener === undefined) return { dialler: undefined, listener: undefined }
  if (dialler === undefined || listener === undefined) return "reset"
  const listenerNames = SimCertificate.believed(dialler, listener)
  if (listenerNames === undefined || !listenerNames.includes(dialler.name)) return "untrusted"
  const diallerNames = SimCertificate.believed(listener, dialler)
  return diallerNames === undefined ? "reset" : { dialler: diallerNames, listener: listenerNames }
}

export class SimNet {
  readonly kernel: Kernel
  readonly machines: ReadonlyArray<Endpoint>
  readonly observer: NetObserver | undefined
  /** Told of each datagram when it is sent. */
  tap: ((from: number, to: number, bytes: Uint8Array) => void) | undefined
  /** Bound datagram sockets of each machine's present incarnation, by port. */
  readonly sockets: ReadonlyArray<Map<number, Net.DatagramSink>>
  readonly free: Array<Datagram> = []
  private readonly listeners: ReadonlyArray<Map<number, Listener>>
  private readonly connections: Array<Set<SimConnection>>
  private readonly links: ReadonlyArray<ReadonlyArray<Link>>
  readonly allLinks: ReadonlyArray<Link>
  private readonly byName = new Map<string, number>()
  private readonly nextPort: Array<number>
  private readonly carrier: Carrier
  /** What was sent last, and its word: the same bytes often go to several peers. */
  private lastBytes: Uint8Array | undefined
  private lastWord = 0

  constructor(kernel: Kernel, times: NetTimes, machines: ReadonlyArray<Endpoint>, observer: NetObserver | undefined) {
    this.kernel = kernel
    this.machines = machines
    this.observer = observer
    this.sockets = machines.map(() => new Map())
    this.listeners = machines.map(() => new Map())
    this.connections = machines.map(() => new Set())
    this.nextPort = machines.map(() => firstEphemeralPort)
    this.links = machines.map((from) => machines.map((to) => new Link(kernel, times, from, to)))
    this.allLinks = this.links.flat()
    machines.forEach((machine, index) => this.byName.set(machine.name, index))
    this.carrier = {
      kernel,
      carried: (from, to, sentAt, fate, bytes) =>
        observer?.message({ channel: "stream", from, to, sentAt, fate, bytes }),
      answers: (machine) => machines[machine].epoch !== undefined,
      over: (connection) => this.connections[connection.machine].delete(connection)
    }
  }

  link(from: number, to: number): Link {
    return this.links[from][to]
  }

  /** Connections of a machine's present incarnation. */
  connectionsOf(machine: number): ReadonlyArray<SimConnection> {
    return [...this.connections[machine]]
  }

  /** The machine's process is gone. When the power stayed on, its operating system ends the connections. */
  stopped(machine: number, powerLost: boolean): void {
    this.sockets[machine].clear()
    this.listeners[machine].clear()
    if (!powerLost) {
      const orderly = this.kernel.streams.get(`net/${this.machines[machine].name}/orphans`)
      for (const connection of this.connections[machine]) connection.orphaned(orderly.chance(1, 2))
    }
    this.connections[machine].clear()
  }

  /** The machine is up again: what peers keep sending to its last incarnation now gets an answer. */
  started(machine: number): void {
    for (const row of this.links) row[machine].release()
  }

  private datagram(link: Link, from: Net.Address, port: number, bytes: Uint8Array): Datagram {
    const datagram = this.free.pop() ?? new Datagram(this)
    datagram.link = link
    datagram.from = from
    datagram.port = port
    datagram.bytes = bytes
    datagram.word = this.lastWord
    datagram.sentAt = this.kernel.now
    datagram.duplicate = false
    return datagram
  }

  private sendDatagram(link: Link, from: Net.Address, port: number, bytes: Uint8Array): void {
    if (bytes !== this.lastBytes) {
      this.lastBytes = bytes
      this.lastWord = wordOf(bytes)
    }
    const datagram = this.datagram(link, from, port, bytes)
    if (link.cuts > 0 || link.loses()) {
      datagram.observe(link.cuts > 0 ? "cut" : "lost")
      this.free.push(datagram)
      return
    }
    const arrival = link.arrival(bytes.length)
    this.kernel.schedule(datagram, link.reorderPerMille > 0 ? arrival + link.heldBack() : arrival)
    if (link.duplicatePerMille > 0 && link.duplicates()) {
      const again = this.datagram(link, from, port, bytes)
      again.duplicate = true
      this.kernel.schedule(again, link.arrival(bytes.length) + link.heldBack())
    }
  }

  private portOf(machine: number, wanted: number, taken: { has(port: number): boolean }): number {
    if (wanted !== 0) return wanted
    for (;;) {
      const port = this.nextPort[machine]
      this.nextPort[machine] = port === lastPort ? firstEphemeralPort : port + 1
      if (!taken.has(port)) return port
    }
  }

  /** Checks a local address; on success hands over the one that is used. */
  private claim<A>(
    machine: Endpoint,
    epoch: Epoch,
    wanted: Net.Address,
    taken: { has(port: number): boolean },
    done: Net.Done<A | undefined>,
    use: (address: Net.Address) => A
  ): void {
    if (epoch.dead) return
    const { kernel } = this
    kernel.call(
      kernel.now + 1,
      () => {
        if (wanted.host !== machine.name && wanted.host !== "0.0.0.0") {
          done(netError("address-not-available", wanted), undefined)
        } else if (taken.has(wanted.port)) {
          done(netError("address-in-use", wanted), undefined)
        } else {
          done(undefined, use({ host: machine.name, port: this.portOf(machine.index, wanted.port, taken) }))
        }
      },
      epoch
    )
  }

  private dial(machine: Endpoint, epoch: Epoch, address: Net.Address, options: Net.DialOptions): SimConnection {
    const { kernel } = this
    const target = this.byName.get(address.host)
    const out = this.links[machine.index][target ?? machine.index]
    const incoming = this.links[target ?? machine.index][machine.index]
    const local = { host: machine.name, port: this.portOf(machine.index, 0, this.listeners[machine.index]) }
    const connection = new SimConnection({
      carrier: this.carrier,
      epoch,
      out,
      incoming,
      local,
      remote: address,
      state: "opening"
    })
    this.connections[machine.index].add(connection)
    if (options.tls !== undefined && !SimCertificate.reads(options.tls)) {
      kernel.call(kernel.now + 1, () => connection.broken("untrusted"), epoch)
      return connection
    }
    const timeoutMicros = (options.timeoutMillis ?? dialTimeoutMillisDefault) * 1_000
    let answered = false
    const arrive = (): void => {
      if (answered || connection.isOver || !out.isOpen || target === undefined) return
      const peerEpoch = this.machines[target].epoch
      if (peerEpoch === undefined) return
      if (!this.listeners[target].has(address.port)) return connection.refuse("refused")
      answered = true
      const establish = (): void => {
        const listener = this.listeners[target].get(address.port)
        if (listener === undefined) return connection.refuse("refused")
        const names = introduce(options.tls, listener.tls)
        if (typeof names === "string") return connection.refuse(names)
        const ends = {
          carrier: this.carrier,
          epoch: peerEpoch,
          out: incoming,
          incoming: out,
          local: address,
          remote: local
        }
        const peer = new SimConnection({ ...ends, state: "open" })
        peer.peer = connection
        peer.lendsReads = listener.lendsReads
        peer.theirNames = names.dialler
        connection.theirNames = names.listener
        connection.peer = peer
        this.connections[target].add(peer)
        kernel.running = peerEpoch
        peer.sink = listener.accept(peer)
        peer.welcome()
      }
      if (peerEpoch.paused) kernel.call(kernel.now, establish, peerEpoch)
      else establish()
    }
    for (const wait of dialRetryMicros) {
      if (wait >= timeoutMicros) continue
      kernel.call(
        kernel.now + wait,
        () => {
          if (!answered && !connection.isOver && out.isOpen) kernel.call(out.arrival(headBytes), arrive)
        },
        epoch
      )
    }
    kernel.call(
      kernel.now + timeoutMicros,
      () => (connection.isOpening ? connection.broken("timeout") : undefined),
      epoch
    )
    return connection
  }

  /** The network as one incarnation of a machine sees it. */
  service(machine: Endpoint, epoch: Epoch): Net.Net["Service"] {
    const { index } = machine
    const { kernel } = this
    return Net.make({
      bind: (address, sink, done) => {
        const sockets = this.sockets[index]
        this.claim<Net.DatagramSocket>(machine, epoch, address, sockets, done, (local) => {
          sockets.set(local.port, sink)
          let open = true
          return {
            address: local,
            send: (to, bytes) => {
              if (!open || epoch.dead || bytes.length > Limits.datagramBytesMax) return
              const target = this.byName.get(to.host)
              if (target === undefined) return
              this.tap?.(index, target, bytes)
              this.sendDatagram(this.links[index][target], local, to.port, bytes)
            },
            close: () => {
              if (open && !epoch.dead) sockets.delete(local.port)
              open = false
            }
          }
        })
      },
      listen: (address, accept, done, options = {}) => {
        const listeners = this.listeners[index]
        const { lendsReads = false, tls } = options
        if (tls !== undefined && !SimCertificate.reads(tls)) {
          return kernel.call(kernel.now + 1, () => done(netError("untrusted", address), undefined), epoch)
        }
        this.claim<Net.Closable>(machine, epoch, address, listeners, done, (local) => {
          listeners.set(local.port, { accept, lendsReads, tls })
          let open = true
          return {
            address: local,
            close: () => {
              if (open && !epoch.dead) listeners.delete(local.port)
              open = false
            }
          }
        })
      },
      dial: (address, sink, options) => {
        const connection = this.dial(machine, epoch, address, options ?? {})
        connection.sink = sink
        return connection
      }
    })
  }
}
