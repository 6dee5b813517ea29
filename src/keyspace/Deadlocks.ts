/**
 * Deadlocks: who waits for whom, pure: the part of the system range's leaseholder. Ranges tell it each wait when it begins, and again while it
 * lasts; it answers who has to give way, so that nobody waits in a circle.
 *
 * Promises: a circle is found when the wait that closes it is told, as soon as all its waits are known here at a time; its victim is the
 * youngest transaction in it, the one with the highest `age`, among equals the one with the highest id. Nobody who is in no circle is a victim.
 *
 * It is memory: a new leaseholder learns of the waits when they are told again. A wait that is not told again is forgotten after a while, so
 * what it says of somebody who waits no more is wrong for no longer than that; a victim too many is a transaction that is tried again.
 */
import * as Limits from "#base/Limits.ts"
import type { Txn, TxnId } from "./Request.ts"

interface Wait {
  holders: ReadonlyArray<Txn>
  untilMicros: number
}

interface Waiter {
  readonly txn: Txn
  /** By place: a transaction may wait at several at once. */
  readonly waits: Map<string, Wait>
}

const isYounger = (one: Txn, other: Txn): boolean => one.age > other.age || (one.age === other.age && one.id > other.id)

const noVictims: ReadonlyArray<TxnId> = []

export class Deadlocks {
  readonly counts = { victims: 0, refused: 0 }
  private readonly waiters = new Map<TxnId, Waiter>()
  /** Holders of all waits. */
  private edges = 0
  private sweepMicros = 0
  private readonly keptMicros: number

  /** `keptMicros`: several times as long as waits take to be told again. */
  constructor(keptMicros: number) {
    this.keptMicros = keptMicros
  }

  /** A wait begins or lasts; without `holders` it ends. Answers who has to give way, for the circles that it is part of. */
  wait(waiter: Txn, place: string, holders: ReadonlyArray<Txn>, nowMicros: number): ReadonlyArray<TxnId> {
    if (nowMicros >= this.sweepMicros) this.sweep(nowMicros)
    this.end(waiter.id, place)
    if (holders.length === 0) return noVictims
    if (this.edges + holders.length > Limits.waitsMax) {
      // Its circles are found by time-outs.
      this.counts.refused++
      return noVictims
    }
    let known = this.waiters.get(waiter.id)
    if (known === undefined) {
      known = { txn: waiter, waits: new Map() }
      this.waiters.set(waiter.id, known)
    }
    known.waits.set(place, { holders, untilMicros: nowMicros + this.keptMicros })
    this.edges += holders.length
    return this.victims(waiter, nowMicros)
  }

  /** Breaks one circle after the other, until there is none through the waiter. */
  private victims(waiter: Txn, nowMicros: number): ReadonlyArray<TxnId> {
    const found: Array<TxnId> = []
    const gone = new Set<TxnId>()
    while (!gone.has(waiter.id)) {
      const circle = this.circle(waiter, gone, nowMicros)
      if (circle === undefined) break
      const victim = circle.reduce((youngest, txn) => (isYounger(txn, youngest) ? txn : youngest))
      gone.add(victim.id)
      found.push(victim.id)
    }
    this.counts.victims += found.length
    return found
  }

  /** A way from the waiter back to it that passes none of `gone`; each transaction is looked at once. */
  private circle(waiter: Txn, gone: ReadonlySet<TxnId>, nowMicros: number): ReadonlyArray<Txn> | undefined {
    const seen = new Set<TxnId>([waiter.id])
    const path: Array<Txn> = []
    // Of each transaction in `path`: whom it waits for, and how many of them were tried.
    const tries: Array<{ readonly holders: ReadonlyArray<Txn>; next: number }> = []
    const enter = (txn: Txn): void => {
      path.push(txn)
      tries.push({ holders: this.holders(txn.id, nowMicros), next: 0 })
    }
    enter(waiter)
    while (path.length > 0) {
      const top = tries[tries.length - 1]
      if (top.next === top.holders.length) {
        path.pop()
        tries.pop()
        continue
      }
      const holder = top.holders[top.next++]
      if (holder.id === waiter.id) return path
      if (seen.has(holder.id) || gone.has(holder.id)) continue
      seen.add(holder.id)
      enter(holder)
    }
    return undefined
  }

  private holders(id: TxnId, nowMicros: number): ReadonlyArray<Txn> {
    const waiter = this.waiters.get(id)
    if (waiter === undefined) return []
    return [...waiter.waits.values()].flatMap(({ holders, untilMicros }) => (untilMicros > nowMicros ? holders : []))
  }

  private end(id: TxnId, place: string): void {
    const waiter = this.waiters.get(id)
    const wait = waiter?.waits.get(place)
    if (waiter === undefined || wait === undefined) return
    this.edges -= wait.holders.length
    waiter.waits.delete(place)
    if (waiter.waits.size === 0) this.waiters.delete(id)
  }

  private sweep(nowMicros: number): void {
    this.sweepMicros = nowMicros + this.keptMicros
    for (const [id, { waits }] of [...this.waiters]) {
      for (const [place, { untilMicros }] of [...waits]) if (untilMicros <= nowMicros) this.end(id, place)
    }
  }
}
