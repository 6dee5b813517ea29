/**
 * LockSession: one owner of locks, for the life of a scope. It renews what it holds, waits in line for what others hold, and gives everything
 * back at its end; when it dies, its time passes.
 *
 * It waits for one lock at a time: whoever waits in a circle of sessions finds out, and the youngest of them gives way.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Random from "effect/Random"
import * as Semaphore from "effect/Semaphore"
import type { Timestamp } from "#keyspace/Request.ts"
import type { Trace } from "#world/Trace.ts"
import type { LockMode, Transaction } from "../Transaction.ts"
import { OutcomeUnknown, type StepError } from "../TxnError.ts"
import { type AcquireError, LeaseLost, LockBusy, LockDeadlock, type LockFault, LockRefused } from "./LockError.ts"
import * as LockTable from "./LockTable.ts"

export interface AcquireOptions {
  /** Default: exclusive. */
  readonly mode?: LockMode
  /** How long to wait in line; 0: not at all. Default: 10,000. */
  readonly waitMillis?: number
}

/** A lock that is held. */
export interface Lease {
  readonly name: string
  readonly mode: LockMode
  /** Later than those of all who held it before: what it is used on takes nothing from an older one any more. */
  readonly token: Timestamp
  /**
   * As far as this store's clock tells. Others go by the oracle's, so what must not happen twice is fenced by the token, or guarded by the
   * transaction that does it.
   */
  readonly isHeld: () => boolean
  /** Fails when it is lost; it never is once it is released. */
  readonly lost: Effect.Effect<never, LeaseLost>
  /** The transaction is committed only if the lock is held until then. */
  readonly guard: (txn: Transaction["Service"]) => Effect.Effect<void, StepError | LockRefused | LeaseLost>
  /** When it fails, it may be repeated. */
  readonly release: Effect.Effect<void, LockFault>
}

interface Held {
  readonly lease: Lease
  readonly losing: Deferred.Deferred<never, LeaseLost>
  validUntilMicros: number
  isLost: boolean
}

export interface Settings {
  readonly table: LockTable.LockTable
  readonly nowMicros: () => number
  readonly random: Random.Random
  readonly trace: Trace["Service"]
  readonly ttlMicros: number
  readonly pollMillisMin: number
  readonly pollMillisMax: number
}

const waitMillisDefault = 10_000
/** How often a step whose outcome nobody knows is repeated. */
const repeatsMax = 5

/** Steps of locks may be repeated. */
const repeated = Effect.fnUntraced(function* <A>(step: Effect.Effect<A, LockFault>): Effect.fn.Return<A, LockFault> {
  for (let repeats = 0; ; repeats++) {
    const result = yield* Effect.result(step)
    if (result._tag === "Success") return result.success
    if (!(result.failure instanceof OutcomeUnknown) || repeats === repeatsMax) return yield* Effect.fail(result.failure)
  }
})

export class LockSession {
  /** The timestamp that it began with. */
  readonly owner: Timestamp
  private readonly settings: Settings
  private readonly held = new Map<string, Held>()
  private readonly turn = Semaphore.makeUnsafe(1)

  constructor(owner: Timestamp, settings: Settings) {
    this.owner = owner
    this.settings = settings
  }

  acquire(name: string, options: AcquireOptions = {}): Effect.Effect<Lease, AcquireError> {
    const acquired = Effect.suspend(() => {
      const held = this.held.get(name)
      if (held !== undefined && !held.isLost) {
        return Effect.fail(new LockRefused({ message: `the session holds ${name} already` }))
      }
      const acquiring = acquire(this, this.settings, name, options)
      // What it was to give back, and could not, goes first; and its place before anything else is asked in its name.
      const released = held === undefined ? acquiring : Effect.andThen(this.release(name, held), acquiring)
      return Effect.onError(released, () => Effect.ignore(this.leave(name)))
    })
    return this.turn.withPermits(1)(acquired)
  }

  /** Neither holds nor waits; with a token, what was acquired under it is given back. */
  private leave(name: string, token?: Timestamp): Effect.Effect<void, LockFault> {
    const { table, ttlMicros } = this.settings
    return repeated(table.leave(name, this.owner, ttlMicros, token))
  }

  /** It is held since a transaction that began then. */
  take(name: string, mode: LockMode, token: Timestamp, beganMicros: number): Lease {
    const { nowMicros, ttlMicros } = this.settings
    const losing = Deferred.makeUnsafe<never, LeaseLost>()
    const isHeld = (): boolean => !held.isLost && nowMicros() < held.validUntilMicros
    const lease: Lease = {
      name,
      mode,
      token,
      isHeld,
      lost: Deferred.await(losing),
      guard: (txn) => guard(txn, name, token),
      release: Effect.suspend(() => this.release(name, held))
    }
    const held: Held = { lease, losing, validUntilMicros: beganMicros + ttlMicros, isLost: false }
    this.held.set(name, held)
    return lease
  }

