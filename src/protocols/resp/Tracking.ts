/**
 * Tracking: which clients cache which keys, so that they are told when these change (server-assisted client side caching of Redis 6 and 7).
 *
 * A client is remembered for the keys that it reads and told once, or (BCAST) told of all keys with its prefixes. What the running command's own
 * client is to hear waits until that command's reply is written (`settle`); what broadcasts have to say is collected until `broadcast`.
 *
 * Of keys that another node has, that node tells this one, over the connection that runs the client's commands there; whom the client wants to be told
 * is found here.
 *
 * The table of keys has a bound: at it the key that was read longest ago is told of as if it had changed.
 */
import * as Latin1 from "#base/Latin1.ts"
import type { Client } from "./Client.ts"
import { Parser } from "./Parser.ts"
import * as Reply from "./Reply.ts"
import type { Tracked, TrackingOptions } from "./Tracked.ts"

interface Prefix {
  readonly clients: Set<Client>
  /** Since the last broadcast, with who changed each last. */
  readonly keys: Map<string, Client | undefined>
}

interface Pending {
  readonly client: Client
  /** undefined: everything. */
  readonly key: string | undefined
}

const head = ">2\r\n$10\r\ninvalidate\r\n"
const headBytes = head.length
const star = 0x2a

/** What one node tells another, whatever protocol the client speaks. `keys` undefined: everything. */
export const invalidationOf = (keys: ReadonlyArray<string> | undefined): Uint8Array => {
  const reply = new Reply.Reply()
  reply.protocol = 3
  reply.raw(head)
  if (keys === undefined) reply.null()
  else reply.bulks(keys)
  return reply.take()!
}

export class Tracking {
  /** Keys that are remembered at most; 0: any number. */
  keysMax = 1_000_000
  /** Clients that track. */
  readonly clients = new Set<Client>()
  private readonly findClient: (id: number) => Client | undefined
  /** Keys, and who has read them since they were last told of; from the one that was remembered longest ago. */
  private readonly readers = new Map<string, Set<Client>>()
  private readonly prefixes = new Map<string, Prefix>()
  /** For clients whose command runs. */
  private pending: Array<Pending> = []
  private isDue = false
  /** Broadcasts are due; whoever calls `broadcast` sets it. */
  due: () => void = () => {}

  constructor(findClient: (id: number) => Client | undefined) {
    this.findClient = findClient
  }

  /** Somebody tracks, or keys are remembered still of who did. */
  get isUsed(): boolean {
    return this.clients.size > 0 || this.readers.size > 0
  }

  /** Keys in the table, readers of them in all, and prefixes: for INFO. */
  get keysCount(): number {
    return this.readers.size
  }

  get itemsCount(): number {
    let sum = 0
    for (const readers of this.readers.values()) sum += readers.size
    return sum
  }

  get prefixesCount(): number {
    return this.prefixes.size
  }

  enable(client: Client, options: TrackingOptions, prefixes: ReadonlyArray<string>): void {
    const all = new Set([...(client.tracking?.prefixes ?? []), ...(options.isBroadcast ? prefixes : [])])
    if (options.isBroadcast && all.size === 0) all.add("")
    client.tracking = { ...options, prefixes: all, isBroken: false, isCaching: false }
    this.clients.add(client)
    for (const prefix of all) {
      let line = this.prefixes.get(prefix)
      if (line === undefined) this.prefixes.set(prefix, (line = { clients: new Set(), keys: new Map() }))
      line.clients.add(client)
    }
  }

  /** The keys that it has read stay until they are told of: then it is passed over. */
  disable(client: Client): void {
    for (const prefix of client.tracking?.prefixes ?? []) {
      const line = this.prefixes.get(prefix)
      line?.clients.delete(client)
      if (line?.clients.size === 0) this.prefixes.delete(prefix)
    }
    client.tracking = undefined
    this.clients.delete(client)
  }

  /** The client has read these keys by a command that only reads. */
  remember(client: Client, keys: ReadonlyArray<string>): void {
    const tracked = client.tracking
    if (tracked === undefined || tracked.isBroadcast) return
    if (tracked.isOptIn ? !tracked.isCaching : tracked.isOptOut && tracked.isCaching) return
    for (const key of keys) {
      const readers = this.readers.get(key)
      if (readers === undefined) this.readers.set(key, new Set([client]))
      else readers.add(client)
    }
    this.limit(client)
  }

