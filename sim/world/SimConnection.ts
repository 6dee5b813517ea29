/**
 * SimConnection: one end of a simulated byte stream. Segments travel with their link's latency and are put in order by
 * number where they arrive; a segment that cannot pass waits and is sent again when the link opens, as TCP would. A
 * connection knows nothing of its peer's death until something of the peer's machine answers with a reset, or nothing
 * ever does.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import { Event, type Epoch, type Kernel } from "#sim/kernel/Kernel.ts"
import type * as Net from "#world/Net.ts"
import { NetError, type NetErrorCode } from "#world/WorldError.ts"
import type { Link } from "./Link.ts"

const messages: Readonly<Record<NetErrorCode, string>> = {
  "address-in-use": "the address is in use: choose another port, or stop what listens there",
  "address-not-available": "the address does not belong to this machine: listen on one that does",
  refused: "connection refused: nothing listens there",
  timeout: "no answer: the peer is down or cut off; try again later",
  reset: "connection reset: what was in flight may or may not have arrived",
  untrusted: "the certificate is of another name or authority: check the credentials of both ends",
  "too-large": "the datagram is too large: use a stream",
  closed: "it is closed"
}

export const netError = (code: NetErrorCode, address: Net.Address): NetError =>
  new NetError({
    code,
    address: `${address.host}:${address.port}`,
    message: `${address.host}:${address.port}: ${messages[code]}`
  })

/** What a connection needs of the net it belongs to. */
export interface Carrier {
  readonly kernel: Kernel
  /** A segment arrived, or was held up: for the recorder. */
  readonly carried: (
    from: number,
    to: number,
    sentAt: number,
    fate: "delivered" | "cut" | "dead",
    bytes: Uint8Array
  ) => void
  /** Whether the machine is running, and so would answer a stray segment with a reset. */
  readonly answers: (machine: number) => boolean
  /** The connection is closed. */
  readonly over: (connection: SimConnection) => void
}

/**
 * A writer may finish what it is at when it is told to wait. One that has written so much more does not listen, and its
 * memory grows with what a slow peer does not take: on a real machine it would be killed sooner or later.
 */
const ignoredBytesMax = 8 * Limits.connectionBufferedBytesMax

/** Bytes of a segment that carries no data. */
export const headBytes = 40

/** A stretch of bytes on its way; without bytes: the end of the stream. It is the event of its arrival, too. */
class Segment extends Event {
  /** As of a `CallEvent`, which once carried it: seeds keep their hashes. */
  readonly kind = 1
  readonly number: number
  readonly bytes: Uint8Array | undefined
  readonly sentAt: number
  private readonly sender: SimConnection

  constructor(sender: SimConnection, number: number, bytes: Uint8Array | undefined, sentAt: number) {
    super()
    this.epoch = undefined
    this.sender = sender
    this.number = number
    this.bytes = bytes
    this.sentAt = sentAt
  }

  fire(): void {
    this.sender.arrived(this)
  }
}

/** Mostly there is one, and `shift` is a call into the engine's runtime. */
const takeFirst = (queue: Array<unknown>): void => {
  if (queue.length === 1) queue.pop()
  else queue.shift()
}

type State = "opening" | "open" | "closed"

export class SimConnection implements Net.Connection {
  readonly local: Net.Address
  readonly remote: Net.Address
  readonly epoch: Epoch
  /** In the certificate of the other end. */
  theirNames: ReadonlyArray<string> | undefined
  sink!: Net.StreamSink
  peer: SimConnection | undefined
  /** Goes nowhere any more, and nobody is told: see the `half-open` fault. */
  silent = false
  private readonly carrier: Carrier
  private readonly out: Link
  private readonly incoming: Link
  private state: State
  private queued: Array<Uint8Array | undefined> = []
  private sentNumber = 0
  private expected = 0
  private readonly early = new Map<number, Segment>()
  private inbox: Array<Uint8Array | undefined> = []
  private paused = false
  private pumping = false
  bufferedBytes = 0
  lendsReads = false
  private blocked = false
  /** Written since it was told to wait. */
  private ignoredBytes = 0
  private endSent = false
  private endDelivered = false
  private endReceived = false
  private lastArrival = 0