  private release(name: string, held: Held): Effect.Effect<void, LockFault> {
    if (this.held.get(name) !== held) return Effect.void
    held.isLost = true
    return Effect.map(this.leave(name, held.lease.token), () => {
      if (this.held.get(name) === held) this.held.delete(name)
    })
  }

  /** Renews all that it holds. Never ends. */
  readonly renewing = Effect.suspend(() => {
    const round = Effect.suspend(() => {
      const all = [...this.held.values()].filter(({ isLost }) => !isLost)
      return Effect.forEach(all, (held) => this.renew(held), { concurrency: "unbounded", discard: true })
    })
    return Effect.forever(Effect.andThen(Effect.sleep(this.settings.ttlMicros / 3_000), round))
  })

  private renew(held: Held): Effect.Effect<void> {
    const { nowMicros, table, ttlMicros } = this.settings
    const { name, token } = held.lease
    return Effect.suspend(() => {
      const beganMicros = nowMicros()
      return Effect.match(table.renew(name, this.owner, token, ttlMicros), {
        onFailure: () => {
          if (nowMicros() >= held.validUntilMicros) this.lose(held)
        },
        onSuccess: (isHeld) => {
          if (isHeld) held.validUntilMicros = beganMicros + ttlMicros
          else this.lose(held)
        }
      })
    })
  }

  private lose(held: Held): void {
    const { name, token } = held.lease
    if (held.isLost || this.held.get(name) !== held) return
    held.isLost = true
    this.held.delete(name)
    this.settings.trace.emit("info", "txn/lock-lost", { name, token })
    Deferred.doneUnsafe(held.losing, Effect.fail(new LeaseLost({ name, token })))
  }

  /** Gives back all that it holds. */
  readonly end = Effect.suspend(() => {
    const names = [...this.held.keys()]
    for (const held of this.held.values()) held.isLost = true
    this.held.clear()
    return Effect.forEach(names, (name) => Effect.ignore(this.leave(name)), { concurrency: "unbounded", discard: true })
  })
}

const guard = Effect.fnUntraced(function* (
  txn: Transaction["Service"],
  name: string,
  token: Timestamp
): Effect.fn.Return<void, StepError | LockRefused | LeaseLost> {
  if (!(yield* LockTable.isHeld(txn, name, token))) return yield* new LeaseLost({ name, token })
})

const acquire = Effect.fnUntraced(function* (
  session: LockSession,
  settings: Settings,
  name: string,
  { mode = "exclusive", waitMillis = waitMillisDefault }: AcquireOptions
): Effect.fn.Return<Lease, AcquireError> {
  const { nowMicros, table, ttlMicros } = settings
  const { owner } = session
  const fromMicros = nowMicros()
  for (;;) {
    const beganMicros = nowMicros()
    const tried = yield* repeated(table.tryAcquire({ name, owner, mode, ttlMicros, waits: waitMillis > 0 }))
    if (tried.type === "held") return session.take(name, mode, tried.token, beganMicros)
    const waitedMillis = (nowMicros() - fromMicros) / 1_000
    if (waitedMillis >= waitMillis) return yield* new LockBusy({ name, owners: tried.owners, waitedMillis })
    yield* wait(session, settings, name, { fromMicros, waitMillis, placedMicros: beganMicros })
  }
})

interface Waiting {
  readonly fromMicros: number
  readonly waitMillis: number
  /** When it got its place, or renewed it. */
  readonly placedMicros: number
}

/** Until its turn has come, or its time is over, or it has lost its place. */
const wait = Effect.fnUntraced(function* (
  session: LockSession,
  { nowMicros, pollMillisMax, pollMillisMin, random, table, ttlMicros }: Settings,
  name: string,
  { fromMicros, placedMicros, waitMillis }: Waiting
): Effect.fn.Return<void, AcquireError> {
  const { owner } = session
  const untilMicros = fromMicros + waitMillis * 1_000
  let renewAtMicros = placedMicros + ttlMicros / 3
  let pollMillis = pollMillisMin
  for (;;) {
    const circle = yield* table.circle(owner, name)
    if (circle !== undefined && circle.every((each) => each <= owner)) {
      return yield* new LockDeadlock({ name, owners: circle })
    }
    const leftMillis = (Math.min(untilMicros, renewAtMicros) - nowMicros()) / 1_000
    yield* Effect.sleep(Math.max(0, Math.min(leftMillis, pollMillis * (0.5 + random.nextDoubleUnsafe() / 2))))
    pollMillis = Math.min(pollMillisMax, pollMillis * 2)
    const beganMicros = nowMicros()
    if (beganMicros >= untilMicros) return
    if (beganMicros >= renewAtMicros) {
      // When that fails it is tried again: the place is good for longer.
      if (!(yield* Effect.orElseSucceed(table.renew(name, owner, 0, ttlMicros), () => true))) return
      renewAtMicros = beganMicros + ttlMicros / 3
    }
    if (yield* table.isTurnOf(owner, name)) return
  }
})
