/**
 * Messengers: carry messages of pub/sub to the clients of other nodes: one connection to each of them, over which they go in their order. As with all of
 * pub/sub, nobody waits for them, and what cannot be carried is lost. So is the word that slots have gone: others find out by themselves, later.
 */
import * as Limits from "#base/Limits.ts"
import type { Peer } from "#database/redis/Shards.ts"
import type * as Net from "#world/Net.ts"
import * as Relay from "./Relay.ts"
import { Reply } from "./Reply.ts"
import type { Server } from "./Server.ts"

/** It is no client's. */
const client = "0.0.0.0:0"

/** To one node. */
class Messenger implements Net.StreamSink {
  isOver = false
  private readonly connection: Net.Connection
  private readonly requests = new Reply()

  constructor(peer: Peer, { dial, node }: Pick<Server, "dial" | "node">) {
    this.requests.raw(Relay.lineOf({ client, pass: peer.pass, front: node }))
    this.requests.bulks(["CLIENT", "REPLY", "OFF"])
    this.connection = dial!(peer, this)
  }

  add(words: ReadonlyArray<string>): void {
    this.requests.bulks(words)
  }

  flush(): void {
    const bytes = this.requests.take()
    if (bytes === undefined) return
    this.connection.write(bytes)
    if (this.connection.bufferedBytes > Limits.respMessagesBytesMax) this.end()
  }

  end(): void {
    if (this.isOver) return
    this.isOver = true
    this.connection.reset()
  }

  opened(): void {}

  /** It says nothing, unless that it does not know this node. */
  data(): void {
    this.end()
  }

  drained(): void {}

  ended(): void {
    this.end()
  }

  closed(): void {
    this.isOver = true
  }
}

const keyOf = ({ node, pass }: Peer): string => `${node} ${pass}`

export class Messengers {
  private readonly server: Server
  /** By nodes and their passes: a node that begins anew has another. */
  private readonly messengers = new Map<string, Messenger>()
  /** Something is to be sent. */
  private isDue = false

  constructor(server: Server) {
    this.server = server
  }

  send(channel: string, message: string, isShard: boolean): void {
    this.tell(["CLIENT", "RELAY", channel, message, ...(isShard ? ["SHARD"] : [])])
  }

  /** Others are to look again who has which slots. */
  announce(): void {
    this.tell(["CLIENT", "LOOK"])
  }

  private tell(words: ReadonlyArray<string>): void {
    for (const peer of this.server.shards?.peers ?? []) this.to(peer).add(words)
    // Where nobody has a turn, as when keys expire, one is to come.
    if (!this.isDue) this.server.tracking.due()
    this.isDue = true
  }

  /** The turn is over: what was said in it leaves. */
  flush(): void {
    if (!this.isDue) return
    this.isDue = false
    const living = new Set(this.server.shards?.peers.map(keyOf))
    for (const [key, messenger] of this.messengers) {
      if (living.has(key)) messenger.flush()
      else messenger.end()
      if (messenger.isOver) this.messengers.delete(key)
    }
  }

  close(): void {
    for (const messenger of this.messengers.values()) messenger.end()
    this.messengers.clear()
  }

  private to(peer: Peer): Messenger {
    const key = keyOf(peer)
    const existing = this.messengers.get(key)
    if (existing?.isOver === false) return existing
    const messenger = new Messenger(peer, this.server)
    this.messengers.set(key, messenger)
    return messenger
  }
}
