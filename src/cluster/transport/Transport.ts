/**
 * Transport: the connections of one store to its peers, one each, and the frames on them: `Peers.Port` for consensus and
 * `Lane.RequestPort` for what stores ask each other, over `Net.Port`. Everything that is sent to a peer in one turn leaves with one
 * write, whoever sends it.
 *
 * Of two stores the one with the higher number dials. A rule for who dials spares the one for which of two connections stays; its
 * price is that a store which comes back waits until its higher peers dial again, which they do within `backoffMicrosMax`.
 *
 * A connection that says nothing for too long is reset, so a half-open one is found by each side alone. Whatever is wrong with its
 * bytes, it is reset with an event that says so, and dialled again: frames are delivered whole and unchanged, or not at all.
 *
 * Needs of its caller: `accept` for each connection that its listener takes; an epoch that rises with each start of the store; for
 * each pair of stores an address book that has the other one, on both sides: a store that is in no book is refused. One that has
 * lost its disk counts its starts anew, and is taken when it was removed from the book and added again.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import type { Attach, Port, Sink } from "#consensus/Peers.ts"
import type { StoreId } from "#consensus/Replica.ts"
import * as Net from "#world/Net.ts"
import type * as Timers from "#world/Timers.ts"
import type { Trace } from "#world/Trace.ts"
import type { NetError } from "#world/WorldError.ts"
import { Channel, type ChannelOwner } from "./Channel.ts"
import type * as Frame from "./Frame.ts"
import * as Greeting from "./Greeting.ts"
import { lanes, type Lane, type RequestPort, type RequestSink } from "./Lane.ts"
import { never, Peer } from "./Peer.ts"
import type { Settings } from "./Settings.ts"

/** Timers. */
const turnTicket = 0
const dueTicket = 1

export interface TransportParts {
  readonly self: Greeting.Identity
  readonly settings: Settings
  readonly net: Net.Port
  readonly attachTimers: Timers.Timers["Service"]["attach"]
  readonly trace: Trace["Service"]
  /** An integer in [0, bound). */
  readonly random: (bound: number) => number
  /** With them, connections are made and taken by TLS alone; the listener that calls `accept` must have them as well. */
  readonly tls?: Net.Credentials | undefined
}

/** The name that a store's certificate has. */
export const nameOf = (store: StoreId): string => `store-${store}`

export class Transport implements Port, ChannelOwner, Timers.Sink {
  private readonly self: Greeting.Identity
  private readonly settings: Settings
  private readonly net: Net.Port
  private readonly timers: Timers.Port
  private readonly trace: Trace["Service"]
  private readonly random: (bound: number) => number
  private readonly tls: Net.Credentials | undefined
  private readonly peers = new Map<StoreId, Peer>()
  private readonly byChannel = new Map<Channel, Peer>()
  /** Accepted connections of nobody yet. */
  private readonly strangers = new Set<Channel>()
  private sink: Sink | undefined
  private requests: RequestSink | undefined
  private dials = 0
  private dirty: Array<Peer> = []
  private dueMicros = never
  private turnIsSet = false
  private isHeld = false
  private isClosed = false

  constructor(parts: TransportParts) {
    this.self = parts.self
    this.settings = parts.settings
    this.net = parts.net
    this.trace = parts.trace
    this.random = parts.random
    this.tls = parts.tls
    this.timers = parts.attachTimers(this)
  }

  /** Begins to dial and to accept; once. */
  readonly attach: Attach = (sink) => {
    assert(this.sink === undefined, "a transport has one sink")
    this.sink = sink
    for (const peer of this.peers.values()) this.dialNow(peer)
    return this
  }

  /** For the lane `requests`; once, and before `attach`: what comes on it when nobody listens is lost. */
  attachRequests(sink: RequestSink): RequestPort {
    assert(this.requests === undefined && this.sink === undefined, "requests are attached once, before consensus")
    this.requests = sink
    return {
      send: (to, bytes) => {
        if (this.peers.get(to)?.isConnected !== true) return "unconnected"
        return this.send(to, "requests", bytes) ? "taken" : "full"
      }
    }
  }

