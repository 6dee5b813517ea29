/**
 * KeyspaceNode: one node's share of the keyspace, whole: a store of groups whose state machines are ranges, their leaseholders, and the router by which
 * everything on this node reaches all ranges of the cluster.
 *
 * A cluster begins with two ranges, the system's and one for everything else, on its founders. Every founder founds them the same way, at its first
 * start, and never again with an empty disk: it would have forgotten its votes, and is to join as any other store.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Store from "#cluster/Store.ts"
import type { StoreId } from "#consensus/Replica.ts"
import type { StorageError } from "#storage/StorageError.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import type { World } from "#world/World.ts"
import type { DiskError, NetError } from "#world/WorldError.ts"
import * as ChangeFeed from "./ChangeFeed.ts"
import { firstDescriptors, systemRange } from "./Descriptor.ts"
import type { Keyspace } from "./Keyspace.ts"
import * as Leaseholder from "./Leaseholder.ts"
import * as Placing from "./Placing.ts"
import { RangeStore } from "./RangeStore.ts"
import { Requests } from "./Requests.ts"
import { Router } from "./Router.ts"
import * as RouterDriver from "./RouterDriver.ts"
import * as Sweep from "./Sweep.ts"

export interface Options extends Omit<Store.Options, "machines"> {
  readonly founders: ReadonlyArray<StoreId>
  readonly range?: Partial<Leaseholder.Options>
  readonly sweep?: Partial<Sweep.Options>
  readonly placing?: Partial<Placing.Options>
  /** Between two closings of a range that changes; 0: never. Default: 3 s. */
  readonly closeMicros?: number
  /** A range that is larger is cut in two. Default: 64 MiB. */
  readonly splitBytes?: number
}

export interface KeyspaceNode {
  readonly keyspace: Keyspace["Service"]
  readonly feed: ChangeFeed.ChangeFeed["Service"]
  readonly router: Router
  readonly ranges: RangeStore
  readonly store: Store.Store
}

const splitBytesDefault = 64 * 1_048_576
const settleTimeoutMicros = 5_000_000

export const open = Effect.fn("KeyspaceNode.open")(function* (
  options: Options
): Effect.fn.Return<KeyspaceNode, StorageError | DiskError | NetError, World | Scope.Scope> {
  const timers = yield* Timers
  const clock = yield* Clock.Clock
  const random = yield* Random.Random
  const trace = yield* Trace
  const {
    closeMicros = 3_000_000,
    founders,
    peers,
    placing,
    range,
    splitBytes = splitBytesDefault,
    store: self,
    sweep
  } = options
  const below = (bound: number): number => Math.floor(random.nextDoubleUnsafe() * bound)
  let made: RangeStore | undefined
  const store = yield* Store.open({
    ...options,
    machines: (port) => {
      made = new RangeStore({
        store: self,
        port,
        timers,
        wallMicros: () => clock.currentTimeMillisUnsafe() * 1_000,
        range: { ...Leaseholder.defaults, ...range },
        sweep: { ...Sweep.defaults, ...sweep },
        placing: { ...Placing.defaults, ...placing },
        trace,
        closeMicros,
        splitBytes,
        below
      })
      return made.machines
    },
    host: { ...options.host, isSystem: (group) => group === systemRange }
  })
  const ranges = made!
  yield* Effect.addFinalizer(() => Effect.sync(() => ranges.close()))
  const requests = new Requests({ calls: store.calls, submit: (...asked) => ranges.submit(...asked) })
  const all = [self, ...peers.keys()].sort((left, right) => left - right)
  const router = new Router({
    alarms: store.alarms,
    random: below,
    send: {
      self,
      submit: (asking, done) => ranges.submit(asking, done, self),
      call: (to, asking, done) => requests.call(to, asking, done),
      stores: () => all
    }
  })
  yield* ranges.begin({
    host: store.log.host,
    ask: (request, timeoutMicros, done) =>
      request.type === "push"
        ? router.at(request.txn.anchor, request, { timeoutMicros }, done)
        : router.system(request, { timeoutMicros }, done),
    at: (key, request, timeoutMicros, done) => router.at(key, request, { timeoutMicros }, done),
    learned: (location) => router.locations.put(location),
    stores: () => all,
    timestamp: (timeoutMicros, done) => router.timestamp(timeoutMicros, done),
    settle: ({ keys, outcome, txn }) => {
      const asked = { timeoutMicros: settleTimeoutMicros }
      router.each(
        keys,
        (own) => ({ type: "resolve", txn: txn.id, outcome, keys: own }),
        asked,
        (error) => {
          // The next sweep meets it again.
          if (error === undefined) router.at(txn.anchor, { type: "forget", txn }, asked, () => {})
        }
      )
    }
  })
  if (founders.includes(self)) for (const descriptor of firstDescriptors) ranges.found(descriptor, founders)
  return { keyspace: RouterDriver.make(router), feed: ChangeFeed.make(router), router, ranges, store }
})
