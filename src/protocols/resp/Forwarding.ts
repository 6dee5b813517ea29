/**
 * Forwarding: what other nodes run for one client: which of them it has a connection to, what it has asked them, and what they have refused.
 *
 * Promises: each command's reply gets the place in the client's output that it was given when it was sent. A command that a node has refused, because its
 * keys are not there, has not been run: it is run again, in its order, where they are by then, when everything else is answered, and nothing new is run
 * before. What may have been run and has no answer breaks the client's connection: nobody knows more.
 */
import { assert } from "#base/Assert.ts"
import * as Latin1 from "#base/Latin1.ts"
import * as Limits from "#base/Limits.ts"
import type { Peer, Shards } from "#database/redis/Shards.ts"
import { Alarm } from "#world/DeadlineHeap.ts"
import { type Asked, Backend, type Keeper } from "./Backend.ts"
import type { Away, Client, Errand } from "./Client.ts"
import * as CommandTable from "./CommandTable.ts"
import * as Departure from "./Departure.ts"
import type { Front, Place, Refused } from "./Front.ts"
import * as Invalidation from "./Invalidation.ts"
import * as Replies from "./Replies.ts"
import * as Resuming from "./Resuming.ts"
import * as Routes from "./Routes.ts"
import { Together } from "./Together.ts"
import * as Watches from "./Watches.ts"

/** A command that is under way. */
class Sent implements Asked {
  readonly backend: Backend
  /** Undefined: its client has another reply. */
  readonly place: Place | undefined
  readonly errand: Errand
  /** `Shards.version` when it was sent. */
  readonly version: number
  readonly isCaching: boolean
  /** It may wait for keys. */
  readonly isBlocking: boolean
  /** Keys are watched for it. */
  readonly isWatching: boolean
  /** It was told to wait no more. */
  isUnblocked = false
  private readonly forwarding: Forwarding

  constructor(
    forwarding: Forwarding,
    errand: Errand,
    {
      backend,
      client,
      place,
      version
    }: {
      readonly backend: Backend
      readonly client: Client
      readonly place: Place | undefined
      readonly version: number
    }
  ) {
    this.forwarding = forwarding
    this.errand = errand
    this.backend = backend
    this.place = place
    this.version = version
    this.isCaching = client.tracking?.isCaching === true
    this.isBlocking = Routes.mayBlock(errand)
    this.isWatching = errand.multi !== undefined && client.watched.length > 0
  }

  answered(bytes: Uint8Array): void {
    this.forwarding.answered(this, bytes)
  }
}

/** What is asked in a client's name that is none of its commands. */
interface Inquiry {
  readonly backend: Backend
  readonly answered: (bytes: Uint8Array | undefined) => void
}

const ok = Latin1.encode("+OK\r\n")
const elsewhere = Latin1.encode(`-${Departure.elsewhere}`)

const isElsewhere = (bytes: Uint8Array): boolean =>
  bytes[0] === elsewhere[0] && bytes.length >= elsewhere.length && elsewhere.every((byte, at) => bytes[at] === byte)

const watching = CommandTable.commands.get("watch")!
const identifying = CommandTable.named("client|id")!

export class Forwarding implements Away, Keeper {
  private readonly front: Front
  /** By the nodes' numbers. */
  private readonly backends = new Map<number, Backend>()
  /** What is under way, in the order in which it was sent. */
  private readonly outstanding = new Set<Sent>()
  /** What is to be sent again, in the same order. */
  private refused: Array<Refused> = []
  private readonly inquiries = new Set<Inquiry>()
  /** What it does with several of them. */
  private readonly together: Together
  /** The last of what is under way may wait for keys. */
  private blocking: Sent | undefined
  /** `Shards.version` when the first of what is under way was sent. */
  private version = 0
  private order = 0
  /** `Shards.version` when it was last looked which nodes are gone. */
  private inspectedVersion = 0
  /** Of what was refused, the next may be sent again, though nothing is known to have changed. */
  private isWoken = false
  /** It would have been run where it was sent again, but not now. */
  private isHeld = false
  /** What all nodes have been told of a client that wants to hear of all keys. */
  private broadcast: Client["tracking"]
  private isThrottled = false
  /** A connection takes no more, now or ever. */
  private isHindered = false
  private isOver = false
  private readonly waking = new Alarm(() => this.wake())

  constructor(front: Front) {
    this.front = front
    this.together = new Together(front, {
      begun: (errand) => this.begun(errand),
      ask: (peer, argv, answered) => this.ask(peer, argv, answered),
      agree: (peer) => this.backendOf(peer).agree(front.client),
      release: (peer) => this.release(peer),
      fill: (refused, bytes) => this.fill(refused, bytes),
      postpone: (refused) => this.postpone(refused),
      wake: () => this.wake(),
      heard: () => this.heard()
    })
  }