  /** Adds a store to the address book, or gives it another address; a connection that there is stays. */
  setAddress(store: StoreId, address: Net.Address): void {
    assert(store !== this.self.store, "a store is not its own peer")
    if (this.isClosed) return
    const known = this.peers.get(store)
    if (known !== undefined && Net.addressKey(known.address) === Net.addressKey(address)) return
    const peer = known ?? new Peer(store, address, this.settings)
    peer.address = address
    this.peers.set(store, peer)
    // A dial to where it no longer is.
    if (!peer.isConnected) this.leave(peer)
    this.dialNow(peer)
  }

  /** Takes a store out of the address book and breaks the connection to it; the sinks hear nothing more of it. */
  remove(store: StoreId): void {
    const peer = this.peers.get(store)
    if (peer === undefined) return
    this.peers.delete(store)
    peer.dialMicros = never
    this.leave(peer)
  }

  send(to: StoreId, lane: Lane, bytes: Uint8Array): boolean {
    const peer = this.peers.get(to)
    if (peer === undefined || !peer.isConnected) return false
    if (!peer.outbox.add(lane, bytes, this.now())) return false
    if (peer.channel!.isBlocked) this.armBy(peer.dueMicros)
    else this.setDirty(peer)
    return true
  }

  hold(): void {
    this.isHeld = true
  }

  flush(): void {
    this.isHeld = false
    if (this.dirty.length > 0) this.turn()
  }

  /** The sink of a connection that the listener has taken. */
  readonly accept = (connection: Net.Connection): Net.StreamSink => {
    const channel = new Channel(this, this.now).attach(connection)
    if (this.sink === undefined || this.isClosed) {
      channel.reset()
    } else if (this.strangers.size >= Limits.strangersMax) {
      this.trace.emit("warn", "cluster/strangers-refused", { address: Net.addressKey(connection.remote) })
      channel.reset()
    } else {
      this.strangers.add(channel)
      this.armBy(channel.startedMicros + this.settings.handshakeMicros)
    }
    return channel
  }

  /** Breaks all connections; the sinks hear nothing more. */
  close(): void {
    this.isClosed = true
    this.timers.clear(turnTicket)
    this.timers.clear(dueTicket)
    for (const store of [...this.peers.keys()]) this.remove(store)
    for (const channel of this.strangers) channel.reset()
    this.strangers.clear()
  }

  fired(ticket: number): void {
    if (ticket !== turnTicket) return this.due()
    this.turnIsSet = false
    this.turn()
  }

  greeted(channel: Channel, greeting: Greeting.Greeting): void {
    const peer = this.byChannel.get(channel)
    if (peer === undefined) this.called(channel, greeting)
    else this.answered(peer, channel, greeting)
  }

  received(channel: Channel, lane: number, payload: Uint8Array): void {
    const peer = this.byChannel.get(channel)
    if (peer === undefined) return
    const name = lanes[lane]
    if (name === "requests") this.requests?.received(peer.store, payload)
    else this.sink!.received(peer.store, name, payload)
  }

  drained(channel: Channel): void {
    const peer = this.byChannel.get(channel)
    if (peer !== undefined) this.write(peer)
  }

  corrupt(channel: Channel, problem: Greeting.Problem | Frame.Problem): void {
    const peer = this.byChannel.get(channel)
    this.strangers.delete(channel)
    this.trace.emit("warn", "cluster/corrupt", {
      ...(peer === undefined ? {} : { peer: peer.store }),
      address: Net.addressKey(channel.remote),
      problem
    })
    if (peer !== undefined) this.drop(peer, "corrupt")
  }

  lost(channel: Channel, error: NetError | undefined): void {
    const peer = this.byChannel.get(channel)
    this.strangers.delete(channel)
    if (peer !== undefined) this.drop(peer, error?.code ?? "ended")
  }

