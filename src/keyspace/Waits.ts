/**
 * Waits: who holds a key of a range for how long it takes, and who waits for it: locks of transactions, which are nowhere but here, and the queues
 * before keys that are locked or have an intent. First come, first served: each waiter has a number, and keeps it however often it waits.
 *
 * It decides nothing and starts nothing: the leaseholder (`RangeServer`) asks it, and wakes those whom it names.
 */
import { crc32c } from "#base/Crc32c.ts"
import * as Keys from "#storage/Keys.ts"
import type { Txn, TxnId } from "./Request.ts"

export type LockMode = "shared" | "exclusive"

export interface Waiter {
  /** Lower ones come first. */
  readonly ticket: number
  /** It waits for a lock, so whoever wants one later stands behind it. */
  readonly wantsLock: boolean
  readonly txn: Txn | undefined
}

interface Holder {
  readonly txn: Txn
  readonly mode: LockMode
}

interface Place<W extends Waiter> {
  readonly key: Uint8Array
  holders: Array<Holder>
  waiters: Array<W>
}

export class Waits<W extends Waiter> {
  private readonly places = new Map<number, Array<Place<W>>>()
  /** The keys that a transaction has locked. */
  private readonly locked = new Map<TxnId, Array<Uint8Array>>()

  private at(key: Uint8Array): Place<W> | undefined {
    return this.places.get(crc32c(key))?.find((place) => Keys.compare(place.key, key) === 0)
  }

  private make(key: Uint8Array): Place<W> {
    const there = this.at(key)
    if (there !== undefined) return there
    const place: Place<W> = { key, holders: [], waiters: [] }
    const hash = crc32c(key)
    this.places.set(hash, [...(this.places.get(hash) ?? []), place])
    return place
  }

  private tidy(place: Place<W>): void {
    if (place.holders.length + place.waiters.length > 0) return
    const hash = crc32c(place.key)
    const left = this.places.get(hash)!.filter((each) => each !== place)
    if (left.length === 0) this.places.delete(hash)
    else this.places.set(hash, left)
  }

  get isEmpty(): boolean {
    return this.places.size === 0
  }

  /** Other transactions whose locks keep this one from writing the key (or from locking it exclusively), or from sharing it. */
  holders(key: Uint8Array, own: TxnId | undefined, mode: LockMode): ReadonlyArray<Txn> {
    const place = this.at(key)
    if (place === undefined) return []
    return place.holders
      .filter((holder) => holder.txn.id !== own && (mode === "exclusive" || holder.mode === "exclusive"))
      .map(({ txn }) => txn)
  }

  /** Transactions that came before the ticket and wait for a lock there. */
  earlier(key: Uint8Array, ticket: number, own: TxnId): ReadonlyArray<Txn> {
    const waiters = this.at(key)?.waiters ?? []
    return waiters
      .filter(
        (waiter) => waiter.wantsLock && waiter.ticket < ticket && waiter.txn !== undefined && waiter.txn.id !== own
      )
      .map(({ txn }) => txn!)
  }

  /** It is free for it. A shared lock of its own becomes an exclusive one. */
  lock(key: Uint8Array, txn: Txn, mode: LockMode): void {
    const place = this.make(key)
    const own = place.holders.find((holder) => holder.txn.id === txn.id)
    if (own === undefined) this.locked.set(txn.id, [...(this.locked.get(txn.id) ?? []), key])
    else if (own.mode === "exclusive") return
    place.holders = [...place.holders.filter((holder) => holder !== own), { txn, mode }]
  }

  /** Who may go on now. */
  unlock(txn: TxnId, keys: ReadonlyArray<Uint8Array>): ReadonlyArray<W> {
    const left = (this.locked.get(txn) ?? []).filter((key) => !keys.some((each) => Keys.compare(each, key) === 0))
    if (left.length === 0) this.locked.delete(txn)
    else this.locked.set(txn, left)
    return keys.flatMap((key) => {
      const place = this.at(key)
      if (place === undefined || !place.holders.some((holder) => holder.txn.id === txn)) return []
      place.holders = place.holders.filter((holder) => holder.txn.id !== txn)
      return this.leave(place)
    })
  }

  unlockAll(txn: TxnId): ReadonlyArray<W> {
    return this.unlock(txn, this.locked.get(txn) ?? [])
  }

  wait(key: Uint8Array, waiter: W): void {
    const place = this.make(key)
    const at = place.waiters.findIndex(({ ticket }) => ticket > waiter.ticket)
    if (at < 0) place.waiters.push(waiter)
    else place.waiters.splice(at, 0, waiter)
  }

  /** Everybody who waits for the key, in their order; they do not any more. */
  wake(key: Uint8Array): ReadonlyArray<W> {
    const place = this.at(key)
    return place === undefined ? [] : this.leave(place)
  }

  wakeAll(): ReadonlyArray<W> {
    const all = [...this.places.values()].flatMap((places) => places.flatMap((place) => this.leave(place)))
    return all.sort((left, right) => left.ticket - right.ticket)
  }

  private leave(place: Place<W>): ReadonlyArray<W> {
    const { waiters } = place
    place.waiters = []
    this.tidy(place)
    return waiters
  }

  /** It waits no more, there or anywhere. */
  remove(key: Uint8Array, waiter: W): void {
    const place = this.at(key)
    if (place === undefined) return
    place.waiters = place.waiters.filter((each) => each !== waiter)
    this.tidy(place)
  }
}
