/**
 * Backend: one client's connection to another node, which runs for it what has its keys there. It begins with a line that says whose it is (`Relay`), and
 * then is a client as any other; what the client has chosen by itself (its database, protocol, durability, what it caches and watches) is
 * said there before the next command for which it counts.
 *
 * Promises: replies come in the order of their commands; what is sent within a turn leaves in one write, when `flush` is called.
 */
import type { Peer } from "#database/redis/Shards.ts"
import type * as Net from "#world/Net.ts"
import type { Client, Durability } from "./Client.ts"
import * as Relay from "./Relay.ts"
import { Reply } from "./Reply.ts"
import { ReplyFrames } from "./ReplyFrames.ts"
import type { Tracked } from "./Tracked.ts"

/** What waits for a reply. */
export interface Asked {
  /** The connection is as it was: nothing follows from this call but that it is remembered. */
  answered(bytes: Uint8Array): void
}

/** Who has the connection. */
export interface Keeper {
  /** A message that answers nothing. */
  pushed(bytes: Uint8Array): void
  /** All that came was told. */
  heard(): void
  /** It has room again. */
  drained(): void
  /** It is over, by its other end or because that makes no sense. */
  broke(backend: Backend): void
}

interface Expected {
  /** So many replies come before it that nobody wants. */
  drops: number
  /** Undefined: none follows that anybody wants. */
  readonly asked: Asked | undefined
  /** What is dropped must be no error: if the other node has not understood, nothing else that it does is right. */
  readonly isStrict: boolean
}

const minus = 0x2d

export class Backend implements Net.StreamSink {
  readonly node: number
  /** The connection was established: from then on nobody knows what has been run. */
  isOpen = false
  /** It takes no more until it has room again. */
  isFull = false
  /** It has refused a command, and so all behind that: nothing more is sent. */
  isAstray = false
  /** Other than what is wanted of it, it has nothing to say any more. */
  isOver = false
  /** It watches keys. */
  isWatching = false
  private readonly keeper: Keeper
  private readonly connection: Net.Connection
  private readonly frames = new ReplyFrames()
  private readonly requests = new Reply()
  private expected: Array<Expected> = []
  private isPaused = false
  private database = 0
  private protocol: 2 | 3 | undefined
  private durability: Durability | undefined
  private tracking: Tracked | undefined

  constructor(
    peer: Peer,
    {
      client,
      dial,
      front,
      keeper
    }: {
      readonly client: string
      /** The number of this node. */
      readonly front: number
      readonly dial: (peer: Peer, sink: Net.StreamSink) => Net.Connection
      readonly keeper: Keeper
    }
  ) {
    this.node = peer.node
    this.keeper = keeper
    this.requests.raw(Relay.lineOf({ client, pass: peer.pass, front }))
    this.connection = dial(peer, this)
  }

  /** Replies are yet to come. */
  get isBusy(): boolean {
    return this.expected.length > 0
  }

  /** It has been told that the client caches what it reads. */
  get isTracking(): boolean {
    return this.tracking !== undefined
  }

  /** Sends commands; the last one's reply is what is asked for, and nobody wants to know the others'. */
  send(commands: ReadonlyArray<ReadonlyArray<string>>, asked: Asked): void {
    for (const argv of commands) this.requests.bulks(argv)
    this.expected.push({ drops: commands.length - 1, asked, isStrict: false })
  }

  /** What waits for keys there is to wait no more. If nothing does any more, nothing happens. */
  unblock(reason: "TIMEOUT" | "ERROR"): void {
    this.requests.bulks(["CLIENT", "UNBLOCK", "0", reason])
    this.expected.push({ drops: 1, asked: undefined, isStrict: true })
  }

  /** What is sent from now on is understood as the client means it. */
  agree(client: Client): void {
    const { database, durability, tracking } = client
    const { protocol } = client.out
    if (this.protocol !== protocol) this.tell(["HELLO", String((this.protocol = protocol))])
    if (this.database !== database) this.tell(["SELECT", String((this.database = database))])
    if (this.durability !== durability) this.tell(["CLIENT", "DURABILITY", (this.durability = durability)])
    if (this.tracking !== tracking) this.track(tracking)
    if (this.isWatching && !client.watched.some(({ node }) => node === this.node)) {
      this.tell(["UNWATCH"])
      this.isWatching = false
    }
  }

  /** What the client has said of its next command holds of the one that is sent now. */
  cache({ tracking }: Client): void {
    if (tracking?.isCaching === true) this.tell(["CLIENT", "CACHING", tracking.isOptIn ? "YES" : "NO"])
  }

  private track(tracking: Tracked | undefined): void {
    if (this.tracking !== undefined) this.tell(["CLIENT", "TRACKING", "OFF"])
    this.tracking = tracking
    if (tracking === undefined) return
    const options = [
      tracking.isBroadcast ? "BCAST" : "",
      tracking.isOptIn ? "OPTIN" : "",
      tracking.isOptOut ? "OPTOUT" : "",
      tracking.isNoLoop ? "NOLOOP" : ""
    ].filter((option) => option !== "")
    const prefixes = tracking.isBroadcast ? [...tracking.prefixes].flatMap((prefix) => ["PREFIX", prefix]) : []
    this.tell(["CLIENT", "TRACKING", "ON", ...options, ...prefixes])
  }

  private tell(argv: ReadonlyArray<string>): void {
    this.requests.bulks(argv)
    this.expected.push({ drops: 1, asked: undefined, isStrict: true })
  }

  flush(): void {
    const bytes = this.isOver ? undefined : this.requests.take()
    if (bytes !== undefined) this.isFull = !this.connection.write(bytes)
  }

  pause(): void {
    if (!this.isPaused) this.connection.pause()
    this.isPaused = true
  }

  resume(): void {
    if (this.isPaused) this.connection.resume()
    this.isPaused = false
  }

  /** What was sent arrives, and nothing that comes is heard any more. */
  end(): void {
    if (this.isOver) return
    this.flush()
    this.isOver = true
    this.expected = []
    this.resume()
    this.connection.end()
  }

  opened(): void {
    this.isOpen = true
  }

  data(chunk: Uint8Array): void {
    if (this.isOver) return
    this.frames.feed(chunk, (bytes, isPush) => this.take(bytes, isPush))
    if (this.frames.problem !== undefined) this.break()
    this.keeper.heard()
  }

  private take(bytes: Uint8Array, isPush: boolean): void {
    if (this.isOver) return
    if (isPush) return this.keeper.pushed(bytes)
    const [first] = this.expected
    if (first === undefined || (first.isStrict && bytes[0] === minus)) return this.break()
    if (first.drops > 0) {
      first.drops -= 1
      if (first.drops === 0 && first.asked === undefined) this.expected.shift()
      return
    }
    this.expected.shift()
    first.asked?.answered(bytes)
  }

  drained(): void {
    this.isFull = false
    if (!this.isOver) this.keeper.drained()
  }

  /** The other node has nothing more to say: nor does this one. */
  ended(): void {
    this.break()
  }

  closed(): void {
    this.break()
  }

  /** It ends at once, whatever is under way. */
  break(): void {
    if (this.isOver) return
    this.isOver = true
    this.connection.reset()
    this.keeper.broke(this)
  }
}