  get count(): number {
    return this.outstanding.size + (this.together.isBusy ? 1 : 0)
  }

  get isMapOld(): boolean {
    return this.outstanding.size > 0 && this.version !== this.shards.version
  }

  get isBlocked(): boolean {
    return this.blocking !== undefined || this.together.isWaiting || this.refused.some(({ isBlocking }) => isBlocking)
  }

  /** Commands were refused that nothing may be run before. */
  get isStuck(): boolean {
    return this.refused.length > 0
  }

  /** More commands of the client may be run. */
  get canRun(): boolean {
    return (
      !this.together.isBusy &&
      this.blocking === undefined &&
      !this.isStuck &&
      !this.isHindered &&
      this.outstanding.size < Limits.respAwaitedMax
    )
  }

  private get shards(): Shards {
    return this.front.server.shards!
  }

  send(peer: Peer, errand: Errand): void {
    const { client } = this.front
    const { argv, multi } = errand
    const place = this.front.place()
    if (this.isOver) return
    if (place.order === 0) place.isSilent = client.replies !== client.out
    const sent = this.sentTo(peer, errand, place)
    sent.backend.send(multi === undefined ? [argv] : [["MULTI"], ...multi.queue, argv], sent)
    if (multi !== undefined) sent.backend.isWatching = false
    if (client.tracking !== undefined) client.tracking.isCaching = false
    if (!sent.isBlocking) return
    this.blocking = sent
    this.note(place, errand)
  }

  watch(peer: Peer, keys: ReadonlyArray<string>, { isLast }: { readonly isLast: boolean }): void {
    const { client } = this.front
    const argv = ["WATCH", ...keys]
    const place = isLast ? this.front.place() : undefined
    if (this.isOver) return
    if (place !== undefined) place.isSilent = client.replies !== client.out
    const sent = this.sentTo(peer, { command: watching, argv }, place)
    sent.backend.send([argv], sent)
    sent.backend.isWatching = true
  }

  cross(errand: Errand): void {
    this.together.cross(errand)
  }

  attend(errand: Errand, text: string): void {
    const refused = { ...this.begun(errand), excuse: text }
    if (this.isOver) return
    this.postpone(refused)
    if (this.count === 0) this.wait()
  }

  survey(errand: Errand): void {
    this.together.survey(errand)
  }

  unblock(error: string | undefined): boolean {
    const { blocking, front } = this
    if (this.together.unblock(error)) {
      front.alarm(this.waking, 0)
      return true
    }
    if (blocking !== undefined) {
      if (blocking.isUnblocked) return false
      blocking.isUnblocked = true
      blocking.backend.unblock(error === undefined ? "TIMEOUT" : "ERROR")
      blocking.backend.flush()
      return true
    }
    const found = this.refused.find(({ isBlocking }) => isBlocking)
    if (found === undefined) return false
    this.refused = this.refused.filter((sent) => sent !== found)
    this.fill(found, error === undefined ? Replies.nullArray(front.client) : Replies.error(error))
    // The client's turn comes later: another one's command runs.
    front.alarm(this.waking, 0)
    return true
  }

  /** What was sent in this turn leaves. */
  flush(): void {
    for (const backend of this.backends.values()) {
      backend.flush()
      if (backend.isFull) this.isHindered = true
    }
  }

  /** Other nodes are read from as fast as the client reads, but always the one whose reply is the next. */
  throttle(): void {
    const { isFull, isLaden } = this.front
    const isThrottled = isFull || isLaden
    if (!isThrottled && !this.isThrottled) return
    this.isThrottled = isThrottled
    const [next] = this.outstanding
    for (const backend of this.backends.values()) {
      if (isThrottled && (isFull || backend !== next?.backend)) backend.pause()
      else backend.resume()
    }
  }

  /** The client has just said that it wants to hear of all keys: it is told that it will when all nodes have said so. */
  broadcastTo(): void {
    const { client } = this.front
    if (client.tracking === this.broadcast) return
    this.broadcast = client.tracking
    if (client.tracking?.isBroadcast !== true) return
    for (const peer of this.shards.peers) {
      const place = this.front.placeBefore()
      place.isSilent = true
      const sent = this.sentTo(peer, identify, place)
      sent.backend.send([identify.argv], sent)
    }
  }

