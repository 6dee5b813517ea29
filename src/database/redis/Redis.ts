/**
 * Redis: a node's part in Redis's data. One node at a time owns it: it loads all of it, keeps its ownership, stores what commands change, and lets
 * keys expire. The others wait to take over. When another node has become the owner, this one forgets everything and begins anew.
 *
 * Needs: whoever runs commands does so only while `isReady`, and hands out no reply before `Storing.settled` says so, where durability is
 * promised, nor when `Ownership.isHeld` is false by then: the data might have been another node's while it was read.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Span } from "#keyspace/Request.ts"
import { Transactions } from "#txn/Transactions.ts"
import type { RunError } from "#txn/TxnError.ts"
import type { Address } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import { Engine } from "./Engine.ts"
import { Loading } from "./Loading.ts"
import { beatsInLease, Ownership, type OwnershipLost } from "./Ownership.ts"
import * as Partitions from "./Partitions.ts"
import type { Settings } from "./Settings.ts"
import { Storing } from "./Storing.ts"

export interface Options {
  /** This node's number; others have others. */
  readonly node: number
  /** Where others reach this node's door. */
  readonly address: Address
  readonly settings?: Partial<Settings>
  /** How long an owner may be silent before others take over. Default: 5,000. */
  readonly leaseMillis?: number
  /** How often what nobody waits for is stored. Default: 1,000. */
  readonly storeMillis?: number
}

const leaseMillisDefault = 5_000
const pauseMillis = 100
const expireMillis = 100
const expiredMax = 1_000
const pageEntries = 10_000
const pageBytes = 4 * 1_048_576
const loadMillisMax = 30_000

export class Redis {
  readonly engine: Engine
  readonly ownership: Ownership
  readonly storing: Storing
  /** Its data is loaded. */
  isReady = false
  private readonly transactions: Transactions["Service"]
  private readonly trace: Trace["Service"]
  private readonly leaseMillis: number
  private readonly listeners = new Set<(isReady: boolean) => void>()

  constructor(
    engine: Engine,
    ownership: Ownership,
    storing: Storing,
    {
      leaseMillis,
      trace,
      transactions
    }: {
      readonly transactions: Transactions["Service"]
      readonly trace: Trace["Service"]
      readonly leaseMillis: number
    }
  ) {
    this.engine = engine
    this.ownership = ownership
    this.storing = storing
    this.transactions = transactions
    this.trace = trace
    this.leaseMillis = leaseMillis
  }

  /** Where the node is that has the data, if another one does. */
  get ownerAddress(): Address | undefined {
    return this.ownership.elsewhere
  }

  /** Hears when the data is there, and when it is gone; until the returned function is called. */
  listen(listener: (isReady: boolean) => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  /** Never ends. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => Effect.forever(this.life))

  /** From owning nothing to owning nothing any more. */
  private readonly life = Effect.suspend(() => {
    const own = Effect.andThen(this.take, Effect.raceFirst(this.storing.run, Effect.raceFirst(this.keep, this.expire)))
    const over = (error: RunError | OwnershipLost): Effect.Effect<void> =>
      Effect.suspend(() => {
        this.trace.emit("warn", "redis/data-lost", { reason: error._tag, message: error.message })
        this.forget()
        return Effect.sleep(pauseMillis)
      })
    return Effect.catch(own, over)
  })

  private forget(): void {
    this.isReady = false
    this.ownership.forget()
    this.engine.reset(0)
    this.storing.abandon()
    for (const listener of this.listeners) listener(false)
  }

  /** Becomes the owner of all partitions, and loads them. */
  private readonly take: Effect.Effect<void, RunError> = Effect.suspend(() => {
    const { engine, ownership } = this
    const claimed: Effect.Effect<void, RunError> = Effect.flatMap(ownership.claim, (isOwner) =>
      isOwner ? Effect.void : Effect.andThen(Effect.sleep(this.leaseMillis / beatsInLease), claimed)
    )
    return Effect.andThen(
      claimed,
      Effect.suspend(() => {
        engine.reset(ownership.epoch)
        return Effect.map(this.load(spanOfAll), () => {
          this.isReady = true
          for (const listener of this.listeners) listener(true)
        })
      })
    )
  })

  private load(span: Span): Effect.Effect<void, RunError> {
    const { engine } = this
    engine.advance()
    const loading = new Loading({
      now: engine.now,
      loaded: (entry) => engine.databases[entry.database].restore(entry),
      garbage: (prefix) => this.storing.discard(prefix)
    })
    const page = (rest: Span): Effect.Effect<void, RunError> =>
      Effect.flatMap(
        this.transactions.run((txn) => txn.scan(rest, { entriesMax: pageEntries, sizeBytesMax: pageBytes }), {
          readOnly: true,
          timeoutMillis: loadMillisMax
        }),
        (scanned) => {
          for (const { key, value } of scanned.entries) loading.take(key, value)
          return scanned.rest === undefined ? Effect.sync(() => loading.finish()) : page(scanned.rest)
        }
      )
    return page(span)
  }

  private readonly keep: Effect.Effect<never, OwnershipLost> = Effect.suspend(() => {
    const beat = Effect.catchIf(
      this.ownership.beat,
      (error): error is RunError => error._tag !== "OwnershipLost",
      (error) =>
        Effect.sync(() => this.trace.emit("warn", "redis/beat-failed", { reason: error._tag, message: error.message }))
    )
    return Effect.forever(Effect.andThen(Effect.sleep(this.leaseMillis / beatsInLease), beat))
  })

  private readonly expire: Effect.Effect<never> = Effect.forever(
    Effect.andThen(
      Effect.sleep(expireMillis),
      Effect.sync(() => void this.engine.expire(expiredMax))
    )
  )
}

const spanOfAll: Span = { from: Partitions.spanOf(0).from, to: Partitions.spanOf(Partitions.count - 1).to }

/** Lives as long as its scope; what was changed and is not stored by then is, unless that fails. */
export const open = Effect.fnUntraced(function* ({
  address,
  leaseMillis = leaseMillisDefault,
  node,
  settings = {},
  storeMillis = 1_000
}: Options): Effect.fn.Return<Redis, never, Transactions | Timers | Trace | Scope.Scope> {
  const transactions = yield* Transactions
  const timers = yield* Timers
  const trace = yield* Trace
  const clock = yield* Clock.Clock
  const random = yield* Random.Random
  const port = timers.attach({ fired: () => {} })
  const engine = new Engine({
    wallMillis: () => clock.currentTimeMillisUnsafe(),
    random: () => random.nextDoubleUnsafe(),
    settings
  })
  const ownership = new Ownership({
    node,
    address,
    transactions,
    nowMicros: () => port.nowMicros(),
    leaseMicros: leaseMillis * 1_000
  })
  const storing = new Storing({ engine, ownership, transactions, trace, intervalMillis: storeMillis })
  const redis = new Redis(engine, ownership, storing, { transactions, trace, leaseMillis })
  yield* Effect.forkScoped(redis.run)
  return redis
})
