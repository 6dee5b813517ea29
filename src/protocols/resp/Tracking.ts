/**
 * Tracking: which clients cache which keys, so that they are told when these change (server-assisted client side caching of Redis 6 and 7).
 *
 * A client is remembered for the keys that it reads and told once, or (BCAST) told of all keys with its prefixes. What the running command's own
 * client is to hear waits until that command's reply is written (`settle`); what broadcasts have to say is collected until `broadcast`.
 *
 * Of keys that other nodes have these tell this node, over the client's connections to them (`Forwarding`), and `send` tells whom the client has chosen.
 *
 * The table of keys has a bound: at it the key that was read longest ago is told of as if it had changed.
 */
import type { End } from "#database/redis/Partaking.ts"
import type { Client } from "./Client.ts"
import * as Invalidation from "./Invalidation.ts"
import * as Tracked from "./Tracked.ts"

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

export class Tracking {
  /** Keys that are remembered at most; 0: any number. */
  keysMax = 1_000_000
  /** Clients that track. */
  readonly clients = new Set<Client>()
  private readonly findClient: (id: number) => Client | undefined
  /** Keys, and who has read them since they were last told of; from the one that was remembered longest ago. */
  private readonly readers = new Map<string, Set<Client>>()
  private readonly prefixes = new Map<string, Prefix>()
  /** Keys that stand still for a command of several nodes, and whose that is, if it is to be known. */
  private readonly authors = new Map<string, Client>()
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

  enable(client: Client, options: Tracked.TrackingOptions, prefixes: ReadonlyArray<string>): void {
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
    if (client.tracking !== undefined && Tracked.remembers(client.tracking)) this.note(client, keys, client)
  }

  /** The same, wherever that was decided. `running`: whose command runs. */
  note(client: Client, keys: ReadonlyArray<string>, running: Client | undefined): void {
    for (const key of keys) {
      const readers = this.readers.get(key)
      if (readers === undefined) this.readers.set(key, new Set([client]))
      else readers.add(client)
    }
    this.limit(running)
  }

  /** Has as many keys go as there are too many, those first that were remembered longest ago. */
  limit(running: Client | undefined): void {
    while (this.keysMax > 0 && this.readers.size > this.keysMax) {
      const [oldest] = this.readers.keys()
      this.tellReaders(oldest, undefined, running)
    }
  }

  /** A key has changed: `by` whom, if it is anybody's doing, and while whose command runs. */
  changed(key: string, doer: Client | undefined, running: Client | undefined): void {
    const by = doer ?? this.authors.get(key)
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

  /** Until it is told what has become of them, whatever changes of these keys is the client's doing. */
  authored(client: Client, keys: ReadonlyArray<string>, end: End): End {
    if (client.tracking?.isNoLoop !== true) return end
    for (const key of keys) this.authors.set(key, client)
    return (ending, told) =>
      end(ending, (isDone) => {
        for (const key of keys) this.authors.delete(key)
        // They may have been others' for some time.
        if (!isDone) this.send(client, undefined)
        told(isDone)
      })
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

  /** Tells whom the client has chosen that keys have changed; `keys` undefined: everything. */
  send(client: Client, keys: ReadonlyArray<string> | undefined): void {
    const { tracking } = client
    if (tracking === undefined) return
    let target = client
    if (tracking.redirect !== 0) {
      const found = this.findClient(tracking.redirect)
      if (found === undefined) return this.tellBroken(client, tracking)
      target = found
    }
    const { out } = target
    // The node that it is here for tells its client, or whom that has chosen.
    if (client.isRelayed || out.protocol === 3) Invalidation.write(out, keys)
    else if (tracking.redirect !== 0 && target.isSubscribed) {
      out.array(3)
      out.bulk("message")
      out.bulk("__redis__:invalidate")
      if (keys === undefined) out.null()
      else out.bulks(keys)
    } else return
    target.port?.pushed()
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

  private tellBroken(client: Client, tracking: Tracked.Tracked): void {
    tracking.isBroken = true
    if (client.out.protocol === 2) return
    client.out.push(2)
    client.out.bulk("tracking-redir-broken")
    client.out.integer(tracking.redirect)
    client.port?.pushed()
  }
}
