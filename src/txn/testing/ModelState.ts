/**
 * ModelState: versions, intents, records and locks of a whole keyspace in memory, and what a request finds there, at an instant. It is the
 * plainest thing that keeps the rules of `keyspace/Request.ts`, for tests of what is built on them.
 */
import { Aborted, Conflict, type KeyspaceError, TooOld } from "#keyspace/KeyspaceError.ts"
import type { Mutation, Outcome, Reads, Span, Timestamp, Txn, TxnId, TxnState, Value } from "#keyspace/Request.ts"
import * as Keys from "#storage/Keys.ts"
import { KeyMap } from "../KeyMap.ts"

/** Nothing to be done but to come again: these transactions are in the way. */
export class Wait {
  readonly holders: ReadonlyArray<TxnId>
  constructor(holders: ReadonlyArray<TxnId>) {
    this.holders = holders
  }
}

export type Found<A> = A | Wait | KeyspaceError

interface Version {
  readonly at: Timestamp
  readonly value: Uint8Array | undefined
}

interface Intent {
  readonly txn: Txn
  readonly value: Uint8Array | undefined
}

interface Latch {
  readonly txn: TxnId
  readonly mutations: ReadonlyArray<Mutation>
  readonly reads: Reads
}

interface Lock {
  readonly txn: Txn
  readonly mode: "shared" | "exclusive"
  granted: boolean
}

export const within = (key: Uint8Array, { from, to }: Span): boolean =>
  Keys.compare(from, key) <= 0 && Keys.compare(key, to) < 0

const same = (left: Uint8Array, right: Uint8Array): boolean => Keys.compare(left, right) === 0

const touches = ({ keys, spans }: Pick<Reads, "keys" | "spans">, key: Uint8Array): boolean =>
  keys.some((each) => same(each, key)) || spans.some((span) => within(key, span))

export class ModelState {
  clock: Timestamp = 0
  /** What was before it is no longer told apart. */
  private floor: Timestamp = 0
  readonly versions = new KeyMap<Array<Version>>()
  readonly intents = new KeyMap<Intent>()
  readonly locks = new KeyMap<Array<Lock>>()
  readonly records = new Map<TxnId, Outcome>()
  readonly latches = new Set<Latch>()
  /** Until when each transaction counts as alive. */
  private readonly aliveUntil = new Map<TxnId, number>()
  private readonly ttlMicros: number
  private readonly nowMicros: () => number

  constructor(ttlMicros: number, nowMicros: () => number) {
    this.ttlMicros = ttlMicros
    this.nowMicros = nowMicros
  }

  timestamp(): Timestamp {
    this.clock = Math.max(this.clock + 1, this.nowMicros())
    return this.clock
  }

  /** Forgets the records of all transactions that have begun. */
  collect(): void {
    this.floor = this.timestamp()
    this.records.clear()
  }

  alive({ id }: Txn): void {
    this.aliveUntil.set(id, this.nowMicros() + this.ttlMicros)
  }

  push(txn: Txn, abort: boolean): TxnState {
    const record = this.records.get(txn.id)
    if (record !== undefined) return record
    if (txn.id <= this.floor) return { type: "aborted" }
    if (!this.aliveUntil.has(txn.id)) this.alive(txn)
    if (!abort && this.nowMicros() < this.aliveUntil.get(txn.id)!) return { type: "pending" }
    const aborted = { type: "aborted" } as const
    this.records.set(txn.id, aborted)
    return aborted
  }

  decide({ id }: Txn, outcome: Outcome): Outcome {
    const decided = this.records.get(id) ?? outcome
    this.records.set(id, decided)
    return decided
  }

  forget({ id }: Txn): void {
    this.records.delete(id)
  }

