/**
 * Redis: a node's part in Redis's data. It has some of the slots: it loads what is in them, keeps its ownership, stores what commands change, and lets keys
 * expire. Of a node that is silent it takes over everything; slots go from who has many to who has few. When it learns that it was taken for silent itself,
 * it forgets everything and begins anew.
 *
 * Needs: whoever runs commands does so only while `isReady`, and only on keys that `placement` has here, and hands out no reply before
 * `Storing.settled` says so, where durability is promised, nor when `Ownership.isHeld` is false by then: the data might have been another node's while
 * it was read.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { Transactions } from "#txn/Transactions.ts"
import type { RunError } from "#txn/TxnError.ts"
import * as Completion from "#world/Completion.ts"
import type { Address } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import { Engine } from "./Engine.ts"
import { DoesNotFit, Fetching } from "./Fetching.ts"
import * as Folding from "./Folding.ts"
import { Holding } from "./Holding.ts"
import * as Joint from "./Joint.ts"
import { beatsInLease, Ownership, type OwnershipLost, type Taken } from "./Ownership.ts"
import { Partaking } from "./Partaking.ts"
import { Placement } from "./Placement.ts"
import type { Settings } from "./Settings.ts"
import type { SlotSet } from "./SlotSet.ts"
import { Storing } from "./Storing.ts"
import { Tending } from "./Tending.ts"

export interface Options {
  /** This node's number; others have others. */
  readonly node: number
  /** Where this node's clients' door is. */
  readonly address: Address
  /** Where other nodes come in for their clients. Default: there. */
  readonly relay?: Address | undefined
  /** What other nodes have to say there: hard to guess. */
  readonly pass: string
  readonly settings?: Partial<Settings>
  /** How long an owner may be silent before others take over. Default: 5,000. */
  readonly leaseMillis?: number
  /** How often what nobody waits for is stored. Default: 1,000. */
  readonly storeMillis?: number
  readonly folding?: Partial<Folding.Options>
  /** No other node ever has any of the data. Default: others may. */
  readonly isAlone?: boolean
  /** Slots go from who has many to who has few. Default: they do. */
  readonly spreads?: boolean
  /** Data that takes more, about, is not loaded: the process would end. Default: no bound. */
  readonly dataBytesMax?: number
}

const leaseMillisDefault = 5_000
const pauseMillis = 100
/** After data that did not fit: another node may have more room. */
const tooLargePauseMillis = 60_000
const expireMillis = 100
const expiredMax = 1_000
/** A node that ends waits so long for what nobody waited for. */
const flushMillisMax = 5_000

/** Hears of what this node has. */
export interface Listener {
  /** What it has is loaded, or all of it is gone. */
  readonly ready?: (isReady: boolean) => void
  /** Slots are another node's from now on. */
  readonly left?: (slots: SlotSet) => void
  /** Who has what is not as it was. */
  readonly moved?: () => void
  /** This node has changed who has what, and others do not know yet. */
  readonly changed?: () => void
}

export class Redis {
  readonly engine: Engine
  readonly ownership: Ownership
  readonly storing: Storing
  readonly placement: Placement
  readonly tending: Tending
  readonly partaking: Partaking
  private readonly holding: Holding
  /** It has a part, and has loaded what it began with. */
  isReady = false
  /** Why it cannot be loaded, and what to do. */
  trouble: string | undefined
  readonly jobs = new Joint.Jobs()
  private readonly transactions: Transactions["Service"]
  private readonly fetching: Fetching
  private readonly trace: Trace["Service"]
  private readonly leaseMillis: number
  private readonly listeners = new Set<Listener>()
  /** Has everything loaded again; there while the data is. */
  private begin: (() => void) | undefined
  /** What was in memory is being loaded again. */
  private isReloading = false
  /** End the pauses between beats. */
  private readonly wakers = new Set<() => void>()

