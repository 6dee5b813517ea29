/**
 * Storing: makes what a node's engine has changed durable, batch after batch, by transactions that only the owner can commit: one each, or, where a
 * batch is large, several, of which the last makes it count.
 *
 * Whoever waits for the durability of what it did (`settled`) has a batch taken as soon as the one before is stored: all that was done
 * meanwhile, by all clients, goes into it. Where nobody waits, a batch is taken every `intervalMillis`, and when much has changed.
 *
 * A batch is stored as a record of its changes, which costs the keyspace little, however many they are. `Folding` puts them among the keys
 * later, many records at a time.
 *
 * A batch is repeated until it is stored: it says how things are, so it may be. It is given up when another node has the data.
 */
import * as Effect from "effect/Effect"
import * as Bytes from "#base/Bytes.ts"
import type { Transaction } from "#txn/Transaction.ts"
import type { Transactions } from "#txn/Transactions.ts"
import type { RunError, StepError } from "#txn/TxnError.ts"
import * as Completion from "#world/Completion.ts"
import type { Trace } from "#world/Trace.ts"
import type { Engine } from "./Engine.ts"
import { type Commit, Folding, type Name, type Options, type Read } from "./Folding.ts"
import { type Ownership, OwnershipLost } from "./Ownership.ts"
import * as Places from "./Places.ts"
import * as Record from "./Record.ts"
import type { SlotSet } from "./SlotSet.ts"

export interface Parts {
  readonly engine: Engine
  readonly ownership: Ownership
  readonly transactions: Transactions["Service"]
  readonly trace: Trace["Service"]
  readonly intervalMillis: number
  readonly folding: Options
}

interface Waiter {
  readonly ticket: number
  readonly done: (isStored: boolean) => void
}

/** Of one transaction, so that it is committed in one round: a larger record is stored by several. */
const piecesMax = 2
const timeoutMillis = 10_000
const pauseMillis = 50

type Txn = Transaction["Service"]

export class Storing {
  readonly counts = { batches: 0, bytes: 0, retries: 0 }
  readonly folding: Folding
  private readonly parts: Parts
  private waiters: Array<Waiter> = []
  /** Ends the pause between batches. */
  private wake: (() => void) | undefined
  /** Where records go. */
  private stream = 0
  /** Of the last record in it. */
  private number = 0

  constructor(parts: Parts) {
    this.parts = parts
    this.folding = new Folding({ commit: this.commit, read: this.read, engine: parts.engine, options: parts.folding })
  }

  /** `done` is called once what was changed up to now is durable, or will never be; not within the call. False: it is durable already. */
  settled(done: (isStored: boolean) => void): boolean {
    return this.awaits(this.parts.engine.journal.ticket, done)
  }

  private awaits(ticket: number, done: (isStored: boolean) => void): boolean {
    if (ticket === 0) return false
    this.waiters.push({ ticket, done })
    this.wake?.()
    return true
  }

  /** Everything up to now; false: it will never be. */
  readonly flush: Effect.Effect<boolean> = Completion.submit<boolean, never>((done) => {
    if (!this.settled((isStored) => done(undefined, isStored))) done(undefined, true)
  })

  /** Everything up to now in these slots; false: it will never be. */
  flushOf(slots: SlotSet): Effect.Effect<boolean> {
    return Completion.submit<boolean, never>((done) => {
      const { journal } = this.parts.engine
      if (!this.awaits(journal.ticketOf(slots), (isStored) => done(undefined, isStored))) done(undefined, true)
    })
  }

  /** Never ends, unless the data is another node's. */
  readonly run: Effect.Effect<never, OwnershipLost> = Effect.suspend(() =>
    Effect.raceAllFirst([Effect.forever(this.turn), Effect.forever(this.gathering), this.folding.run])
  )

  /** Records go into this stream, which is empty, from now on. */
  begin(stream: number): void {
    this.stream = stream
    this.number = 0
  }

  /** What is not stored is given up. */
  abandon(): void {
    const { waiters } = this
    this.waiters = []
    this.folding.abandon()
    for (const { done } of waiters) done(false)
  }

  /** The name of a record that is not one of its own. What it says no record before or behind it does, as long as the slots that it is of stand still. */
  reserve(): Name {
    this.number += 1
    return { stream: this.stream, number: this.number }
  }

  /** What has this name: the record that another node has put there, or an empty one, if none has, so that none ever will. */
  decide(name: Name): Effect.Effect<Uint8Array, OwnershipLost> {
    const { ownership, transactions } = this.parts
    const body = (txn: Txn): Effect.Effect<Uint8Array, StepError | OwnershipLost> =>
      Effect.flatMap(Effect.andThen(ownership.guard(txn), pieces(txn, name)), (found) =>
        found.length > 0
          ? Effect.succeed(Bytes.concat(found))
          : Effect.as(txn.put(Places.recordKey(name.stream, name.number, 0), Record.empty), Record.empty)
      )
    return this.untilDone(Effect.suspend(() => transactions.run(body, { timeoutMillis })))
  }