  constructor(options: {
    readonly carrier: Carrier
    readonly epoch: Epoch
    readonly out: Link
    readonly incoming: Link
    readonly local: Net.Address
    readonly remote: Net.Address
    readonly state: "opening" | "open"
  }) {
    this.carrier = options.carrier
    this.epoch = options.epoch
    this.out = options.out
    this.incoming = options.incoming
    this.local = options.local
    this.remote = options.remote
    this.state = options.state
  }

  get peerNames(): ReadonlyArray<string> | undefined {
    return this.state === "opening" ? undefined : this.theirNames
  }

  /** Whose end it is. */
  get machine(): number {
    return this.epoch.machine
  }

  get isOver(): boolean {
    return this.state === "closed" || this.epoch.dead
  }

  get isOpening(): boolean {
    return this.state === "opening" && !this.epoch.dead
  }

  /** The listening end was made: tells the dialling one, again and again if the link does not let it. */
  welcome(): void {
    const { kernel } = this.carrier
    const dialled = this.peer!
    this.signal(this.out, true, () => kernel.call(kernel.now, () => dialled.open(), dialled.epoch))
  }

  /** The dial was answered. One that was given up meanwhile tells the other end so. */
  private open(): void {
    if (this.isOver) return this.sendReset()
    if (this.silent) return
    this.state = "open"
    // Before its owner can write more.
    for (const bytes of this.queued.splice(0)) this.transmit(bytes)
    this.sink.opened()
    if (this.early.size > 0) this.putInOrder()
  }

  write(bytes: Uint8Array): boolean {
    if (this.isOver || this.endSent || bytes.length === 0) return true
    this.bufferedBytes += bytes.length
    if (this.blocked) this.ignoredBytes += bytes.length
    assert(this.ignoredBytes <= ignoredBytesMax, "a writer that was told to wait until `drained` does so")
    if (this.state === "opening") this.queued.push(bytes)
    else this.transmit(bytes)
    if (this.bufferedBytes <= Limits.connectionBufferedBytesMax) return true
    this.blocked = true
    return false
  }

  end(): void {
    if (this.isOver || this.endSent) return
    this.endSent = true
    if (this.state === "opening") this.queued.push(undefined)
    else this.transmit(undefined)
  }

  reset(): void {
    if (this.isOver) return
    this.close(netError("reset", this.remote))
    this.sendReset()
  }

  private close(error: NetError | undefined): void {
    this.state = "closed"
    const { kernel, over } = this.carrier
    kernel.call(kernel.now + 1, () => this.sink.closed(error), this.epoch)
    over(this)
  }

  /** The process died and its operating system ends the connection: with an orderly end, or with a reset. */
  orphaned(orderly: boolean): void {
    if (this.state === "closed" || this.silent) return
    if (!orderly || this.state === "opening") this.sendReset()
    else if (!this.endSent) this.transmit(undefined)
  }

  /** The peer hears of it, if the link lets it; otherwise when it sends something the next time. */
  private sendReset(): void {
    const { peer } = this
    if (peer !== undefined) this.signal(this.out, false, () => peer.broken("reset"))
  }

  /** Nobody is there for it: an answer breaks it, if the link back lets that pass. */
  refuse(code: "refused" | "reset" | "untrusted"): void {
    this.signal(this.incoming, false, () => this.broken(code))
  }

  /** News without bytes: it waits at a clogged link, and is lost at a cut one, unless it is to be sent `again`. */
  private signal(link: Link, again: boolean, arrived: () => void): void {
    if (this.silent) return
    this.carrier.kernel.call(link.arrival(headBytes), () => {
      if (this.silent) return
      if (link.isOpen) arrived()
      else if (again || link.cuts === 0) link.waiting.push(() => this.signal(link, again, arrived))
    })
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    const { kernel } = this.carrier
    if (this.inbox.length > 0) kernel.call(kernel.now + 1, () => this.pump(), this.epoch)
  }

  /** It breaks under its owner, who is told. */
  broken(code: NetErrorCode): void {
    if (!this.isOver) this.close(netError(code, this.remote))
  }

  private transmit(bytes: Uint8Array | undefined): void {
    this.send(new Segment(this, this.sentNumber++, bytes, this.carrier.kernel.now))
  }

  private send(segment: Segment): void {
    if (this.silent) return
    if (!this.out.isOpen) {
      this.hold(segment)
      return
    }
    const arrival = Math.max(this.lastArrival + 1, this.out.arrival(segment.bytes?.length ?? headBytes))
    this.lastArrival = arrival
    this.carrier.kernel.schedule(segment, arrival)
  }