  /** Has as many keys go as there are too many, those first that were remembered longest ago. */
  limit(running: Client | undefined): void {
    while (this.keysMax > 0 && this.readers.size > this.keysMax) {
      const [oldest] = this.readers.keys()
      this.tellReaders(oldest, undefined, running)
    }
  }

  /** A key has changed: `by` whom, if it is anybody's doing, and while whose command runs. */
  changed(key: string, by: Client | undefined, running: Client | undefined): void {
    if (this.prefixes.size > 0) {
      for (const [prefix, line] of this.prefixes) {
        if (!key.startsWith(prefix)) continue
        line.keys.set(key, by)
        if (!this.isDue) this.due()
        this.isDue = true
      }
    }
    if (this.readers.size > 0) this.tellReaders(key, by, running)
  }

  /** All keys, of whatever database, are gone or others. */
  flushed(running: Client | undefined): void {
    for (const client of this.clients) this.tell(client, undefined, running)
    this.readers.clear()
  }

  /** Nobody hears of changes of these keys here any more: whoever has read them takes them for changed. */
  left(hasGone: (key: string) => boolean): void {
    for (const key of [...this.readers.keys()]) if (hasGone(key)) this.tellReaders(key, undefined, undefined)
  }

  /** The command's reply is written. */
  settle(): void {
    if (this.pending.length === 0) return
    const { pending } = this
    this.pending = []
    for (const { client, key } of pending) this.send(client, key === undefined ? undefined : [key])
  }

  /** Tells of what was collected for prefixes. */
  broadcast(): void {
    if (!this.isDue) return
    this.isDue = false
    for (const line of this.prefixes.values()) {
      if (line.keys.size === 0) continue
      const keys = [...line.keys]
      line.keys.clear()
      for (const client of line.clients) {
        const told = client.tracking?.isNoLoop === true ? keys.filter(([, by]) => by !== client) : keys
        if (told.length > 0) {
          this.send(
            client,
            told.map(([key]) => key)
          )
        }
      }
    }
  }

  /** Another node has told the client's connection to it something (`invalidationOf`), which the client wants to go elsewhere. */
  redirected(client: Client, invalidation: Uint8Array): void {
    const keys = invalidation.subarray(headBytes)
    if (keys[0] !== star) return this.send(client, undefined)
    const parser = new Parser()
    parser.feed(keys)
    this.send(client, parser.next())
  }

  private tellReaders(key: string, by: Client | undefined, running: Client | undefined): void {
    const readers = this.readers.get(key)
    if (readers === undefined) return
    this.readers.delete(key)
    for (const client of readers) {
      const { tracking } = client
      // It tracks no more, or another way.
      if (tracking === undefined || tracking.isBroadcast) continue
      if (tracking.isNoLoop && client === by) continue
      this.tell(client, key, running)
    }
  }

  private tell(client: Client, key: string | undefined, running: Client | undefined): void {
    if (client === running) {
      this.pending.push({ client, key })
    } else this.send(client, key === undefined ? undefined : [key])
  }

  /** `keys` undefined: everything. */
  private send(client: Client, keys: ReadonlyArray<string> | undefined): void {
    const { tracking } = client
    if (tracking === undefined) return
    if (client.isRelayed) {
      client.out.raw(Latin1.decode(invalidationOf(keys)))
      client.port?.pushed()
      return
    }
    let target = client
    if (tracking.redirect !== 0) {
      const found = this.findClient(tracking.redirect)
      if (found === undefined) return this.tellBroken(client, tracking)
      target = found
    }
    const { out } = target
    if (out.protocol === 3) {
      out.push(2)
      out.bulk("invalidate")
    } else if (tracking.redirect !== 0 && target.isSubscribed) {
      out.array(3)
      out.bulk("message")
      out.bulk("__redis__:invalidate")
    } else return
    if (keys === undefined) out.null()
    else out.bulks(keys)
    target.port?.pushed()
  }

  private tellBroken(client: Client, tracking: Tracked): void {
    tracking.isBroken = true
    if (client.out.protocol === 2) return
    client.out.push(2)
    client.out.bulk("tracking-redir-broken")
    client.out.integer(tracking.redirect)
    client.port?.pushed()
  }
}
