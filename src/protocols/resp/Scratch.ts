/**
 * Scratch: where commands are run whose keys several nodes have: an engine of its own, which has these keys and nothing else for as long as that takes. What
 * comes of it is a reply, and a record of what has changed, with all that each changed key holds. Others hear of nothing before it is known to count (`say`).
 */
import { Engine } from "#database/redis/Engine.ts"
import * as Latin1 from "#base/Latin1.ts"
import type { Handler } from "./Call.ts"
import * as Dump from "./Dump.ts"
import { Executor } from "./Executor.ts"
import type { Ran, Run } from "./Sample.ts"
import { Server } from "./Server.ts"
import * as Tracked from "./Tracked.ts"

/** A server's own; not for two things at a time. */
export class Scratch {
  private readonly server: Server
  private readonly engine: Engine
  private readonly executor: Executor
  private names: ReadonlySet<string> = new Set()
  private missed = new Set<string>()
  private cached = new Set<string>()
  private said: Array<() => void> = []

  constructor(server: Server, handlers: ReadonlyMap<string, Handler>) {
    const { engine: own } = server
    this.server = server
    this.engine = new Engine({ wallMillis: own.wallMillis, random: own.random, settings: own.settings })
    const scratch = new Server(this.engine)
    const { pubsub } = server
    const later = (say: () => void): void => void this.said.push(say)
    scratch.notify = (kind, event, database, key) => later(() => server.notify(kind, event, database, key))
    scratch.relay = (channel, message, isShard) => later(() => server.relay(channel, message, isShard))
    scratch.pubsub.publish = (channel, message) => {
      later(() => void pubsub.publish(channel, message))
      return pubsub.count(channel)
    }
    scratch.pubsub.publishToShard = (channel, message) => {
      later(() => void pubsub.publishToShard(channel, message))
      return pubsub.countOfShard(channel)
    }
    scratch.sought = (key) => {
      if (!this.names.has(key)) this.missed.add(key)
    }
    scratch.tracking.remember = ({ tracking }, keys) => {
      if (tracking !== undefined && Tracked.remembers(tracking)) for (const key of keys) this.cached.add(key)
    }
    this.executor = new Executor(this.engine, handlers, scratch)
  }

  run({ client, generation, mayWait, names, queue, samples }: Run): Ran {
    const { engine, server } = this
    const { engine: own } = server
    Object.assign(engine.settings, own.settings)
    engine.reset(generation)
    engine.advance()
    engine.notified = own.notified
    engine.arrange(Uint8Array.from(own.databases, ({ index }) => index))
    for (const { database, expiresAt, name, payload } of samples) {
      engine.databaseAt(database).restore(name, Dump.read(Latin1.encode(payload), engine.settings)!, expiresAt)
    }
    this.names = names
    this.missed = new Set()
    this.cached = new Set()
    this.said = []
    this.executor.executeQueued(client, queue, !mayWait)
    const { blocked } = client
    client.blocked = undefined
    if (blocked !== undefined) engine.blocking.leave(blocked.waiter)
    const record = engine.journal.take()?.record
    engine.reset(0)
    const { cached, missed, said } = this
    const say = (): void => {
      for (const each of said) each()
    }
    return { record, blocked, missed, cached, say }
  }
}
