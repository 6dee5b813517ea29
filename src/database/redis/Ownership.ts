/**
 * Ownership: which slots of Redis's data this node has, and which the others. Who has slots has what is in them in its memory, and is the only one that
 * changes it: what it stores, it stores in transactions that `guard` lets through only while the node is what it was when it began. Whoever takes its
 * slots away takes its key away, too, so one that was replaced, and does not know, stores nothing.
 *
 * Each node says in the keyspace that it lives, `beatsInLease` times a lease. Who has seen the same beat for a whole lease, by its own clock, may take
 * over all that the node had. A node counts its lease from before it sent a beat, so `isHeld` is false before anybody else can have its slots, as long as
 * no clock runs faster than another by more than `driftMax`; reads rest on that, writes do not.
 *
 * A node takes back what it had before it was restarted at once: there is only one process with its number.
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
import { SlotSet } from "./SlotSet.ts"

/** Another node has the data now: what this one has of it is not worth anything. */
export class OwnershipLost extends Data.TaggedError("OwnershipLost")<{
  readonly message: string
}> {}

export interface Options {
  readonly node: number
  /** Where this node's clients' door is. */
  readonly address: Address
  /** Where other nodes come in for their clients. */
  readonly relay: Address
  /** What they say there. */
  readonly pass: string
  readonly transactions: Transactions["Service"]
  readonly nowMicros: () => number
  readonly leaseMicros: number
}

interface Held {
  readonly epoch: Timestamp
  /** The last transaction of this node. */
  last: Committed<unknown>
  /** By this node's clock. */
  untilMicros: number
  /** As it is stored, since this timestamp. */
  own: Owner.Owner
  ownAt: Timestamp
}

/** Another node, as it was found last. */
export interface Seen extends Owner.Owner {
  /** When these beats were seen first. */
  readonly sinceMicros: number
  /** It has said something new since it was seen first: it may have been long gone by then. */
  readonly hasBeaten: boolean
}

/** What was taken over: slots whose records are in these streams, in their order. */
export interface Taken {
  readonly slots: SlotSet
  readonly streams: ReadonlyArray<number>
  /** Later than all that its owners before did. */
  readonly at: Timestamp
}

export const beatsInLease = 4
/** A second in a hundred: a clock that drifts more from another one is broken. */
const driftMax = 0.01
/** The same in parts per million, for each of two clocks: by the slowest a lease is over when one is by the fastest. */
export const driftPpmMax = Math.floor((1_000_000 * driftMax) / (2 - driftMax))
/** As many as a cluster may have nodes. */
const ownersMax = 65_535

type Txn = Transaction["Service"]

const lost = (node: number): OwnershipLost =>
  new OwnershipLost({
    message: `another node has what node ${node} had: it is loaded again when it is this node's turn`
  })

const decode = (bytes: Uint8Array | undefined): Owner.Owner | undefined =>
  bytes === undefined ? undefined : Owner.decode(bytes)

const put = (txn: Txn, owner: Owner.Owner): Effect.Effect<void, StepError> =>
  txn.put(Places.ownerKey(owner.node), Owner.encode(owner))

const note = (held: Held, committed: Committed<unknown>): void => {
  if (committed.at > held.last.at) held.last = committed
}

interface Found {
  /** The node that had everything, when only one could have it. */
  readonly only: Owner.Owner | undefined
  readonly owners: ReadonlyArray<Owner.Owner>
}

const look = (txn: Txn): Effect.Effect<Found, StepError> =>
  Effect.map(txn.scan(Places.owners, { entriesMax: ownersMax }), ({ entries }) => {
    const isOnly = (key: Uint8Array): boolean => key.length === Places.onlyOwnerKey.length
    const only = entries.find(({ key }) => isOnly(key))
    return {
      only: decode(only?.value),
      owners: entries.filter((entry) => entry !== only).map(({ value }) => Owner.decode(value))
    }
  })

export class Ownership {
  /** Called when `others` may be others. */
  seen: () => void = () => {}
  /** Called when this node has changed who has what: others do not know yet. */
  changed: () => void = () => {}
  private readonly options: Options
  private readonly ownKey: Uint8Array
  private held: Held | undefined
  private known = new Map<number, Seen>()
  private only: Seen | undefined
  /** When this node has given slots away last: what is older knows nothing of who has them. */
  private movedAt: Timestamp = 0
  /** As of then the others are known. */
  private seenAt: Timestamp = 0

  constructor(options: Options) {
    this.options = options
    this.ownKey = Places.ownerKey(options.node)
  }