  private readonly now = (): number => this.timers.nowMicros()

  /** Where it is this side that dials. */
  private dialNow(peer: Peer): void {
    if (this.sink === undefined || this.self.store < peer.store || peer.channel !== undefined) return
    peer.dialMicros = this.now()
    this.armBy(peer.dialMicros)
  }

  /** Gives up the connection to it, or the dial, without a word to the sinks. */
  private leave(peer: Peer): void {
    if (peer.channel === undefined) return
    this.byChannel.delete(peer.channel)
    peer.channel.reset()
    peer.disconnected(this.now())
  }

  private dial(peer: Peer): void {
    const channel = new Channel(this, this.now)
    peer.dial = ++this.dials
    peer.dialMicros = never
    peer.channel = channel
    this.byChannel.set(channel, peer)
    const timeoutMillis = Math.ceil(this.settings.handshakeMicros / 1_000)
    const tls = this.tls === undefined ? {} : { tls: { ...this.tls, name: nameOf(peer.store) } }
    channel.attach(this.net.dial(peer.address, channel, { timeoutMillis, ...tls }))
    // It leaves when the connection is established.
    channel.write(this.greeting(peer.store, peer.dial, "welcome"))
  }

  private greeting(to: StoreId, dial: number, verdict: Greeting.Verdict): Uint8Array {
    const { max, min } = Greeting.versions
    return Greeting.encode({ ...this.self, versionMin: min, versionMax: max, to, dial, verdict })
  }

  /** A store that has dialled says who it is. */
  private called(channel: Channel, greeting: Greeting.Greeting): void {
    const { dial, epoch, store } = greeting
    const peer = this.peers.get(store)
    let verdict = Greeting.judge(this.self, greeting)
    if (this.tls !== undefined && channel.peerNames?.includes(nameOf(store)) !== true) verdict = "wrong-name"
    if (verdict === "welcome") {
      if (peer === undefined || store < this.self.store) verdict = "unknown-store"
      else if (!Greeting.isNewer(greeting, peer.seen)) verdict = "stale"
    }
    const answer = this.greeting(store, dial, verdict)
    if (peer === undefined || verdict !== "welcome") {
      this.refused(channel, greeting, { verdict, by: "this store" })
      return channel.refuse(answer)
    }
    peer.seen = { epoch, dial }
    // Whoever dials has no use for an older connection any more.
    if (peer.channel !== undefined) {
      this.trace.mark("cluster/connection-replaced")
      peer.channel.reset()
      this.drop(peer, "replaced")
    }
    this.strangers.delete(channel)
    this.byChannel.set(channel, peer)
    peer.channel = channel
    channel.write(answer)
    this.connected(peer, greeting)
  }

  /** A store that was dialled says who it is, and what it makes of this one. */
  private answered(peer: Peer, channel: Channel, greeting: Greeting.Greeting): void {
    let { verdict } = greeting
    const by = verdict === "welcome" ? "this store" : "its peer"
    if (verdict === "welcome") verdict = Greeting.judge(this.self, greeting)
    if (verdict === "welcome" && greeting.store !== peer.store) verdict = "wrong-store"
    if (verdict === "welcome" && greeting.dial !== peer.dial) verdict = "stale"
    if (verdict === "welcome") return this.connected(peer, greeting)
    this.refused(channel, greeting, { verdict, by })
    channel.reset()
    this.drop(peer, "refused")
  }

  private refused(
    channel: Channel,
    { cluster, epoch, store, versionMax, versionMin }: Greeting.Greeting,
    { by, verdict }: { readonly by: string; readonly verdict: Greeting.Verdict }
  ): void {
    const address = Net.addressKey(channel.remote)
    this.trace.emit("warn", "cluster/refused", { by, verdict, address, store, cluster, epoch, versionMin, versionMax })
  }