  /** Sent again when the link opens: a cut loses segments, not bytes. */
  private hold(segment: Segment): void {
    if (segment.bytes !== undefined)
      this.carrier.carried(this.out.from, this.out.to, segment.sentAt, "cut", segment.bytes)
    this.out.waiting.push(() => {
      if (!this.isOver) this.send(segment)
    })
  }

  /** At the peer's machine. */
  arrived(segment: Segment): void {
    const { carrier, out, peer } = this
    if (this.silent || peer === undefined) return
    if (!out.isOpen) {
      if (!this.isOver) this.hold(segment)
      return
    }
    if (peer.epoch.dead) {
      if (segment.bytes !== undefined) carrier.carried(out.from, out.to, segment.sentAt, "dead", segment.bytes)
      if (carrier.answers(out.to)) this.refuse("reset")
      // Down: sent again until somebody is there to answer.
      else out.waiting.push(() => this.isOver || this.send(segment))
      return
    }
    if (peer.state === "closed") this.refuse("reset")
    else peer.receive(segment)
  }

  private receive(segment: Segment): void {
    if (this.epoch.paused) {
      this.carrier.kernel.call(this.carrier.kernel.now, () => this.receive(segment), this.epoch)
      return
    }
    const isOpen = this.state === "open"
    // As nearly all do: in order, and nothing waits.
    if (isOpen && segment.number === this.expected && this.early.size === 0) {
      this.next(segment)
      if (!this.pumping) this.pump()
      return
    }
    this.early.set(segment.number, segment)
    // A server may speak before the dialling end has heard that it is connected.
    if (isOpen) this.putInOrder()
  }

  private putInOrder(): void {
    for (;;) {
      const next = this.early.get(this.expected)
      if (next === undefined) break
      this.early.delete(this.expected)
      this.next(next)
    }
    if (!this.pumping) this.pump()
  }

  private next({ bytes, sentAt }: Segment): void {
    this.expected++
    this.inbox.push(bytes)
    const { from, to } = this.incoming
    if (bytes !== undefined) this.carrier.carried(from, to, sentAt, "delivered", bytes)
  }

  /** Hands one chunk to the owner, then, by another event, the next. */
  private pump(): void {
    this.pumping = false
    if (this.paused || this.isOver || this.inbox.length === 0) return
    const { kernel } = this.carrier
    const peer = this.peer!
    const head = this.inbox[0]
    kernel.running = this.epoch
    if (head === undefined) {
      takeFirst(this.inbox)
      this.endReceived = true
      kernel.hash.fold(7)
      this.sink.ended()
      // Its writer learns that all has arrived.
      this.signal(this.out, true, () => peer.ownEndDelivered())
      this.closeIfBothEnded()
      return
    }
    const chunkBytes = this.incoming.chunkBytes(head.length)
    const chunk = chunkBytes === head.length ? head : head.slice(0, chunkBytes)
    if (chunkBytes === head.length) takeFirst(this.inbox)
    else this.inbox[0] = head.subarray(chunkBytes)
    kernel.hash.bytes(chunk)
    if (peer.taken(chunkBytes)) this.signal(this.out, true, () => peer.hasRoom())
    if (this.inbox.length > 0) {
      this.pumping = true
      kernel.call(kernel.now + 1, () => this.pump(), this.epoch)
    }
    if (!this.lendsReads) return this.sink.data(chunk)
    // Whoever keeps it has something else by then.
    const lent = chunk.slice()
    this.sink.data(lent)
    lent.fill(0xdb)
  }

  /** The peer took bytes out of its buffer; true: its owner is to hear that there is room again. */
  private taken(bytes: number): boolean {
    this.bufferedBytes -= bytes
    if (!this.blocked || this.bufferedBytes > Limits.connectionBufferedBytesMax / 2) return false
    this.blocked = false
    this.ignoredBytes = 0
    return true
  }

  private hasRoom(): void {
    const { kernel } = this.carrier
    kernel.call(kernel.now, () => (this.isOver ? undefined : this.sink.drained()), this.epoch)
  }

  private ownEndDelivered(): void {
    this.endDelivered = true
    this.closeIfBothEnded()
  }

  private closeIfBothEnded(): void {
    if (!this.endDelivered || !this.endReceived || this.isOver) return
    this.close(undefined)
  }
}
