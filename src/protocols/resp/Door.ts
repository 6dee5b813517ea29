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
import { Server } from "./Server.ts"
import type { ServerSettings } from "./ServerSettings.ts"
import { Sessions } from "./Sessions.ts"

export interface Options {
  /** Where to listen; port 0 picks one. */
  readonly addresses: ReadonlyArray<Net.Address>
  readonly redis: Redis
  /** With them, TLS alone. */
  readonly tls?: Net.Credentials | undefined
  readonly settings?: Partial<ServerSettings>
  /** Of the default user; default: none. */
  readonly password?: string | undefined
  /** What a client has that does not choose another. Default: `stored`. */
  readonly durability?: Durability | undefined
}

export interface Door {
  readonly server: Server
  readonly executor: Executor
  readonly sessions: Sessions
  /** As they were bound. */
  readonly addresses: ReadonlyArray<Net.Address>
  /** No new clients; the others go when their replies are sent, at most so long. */
  readonly drain: (timeoutMillis: number) => Effect.Effect<void>
}

const drainPauseMillis = 20

export const open = Effect.fnUntraced(function* ({
  addresses,
  durability = "stored",
  password = "",
  redis,
  settings = {},
  tls
}: Options): Effect.fn.Return<Door, NetError, Net.Net | Timers | Scope.Scope> {
  const net = yield* Net.Net
  const timers = yield* Timers
  const server = new Server(redis.engine, settings)
  if (password !== "") server.users.setDefaultPassword(password)
  const executor = new Executor(redis.engine, handlers, server)
  const gate = {
    get isHeld(): boolean {
      return redis.ownership.isHeld
    },
    settled: (done: (isStored: boolean) => void): boolean => redis.storing.settled(done)
  }
  const sessions = yield* Effect.acquireRelease(
    Effect.sync(() => new Sessions({ executor, gate, attachTimers: timers.attach, durability })),
    (sessions) => Effect.sync(() => sessions.close())
  )
  server.isReady = redis.isReady
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      redis.listen((isReady) => {
        server.isReady = isReady
        if (!isReady) sessions.unblockAll()
      })
    ),
    (forget) => Effect.sync(forget)
  )
  const listeners = yield* Effect.forEach(addresses, (address) =>
    net.listen(address, sessions.accept, tls === undefined ? {} : { tls })
  )
  const drained: Effect.Effect<void> = Effect.suspend(() =>
    sessions.count === 0 ? Effect.void : Effect.andThen(Effect.sleep(drainPauseMillis), drained)
  )
  return {
    server,
    executor,
    sessions,
    addresses: listeners.map(({ address }) => address),
    drain: (timeoutMillis) =>
      Effect.suspend(() => {
        for (const listener of listeners) listener.close()
        sessions.drain()
        return Effect.asVoid(Effect.timeoutOption(drained, timeoutMillis))
      })
  }
})