  /** Now and then: nodes may have gone without a word, and others come. */
  inspect(): void {
    const { version } = this.shards
    if (version !== this.inspectedVersion) this.breakGone()
    this.inspectedVersion = version
    this.broadcastAgain()
  }

  private breakGone(): void {
    const nodes = new Set(this.shards.peers.map(({ node }) => node))
    for (const backend of [...this.backends.values()]) if (!nodes.has(backend.node)) backend.break()
  }

  /** Nodes that have come since hear that the client wants to hear of all keys; what has changed there before is not known. */
  private broadcastAgain(): void {
    const { client } = this.front
    if (this.isOver) return
    if (client.tracking?.isBroadcast !== true || client.tracking !== this.broadcast) return
    for (const peer of this.shards.peers) {
      if (this.backends.get(peer.node)?.isTracking === true) continue
      const backend = this.backendOf(peer)
      backend.agree(client)
      backend.send([identify.argv], { answered: () => this.invalidate(undefined) })
      backend.flush()
    }
  }

  /** Keys may be held no more, and who answers for what may be another by now. */
  resumed(): void {
    if (this.isHeld) this.isWoken = true
    this.heard()
  }

  private wake(): void {
    this.isWoken = true
    this.heard()
  }

  /** What waits for keys is waited for no more, nor what was refused. */
  abandon(): void {
    const { blocking, refused } = this
    this.refused = []
    for (const sent of refused) this.fill(sent, Replies.nothing)
    this.together.abandon()
    if (blocking?.place === undefined) return
    blocking.place.isSilent = true
    this.unblock(undefined)
  }

  /** The client is gone. */
  close(): void {
    if (this.isOver) return
    this.isOver = true
    this.together.close()
    this.inquiries.clear()
    this.front.alarm(this.waking, undefined)
    for (const backend of this.backends.values()) backend.end()
    this.backends.clear()
    this.outstanding.clear()
    this.refused = []
    this.blocking = undefined
  }

  answered(sent: Sent, bytes: Uint8Array): void {
    if (this.isOver) return
    this.settle(sent)
    if (isElsewhere(bytes)) {
      sent.backend.isAstray = this.isHindered = true
      this.refuse(sent, Resuming.refused(sent.errand.argv, bytes))
    } else this.fill(sent, bytes)
  }

  pushed(bytes: Uint8Array): void {
    if (!this.isOver) this.invalidate(Invalidation.read(bytes))
  }

  heard(): void {
    if (this.isOver) return
    if (this.count === 0) {
      for (const backend of [...this.backends.values()]) if (backend.isAstray) this.forget(backend)
      this.retry()
    }
    this.proceed()
  }

  drained(): void {
    if (!this.isOver) this.proceed()
  }

  private proceed(): void {
    this.isHindered = false
    for (const { isAstray, isFull } of this.backends.values()) if (isAstray || isFull) this.isHindered = true
    this.front.proceed()
  }

  broke(backend: Backend): void {
    if (this.isOver || this.backends.get(backend.node) !== backend) return
    const own = [...this.outstanding].filter((sent) => sent.backend === backend)
    const asked = [...this.inquiries].filter((inquiry) => inquiry.backend === backend)
    if (own.length > 0) this.shards.refresh()
    // What it has been asked may have been done.
    if (own.length > 0 && backend.isOpen) return this.front.break()
    this.forget(backend)
    for (const sent of own) {
      this.settle(sent)
      this.refuse(sent)
    }
    for (const inquiry of asked) {
      this.inquiries.delete(inquiry)
      inquiry.answered(undefined)
    }
    this.heard()
  }

  private ask(peer: Peer, argv: ReadonlyArray<string>, answered: (bytes: Uint8Array | undefined) => void): void {
    const backend = this.backendOf(peer)
    const inquiry = { backend, answered }
    this.inquiries.add(inquiry)
    backend.send([argv], {
      answered: (bytes) => {
        const isRefused = isElsewhere(bytes)
        if (isRefused) {
          backend.isAstray = true
          this.lose(backend)
        }
        if (this.inquiries.delete(inquiry)) answered(isRefused ? undefined : bytes)
      }
    })
    backend.flush()
  }

  /** What waits for keys at a node is not wanted any more. */
  private release({ node }: Peer): void {
    const backend = this.backends.get(node)
    backend?.unblock("TIMEOUT")
    backend?.flush()
  }

  private sentTo(peer: Peer, errand: Errand, place: Place | undefined): Sent {
    const { client } = this.front
    const { version } = this.shards
    const backend = this.backendOf(peer)
    backend.agree(client)
    backend.cache(client)
    if (this.outstanding.size === 0) this.version = version
    const sent = new Sent(this, errand, { backend, client, place, version })
    this.outstanding.add(sent)
    if (place?.order === 0) place.order = ++this.order
    return sent
  }

