/**
 * Scratch: where commands are run whose keys several nodes have: an engine of its own, which has these keys and nothing else for as long as that takes. What
 * comes of it is a reply, and a record of what has changed, with all that each changed key holds.
 */
import { Engine } from "#database/redis/Engine.ts"
import * as Latin1 from "#base/Latin1.ts"
import type { Handler } from "./Call.ts"
import * as Dump from "./Dump.ts"
import { Executor } from "./Executor.ts"
import type { Ran, Run } from "./Sample.ts"
import { Server } from "./Server.ts"

/** A server's own; not for two things at a time. */
export class Scratch {
  private readonly server: Server
  private readonly scratch: Server
  private readonly engine: Engine
  private readonly executor: Executor
  private names: ReadonlySet<string> = new Set()
  private sought = new Set<string>()
  private said: Array<() => void> = []

  constructor(server: Server, handlers: ReadonlyMap<string, Handler>) {
    const { engine: own } = server
    this.server = server
    this.engine = new Engine({ wallMillis: own.wallMillis, random: own.random, settings: own.settings })
    const scratch = new Server(this.engine)
    this.scratch = scratch
    scratch.notify = (kind, event, database, key) =>
      void this.said.push(() => server.notify(kind, event, database, key))
    scratch.publish = (channel, message, isShard) => {
      this.said.push(() => void server.publish(channel, message, isShard))
      return server.pubsub.countOf(channel, isShard)
    }
    scratch.seek = (name) => {
      if (!this.names.has(name)) this.sought.add(name)
    }
    this.executor = new Executor(this.engine, handlers, scratch)
  }

  run({ client, generation, mayWait, names, queue, samples }: Run): Ran {
    const { engine, server } = this
    const { engine: own } = server
    this.names = names
    this.sought = new Set()
    this.said = []
    Object.assign(engine.settings, own.settings)
    engine.reset(generation)
    engine.advance()
    engine.notified = own.notified
    engine.arrange(Uint8Array.from(own.databases, ({ index }) => index))
    for (const { database, expiresAt, name, payload } of samples) {
      engine.databaseAt(database).restore(name, Dump.read(Latin1.encode(payload), engine.settings)!, expiresAt)
    }
    this.executor.executeQueued(client, queue, !mayWait)
    // Who has the keys knows who reads them.
    this.scratch.tracking.flushed(undefined)
    const { blocked } = client
    client.blocked = undefined
    if (blocked !== undefined) engine.blocking.leave(blocked.waiter)
    const record = engine.journal.take()?.record
    engine.reset(0)
    const { said, sought } = this
    return { record, blocked, sought: [...sought], say: () => said.forEach((say) => say()) }
  }
}
