/**
 * Locks: the lock service. A lock is a name that one session holds, or several share, until they release it or fall silent. It is kept in the
 * keyspace, so it is there whichever store dies.
 *
 * Promises:
 * - By the oracle's time no two sessions hold a lock at once, but where both share it. A session that is late may believe that it does: its
 *   clock is another one, and it may stand still. So each acquisition has a token, later than those of all before; what the lock protects
 *   takes nothing from an older token than it has seen (Kleppmann 2016), or is written by a transaction that the lease guards.
 * - First come, first served; who shares waits behind who came before it and does not.
 * - Nobody waits in a circle: the youngest session of it is told (`LockDeadlock`).
 * - What a session holds or waits for is there no longer than `ttlMillis` after it died, by the oracle's time.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import { Transactions } from "../Transactions.ts"
import { type LockFault, LockRefused } from "./LockError.ts"
import { LockSession } from "./LockSession.ts"
import * as LockTable from "./LockTable.ts"

export interface SessionOptions {
  /** From 100 to 3,600,000; a renewal takes place every third of it. Default: 10,000. */
  readonly ttlMillis?: number
}

export class Locks extends Context.Service<
  Locks,
  {
    readonly session: (options?: SessionOptions) => Effect.Effect<LockSession, LockFault, Scope.Scope>
    readonly inspect: (name: string) => Effect.Effect<LockTable.Inspected, LockFault>
  }
>()("orbit/txn/Locks") {}

const ttlMillisDefault = 10_000
const ttlMillisMin = 100
const ttlMillisMax = 3_600_000
const pollMillisMin = 20
const pollMillisMax = 500

/** Lives as long as its scope. */
export const make = Effect.gen(function* () {
  const transactions = yield* Transactions
  const timers = yield* Timers
  const trace = yield* Trace
  const random = yield* Random.Random
  const port = timers.attach({ fired: () => {} })
  const table = new LockTable.LockTable(transactions)
  const session = Effect.fnUntraced(function* ({ ttlMillis = ttlMillisDefault }: SessionOptions = {}): Effect.fn.Return<
    LockSession,
    LockFault,
    Scope.Scope
  > {
    if (!(ttlMillis >= ttlMillisMin && ttlMillis <= ttlMillisMax)) {
      return yield* new LockRefused({ message: `ttlMillis: from ${ttlMillisMin} to ${ttlMillisMax}` })
    }
    const settings = {
      table,
      nowMicros: () => port.nowMicros(),
      random,
      trace,
      ttlMicros: ttlMillis * 1_000,
      pollMillisMin,
      pollMillisMax
    }
    const owner = yield* transactions.run((txn) => Effect.succeed(txn.id))
    const made = yield* Effect.acquireRelease(Effect.succeed(new LockSession(owner, settings)), (one) => one.end)
    yield* Effect.forkScoped(made.renewing)
    return made
  })
  const service: Locks["Service"] = {
    session,
    inspect: (name) => transactions.run((txn) => LockTable.inspect(txn, name), { readOnly: true })
  }
  return service
})
