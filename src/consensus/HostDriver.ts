/**
 * HostDriver: a `Host` on this node's world, for the life of a scope: finds the groups on the log, opens their state machines, and lets them
 * go on. What has to be opened later, for a group that comes, is opened by one fiber, one after the other.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type { Wal } from "#storage/wal/Wal.ts"
import type { StorageError } from "#storage/StorageError.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import type { Ending } from "./ConsensusError.ts"
import * as GroupLogs from "./GroupLogs.ts"
import { Host, type Options as HostOptions } from "./Host.ts"
import * as HostOptionsDefaults from "./HostOptions.ts"
import type { Observer } from "./Observer.ts"
import type * as Peers from "./Peers.ts"
import * as ReplicatedLog from "./ReplicatedLog.ts"
import type { GroupId, StoreId } from "./Replica.ts"
import type { Applied, StateMachine } from "./StateMachine.ts"

export interface Machines {
  /** What its durable copy has; `initial` when it has none. It ends with the host's scope. */
  readonly open: (group: GroupId, initial: Applied) => Effect.Effect<StateMachine, StorageError, Scope.Scope>
  readonly remove: (group: GroupId) => Effect.Effect<void, StorageError>
}

export interface Options {
  readonly store: StoreId
  /** Of the store's start: another one each time. Below 2^53. */
  readonly epoch: number
  readonly log: Wal
  readonly peers: Peers.Attach
  readonly machines: Machines
  /** Default: `HostOptions.defaults`. */
  readonly settings?: Partial<HostOptions>
  readonly observer?: Observer | undefined
  /** Its log or a state machine failed. */
  readonly halted: (ending: Ending) => void
}

export const open = Effect.fn("HostDriver.open")(function* (
  options: Options
): Effect.fn.Return<ReplicatedLog.ReplicatedLog["Service"], StorageError, Scope.Scope | Timers | Trace> {
  const { log, machines, store } = options
  const timers = yield* Timers
  const trace = yield* Trace
  const random = yield* Random.Random
  const scope = yield* Effect.scope
  const logs = yield* GroupLogs.open(log)
  const work = yield* Queue.unbounded<Effect.Effect<void>>()
  const submit = <A>(
    effect: Effect.Effect<A, StorageError>,
    done: (error: StorageError | undefined, value: A | undefined) => void
  ): void => {
    const answered = Effect.match(effect, {
      onFailure: (error) => done(error, undefined),
      onSuccess: (value) => done(undefined, value)
    })
    Queue.offerUnsafe(work, answered)
  }
  const found = yield* Effect.forEach([...logs.groups.values()], (group) =>
    Effect.map(
      machines.open(group.group, {
        index: group.firstIndex - 1,
        term: group.term(group.firstIndex - 1),
        configuration: group.configuration
      }),
      (machine) => ({ group, machine })
    )
  )
  const host = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new Host({
          store,
          epoch: options.epoch,
          options: { ...HostOptionsDefaults.defaults, ...options.settings },
          peers: options.peers,
          timers: timers.attach,
          trace,
          random: (bound) => Math.floor(random.nextDoubleUnsafe() * bound),
          logs,
          machines: {
            open: (group, initial, done) =>
              submit(Effect.provideService(machines.open(group, initial), Scope.Scope, scope), done),
            remove: (group, done) => submit(machines.remove(group), done)
          },
          observer: options.observer,
          halted: options.halted
        })
    ),
    (host) => Effect.sync(() => host.close())
  )
  for (const { group, machine } of found) {
    group.reconcile(machine.applied)
    host.add(group, machine)
  }
  yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(work), (next) => next)), {
    startImmediately: true
  })
  return ReplicatedLog.make(host)
})
