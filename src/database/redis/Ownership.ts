/**
 * Ownership: which node has Redis's data. The owner has it in its memory, and is the only one that changes it: what it stores, it stores in
 * transactions that `guard` lets through only while it is the owner, so one that was replaced, and does not know, stores nothing.
 *
 * The owner says in the keyspace that it lives, `beatsInLease` times a lease. Who has seen the same beat for a whole lease, by its own clock, may take
 * over. The owner counts its lease from before it sent a beat, so `isHeld` is false before anybody else can be the owner, as long as no clock runs
 * faster than another by more than `driftMax`; reads rest on that, writes do not.
 *
 * A node takes back what it owned before it was restarted at once: there is only one process with its data.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Timestamp } from "#keyspace/Request.ts"
import type { Transaction } from "#txn/Transaction.ts"
import type { Body, Committed, Failure } from "#txn/Coordinator.ts"
import type { Transactions } from "#txn/Transactions.ts"
import type { RunError, StepError } from "#txn/TxnError.ts"
import type { Address } from "#world/Net.ts"
import * as Owner from "./Owner.ts"
import * as Places from "./Places.ts"

/** Another node has the data now: what this one has of it is not worth anything. */
export class OwnershipLost extends Data.TaggedError("OwnershipLost")<{
  readonly owner: number
  readonly message: string
}> {}

export interface Options {
  readonly node: number
  /** Where others reach this node's door. */
  readonly address: Address
  readonly transactions: Transactions["Service"]
  readonly nowMicros: () => number
  readonly leaseMicros: number
}

interface Held {
  readonly epoch: Timestamp
  /** The last transaction of the owner. */
  last: Committed<unknown>
  /** By this node's clock. */
  untilMicros: number
}

interface Seen extends Owner.Owner {
  /** When these beats were seen first. */
  readonly sinceMicros: number
}

export const beatsInLease = 4
/** A second in a hundred: a clock that drifts more from another one is broken. */
const driftMax = 0.01
/** The same in parts per million, for each of two clocks: by the slowest a lease is over when one is by the fastest. */
export const driftPpmMax = Math.floor((1_000_000 * driftMax) / (2 - driftMax))

type Txn = Transaction["Service"]

const lost = (owner: Owner.Owner | undefined): OwnershipLost =>
  new OwnershipLost({
    owner: owner?.node ?? 0,
    message: `node ${owner?.node ?? 0} has the data now: it is loaded again when it is this node's turn`
  })

const note = (held: Held, committed: Committed<unknown>): void => {
  if (committed.at > held.last.at) held.last = committed
}

const look = (txn: Txn): Effect.Effect<Owner.Owner | undefined, StepError> =>
  Effect.map(txn.get(Places.ownerKey), Owner.decode)

export class Ownership {
  private readonly options: Options
  private held: Held | undefined
  private seen: Seen | undefined

  constructor(options: Options) {
    this.options = options
  }

  /** Nobody else can be the owner yet. */
  get isHeld(): boolean {
    return this.options.nowMicros() < this.untilMicros
  }

  /** By this node's clock; until then nobody else can be the owner. */
  get untilMicros(): number {
    return this.held?.untilMicros ?? -Infinity
  }

  /** What it was taken with: later than those of all owners before; 0: it is not this node's. */
  get epoch(): Timestamp {
    return this.held?.epoch ?? 0
  }

  /** Where the owner is, as far as this node knows; undefined: it is this one, or nobody is. */
  get elsewhere(): Address | undefined {
    const { held, seen } = this
    return held !== undefined || seen === undefined || seen.node === this.options.node ? undefined : seen.address
  }

  /** Becomes the owner, if nobody is, or who is has been silent for a lease. */
  readonly claim: Effect.Effect<boolean, RunError> = Effect.suspend(() => {
    const { address, node, nowMicros, transactions } = this.options
    const beganMicros = nowMicros()
    const claimed = transactions.runCommitted((txn) =>
      Effect.flatMap(look(txn), (owner) => {
        this.see(owner)
        if (!this.isFree(owner)) return Effect.succeed(false)
        return Effect.as(txn.put(Places.ownerKey, Owner.encode({ node, epoch: txn.id, beats: 0, address })), true)
      })
    )
    return Effect.map(claimed, (committed) => {
      const { id, value: isOwner } = committed
      if (isOwner) {
        this.held = { epoch: id, last: committed, untilMicros: this.leaseFrom(beganMicros) }
        // Whoever had it before has it no more, whatever becomes of this node.
        this.seen = undefined
      }
      return isOwner
    })
  })

  /** Says that this node lives. */
  readonly beat: Effect.Effect<void, RunError | OwnershipLost> = Effect.suspend(() => {
    const { address, node, nowMicros, transactions } = this.options
    const { held } = this
    const beganMicros = nowMicros()
    const beaten = transactions.runCommitted((txn) =>
      Effect.flatMap(look(txn), (owner): Effect.Effect<void, StepError | OwnershipLost> => {
        if (held === undefined || owner?.epoch !== held.epoch) return Effect.fail(lost(owner))
        return txn.put(Places.ownerKey, Owner.encode({ node, epoch: held.epoch, beats: owner.beats + 1, address }))
      })
    )
    return Effect.map(beaten, (committed) => {
      if (held === undefined) return
      note(held, committed)
      held.untilMicros = this.leaseFrom(beganMicros)
    })
  })

  /** The transaction is committed only while this node is the owner. */
  readonly guard = (txn: Txn): Effect.Effect<void, StepError | OwnershipLost> =>
    Effect.suspend(() => {
      const { held } = this
      if (held !== undefined && txn.readAt() === held.last.at) return txn.known(Places.ownerKey)
      return Effect.flatMap(look(txn), (owner) =>
        held !== undefined && owner?.epoch === held.epoch ? Effect.void : Effect.fail(lost(owner))
      )
    })

  /**
   * Commits a transaction with `guard` in it. Owners that store one thing after the other begin each where the last one was committed: nobody has to be
   * asked for a timestamp, nor for who the owner was then.
   */
  commit<E>(body: Body<void, E, never>, timeoutMillis: number): Effect.Effect<void, Failure<E>> {
    return Effect.suspend(() => {
      const { held } = this
      const options = { timeoutMillis, ...(held === undefined ? {} : { after: held.last }) }
      return Effect.map(this.options.transactions.runCommitted(body, options), (committed) => {
        if (held !== undefined) note(held, committed)
      })
    })
  }

  /** It is not the owner any more, whatever is stored. */
  forget(): void {
    this.held = undefined
  }

  private leaseFrom(beganMicros: number): number {
    return beganMicros + this.options.leaseMicros * (1 - driftMax)
  }

  private see(owner: Owner.Owner | undefined): void {
    if (owner === undefined) return
    if (this.seen?.epoch === owner.epoch && this.seen.beats === owner.beats) return
    this.seen = { ...owner, sinceMicros: this.options.nowMicros() }
  }

  private isFree(owner: Owner.Owner | undefined): boolean {
    const { leaseMicros, node, nowMicros } = this.options
    if (owner === undefined || owner.node === node) return true
    return this.seen !== undefined && nowMicros() - this.seen.sinceMicros > leaseMicros
  }
}