  /** Nobody else can have this node's slots yet. */
  get isHeld(): boolean {
    return this.options.nowMicros() < this.untilMicros
  }

  /** By this node's clock; until then nobody else can have its slots. */
  get untilMicros(): number {
    return this.held?.untilMicros ?? -Infinity
  }

  /** What it began with: later than those of all before it; 0: it has no part. */
  get epoch(): Timestamp {
    return this.held?.epoch ?? 0
  }

  /** This one's number. */
  get node(): number {
    return this.options.node
  }

  /** As they are stored, of this node; it may not have loaded all. */
  get slots(): SlotSet {
    return this.held?.own.slots ?? SlotSet.none
  }

  /** Where records of this node's slots may be, in their order. */
  get streams(): ReadonlyArray<number> {
    return this.held?.own.streams ?? []
  }

  /** What this node has, it has had since then, or longer. */
  get at(): Timestamp {
    return this.held?.ownAt ?? 0
  }

  /** As they were found last, by their numbers. */
  get others(): ReadonlyMap<number, Seen> {
    return this.known
  }

  /** Another node has been silent for a lease. */
  isSilent({ sinceMicros }: Seen): boolean {
    return this.options.nowMicros() - sinceMicros > this.options.leaseMicros
  }

  /**
   * Begins: with the slots that this node had, and with all where nobody has had any. undefined: a node of a version that knows only one owner has
   * them.
   */
  readonly claim: Effect.Effect<Taken | undefined, RunError> = Effect.suspend(() => {
    const { address, node, nowMicros, pass, relay, transactions } = this.options
    const beganMicros = nowMicros()
    const claimed = transactions.runCommitted((txn) =>
      Effect.flatMap(look(txn), (found) => {
        this.see(found)
        const before = found.owners.find((owner) => owner.node === node)
        const { only } = found
        if (only !== undefined && only.node !== node && !this.isSilent(this.only!)) return Effect.succeed(undefined)
        const isFirst = found.owners.length === 0
        const slots = before?.slots ?? (only !== undefined || isFirst ? SlotSet.all : SlotSet.none)
        const streams = [...(only?.streams ?? []), ...(before?.streams ?? [])]
        const own = { node, epoch: txn.id, beats: 0, address, relay, pass, slots, streams: [...streams, txn.id] }
        const gone = only === undefined ? Effect.void : txn.delete(Places.onlyOwnerKey)
        return Effect.as(Effect.andThen(gone, put(txn, own)), { own, streams })
      })
    )
    return Effect.map(claimed, (committed) => {
      const { id, value } = committed
      if (value === undefined) return undefined
      this.only = undefined
      const { own, streams } = value
      this.held = { epoch: id, last: committed, untilMicros: this.leaseFrom(beganMicros), own, ownAt: committed.at }
      return { slots: own.slots, streams, at: id }
    })
  })

  /** Says that this node lives. `ended`: streams that have no records; all but its own are left alone from now on. */
  beat(ended: ReadonlySet<number>): Effect.Effect<void, RunError | OwnershipLost> {
    return Effect.suspend(() => {
      const { address, nowMicros, relay } = this.options
      const beganMicros = nowMicros()
      const beaten = this.change((txn, own) => {
        const streams = own.streams.filter((stream) => stream === own.epoch || !ended.has(stream))
        const next = { ...own, address, relay, beats: own.beats + 1, streams }
        return Effect.as(put(txn, next), { own: next })
      })
      return Effect.map(beaten, () => {
        if (this.held !== undefined) this.held.untilMicros = this.leaseFrom(beganMicros)
      })
    })
  }

  /** Hears of the others. */
  readonly hear: Effect.Effect<void, RunError> = Effect.suspend(() => {
    const heard = this.options.transactions.run(
      (txn) => Effect.map(look(txn), (found) => ({ found, at: txn.readAt() })),
      { readOnly: true }
    )
    return Effect.map(heard, ({ at, found }) => {
      // What others have has to fit to what this one has: else nobody would have what goes from one to the other.
      if (at < this.movedAt || at < this.seenAt) return
      this.seenAt = at
      this.see(found)
      this.seeOwn(found, at)
      this.seen()
    })
  })

