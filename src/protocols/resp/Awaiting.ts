/**
 * Awaiting: a client's command waits for keys that several nodes have. Each of them tells when one of its keys is not as the command has found it; the
 * first who does has the command run again (`Crossing`). So who waits like this is not served in turn with those who wait at one node: it tries when there is
 * something, as anybody who comes then.
 */
import type { Engine } from "#database/redis/Engine.ts"
import type { Peer } from "#database/redis/Shards.ts"
import type { Client } from "./Client.ts"
import type { Server } from "./Server.ts"
import * as Watches from "./Watches.ts"

/** A key as the command has found it. */
export interface Found {
  readonly name: string
  /** 0: it was not there. */
  readonly version: number
}

export interface Parts {
  readonly client: Client
  readonly server: Server
  /** By node. */
  readonly keys: ReadonlyMap<number, ReadonlyArray<Found>>
  /** undefined: it is this node. */
  readonly peerOf: (node: number) => Peer | undefined
  /** Asks another node. */
  readonly ask: (peer: Peer, argv: ReadonlyArray<string>, answered: () => void) => void
  /** What it was asked is not wanted any more. */
  readonly release: (peer: Peer) => void
  /** Called once, and maybe within another client's command. */
  readonly ready: () => void
}

export class Awaiting {
  private readonly parts: Parts
  private readonly asked = new Set<Peer>()
  private leave: () => void = () => {}
  private isOver = false

  constructor(parts: Parts) {
    this.parts = parts
  }

  begin(): void {
    const { ask, keys, peerOf } = this.parts
    let own: ReadonlyArray<Found> = []
    for (const [node, found] of keys) {
      const peer = peerOf(node)
      if (peer === undefined) {
        own = found
        continue
      }
      this.asked.add(peer)
      const words = found.flatMap(({ name, version }) => [name, String(version)])
      ask(peer, ["CLIENT", "AWAIT", ...words], () => {
        this.asked.delete(peer)
        this.over()
      })
    }
    // It may be over at once: whoever is asked has to be told so.
    if (own.length > 0) this.wait(own)
  }

  /** For keys of this node. */
  private wait(found: ReadonlyArray<Found>): void {
    const { client, server } = this.parts
    const { engine } = server
    const { database } = client
    const keys = found.map(({ name }) => name)
    const serve = (): boolean => {
      this.over()
      return true
    }
    const waiter = { database, keys, takes: undefined, serve }
    engine.blocking.wait(waiter)
    this.leave = () => void engine.blocking.leave(waiter)
    if (isOld(engine, database, found)) this.over()
  }

  /** It waits no more. */
  end(): void {
    if (this.isOver) return
    this.isOver = true
    this.leave()
    for (const peer of this.asked) this.parts.release(peer)
  }

  private over(): void {
    if (this.isOver) return
    this.end()
    this.parts.ready()
  }
}

/** One of the keys is not as it was found. */
export const isOld = (engine: Engine, database: number, found: ReadonlyArray<Found>): boolean =>
  found.some(({ name, version }) => Watches.versionOf(engine, database, name) !== version)