  private readonly turn = Effect.suspend(() => {
    const pause = Completion.submit<void, never>((done) => {
      this.wake = () => {
        this.wake = undefined
        done(undefined, undefined)
      }
    })
    const { journal } = this.parts.engine
    const isDue = this.waiters.length > 0 || journal.isFull
    const slept = isDue ? Effect.yieldNow : Effect.timeoutOption(pause, this.parts.intervalMillis)
    return Effect.andThen(slept, this.batch)
  })

  /** A slice of the batch that fills, so that no command waits until all of it is put together. */
  private readonly gathering = Effect.suspend(() => {
    const { journal } = this.parts.engine
    const filled = Completion.submit<void, never>((done) => {
      journal.filled = () => {
        journal.filled = undefined
        done(undefined, undefined)
      }
    })
    return Effect.map(Effect.andThen(filled, Effect.yieldNow), () => {
      journal.gather()
      if (journal.isFull) this.wake?.()
    })
  })

  private readonly batch = Effect.suspend(() => {
    this.wake = undefined
    const { journal } = this.parts.engine
    const batch = journal.take()
    if (batch === undefined) return Effect.void
    // What came and went within a batch leaves nothing to store: it is done in the next turn, as everything else.
    return Effect.map(batch.record === undefined ? Effect.yieldNow : this.store(batch.record), () => {
      journal.done(batch)
      for (const prefix of batch.garbage) this.folding.discard(prefix)
      this.release(batch.ticket)
    })
  })

  private store(record: Uint8Array): Effect.Effect<void, OwnershipLost> {
    const name = this.reserve()
    const stored = Effect.forEach(parts(record), (part) => this.storePart(name, record, part), { discard: true })
    return Effect.map(stored, () => {
      this.folding.add(name, record.length)
      this.counts.batches += 1
      this.counts.bytes += record.length
    })
  }

  private storePart(name: Name, record: Uint8Array, part: Part): Effect.Effect<void, OwnershipLost> {
    const { ownership } = this.parts
    const body = (txn: Txn) => Effect.andThen(ownership.guard(txn), put(txn, name, record, part))
    return this.untilDone(ownership.commit(body, timeoutMillis))
  }

  private release(stored: number): void {
    const { waiters } = this
    this.waiters = waiters.filter(({ ticket }) => ticket > stored)
    for (const { done, ticket } of waiters) if (ticket <= stored) done(true)
  }

  private readonly commit: Commit = (body, isGuarded) => {
    const { ownership, transactions } = this.parts
    const isolation = isGuarded ? "strict-serializable" : "snapshot"
    const once = transactions.run((txn) => Effect.andThen(ownership.guard(txn), body(txn)), {
      isolation,
      timeoutMillis
    })
    return this.untilDone(once)
  }

  /** All pieces as of one time, at which the record may be gone. By their keys: a scan would read the next record, too, to know where it ends. */
  private readonly read: Read = (name) => {
    const { ownership, transactions } = this.parts
    const body = (txn: Txn) => Effect.andThen(ownership.guard(txn), pieces(txn, name))
    const once = Effect.suspend(() => transactions.run(body, { readOnly: true, timeoutMillis }))
    return this.untilDone(Effect.map(once, (found) => (found.length === 0 ? undefined : Bytes.concat(found))))
  }

  private untilDone<A>(once: Effect.Effect<A, RunError | OwnershipLost>): Effect.Effect<A, OwnershipLost> {
    const again = (error: RunError | OwnershipLost): Effect.Effect<A, OwnershipLost> => {
      if (error instanceof OwnershipLost) return Effect.fail(error)
      this.counts.retries += 1
      this.parts.trace.emit("warn", "redis/not-stored", { reason: error._tag, message: error.message })
      return Effect.andThen(Effect.sleep(pauseMillis), this.untilDone(once))
    }
    return Effect.catch(once, again)
  }
}

/** Those of a record, in their order. */
const pieces = Effect.fnUntraced(function* (
  txn: Txn,
  { number, stream }: Name
): Effect.fn.Return<ReadonlyArray<Uint8Array>, StepError> {
  const found: Array<Uint8Array> = []
  for (;;) {
    const piece = yield* txn.get(Places.recordKey(stream, number, found.length))
    if (piece === undefined) return found
    found.push(piece)
    // Only the last one is shorter.
    if (piece.length < Record.pieceBytes) return found
  }
})

/** The pieces [from, to) of a record. */
interface Part {
  readonly from: number
  readonly to: number
}

/** What one transaction each stores: the first pieces last, since a record without its first piece does not count. */
const parts = (record: Uint8Array): ReadonlyArray<Part> => {
  const found: Array<Part> = []
  for (let to = Record.piecesIn(record.length); to > 0; to -= piecesMax) {
    found.push({ from: Math.max(0, to - piecesMax), to })
  }
  return found
}

const put = Effect.fnUntraced(function* (
  txn: Txn,
  { number, stream }: Name,
  record: Uint8Array,
  { from, to }: Part
): Effect.fn.Return<void, StepError> {
  for (let piece = from; piece < to; piece++) {
    yield* txn.put(
      Places.recordKey(stream, number, piece),
      record.subarray(piece * Record.pieceBytes, (piece + 1) * Record.pieceBytes)
    )
  }
})