  private connected(peer: Peer, { epoch }: Greeting.Greeting): void {
    const now = this.now()
    peer.isConnected = true
    peer.connectedMicros = now
    peer.writtenMicros = now
    peer.channel!.open()
    this.armBy(peer.dueMicros)
    this.trace.emit("info", "cluster/connected", {
      peer: peer.store,
      epoch,
      address: Net.addressKey(peer.channel!.remote)
    })
    this.sink!.connected(peer.store)
    this.requests?.connected(peer.store)
  }

  /** The connection to it, or the dial, is over. */
  private drop(peer: Peer, reason: string): void {
    const { isConnected } = peer
    this.byChannel.delete(peer.channel!)
    peer.disconnected(this.now())
    if (this.self.store > peer.store) {
      peer.dialMicros = this.now() + peer.backoffMicros(this.random)
      this.armBy(peer.dialMicros)
    }
    const fields = { peer: peer.store, reason, address: Net.addressKey(peer.address) }
    if (!isConnected) return this.trace.emit("debug", "cluster/dial-failed", fields)
    this.trace.emit("info", "cluster/disconnected", fields)
    this.sink!.disconnected(peer.store)
    this.requests?.disconnected(peer.store)
  }

  private setDirty(peer: Peer): void {
    if (peer.isDirty) return
    peer.isDirty = true
    this.dirty.push(peer)
    if (this.turnIsSet || this.isHeld) return
    this.turnIsSet = true
    this.timers.set(turnTicket, 0)
  }

  private turn(): void {
    const { dirty } = this
    this.dirty = []
    for (const peer of dirty) {
      peer.isDirty = false
      this.write(peer)
    }
  }

  /** One write of what waits; the rest has the next turn, or waits until the connection has room. */
  private write(peer: Peer): void {
    const { channel, outbox } = peer
    if (channel === undefined || !peer.isConnected || channel.isBlocked) return
    const now = this.now()
    const bytes = outbox.gather(now)
    if (bytes !== undefined) {
      peer.writtenMicros = now
      if (!channel.write(bytes)) this.armBy(outbox.dueMicros)
      else if (!outbox.isEmpty) this.setDirty(peer)
    }
    this.tellRelieved(peer)
  }

  private tellRelieved(peer: Peer): void {
    for (const lane of peer.outbox.relieved()) {
      if (!peer.isConnected) continue
      if (lane === "requests") this.requests?.drained(peer.store)
      else this.sink!.drained(peer.store, lane)
    }
  }

  /** Sees to it that `due` is called by then. */
  private armBy(micros: number): void {
    if (micros >= this.dueMicros || this.isClosed) return
    this.dueMicros = micros
    this.timers.set(dueTicket, Math.max(0, micros - this.now()))
  }

  private due(): void {
    const now = this.now()
    // Whoever slept cannot say that others were silent.
    if (now - this.dueMicros > this.settings.keepAliveMicros) {
      for (const channel of this.byChannel.keys()) channel.heardMicros = now
    }
    this.dueMicros = never
    for (const channel of [...this.strangers]) {
      if (now >= channel.startedMicros + this.settings.handshakeMicros) {
        this.strangers.delete(channel)
        channel.reset()
      } else this.armBy(channel.startedMicros + this.settings.handshakeMicros)
    }
    for (const peer of [...this.peers.values()]) {
      if (now >= peer.dueMicros) this.attend(peer, now)
      this.armBy(peer.dueMicros)
    }
  }

  /** Something is to be done for it. */
  private attend(peer: Peer, now: number): void {
    const { channel, outbox } = peer
    if (channel === undefined) return this.dial(peer)
    const isSilent = peer.isConnected && now >= channel.heardMicros + this.settings.silenceMicros
    if (isSilent || !peer.isConnected) {
      channel.reset()
      return this.drop(peer, isSilent ? "silent" : "timeout")
    }
    if (channel.isBlocked) {
      outbox.expire(now)
      return this.tellRelieved(peer)
    }
    peer.writtenMicros = now
    channel.write(outbox.keepAlive())
  }
}