  constructor({
    dataBytesMax,
    engine,
    leaseMillis,
    node,
    ownership,
    pass,
    spreads,
    storing,
    trace,
    transactions
  }: {
    readonly node: number
    readonly engine: Engine
    readonly ownership: Ownership
    readonly storing: Storing
    readonly pass: string
    readonly spreads: boolean
    readonly dataBytesMax: number
    readonly transactions: Transactions["Service"]
    readonly trace: Trace["Service"]
    readonly leaseMillis: number
  }) {
    this.engine = engine
    this.ownership = ownership
    this.storing = storing
    this.trace = trace
    this.transactions = transactions
    this.leaseMillis = leaseMillis
    const { folding } = storing
    this.fetching = new Fetching({ engine, folding, transactions, dataBytesMax })
    const placement = new Placement(ownership, pass)
    this.placement = placement
    this.holding = new Holding(engine, placement)
    const { holding } = this
    this.partaking = new Partaking({ node, engine, ownership, placement, holding, storing, trace })
    this.tending = new Tending({
      engine,
      ownership,
      placement,
      storing,
      fetching: this.fetching,
      trace,
      holding,
      spreads,
      lookMillis: leaseMillis / beatsInLease,
      left: (slots) => {
        for (const { left } of this.listeners) left?.(slots)
      }
    })
    ownership.seen = () => {
      placement.look()
      this.tending.look()
    }
    ownership.changed = () => {
      for (const { changed } of this.listeners) changed?.()
    }
    placement.changed = () => {
      for (const { moved } of this.listeners) moved?.()
    }
    placement.asked = () => {
      for (const wake of this.wakers) wake()
    }
  }

  /** Stores what a command has done to keys of several nodes. */
  storeJoint(parts: ReadonlyArray<Joint.Part>, done: (stored: Joint.Stored) => void): void {
    this.jobs.add(Effect.map(Joint.store(this.transactions, parts), done))
  }

  /** What is stored is being read, of all that this node has. */
  get isLoading(): boolean {
    return !this.isReady && this.ownership.epoch !== 0
  }

  /** Hears of what happens, until the returned function is called. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  /**
   * Has everything stored, forgotten, and loaded again from what is stored. Listeners hear that the data is there when it is again. No command may
   * change anything until then. False: there is no data.
   */
  reload(): boolean {
    const { begin } = this
    this.begin = undefined
    begin?.()
    return begin !== undefined
  }

  /** Never ends. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => Effect.forever(this.life))

  /** From having no part to having none any more. */
  private readonly life = Effect.suspend(() => {
    const { partaking, storing, tending } = this
    const owning = Effect.raceAllFirst([storing.run, this.keep, this.expire, tending.run, partaking.run, this.asked])
    const own = Effect.map(Effect.andThen(this.take, owning), () => this.forget())
    const over = (error: RunError | OwnershipLost | DoesNotFit): Effect.Effect<void> =>
      Effect.suspend(() => {
        const { _tag: reason, message } = error
        const isTooLarge = error instanceof DoesNotFit
        if (isTooLarge) this.trouble = message
        this.trace.emit(isTooLarge ? "error" : "warn", "redis/data-lost", { reason, message })
        this.forget()
        this.tell(false)
        return Effect.sleep(isTooLarge ? tooLargePauseMillis : pauseMillis)
      })
    return Effect.catch(own, over)
  })

  /** Ends when somebody wants everything loaded again, and all that was changed is stored. */
  private readonly asked: Effect.Effect<void> = Effect.suspend(() => {
    const begun = Completion.submit<void, never>((done) => {
      this.begin = () => done(undefined, undefined)
    })
    return Effect.map(Effect.andThen(begun, this.storing.flush), () => {
      this.isReloading = true
    })
  })

  private forget(): void {
    this.isReady = false
    this.begin = undefined
    this.ownership.forget()
    this.engine.reset(0)
    this.storing.abandon()
    this.placement.clear()
    this.holding.abandon()
    this.partaking.abandon()
  }

  private tell(isReady: boolean): void {
    this.isReloading = false
    this.isReady = isReady
    for (const { ready } of this.listeners) ready?.(isReady)
  }

