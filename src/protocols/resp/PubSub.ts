/**
 * PubSub: who listens to which channels, patterns and shard channels, and what they are sent. A listener gets a message once for its channel
 * and once for each of its patterns that fit.
 */
import type { Client } from "./Client.ts"
import * as Glob from "./Glob.ts"

/** Shard channels are names apart. */
export type Kind = "channel" | "pattern" | "shard"

type Lines = Map<string, Set<Client>>

/** In the words of the protocol. */
const words = {
  channel: { subscribe: "subscribe", unsubscribe: "unsubscribe" },
  pattern: { subscribe: "psubscribe", unsubscribe: "punsubscribe" },
  shard: { subscribe: "ssubscribe", unsubscribe: "sunsubscribe" }
} as const

const ownOf = (client: Client, kind: Kind): Set<string> =>
  kind === "channel" ? client.channels : kind === "pattern" ? client.patterns : client.shardChannels

/** Names that a client is told its count of: shard channels are counted apart. */
const countOf = (client: Client, kind: Kind): number =>
  kind === "shard" ? client.shardChannels.size : client.channels.size + client.patterns.size

export class PubSub {
  /** By name, in the order in which somebody first listened. */
  readonly lines: Readonly<Record<Kind, Lines>> = { channel: new Map(), pattern: new Map(), shard: new Map() }

  /** Subscribes, and tells the client so; again, if it has been. */
  subscribe(client: Client, kind: Kind, name: string): void {
    const own = ownOf(client, kind)
    if (!own.has(name)) {
      own.add(name)
      const line = this.lines[kind].get(name)
      if (line === undefined) this.lines[kind].set(name, new Set([client]))
      else line.add(client)
    }
    client.out.push(3)
    client.out.bulk(words[kind].subscribe)
    client.out.bulk(name)
    client.out.integer(countOf(client, kind))
  }

  /** The same the other way. */
  unsubscribe(client: Client, kind: Kind, name: string): void {
    this.leave(client, kind, name)
    this.tellLeft(client, kind, name)
  }

  /** From everything of this kind; tells so for each, or once that there was nothing. */
  unsubscribeAll(client: Client, kind: Kind): void {
    const names = [...ownOf(client, kind)]
    for (const name of names) this.unsubscribe(client, kind, name)
    if (names.length === 0) this.tellLeft(client, kind, undefined)
  }

  /** Without a word: the client goes, or begins anew. */
  forget(client: Client): void {
    for (const name of client.channels) this.leave(client, "channel", name)
    for (const name of client.patterns) this.leave(client, "pattern", name)
    for (const name of client.shardChannels) this.leave(client, "shard", name)
  }

  /** Sends a message; returns how many times it was. */
  publish(channel: string, message: string): number {
    let sent = 0
    for (const client of this.lines.channel.get(channel) ?? []) {
      client.out.push(3)
      client.out.bulk("message")
      client.out.bulk(channel)
      client.out.bulk(message)
      client.port?.pushed()
      sent++
    }
    for (const [pattern, line] of this.lines.pattern) {
      if (!Glob.matches(pattern, channel)) continue
      for (const client of line) {
        client.out.push(4)
        client.out.bulk("pmessage")
        client.out.bulk(pattern)
        client.out.bulk(channel)
        client.out.bulk(message)
        client.port?.pushed()
        sent++
      }
    }
    return sent
  }

  /** The same to a shard channel, which has no patterns. */
  publishToShard(channel: string, message: string): number {
    const line = this.lines.shard.get(channel)
    for (const client of line ?? []) {
      client.out.push(3)
      client.out.bulk("smessage")
      client.out.bulk(channel)
      client.out.bulk(message)
      client.port?.pushed()
    }
    return line?.size ?? 0
  }

  /** How many times a message would be sent. */
  count(channel: string): number {
    let count = this.lines.channel.get(channel)?.size ?? 0
    for (const [pattern, line] of this.lines.pattern) if (Glob.matches(pattern, channel)) count += line.size
    return count
  }

  /** The same of a shard channel. */
  countOfShard(channel: string): number {
    return this.lines.shard.get(channel)?.size ?? 0
  }

  private leave(client: Client, kind: Kind, name: string): void {
    if (!ownOf(client, kind).delete(name)) return
    const line = this.lines[kind].get(name)
    line?.delete(client)
    if (line?.size === 0) this.lines[kind].delete(name)
  }

  private tellLeft(client: Client, kind: Kind, name: string | undefined): void {
    client.out.push(3)
    client.out.bulk(words[kind].unsubscribe)
    if (name === undefined) client.out.null()
    else client.out.bulk(name)
    client.out.integer(countOf(client, kind))
  }
}