  /** Replaces intents of a transaction. */
  resolve(txn: TxnId, outcome: Outcome, keys: ReadonlyArray<Uint8Array>): void {
    for (const key of keys) {
      const intent = this.intents.get(key)
      if (intent?.txn.id !== txn) continue
      this.intents.delete(key)
      if (outcome.type === "committed") this.write(key, intent.value, outcome.at)
    }
  }

  write(key: Uint8Array, value: Uint8Array | undefined, at: Timestamp): void {
    const versions = this.versions.get(key) ?? []
    versions.push({ at, value })
    versions.sort((left, right) => left.at - right.at)
    this.versions.set(key, versions)
  }

  /** Pushes whoever has an intent on the key; who is still in the way, if anybody is. */
  private meets(key: Uint8Array, self: TxnId | undefined): Txn | undefined {
    const intent = this.intents.get(key)
    if (intent === undefined || intent.txn.id === self) return undefined
    const state = this.push(intent.txn, false)
    if (state.type === "pending") return intent.txn
    this.resolve(intent.txn.id, state, [key])
    return undefined
  }

  private latched(key: Uint8Array, self: TxnId | undefined): TxnId | undefined {
    for (const { mutations, txn } of this.latches) {
      if (txn !== self && mutations.some((mutation) => same(mutation.key, key))) return txn
    }
    return undefined
  }

  valueAt(key: Uint8Array, at: Timestamp, self?: TxnId): Value | Wait | TooOld {
    if (at < this.floor) return new TooOld({ at, floor: this.floor })
    const latch = this.latched(key, self)
    if (latch !== undefined && latch < at) return new Wait([latch])
    const intent = this.intents.get(key)
    if (intent !== undefined && intent.txn.id < at) {
      const holder = this.meets(key, self)
      if (holder !== undefined) return new Wait([holder.id])
    }
    const version = this.versions.get(key)?.findLast((each) => each.at <= at)
    return version === undefined ? { value: undefined, at: 0 } : { value: version.value, at: version.at }
  }

  /** All keys that something is known of, in order. */
  keysIn({ from, to }: Span): ReadonlyArray<Uint8Array> {
    const keys = new KeyMap<true>()
    for (const { key } of this.versions.entries(from, to)) keys.set(key, true)
    for (const { key } of this.intents.entries(from, to)) keys.set(key, true)
    for (const { mutations } of this.latches) {
      for (const { key } of mutations) if (within(key, { from, to })) keys.set(key, true)
    }
    return keys.keys()
  }

  /** Nothing in `reads` has a version after `since`, and up to `until`, nor may get one. */
  validate(txn: TxnId, reads: Reads, until: Timestamp): Found<void> {
    const keys = [...reads.keys, ...reads.spans.flatMap((span) => this.keysIn(span))]
    for (const key of keys) {
      const version = this.versions.get(key)?.findLast(({ at }) => at <= until)
      if (version !== undefined && version.at > reads.since) return new Conflict({ key, at: version.at })
      const latch = this.latched(key, txn)
      if (latch !== undefined && latch < until) return new Wait([latch])
      const intent = this.intents.get(key)
      if (intent === undefined || intent.txn.id > until) continue
      const holder = this.meets(key, txn)
      if (holder !== undefined) return new Conflict({ key, at: undefined })
      if (intent.txn.id !== txn) return this.validate(txn, reads, until)
    }
    return undefined
  }

  /** Whether a transaction may write a key that it last knew at `snapshot`. */
  private writable(txn: Txn, key: Uint8Array, snapshot: Timestamp): Found<undefined> {
    const latch = this.latched(key, txn.id)
    if (latch !== undefined) return new Wait([latch])
    for (const { reads, txn: other } of this.latches) {
      if (other !== txn.id && touches(reads, key)) return new Wait([other])
    }
    const holder = this.meets(key, txn.id)
    if (holder !== undefined) return new Wait([holder.id])
    const lock = this.locks.get(key)?.find((each) => each.granted && each.txn.id !== txn.id)
    if (lock !== undefined && !this.breaks(lock, key)) return new Wait([lock.txn.id])
    const version = this.versions.get(key)?.at(-1)
    return version !== undefined && version.at > snapshot ? new Conflict({ key, at: version.at }) : undefined
  }