  /** Until this node may have a part. */
  private readonly waitForTurn = Effect.suspend(() => {
    // What it wanted to load again is another node's now.
    if (this.isReloading) this.tell(false)
    return Effect.sleep(this.leaseMillis / beatsInLease)
  })

  /** Has what it had before, or everything, if nobody had anything, and loads it. */
  private readonly take: Effect.Effect<void, RunError | OwnershipLost | DoesNotFit> = Effect.suspend(() => {
    const { engine, fetching, ownership, storing, tending } = this
    const claimed: Effect.Effect<Taken, RunError> = Effect.flatMap(ownership.claim, (taken) =>
      taken === undefined ? Effect.andThen(this.waitForTurn, claimed) : Effect.succeed(taken)
    )
    return Effect.flatMap(claimed, (taken) => {
      engine.reset(taken.at)
      storing.begin(taken.at)
      const from = engine.wallMillis()
      // However long that takes, others are not to think that this node is gone.
      return Effect.map(Effect.raceFirst(fetching.fetch(taken, true), this.keep), () => {
        const keys = engine.databases.reduce((sum, { size }) => sum + size, 0)
        const { count } = taken.slots
        this.trace.emit("info", "redis/loaded", { slots: count, keys, tookMillis: engine.wallMillis() - from })
        this.trouble = undefined
        tending.begin(taken)
        this.tell(true)
      })
    })
  })

  /** Says that this node lives, and hears of the others; neither waits for the other. */
  private readonly keep: Effect.Effect<never, OwnershipLost> = Effect.suspend(() => {
    const { ownership, storing } = this
    const beat = Effect.suspend(() => ownership.beat(storing.folding.ended))
    return Effect.raceFirst(this.often(beat), this.often(ownership.hear))
  })

  private often(once: Effect.Effect<void, RunError | OwnershipLost>): Effect.Effect<never, OwnershipLost> {
    const patient = Effect.catchIf(
      once,
      (error): error is RunError => error._tag !== "OwnershipLost",
      (error) =>
        Effect.sync(() => this.trace.emit("warn", "redis/beat-failed", { reason: error._tag, message: error.message }))
    )
    return Effect.forever(Effect.andThen(patient, this.pause))
  }

  private readonly pause = Effect.suspend(() => {
    let wake: (() => void) | undefined
    const woken = Completion.submit<void, never>((done) => {
      wake = () => done(undefined, undefined)
      this.wakers.add(wake)
    })
    return Effect.map(Effect.timeoutOption(woken, this.leaseMillis / beatsInLease), () => {
      if (wake !== undefined) this.wakers.delete(wake)
    })
  })

  private readonly expire: Effect.Effect<never> = Effect.forever(
    Effect.andThen(
      Effect.sleep(expireMillis),
      Effect.sync(() => void this.engine.expire(expiredMax))
    )
  )
}

/** Lives as long as its scope; what was changed and is not stored by then is, unless that fails. */
export const open = Effect.fnUntraced(function* ({
  address,
  dataBytesMax = Infinity,
  folding,
  isAlone = false,
  leaseMillis = leaseMillisDefault,
  node,
  pass,
  relay = address,
  settings = {},
  spreads = true,
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
    settings,
    isSlotted: !isAlone
  })
  const ownership = new Ownership({
    node,
    address,
    relay,
    pass,
    transactions,
    nowMicros: () => port.nowMicros(),
    leaseMicros: leaseMillis * 1_000
  })
  const storing = new Storing({
    engine,
    ownership,
    transactions,
    trace,
    intervalMillis: storeMillis,
    folding: { ...Folding.defaults, ...folding }
  })
  const redis = new Redis({
    node,
    spreads,
    engine,
    ownership,
    storing,
    pass,
    transactions,
    trace,
    leaseMillis,
    dataBytesMax
  })
  yield* Effect.forkScoped(redis.run)
  yield* Effect.forkScoped(redis.jobs.run(yield* Effect.scope))
  // Before what runs is interrupted: finalizers go from the last to the first.
  yield* Effect.addFinalizer(() => Effect.timeoutOption(storing.flush, flushMillisMax))
  return redis
})
