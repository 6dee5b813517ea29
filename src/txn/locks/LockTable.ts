/**
 * LockTable: locks as keys of the space `locks`, and each step of theirs as one transaction: what is acknowledged is replicated, and survives
 * whoever served it. Repeating a step is harmless: its owner is recognised.
 *
 *   [0, name]    the lock's `LockState`; no key: nobody holds it, nobody waits
 *   [1, owner]   the name of the lock that a session waits for
 */
import * as Effect from "effect/Effect"
import * as Limits from "#base/Limits.ts"
import type { Timestamp } from "#keyspace/Request.ts"
import * as Spaces from "#keyspace/Spaces.ts"
import { Unencodable } from "#keyspace/TupleError.ts"
import type { LockMode, Transaction } from "../Transaction.ts"
import type { Transactions } from "../Transactions.ts"
import type { StepError } from "../TxnError.ts"
import { type LockFault, LockRefused } from "./LockError.ts"
import * as LockState from "./LockState.ts"

type Txn = Transaction["Service"]

export interface Wish {
  readonly name: string
  readonly owner: Timestamp
  readonly mode: LockMode
  readonly ttlMicros: number
  /** Whether to get in line where others are before it. */
  readonly waits: boolean
}

/** `owners`: for whom it has to wait. */
export type Tried =
  | { readonly type: "held"; readonly token: Timestamp }
  | { readonly type: "waiting"; readonly owners: ReadonlyArray<Timestamp> }

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const keyOf = (name: string): Effect.Effect<Uint8Array, LockRefused> => {
  const key = Spaces.keyOf("locks", [0, name])
  if (key instanceof Unencodable) return Effect.fail(new LockRefused({ message: key.message }))
  return name.length > 0 && key.length <= Limits.lockNameBytesMax
    ? Effect.succeed(key)
    : Effect.fail(new LockRefused({ message: `a name has from 1 to some ${Limits.lockNameBytesMax} bytes` }))
}

const waitKeyOf = (owner: Timestamp): Effect.Effect<Uint8Array, LockRefused> => {
  const key = Spaces.keyOf("locks", [1, owner])
  return key instanceof Unencodable ? Effect.fail(new LockRefused({ message: key.message })) : Effect.succeed(key)
}

/** Who holds a lock and who waits for it as of the transaction, those whose time has passed included. */
export const read = Effect.fnUntraced(function* (
  txn: Txn,
  name: string
): Effect.fn.Return<LockState.LockState, StepError | LockRefused> {
  const state = LockState.decode(yield* txn.get(yield* keyOf(name)))
  if (state !== undefined) return state
  return yield* new LockRefused({
    message: `the lock ${name} was written by another version: bring this store up to it`
  })
})

/** What the audit trail is told: who holds it now, who does not any more, and who waited for nothing. */
const decided = (before: LockState.LockState, after: LockState.LockState, now: Timestamp) => {
  const held = new Set(before.holders.map(({ token }) => token))
  const holds = new Set(after.holders.map(({ token }) => token))
  const granted = after.holders.filter(({ token }) => !held.has(token))
  const lost = before.holders.filter(({ token }) => !holds.has(token))
  const gone = before.waiters.filter(
    ({ owner }) => (LockState.waiterOf(after, owner) ?? LockState.holderOf(after, owner)) === undefined
  )
  return [
    ...lost.map(({ expiresAt, owner }) => ({ outcome: expiresAt > now ? "released" : "expired", owner }) as const),
    ...gone.map(({ owner }) => ({ outcome: "denied", owner }) as const),
    ...granted.map(({ owner }) => ({ outcome: "granted", owner }) as const)
  ]
}

/** Writes what became of a lock, and for whom it is no more, or is now, what somebody waits for. */
const write = Effect.fnUntraced(function* (
  txn: Txn,
  name: string,
  before: LockState.LockState,
  after: LockState.LockState
): Effect.fn.Return<void, StepError | LockRefused> {
  const key = yield* keyOf(name)
  for (const { outcome, owner } of decided(before, after, txn.readAt())) {
    yield* txn.note({ kind: "lock", outcome, actor: `session ${owner}`, subject: name })
  }
  const bytes = LockState.encode(after)
  yield* bytes === undefined ? txn.delete(key) : txn.put(key, bytes)
  for (const { owner } of before.waiters) {
    if (LockState.waiterOf(after, owner) === undefined) yield* txn.delete(yield* waitKeyOf(owner))
  }
  for (const { owner } of after.waiters) {
    if (LockState.waiterOf(before, owner) === undefined) yield* txn.put(yield* waitKeyOf(owner), encoder.encode(name))
  }
})

