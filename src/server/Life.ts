/**
 * Life: a node from its start to its end: serves until it is asked to stop, drains, and says by which code the process is to end.
 *
 * `reload` has certificates read again. The first `terminate` or `interrupt` drains; the second ends the node at once, as a crash would, which loses nothing that was answered. Before the
 * node serves, a signal does what the system has it do.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { StorageError } from "#storage/StorageError.ts"
import { Host, type Signal } from "#world/Host.ts"
import { Trace } from "#world/Trace.ts"
import type { World } from "#world/World.ts"
import type { DiskError, NetError } from "#world/WorldError.ts"
import { codes, type StartError } from "./Ending.ts"
import * as Node from "./Node.ts"

/** `onReady` is told once the node serves. */
export const live = (
  options: Node.Options,
  onReady: (node: Node.Node["Service"]) => void
): Effect.Effect<number, StartError | StorageError | DiskError | NetError, World> =>
  Effect.gen(function* () {
    const host = yield* Host
    const trace = yield* Trace
    const node = yield* Node.Node
    const asked = yield* Deferred.make<Signal>()
    const signals = { count: 0 }
    const hear = (signal: Signal): void => {
      if (signal === "reload") return node.reload()
      signals.count++
      if (signals.count === 1) Deferred.doneUnsafe(asked, Effect.succeed(signal))
      else host.exit(codes.forced)
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => host.onSignal(hear)),
      (deaf) => Effect.sync(deaf)
    )
    onReady(node)
    const signal = yield* Deferred.await(asked)
    trace.emit("info", "server/draining", { signal })
    const isDone = yield* node.drain
    trace.emit("info", "server/drained", { isDone })
    return isDone ? codes.done : codes.forced
  }).pipe(Effect.scoped, Effect.provide(Node.layer(options)))
