/**
 * Door: Redis clients come in here: the node's sessions on the addresses where it listens, with or without TLS, for the life of a scope.
 *
 * When the scope closes nobody is let in any more, and who is in is broken off; `drain` before that lets replies leave.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Redis } from "#database/redis/Redis.ts"
import * as Net from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import type { NetError } from "#world/WorldError.ts"
import type { Durability } from "./Client.ts"
import { Executor } from "./Executor.ts"
import { handlers } from "./Handlers.ts"
import { Messengers } from "./Messengers.ts"
import { Scratch } from "./Scratch.ts"
import { Server } from "./Server.ts"
import type { ServerSettings } from "./ServerSettings.ts"
import { Sessions } from "./Sessions.ts"

export interface Place extends Net.Address {
  /** Whoever comes in here may do everything, and is not counted. */
  readonly isForAdministrators?: boolean
  /** Of a path. */
  readonly path?: Net.PathOptions
  /** Not every machine has it, such as IPv6: then it is left out, and `missing`. */
  readonly isOptional?: boolean
  /** With them, TLS alone. */
  readonly tls?: Net.ListenOptions["tls"] | undefined
}

export interface Nodes {
  readonly places: ReadonlyArray<Place>
  readonly tls: Net.Credentials
  /** What is in the certificate of a node. */
  readonly nameOf: (node: number) => string
}

export interface Options {
  /** Where to listen; port 0 picks one. */
  readonly addresses: ReadonlyArray<Place>
  readonly redis: Redis
  /** Called before anybody is let in. Where there are several nodes, it sets `Server.shards` and `Server.node`. */
  readonly prepare?: (server: Server) => void
  readonly settings?: Partial<ServerSettings>
  /** Of the default user; default: none. */
  readonly password?: string | undefined
  /** What a client has that does not choose another. Default: `stored`. */
  readonly durability?: Durability | undefined
  /** Where other nodes come in for their clients, by TLS, and how this one comes in there; default: at the clients' doors. */
  readonly nodes?: Nodes | undefined
  /** This node's door, where clients are told which node has their keys, and go there by themselves; default: they are carried there. */
  readonly redirects?: Net.Address | undefined
}

export interface Door {
  readonly server: Server
  readonly executor: Executor
  readonly sessions: Sessions
  /** As they were bound. */
  readonly addresses: ReadonlyArray<Net.Address>
  /** The same for other nodes. */
  readonly nodesAddresses: ReadonlyArray<Net.Address>
  /** Why it does not listen in places that are optional. */
  readonly missing: ReadonlyArray<NetError>
  /** Who comes by TLS from now on meets these; throws when they do not read. */
  readonly renew: (tls: Net.Credentials) => void
  /** No new clients; the others go when their replies are sent, at most so long. */
  readonly drain: (timeoutMillis: number) => Effect.Effect<void>
}

const drainPauseMillis = 20

export const open = Effect.fnUntraced(function* ({
  addresses,
  durability = "stored",
  nodes,
  password = "",
  prepare,
  redirects,
  redis,
  settings = {}
}: Options): Effect.fn.Return<Door, NetError, Net.Net | Timers | Scope.Scope> {
  const net = yield* Net.Net
  const timers = yield* Timers
  const server = new Server(redis.engine, settings)
  if (password !== "") server.users.setDefaultPassword(password)
  if (redirects !== undefined) server.place = redirects
  server.hasNodesDoor = nodes !== undefined
  server.dial = ({ node, relay }, sink) =>
    net.port.dial(relay, sink, nodes === undefined ? {} : { tls: { ...nodes.tls, name: nodes.nameOf(node) } })
  const { partaking } = redis
  server.joint = {
    hold: (request) => partaking.ask(request),
    withdraw: (request) => void partaking.withdraw(request),
    store: (parts, done) => redis.storeJoint(parts, done)
  }
  server.scratch = new Scratch(server, handlers)
  prepare?.(server)
  let announce: (() => void) | undefined
  if (server.shards !== undefined) {
    const messengers = yield* Effect.acquireRelease(
      Effect.sync(() => new Messengers(server)),
      (made) => Effect.sync(() => made.close())
    )
    server.relay = (channel, message, isShard) => messengers.send(channel, message, isShard)
    server.rested = () => messengers.flush()
    announce = () => messengers.announce()
  }
  const executor = new Executor(redis.engine, handlers, server)
  const gate = {
    // While it has no data, nobody is told of any.
    get isHeld(): boolean {
      return !redis.isReady || redis.placement.loaded.count === 0 || redis.ownership.isHeld
    },
    settled: (done: (isStored: boolean) => void): boolean => redis.storing.settled(done)
  }
  const sessions = yield* Effect.acquireRelease(
    Effect.sync(() => new Sessions({ executor, gate, attachTimers: timers.attach, durability })),
    (sessions) => Effect.sync(() => sessions.close())
  )
  server.isReady = redis.isReady
  /** Who waits for the data to be loaded again. */
  let waiting: Array<() => void> = []
  server.reload = (done) => {
    if (!redis.reload()) return false
    server.isReady = false
    waiting.push(done)
    return true
  }
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      redis.listen({
        ready: (isReady) => {
          server.isReady = isReady
          server.savedChanges = redis.engine.journal.changes
          // What they have been told, watch and wait for is another node's now.
          if (!isReady) sessions.breakAll()
          const heard = waiting
          waiting = []
          for (const done of heard) done()
        },
        left: (slots) => server.left((slot) => slots.has(slot)),
        moved: () => server.resumed(),
        changed: () => announce?.()
      })
    ),
    (forget) => Effect.sync(forget)
  )
  const listeners: Array<Net.Closable> = []
  const missing: Array<NetError> = []
  const listen = ({ host, isOptional, path = {}, port, tls }: Place, accepting: typeof sessions.accept) =>
    Effect.catchIf(
      net.listen({ host, port }, accepting, { lendsReads: true, path, ...(tls === undefined ? {} : { tls }) }),
      ({ code }) => isOptional === true && code === "address-not-available",
      (error) => {
        missing.push(error)
        return Effect.succeed(undefined)
      }
    )
  for (const place of addresses) {
    const accepting = place.isForAdministrators === true ? sessions.acceptAdministrator : sessions.accept
    const listener = yield* listen(place, accepting)
    if (listener !== undefined) listeners.push(listener)
  }
  const ofNodes: Array<Net.Closable> = []
  for (const place of nodes?.places ?? []) {
    const listener = yield* listen({ ...place, tls: nodes!.tls }, sessions.acceptNode)
    if (listener !== undefined) ofNodes.push(listener)
  }
  const drained: Effect.Effect<void> = Effect.suspend(() =>
    sessions.count === 0 ? Effect.void : Effect.andThen(Effect.sleep(drainPauseMillis), drained)
  )
  return {
    server,
    executor,
    sessions,
    addresses: listeners.map(({ address }) => address),
    nodesAddresses: ofNodes.map(({ address }) => address),
    missing,
    renew: (own) => {
      for (const { renew } of listeners) renew?.(own)
    },
    drain: (timeoutMillis) =>
      Effect.suspend(() => {
        for (const listener of [...listeners, ...ofNodes]) listener.close()
        sessions.drain()
        return Effect.asVoid(Effect.timeoutOption(drained, timeoutMillis))
      })
  }
})