  /** Takes over everything from a node that is silent. False: it is not, or another one has. */
  adopt(silent: Seen): Effect.Effect<boolean, RunError | OwnershipLost> {
    const adopted = this.change((txn, own) =>
      Effect.flatMap(txn.get(Places.ownerKey(silent.node)), (bytes) => {
        const found = decode(bytes)
        if (found?.epoch !== silent.epoch || found.beats !== silent.beats) return Effect.succeed(undefined)
        const next = { ...own, slots: own.slots.and(found.slots), streams: [...found.streams, ...own.streams] }
        return Effect.as(Effect.andThen(txn.delete(Places.ownerKey(found.node)), put(txn, next)), { own: next })
      })
    )
    return Effect.map(adopted, (value) => {
      if (value === undefined) return false
      this.known.delete(silent.node)
      this.seen()
      this.changed()
      return true
    })
  }

  /** Slots that this node has, and no records of, are another node's from now on. False: that one is not there any more. */
  give(slots: SlotSet, to: number): Effect.Effect<boolean, RunError | OwnershipLost> {
    const given = this.change((txn, own) =>
      Effect.flatMap(txn.get(Places.ownerKey(to)), (bytes) => {
        const other = decode(bytes)
        if (other === undefined) return Effect.succeed(undefined)
        const next = { ...own, slots: own.slots.without(slots) }
        const theirs = { ...other, slots: other.slots.and(slots) }
        return Effect.as(Effect.andThen(put(txn, next), put(txn, theirs)), { own: next, theirs })
      })
    )
    return Effect.map(given, (value) => {
      const seen = this.known.get(to)
      // What is heard later has it, and what came of it.
      if (value !== undefined && seen !== undefined && this.seenAt < this.movedAt)
        this.known.set(to, { ...seen, slots: value.theirs.slots })
      this.seen()
      if (value !== undefined) this.changed()
      return value !== undefined
    })
  }

  /** The transaction is committed only while this node has what it had when it began. */
  readonly guard = (txn: Txn): Effect.Effect<void, StepError | OwnershipLost> =>
    Effect.suspend(() => {
      const { held } = this
      if (held !== undefined && txn.readAt() === held.last.at) return txn.known(this.ownKey)
      return Effect.asVoid(this.own(txn))
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

  /** It has no part any more, whatever is stored. */
  forget(): void {
    this.held = undefined
  }

  /** What this node is, as it is stored. */
  private own(txn: Txn): Effect.Effect<Owner.Owner, StepError | OwnershipLost> {
    const { held } = this
    return Effect.flatMap(txn.get(this.ownKey), (bytes) => {
      const own = decode(bytes)
      return held !== undefined && own?.epoch === held.epoch
        ? Effect.succeed(own)
        : Effect.fail(lost(this.options.node))
    })
  }

  /** Stores this node as another; undefined: as it was. */
  private change<A extends { readonly own: Owner.Owner }>(
    body: (txn: Txn, own: Owner.Owner) => Effect.Effect<A | undefined, StepError>
  ): Effect.Effect<A | undefined, RunError | OwnershipLost> {
    return Effect.suspend(() => {
      const { held } = this
      const changed = this.options.transactions.runCommitted((txn) =>
        Effect.flatMap(this.own(txn), (own) => body(txn, own))
      )
      return Effect.map(changed, (committed) => {
        const { value } = committed
        if (held === undefined || value === undefined) return value
        if (!held.own.slots.isWithin(value.own.slots)) this.movedAt = Math.max(this.movedAt, committed.at)
        if (committed.at > held.ownAt) {
          held.own = value.own
          held.ownAt = committed.at
        }
        note(held, committed)
        return value
      })
    })
  }

  private leaseFrom(beganMicros: number): number {
    return beganMicros + this.options.leaseMicros * (1 - driftMax)
  }

  private see({ only, owners }: Found): void {
    const known = new Map<number, Seen>()
    for (const owner of owners) {
      if (owner.node !== this.options.node) known.set(owner.node, this.seenAs(owner, this.known.get(owner.node)))
    }
    this.known = known
    this.only = only === undefined ? undefined : this.seenAs(only, this.only)
  }

  /** Others may have given it slots. */
  private seeOwn({ owners }: Found, at: Timestamp): void {
    const { held } = this
    const own = owners.find(({ node }) => node === this.options.node)
    if (held === undefined || own?.epoch !== held.epoch || at <= held.ownAt) return
    held.own = own
    held.ownAt = at
  }

  private seenAs(owner: Owner.Owner, before: Seen | undefined): Seen {
    if (before?.epoch === owner.epoch && before.beats === owner.beats) {
      return { ...owner, sinceMicros: before.sinceMicros, hasBeaten: before.hasBeaten }
    }
    return { ...owner, sinceMicros: this.options.nowMicros(), hasBeaten: before !== undefined }
  }
}
