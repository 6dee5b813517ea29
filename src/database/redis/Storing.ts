/**
 * Storing: makes what a node's engine has changed durable, batch after batch, each as a transaction that only the partitions' owner can commit.
 *
 * Whoever waits for the durability of what it did (`settled`) has a batch taken as soon as the one before is stored: all that was done
 * meanwhile, by all clients, goes into it. Where nobody waits, a batch is taken every `intervalMillis`.
 *
 * A batch is repeated until it is stored: it says how things are, so it may be. It is given up when another node owns the data.
 */
import * as Effect from "effect/Effect"
import type { Mutation } from "#keyspace/Request.ts"
import * as Tuple from "#keyspace/Tuple.ts"
import type { Transaction } from "#txn/Transaction.ts"
import type { Transactions } from "#txn/Transactions.ts"
import type { RunError, StepError } from "#txn/TxnError.ts"
import * as Completion from "#world/Completion.ts"
import type { Trace } from "#world/Trace.ts"
import type { Engine } from "./Engine.ts"
import type { Batch } from "./Journal.ts"
import { type Ownership, OwnershipLost } from "./Ownership.ts"

export interface Parts {
  readonly engine: Engine
  readonly ownership: Ownership
  readonly transactions: Transactions["Service"]
  readonly trace: Trace["Service"]
  readonly intervalMillis: number
}

interface Waiter {
  readonly ticket: number
  readonly done: (isStored: boolean) => void
}

/** Of one transaction, half of what `Limits` allow. */
const keysBytesMax = 4 * 1_048_576
const sizeBytesMax = 32 * 1_048_576
const timeoutMillis = 10_000
const pauseMillis = 50
/** Elements that one transaction clears. */
const clearedMax = 1_000

type Txn = Transaction["Service"]

/** Pieces that one transaction takes each; nearly always one. */
const cut = (mutations: ReadonlyArray<Mutation>): ReadonlyArray<ReadonlyArray<Mutation>> => {
  const pieces: Array<Array<Mutation>> = []
  let keysBytes = Infinity
  let sizeBytes = Infinity
  for (const mutation of mutations) {
    const { key, value } = mutation
    if (keysBytes + key.length > keysBytesMax || sizeBytes + (value?.length ?? 0) > sizeBytesMax) {
      pieces.push([])
      keysBytes = 0
      sizeBytes = 0
    }
    pieces[pieces.length - 1].push(mutation)
    keysBytes += key.length
    sizeBytes += key.length + (value?.length ?? 0)
  }
  return pieces
}

const write = Effect.fnUntraced(function* (
  txn: Txn,
  mutations: ReadonlyArray<Mutation>
): Effect.fn.Return<void, StepError> {
  for (const { key, value } of mutations) yield* value === undefined ? txn.delete(key) : txn.put(key, value)
})

export class Storing {
  readonly counts = { batches: 0, mutations: 0, retries: 0 }
  private readonly parts: Parts
  private waiters: Array<Waiter> = []
  private garbage: Array<Uint8Array> = []
  /** Ends the pause between batches. */
  private wake: (() => void) | undefined

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** `done` is called once what was changed up to now is durable, or will never be; not within the call. False: it is durable already. */
  settled(done: (isStored: boolean) => void): boolean {
    const { ticket } = this.parts.engine.journal
    if (ticket === 0) return false
    this.waiters.push({ ticket, done })
    this.wake?.()
    return true
  }

  /** Elements nobody reads, found when data was loaded. */
  discard(prefix: Uint8Array): void {
    this.garbage.push(prefix)
  }

  /** Everything up to now. */
  readonly flush: Effect.Effect<boolean> = Effect.suspend(() => {
    if (this.parts.engine.journal.ticket === 0) return Effect.succeed(true)
    return Completion.submit<boolean, never>((done) => void this.settled((isStored) => done(undefined, isStored)))
  })

  /** Never ends, unless the data is another node's. */
  readonly run: Effect.Effect<never, OwnershipLost> = Effect.suspend(() => Effect.forever(this.turn))

  /** What is not stored is given up. */
  abandon(): void {
    const { waiters } = this
    this.waiters = []
    this.garbage = []
    for (const { done } of waiters) done(false)
  }

  private readonly turn = Effect.suspend(() => {
    const { engine, intervalMillis } = this.parts
    const isAwaited = this.waiters.length > 0
    const pause = Completion.submit<void, never>((done) => {
      this.wake = () => {
        this.wake = undefined
        done(undefined, undefined)
      }
    })
    const slept = isAwaited ? Effect.yieldNow : Effect.timeoutOption(pause, intervalMillis)
    return Effect.andThen(
      slept,
      Effect.suspend(() => {
        this.wake = undefined
        const batch = engine.journal.take()
        const stored = batch === undefined ? Effect.void : Effect.map(this.store(batch), () => this.stored(batch))
        return isAwaited ? stored : Effect.andThen(stored, this.clear)
      })
    )
  })

  private stored(batch: Batch): void {
    this.parts.engine.journal.done(batch)
    this.garbage.push(...batch.garbage)
    this.counts.batches += 1
    this.counts.mutations += batch.mutations.length
    const { waiters } = this
    this.waiters = waiters.filter(({ ticket }) => ticket > batch.ticket)
    for (const { done, ticket } of waiters) if (ticket <= batch.ticket) done(true)
  }

  private store(batch: Batch): Effect.Effect<void, OwnershipLost> {
    return Effect.forEach(cut(batch.mutations), (piece) => this.commit((txn) => write(txn, piece)), { discard: true })
  }

  /** As often as it takes. */
  private commit(body: (txn: Txn) => Effect.Effect<void, StepError>): Effect.Effect<void, OwnershipLost> {
    const { ownership, trace, transactions } = this.parts
    const once = transactions.run((txn) => Effect.andThen(ownership.guard(txn), body(txn)), { timeoutMillis })
    const again = (error: RunError | OwnershipLost): Effect.Effect<void, OwnershipLost> => {
      if (error instanceof OwnershipLost) return Effect.fail(error)
      this.counts.retries += 1
      trace.emit("warn", "redis/not-stored", { reason: error._tag, message: error.message })
      return Effect.andThen(Effect.sleep(pauseMillis), this.commit(body))
    }
    return Effect.catch(once, again)
  }

  /** Some of the elements that nobody reads. */
  private readonly clear: Effect.Effect<void, OwnershipLost> = Effect.suspend(() => {
    const prefix = this.garbage.pop()
    if (prefix === undefined) return Effect.void
    const span = { from: prefix, to: Tuple.successor(prefix)! }
    let isLeft = false
    const cleared = this.commit((txn) =>
      Effect.flatMap(txn.scan(span, { entriesMax: clearedMax }), ({ entries, rest }) => {
        isLeft = rest !== undefined
        return Effect.forEach(entries, ({ key }) => txn.delete(key), { discard: true })
      })
    )
    return Effect.map(cleared, () => {
      if (isLeft) this.garbage.push(prefix)
    })
  })
}
