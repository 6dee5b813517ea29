/**
 * Ownership: which partitions this node owns. An owner has a partition's data in its memory, and is the only one that changes it: what it stores,
 * it stores in transactions that `guard` lets through only while it is the owner, so one that was replaced, and does not know, stores nothing.
 *
 * An owner says in the keyspace that it lives, `beatsInLease` times a lease. Who has seen the same beat for a whole lease, by its own clock, may take
 * over. The owner counts its lease from before it sent a beat, so `isHeld` is false before anybody else can be the owner, as long as no clock runs
 * faster than another by more than `driftMax`; reads rest on that, writes do not.
 *
 * A node takes back what it owned before it was restarted at once: there is only one process with its data.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Timestamp } from "#keyspace/Request.ts"
import type { Transaction } from "#txn/Transaction.ts"
import type { Transactions } from "#txn/Transactions.ts"
import type { RunError, StepError } from "#txn/TxnError.ts"
import * as Owner from "./Owner.ts"
import type { Address } from "#world/Net.ts"
import * as Partitions from "./Partitions.ts"

/** Another node owns the partition now: what this one has of it is not worth anything. */
export class OwnershipLost extends Data.TaggedError("OwnershipLost")<{
  readonly partition: number
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
  /** By this node's clock. */
  untilMicros: number
}

interface Seen extends Owner.Owner {
  /** When these beats were seen first. */
  readonly sinceMicros: number
}

export const beatsInLease = 4
/** A second in a hundred: a clock that drifts more is broken. */
const driftMax = 0.01

type Txn = Transaction["Service"]

export class Ownership {
  private readonly options: Options
  private readonly held = new Map<number, Held>()
  private readonly seen = new Map<number, Seen>()

  constructor(options: Options) {
    this.options = options
  }

  /** The partitions that this node owns, to the best of its knowledge. */
  get partitions(): ReadonlyArray<number> {
    return [...this.held.keys()]
  }

  /** Nobody else can own any of its partitions yet. */
  get isHeld(): boolean {
    const now = this.options.nowMicros()
    for (const { untilMicros } of this.held.values()) if (now >= untilMicros) return false
    return true
  }

  /** The last that any of its partitions was taken with; 0: it owns none. */
  get epoch(): Timestamp {
    let epoch = 0
    for (const held of this.held.values()) epoch = Math.max(epoch, held.epoch)
    return epoch
  }

  /** Where the owner is, as far as this node knows; undefined: it is this one, or nobody is. */
  get elsewhere(): Address | undefined {
    const [seen] = this.seen.values()
    const isKnown = this.held.size === 0 && seen !== undefined && seen.node !== 0 && seen.node !== this.options.node
    return isKnown ? seen.address : undefined
  }

  /** Takes all partitions, if nobody owns them, or their owners have been silent for a lease; true: they are this node's. */
  readonly claim: Effect.Effect<boolean, RunError> = Effect.suspend(() => {
    const { address, node, nowMicros, transactions } = this.options
    const beganMicros = nowMicros()
    const claimed = Effect.fnUntraced(function* (this: Ownership, txn: Txn): Effect.fn.Return<boolean, StepError> {
      const all = yield* this.look(txn)
      if (!all.every(({ owner, partition }) => this.isFree(partition, owner))) return false
      const owner = Owner.encode({ node, epoch: txn.id, beats: 0, address })
      for (const { partition } of all) yield* txn.put(Partitions.ownerKey(partition), owner)
      return true
    })
    return Effect.map(
      transactions.runCommitted((txn) => claimed.call(this, txn)),
      ({ id, value: isOwner }) => {
        if (isOwner)
          for (let partition = 0; partition < Partitions.count; partition++) this.hold(partition, id, beganMicros)
        return isOwner
      }
    )
  })

  /** Says that this node lives; loses what others own by now. */
  readonly beat: Effect.Effect<void, RunError | OwnershipLost> = Effect.suspend(() => {
    const { address, node, nowMicros, transactions } = this.options
    const beganMicros = nowMicros()
    const beaten = Effect.fnUntraced(function* (this: Ownership, txn: Txn) {
      for (const { owner, partition } of yield* this.look(txn)) {
        const held = this.held.get(partition)
        if (held === undefined) continue
        if (owner?.epoch !== held.epoch) return yield* lost(partition, owner)
        const beats = owner.beats + 1
        yield* txn.put(Partitions.ownerKey(partition), Owner.encode({ node, epoch: held.epoch, beats, address }))
      }
    })
    return Effect.map(
      transactions.run((txn) => beaten.call(this, txn)),
      () => {
        const untilMicros = this.leaseFrom(beganMicros)
        for (const held of this.held.values()) held.untilMicros = untilMicros
      }
    )
  })

  /** The transaction is committed only while this node owns all that it holds now. */
  readonly guard = (txn: Txn): Effect.Effect<void, StepError | OwnershipLost> => {
    const partitions = this.partitions
    const keys = partitions.map(Partitions.ownerKey)
    return Effect.flatMap(txn.getMany(keys), (values) => {
      for (const [at, partition] of partitions.entries()) {
        const owner = Owner.decode(values[at])
        if (owner?.epoch !== this.held.get(partition)?.epoch) return Effect.fail(lost(partition, owner))
      }
      return Effect.void
    })
  }

  /** It owns nothing any more, whatever is stored. */
  forget(): void {
    this.held.clear()
  }

  private leaseFrom(beganMicros: number): number {
    return beganMicros + this.options.leaseMicros * (1 - driftMax)
  }

  private hold(partition: number, epoch: Timestamp, beganMicros: number): void {
    this.seen.delete(partition)
    this.held.set(partition, { epoch, untilMicros: this.leaseFrom(beganMicros) })
  }

  private look(
    txn: Txn
  ): Effect.Effect<ReadonlyArray<{ partition: number; owner: Owner.Owner | undefined }>, StepError> {
    const partitions = Array.from({ length: Partitions.count }, (_, partition) => partition)
    return Effect.map(txn.getMany(partitions.map(Partitions.ownerKey)), (values) =>
      partitions.map((partition) => {
        const owner = Owner.decode(values[partition])
        this.see(partition, owner)
        return { partition, owner }
      })
    )
  }

  private see(partition: number, owner: Owner.Owner | undefined): void {
    const seen = this.seen.get(partition)
    if (owner === undefined) return
    if (seen?.epoch === owner.epoch && seen.beats === owner.beats) return
    this.seen.set(partition, { ...owner, sinceMicros: this.options.nowMicros() })
  }

  private isFree(partition: number, owner: Owner.Owner | undefined): boolean {
    if (owner === undefined || owner.node === 0 || owner.node === this.options.node) return true
    const { leaseMicros, nowMicros } = this.options
    const seen = this.seen.get(partition)
    return seen !== undefined && nowMicros() - seen.sinceMicros > leaseMicros
  }
}

const lost = (partition: number, owner: Owner.Owner | undefined): OwnershipLost =>
  new OwnershipLost({
    partition,
    owner: owner?.node ?? 0,
    message: `partition ${partition} is owned by node ${owner?.node ?? 0} now: its data is loaded again when it is ours`
  })
