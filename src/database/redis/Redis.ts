/**
 * Redis: a node's part in Redis's data. One node at a time owns it: it loads all of it, keeps its ownership, stores what commands change, and lets
 * keys expire. The others wait to take over. When another node has become the owner, this one forgets everything and begins anew.
 *
 * Needs: whoever runs commands does so only while `isReady`, and hands out no reply before `Storing.settled` says so, where durability is
 * promised, nor when `Ownership.isHeld` is false by then: the data might have been another node's while it was read.
 */
import * as Data from "effect/Data"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Mutation, Span } from "#keyspace/Request.ts"
import * as Keys from "#storage/Keys.ts"
import { Transactions } from "#txn/Transactions.ts"
import type { RunError } from "#txn/TxnError.ts"
import * as Completion from "#world/Completion.ts"
import type { Address } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import type { Database } from "./Database.ts"
import { Engine } from "./Engine.ts"
import * as Folding from "./Folding.ts"
import { Loading } from "./Loading.ts"
import { beatsInLease, Ownership, type OwnershipLost } from "./Ownership.ts"
import { Joining } from "./Pieces.ts"
import { Overlay } from "./Overlay.ts"
import * as Places from "./Places.ts"
import * as Record from "./Record.ts"
import type { Settings } from "./Settings.ts"
import { Storing } from "./Storing.ts"

/** The process has not enough memory for the data. */
class DoesNotFit extends Data.TaggedError("DoesNotFit")<{ readonly message: string }> {}

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
  readonly folding?: Partial<Folding.Options>
  /** Data that takes more, about, is not loaded: the process would end. Default: no bound. */
  readonly dataBytesMax?: number
}

const leaseMillisDefault = 5_000
const pauseMillis = 100
/** After data that did not fit: another node may have more room. */
const tooLargePauseMillis = 60_000
const expireMillis = 100
const expiredMax = 1_000
const pageEntries = 10_000
const pageBytes = 4 * 1_048_576
const loadMillisMax = 30_000
/** Loaded in a turn: a few milliseconds. */
const turnChanges = 1_024
/** A node that ends waits so long for what nobody waited for. */
const flushMillisMax = 5_000

export class Redis {
  readonly engine: Engine
  readonly ownership: Ownership
  readonly storing: Storing
  /** Its data is loaded. */
  isReady = false
  /** Why it cannot be loaded, and what to do. */
  trouble: string | undefined
  private readonly transactions: Transactions["Service"]
  private readonly trace: Trace["Service"]
  private readonly leaseMillis: number
  private readonly dataBytesMax: number
  private readonly listeners = new Set<(isReady: boolean) => void>()
  /** Has everything loaded again; there while the data is. */
  private begin: (() => void) | undefined
  /** What was in memory is being loaded again. */
  private isReloading = false