  prepare(txn: Txn, snapshot: Timestamp, mutations: ReadonlyArray<Mutation>): Found<void> {
    if (this.records.get(txn.id)?.type === "aborted") return new Aborted({ txn: txn.id, reason: "pushed" })
    for (const { key } of mutations) {
      const found = this.writable(txn, key, snapshot)
      if (found !== undefined) return found
    }
    for (const { key, value } of mutations) this.intents.set(key, { txn, value })
    if (!this.aliveUntil.has(txn.id)) this.alive(txn)
    return undefined
  }

  /** Latches a whole transaction; `commitLatched` ends it. */
  latch(txn: Txn, snapshot: Timestamp, mutations: ReadonlyArray<Mutation>, reads: Reads): Found<Latch | Outcome> {
    const record = this.records.get(txn.id)
    if (record !== undefined) return record
    for (const { key } of mutations) {
      const found = this.writable(txn, key, snapshot)
      if (found !== undefined) return found
    }
    const found = this.validate(txn.id, reads, Infinity)
    if (found !== undefined) return found
    const latch = { txn: txn.id, mutations, reads }
    this.latches.add(latch)
    return latch
  }

  commitLatched(latch: Latch, at: Timestamp): void {
    this.latches.delete(latch)
    this.records.set(latch.txn, { type: "committed", at })
    for (const { key, value } of latch.mutations) this.write(key, value, at)
  }

  /** A lock of a transaction that is over, or silent, is none. */
  private breaks(lock: Lock, key: Uint8Array): boolean {
    if (this.push(lock.txn, false).type === "pending") return false
    this.unlock(lock.txn.id, [key])
    return true
  }

  /** Takes a place in the queue of each key; answered when it is at the head of all. */
  lock(txn: Txn, keys: ReadonlyArray<Uint8Array>, mode: Lock["mode"]): Found<ReadonlyArray<Value>> {
    if (this.records.get(txn.id)?.type === "aborted") return new Aborted({ txn: txn.id, reason: "pushed" })
    if (!this.aliveUntil.has(txn.id)) this.alive(txn)
    const holders: Array<TxnId> = []
    for (const key of keys) holders.push(...this.enqueue(txn, key, mode))
    if (holders.length > 0) return new Wait(holders)
    const values: Array<Value> = []
    for (const key of keys) {
      const value = this.valueAt(key, Infinity, txn.id)
      if (value instanceof Wait || value instanceof Error) return value
      values.push(value)
    }
    return values
  }

  /** Who is before it. */
  private enqueue(txn: Txn, key: Uint8Array, mode: Lock["mode"]): ReadonlyArray<TxnId> {
    const queue = this.locks.get(key) ?? []
    this.locks.set(key, queue)
    let own = queue.find((lock) => lock.txn.id === txn.id && (lock.mode === mode || lock.mode === "exclusive"))
    if (own === undefined) {
      own = { txn, mode, granted: false }
      queue.push(own)
    }
    const lock = own
    if (lock.granted) return []
    const before = queue.slice(0, queue.indexOf(lock)).filter((each) => each.txn.id !== txn.id)
    const bars = before.filter(
      (each) => (each.mode === "exclusive" || lock.mode === "exclusive") && !this.breaks(each, key)
    )
    if (bars.length === 0) lock.granted = true
    return bars.map((each) => each.txn.id)
  }

  unlock(txn: TxnId, keys: ReadonlyArray<Uint8Array>): void {
    for (const key of keys) {
      const left = (this.locks.get(key) ?? []).filter((lock) => lock.txn.id !== txn)
      if (left.length === 0) this.locks.delete(key)
      else this.locks.set(key, left)
    }
  }
}
