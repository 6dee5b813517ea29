/** TransportDriver: a `Transport` on this node's world, which listens for its peers, for the life of a scope. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { StoreId } from "#consensus/Replica.ts"
import { Net, type Address, type Credentials } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import type * as Greeting from "./Greeting.ts"
import * as Settings from "./Settings.ts"
import { Transport } from "./Transport.ts"

export interface Options {
  readonly self: Greeting.Identity
  readonly listen: Address
  /** Where the other stores are; `setAddress` and `remove` change it later. */
  readonly peers: ReadonlyMap<StoreId, Address>
  /** Default: `Settings.defaults`. */
  readonly settings?: Settings.Settings
  /** With them, TLS alone: the certificate of store 7 has the name `store-7` (`Transport.nameOf`). */
  readonly tls?: Credentials | undefined
}

/** Listens at once; dials, and takes what comes, from `attach` on. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const net = yield* Net
  const timers = yield* Timers
  const random = yield* Random.Random
  const transport = yield* Effect.acquireRelease(
    Effect.map(
      Trace,
      (trace) =>
        new Transport({
          self: options.self,
          settings: options.settings ?? Settings.defaults,
          net: net.port,
          attachTimers: timers.attach,
          trace,
          tls: options.tls,
          random: (bound) => Math.floor(random.nextDoubleUnsafe() * bound)
        })
    ),
    (transport) => Effect.sync(() => transport.close())
  )
  const listenOptions = options.tls === undefined ? {} : { tls: options.tls }
  for (const [store, address] of options.peers) transport.setAddress(store, address)
  const listener = yield* net.listen(options.listen, transport.accept, listenOptions)
  return { transport, address: listener.address }
})