  constructor(
    engine: Engine,
    ownership: Ownership,
    storing: Storing,
    {
      dataBytesMax,
      leaseMillis,
      trace,
      transactions
    }: {
      readonly dataBytesMax: number
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
    this.dataBytesMax = dataBytesMax
  }

  /** Where the node is that has the data, if another one does. */
  get ownerAddress(): Address | undefined {
    return this.ownership.elsewhere
  }

  /** This node is the owner, and reads what is stored. */
  get isLoading(): boolean {
    return !this.isReady && this.ownership.epoch !== 0
  }

  /** Hears when the data is there, and when it is gone; until the returned function is called. */
  listen(listener: (isReady: boolean) => void): () => void {
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

  /** From owning nothing to owning nothing any more. */
  private readonly life = Effect.suspend(() => {
    const owning = Effect.raceFirst(this.storing.run, Effect.raceFirst(this.keep, this.expire))
    const again = Effect.map(Effect.raceFirst(owning, this.asked), () => this.forget())
    const own = Effect.andThen(this.take, again)
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
  }

  private tell(isReady: boolean): void {
    this.isReloading = false
    this.isReady = isReady
    for (const listener of this.listeners) listener(isReady)
  }

  /** Until this node may be the owner. */
  private readonly waitForTurn = Effect.suspend(() => {
    // What it wanted to load again is another node's now.
    if (this.isReloading) this.tell(false)
    return Effect.sleep(this.leaseMillis / beatsInLease)
  })

  /** Becomes the owner of all partitions, and loads them. */
  private readonly take: Effect.Effect<void, RunError | OwnershipLost | DoesNotFit> = Effect.suspend(() => {
    const { engine, ownership } = this
    const claimed: Effect.Effect<void, RunError> = Effect.flatMap(ownership.claim, (isOwner) =>
      isOwner ? Effect.void : Effect.andThen(this.waitForTurn, claimed)
    )
    return Effect.andThen(
      claimed,
      Effect.suspend(() => {
        engine.reset(ownership.epoch)
        const from = engine.wallMillis()
        // However long that takes, others are not to think that this node is gone.
        return Effect.map(Effect.raceFirst(this.load, this.keep), () => {
          const keys = engine.databases.reduce((sum, { size }) => sum + size, 0)
          this.trace.emit("info", "redis/loaded", { keys, tookMillis: engine.wallMillis() - from })
          this.trouble = undefined
          this.tell(true)
        })
      })
    )
  })

  /** All entries of a span, page by page, and what is to be done after each. Nobody changes them meanwhile: each page may be of another time. */
  private pages<E = never>(
    span: Span,
    visit: (entry: Mutation) => void,
    visited: Effect.Effect<void, E> = Effect.void
  ): Effect.Effect<void, RunError | E> {
    const options = { entriesMax: pageEntries, sizeBytesMax: pageBytes }
    const scanned = this.transactions.run((txn) => txn.scan(span, options), {
      readOnly: true,
      timeoutMillis: loadMillisMax
    })
    return Effect.flatMap(scanned, ({ entries, rest }) => {
      for (const entry of entries) visit(entry)
      return rest === undefined ? visited : Effect.andThen(visited, this.pages(rest, visit, visited))
    })
  }

  /** Others had their turn, and the data so far fits. */
  private breathe(overlay: Overlay): Effect.Effect<void, DoesNotFit> {
    return Effect.suspend(() => {
      const usedBytes = this.engine.usedBytes + overlay.heldBytes
      if (usedBytes <= this.dataBytesMax) return Effect.yieldNow
      const message = `${usedBytes} bytes of data so far, and this process has room for ${this.dataBytesMax}: start it with a larger --max-old-space-size`
      return Effect.fail(new DoesNotFit({ message }))
    })
  }

  private readonly load: Effect.Effect<void, RunError | DoesNotFit> = Effect.suspend(() => {
    const { engine, storing } = this
    engine.advance()
    const garbage = (prefix: Uint8Array): void => storing.folding.discard(prefix)
    const databaseAt = (index: number): Database => engine.databaseAt(index)
    const overlay = new Overlay(databaseAt, garbage)
    const breathe = this.breathe(overlay)
    const loading = new Loading({ databaseAt, overlay, garbage })
    const records = new Record.Collecting((number, record) => {
      storing.found(number, record?.length ?? 0)
      if (record !== undefined) overlay.add(record)
    })
    return Effect.gen({ self: this }, function* () {
      const collect = ({ key, value }: Mutation): void => {
        const { number, piece } = Places.pieceOf(key)
        records.take(number, piece, value!)
      }
      yield* this.pages(Places.records, collect, breathe)
      records.finish()
      let databases: Uint8Array | undefined
      let joined: Array<Mutation> = []
      const joining = new Joining(storing.folding.cutting, (entry) => joined.push(entry))
      const load = Effect.gen(function* () {
        const entries = joined
        joined = []
        for (let i = 0; i < entries.length; i++) {
          const { key, value } = entries[i]
          if (Keys.compare(key, Places.databasesKey) === 0) databases = value
          else loading.take(key, value!)
          if (i % turnChanges === turnChanges - 1) yield* breathe
        }
      })
      yield* this.pages({ from: Places.all.from, to: Places.records.from }, (entry) => joining.take(entry), load)
      yield* this.pages({ from: Places.records.to, to: Places.all.to }, (entry) => joining.take(entry), load)
      joining.finish()
      yield* load
      loading.finish()
      let layers = 0
      for (const layer of overlay.others()) {
        loading.layer(layer)
        if (++layers % turnChanges === 0) yield* breathe
      }
      databases = overlay.databases ?? databases
      if (databases !== undefined) engine.arrange(databases)
    })
  })

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

/** Lives as long as its scope; what was changed and is not stored by then is, unless that fails. */
export const open = Effect.fnUntraced(function* ({
  address,
  dataBytesMax = Infinity,
  folding,
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
  const storing = new Storing({
    engine,
    ownership,
    transactions,
    trace,
    intervalMillis: storeMillis,
    folding: { ...Folding.defaults, ...folding }
  })
  const redis = new Redis(engine, ownership, storing, { transactions, trace, leaseMillis, dataBytesMax })
  yield* Effect.forkScoped(redis.run)
  // Before what runs is interrupted: finalizers go from the last to the first.
  yield* Effect.addFinalizer(() => Effect.timeoutOption(storing.flush, flushMillisMax))
  return redis
})