const acquire = Effect.fnUntraced(function* (
  txn: Txn,
  { mode, name, owner, ttlMicros, waits }: Wish
): Effect.fn.Return<Tried, StepError | LockRefused> {
  const now = txn.readAt()
  const found = yield* read(txn, name)
  const state = LockState.live(found, now)
  const expiresAt = now + ttlMicros
  const held = LockState.holderOf(state, owner)
  const owners = LockState.before(state, owner, mode)
  if (held !== undefined || owners.length === 0) {
    const holder = held ?? { owner, mode, token: now }
    yield* write(txn, name, found, LockState.hold(state, { ...holder, expiresAt }))
    return { type: "held", token: holder.token }
  }
  if (!waits) return { type: "waiting", owners }
  if (LockState.waiterOf(state, owner) === undefined && state.waiters.length >= Limits.lockWaitersMax) {
    return yield* new LockRefused({ message: `${Limits.lockWaitersMax} sessions wait for ${name} already: try later` })
  }
  yield* write(txn, name, found, LockState.wait(state, { owner, mode, expiresAt }))
  return { type: "waiting", owners }
})

/** False: it is not held. One whose time has passed may still be renewed where nobody else came. */
const renew = Effect.fnUntraced(function* (
  txn: Txn,
  name: string,
  token: Timestamp,
  ttlMicros: number
): Effect.fn.Return<boolean, StepError | LockRefused> {
  const state = yield* read(txn, name)
  const holder = state.holders.find((each) => each.token === token)
  if (holder === undefined) return false
  yield* write(txn, name, state, LockState.hold(state, { ...holder, expiresAt: txn.readAt() + ttlMicros }))
  return true
})

/** Neither holds nor waits any more; with a token, only what was acquired under it is given back. */
const leave = Effect.fnUntraced(function* (
  txn: Txn,
  name: string,
  owner: Timestamp,
  token: Timestamp | undefined
): Effect.fn.Return<void, StepError | LockRefused> {
  const state = yield* read(txn, name)
  const holder = LockState.holderOf(state, owner)
  const isThere =
    token === undefined ? (holder ?? LockState.waiterOf(state, owner)) !== undefined : holder?.token === token
  if (isThere) yield* write(txn, name, state, LockState.live(LockState.without(state, owner), txn.readAt()))
})

/**
 * Follows who waits for whom from an owner that waits for a lock, all as of one moment. A circle that goes through it, or undefined. (Every
 * circle is closed by somebody who begins to wait, and looks after that.)
 */
const circle = Effect.fnUntraced(function* (
  txn: Txn,
  owner: Timestamp,
  name: string
): Effect.fn.Return<ReadonlyArray<Timestamp> | undefined, StepError | LockRefused> {
  const now = txn.readAt()
  const paths: Array<ReadonlyArray<Timestamp>> = [[owner]]
  const seen = new Set<Timestamp>()
  for (let at = 0; at < paths.length && at < Limits.lockWaitersMax; at++) {
    const path = paths[at]
    const last = path[path.length - 1]
    const bytes = path.length === 1 ? encoder.encode(name) : yield* txn.get(yield* waitKeyOf(last))
    if (bytes === undefined) continue
    const state = LockState.live(yield* read(txn, decoder.decode(bytes)), now)
    const waiter = LockState.waiterOf(state, last)
    if (waiter === undefined) continue
    for (const next of LockState.before(state, last, waiter.mode)) {
      if (next === owner) return path
      if (seen.has(next)) continue
      seen.add(next)
      paths.push([...path, next])
    }
  }
  return undefined
})

export class LockTable {
  private readonly transactions: Transactions["Service"]

  constructor(transactions: Transactions["Service"]) {
    this.transactions = transactions
  }

  tryAcquire(wish: Wish): Effect.Effect<Tried, LockFault> {
    return this.transactions.run((txn) => acquire(txn, wish))
  }

  /** It gives up early: a range that does not answer must not keep its session from renewing what is elsewhere. */
  renew(name: string, token: Timestamp, ttlMicros: number): Effect.Effect<boolean, LockFault> {
    return this.transactions.run((txn) => renew(txn, name, token, ttlMicros), { timeoutMillis: ttlMicros / 3_000 })
  }

  leave(name: string, owner: Timestamp, ttlMicros: number, token?: Timestamp): Effect.Effect<void, LockFault> {
    return this.transactions.run((txn) => leave(txn, name, owner, token), { timeoutMillis: ttlMicros / 1_000 })
  }

  /** For whom somebody who waits has to wait, without changing anything; undefined: it does not wait, or its turn has come. */
  before(name: string, owner: Timestamp): Effect.Effect<ReadonlyArray<Timestamp> | undefined, LockFault> {
    const look = (txn: Txn) =>
      Effect.map(read(txn, name), (found) => {
        const state = LockState.live(found, txn.readAt())
        const waiter = LockState.waiterOf(state, owner)
        const owners = waiter === undefined ? [] : LockState.before(state, owner, waiter.mode)
        return owners.length === 0 ? undefined : owners
      })
    return this.transactions.run(look, { readOnly: true })
  }

  circle(owner: Timestamp, name: string): Effect.Effect<ReadonlyArray<Timestamp> | undefined, LockFault> {
    return this.transactions.run((txn) => circle(txn, owner, name), { readOnly: true })
  }
}