  private backendOf(peer: Peer): Backend {
    const existing = this.backends.get(peer.node)
    if (existing !== undefined) return existing
    const { client, server } = this.front
    const { dial, node: front } = server
    assert(dial !== undefined, "who knows of other nodes can reach them")
    const backend = new Backend(peer, { client: client.address, front, dial, keeper: this })
    this.backends.set(peer.node, backend)
    return backend
  }

  /** A command of several nodes, with the place of its reply. */
  private begun(errand: Errand): Refused {
    const { client } = this.front
    const place = this.front.place()
    const { version } = this.shards
    if (place.order === 0) {
      place.isSilent = client.replies !== client.out
      place.order = ++this.order
    }
    const isCaching = client.tracking?.isCaching === true
    const isBlocking = Routes.mayBlock(errand)
    if (isBlocking) this.note(place, errand)
    return { place, errand, version, isCaching, isBlocking }
  }

  /** However often it is begun anew, it waits no longer than it said. */
  private note(place: Place, { argv }: Errand): void {
    place.waitsUntil ??= Resuming.untilOf(argv, this.front.server.engine.wallMillis())
  }

  /** It has its answer, or never will. */
  private settle(sent: Sent): void {
    this.outstanding.delete(sent)
    if (this.blocking === sent) this.blocking = undefined
  }

  private fill({ place }: Pick<Refused, "place">, bytes: Uint8Array): void {
    if (place !== undefined) this.front.fill(place, place.isSilent ? Replies.nothing : bytes)
  }

  /** It was not run, because the node that was asked does not answer for its keys. */
  private refuse(sent: Sent, argv = sent.errand.argv): void {
    const { client } = this.front
    const { backend, errand, isBlocking, isCaching, isWatching, place, version } = sent
    this.lose(backend)
    // What was watched has not been watched since: it may have changed.
    if (errand.command === watching) return this.fill(sent, ok)
    if (isWatching) return this.fill(sent, Replies.nullArray(client))
    this.postpone({ place, errand: { ...errand, argv }, version, isCaching, isBlocking })
  }

  /** It is run again when it is known anew where its keys are. */
  private postpone(sent: Refused): void {
    const { server } = this.front
    const { place } = sent
    this.shards.refresh()
    this.isWoken = false
    this.isHeld = false
    if (place!.until === 0) place!.until = server.engine.wallMillis() + Limits.respElsewhereMillisMax
    this.refused.push(sent)
    this.refused.sort((left, right) => left.place!.order - right.place!.order)
  }

  /** Sends again what was refused: one after the other, each when the one before it has its answer. */
  private retry(): void {
    const { front, shards } = this
    while (this.count === 0 && this.refused.length > 0) {
      const [sent] = this.refused
      const { errand, isCaching, version } = sent
      const place = sent.place!
      if (front.server.engine.wallMillis() >= place.until) {
        this.refused.shift()
        this.fill(sent, Replies.error(sent.excuse ?? Departure.unserved))
        continue
      }
      if (!this.isWoken && version === shards.version) return this.wait()
      this.refused.shift()
      const argv = Resuming.shortened(errand.argv, place.waitsUntil ?? 0, front.server.engine.wallMillis())
      if (!front.repeat({ ...errand, argv, place, isCaching })) {
        this.refused.unshift(sent)
        this.isWoken = false
        this.isHeld = true
        return this.wait()
      }
      if (this.isOver) return
    }
  }

  private wait(): void {
    this.front.alarm(this.waking, Limits.respElsewherePauseMillis)
    this.front.hold()
  }

  /** Its connection ends; what it knew of the client goes with it. */
  private forget(backend: Backend): void {
    this.backends.delete(backend.node)
    this.lose(backend)
    if (backend.isTracking) this.invalidate(undefined)
    backend.end()
  }

  /** Keys of other nodes have changed that the client may have cached; undefined: any may have. */
  private invalidate(keys: ReadonlyArray<string> | undefined): void {
    const { client, server } = this.front
    const bytes = this.front.capture(() => server.tracking.send(client, keys))
    // Who else has been told is told by its own session.
    if (bytes.length > 0) this.front.push(bytes)
  }

  /** What is watched there may have changed unseen. */
  private lose({ node }: Backend): void {
    for (const watched of this.front.client.watched) if (watched.node === node) Watches.lose(watched)
  }
}

/** What every node can answer. */
const identify: Errand = { command: identifying, argv: ["CLIENT", "ID"] }
