/**
 * LockTable: locks as keys of the space `locks`, and each step of theirs as one transaction: what is acknowledged is replicated, and survives
 * whoever served it. Repeating a step is harmless: its owner is recognised.
 *
 *   [0, name]             the lock's `LockState`; no key: nobody holds it, nobody waits
 *   [0, name, 0, owner]   the `Claim` of who holds it or waits for it, which alone it writes to say that it lives
 *   [0, name, 1, token]   there as long as it is held under the token: what a lease guards reads nothing else of the lock
 *   [1, owner]            the name of the lock that a session waits for
 *
 * Who changes the state locks its key, so that they come one after the other. A claim is looked at by those who wait for it alone.
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
type Step<A> = Effect.fn.Return<A, StepError | LockRefused>

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

/** Who holds it or waits for it, and until when: those are there, too, whose time has passed and who nobody has missed. */
export interface Inspected {
  readonly holders: ReadonlyArray<LockState.Holder & Pick<LockState.Claim, "expiresAt">>
  /** In the order in which they came. */
  readonly waiters: ReadonlyArray<LockState.Waiter & Pick<LockState.Claim, "expiresAt">>
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const nothing = new Uint8Array(0)

const madeOf = (parts: ReadonlyArray<number | string>): Effect.Effect<Uint8Array, LockRefused> => {
  const key = Spaces.keyOf("locks", parts)
  return key instanceof Unencodable ? Effect.fail(new LockRefused({ message: key.message })) : Effect.succeed(key)
}

const stateKeyOf = (name: string): Effect.Effect<Uint8Array, LockRefused> =>
  Effect.flatMap(madeOf([0, name]), (key) =>
    name.length > 0 && key.length <= Limits.lockNameBytesMax
      ? Effect.succeed(key)
      : Effect.fail(new LockRefused({ message: `a name has from 1 to some ${Limits.lockNameBytesMax} bytes` }))
  )

const claimKeyOf = (name: string, owner: Timestamp) => madeOf([0, name, 0, owner])
const tokenKeyOf = (name: string, token: Timestamp) => madeOf([0, name, 1, token])
const waitKeyOf = (owner: Timestamp) => madeOf([1, owner])

const ofOtherVersion = (name: string): LockRefused =>
  new LockRefused({ message: `the lock ${name} was written by another version: bring this store up to it` })

const readState = (name: string, bytes: Uint8Array | undefined): Effect.Effect<LockState.LockState, LockRefused> => {
  const state = LockState.decode(bytes)
  return state === undefined ? Effect.fail(ofOtherVersion(name)) : Effect.succeed(state)
}

const read = Effect.fnUntraced(function* (txn: Txn, name: string): Step<LockState.LockState> {
  return yield* readState(name, yield* txn.get(yield* stateKeyOf(name)))
})

/** Whoever else wants to change it waits until this transaction is over. */
const readToChange = Effect.fnUntraced(function* (txn: Txn, name: string): Step<LockState.LockState> {
  const [bytes] = yield* txn.getForUpdate([yield* stateKeyOf(name)])
  return yield* readState(name, bytes)
})

const readClaims = Effect.fnUntraced(function* (
  txn: Txn,
  name: string,
  owners: ReadonlyArray<Timestamp>
): Step<ReadonlyArray<LockState.Claim | undefined>> {
  const values = yield* txn.getMany(yield* Effect.forEach(owners, (owner) => claimKeyOf(name, owner)))
  return yield* Effect.forEach(values, (bytes) => {
    if (bytes === undefined) return Effect.succeed(undefined)
    const claim = LockState.decodeClaim(bytes)
    return claim === undefined ? Effect.fail(ofOtherVersion(name)) : Effect.succeed(claim)
  })
})

const claim = Effect.fnUntraced(function* (
  txn: Txn,
  name: string,
  owner: Timestamp,
  made: LockState.Claim
): Step<void> {
  yield* txn.put(yield* claimKeyOf(name, owner), LockState.encodeClaim(made))
})

/** Those of the owners whose time has passed. */
const expiredOf = Effect.fnUntraced(function* (
  txn: Txn,
  name: string,
  owners: ReadonlyArray<Timestamp>
): Step<ReadonlyArray<Timestamp>> {
  const claims = yield* readClaims(txn, name, owners)
  return owners.filter((_, at) => (claims[at]?.expiresAt ?? 0) <= txn.readAt())
})

/** Who keeps an owner from holding a lock: who holds it; if nobody does, who is next in line. And those of them whose time has passed, who do not. */
const barring = Effect.fnUntraced(function* (
  txn: Txn,
  name: string,
  state: LockState.LockState,
  owner: Timestamp,
  mode: LockMode
): Step<{ readonly owners: ReadonlyArray<Timestamp>; readonly expired: ReadonlyArray<Timestamp> }> {
  const { holders, waiters } = LockState.before(state, owner, mode)
  const expired: Array<Timestamp> = []
  for (const group of [holders, ...waiters.map((waiter) => [waiter])]) {
    if (group.length === 0) continue
    const gone = yield* expiredOf(txn, name, group)
    expired.push(...gone)
    if (gone.length < group.length) return { owners: group.filter((each) => !gone.includes(each)), expired }
  }
  return { owners: [], expired }
})

/** Writes what became of a lock, and what follows from that for those who held it or waited, or do so now. The audit trail is told. */
const write = Effect.fnUntraced(function* (
  txn: Txn,
  name: string,
  before: LockState.LockState,
  after: LockState.LockState,
  expired: ReadonlyArray<Timestamp> = []
): Step<void> {
  const { granted, lost } = LockState.turnover(before, after)
  const denied = before.waiters.filter(({ owner }) => !LockState.isNamed(after, owner))
  const decided = (outcome: "granted" | "released" | "expired" | "denied", owner: Timestamp) =>
    txn.note({ kind: "lock", outcome, actor: `session ${owner}`, subject: name })
  for (const { owner } of lost) yield* decided(expired.includes(owner) ? "expired" : "released", owner)
  for (const { owner } of denied) yield* decided("denied", owner)
  for (const { owner } of granted) yield* decided("granted", owner)
  const key = yield* stateKeyOf(name)
  const bytes = LockState.encode(after)
  yield* bytes === undefined ? txn.delete(key) : txn.put(key, bytes)
  for (const { token } of lost) yield* txn.delete(yield* tokenKeyOf(name, token))
  for (const { token } of granted) yield* txn.put(yield* tokenKeyOf(name, token), nothing)
  for (const { owner } of [...before.holders, ...before.waiters]) {
    if (!LockState.isNamed(after, owner)) yield* txn.delete(yield* claimKeyOf(name, owner))
  }
  for (const { owner } of before.waiters) {
    if (LockState.waiterOf(after, owner) === undefined) yield* txn.delete(yield* waitKeyOf(owner))
  }
  for (const { owner } of after.waiters) {
    if (LockState.waiterOf(before, owner) === undefined) yield* txn.put(yield* waitKeyOf(owner), encoder.encode(name))
  }
})

const acquire = Effect.fnUntraced(function* (txn: Txn, { mode, name, owner, ttlMicros, waits }: Wish): Step<Tried> {
  const state = yield* readToChange(txn, name)
  const now = txn.readAt()
  const expiresAt = now + ttlMicros
  const held = LockState.holderOf(state, owner)
  if (held !== undefined) {
    yield* claim(txn, name, owner, { expiresAt, token: held.token })
    return { type: "held", token: held.token }
  }
  const { expired, owners } = yield* barring(txn, name, state, owner, mode)
  const others = LockState.without(state, expired)
  if (owners.length === 0) {
    yield* write(txn, name, state, LockState.hold(others, { owner, mode, token: now }), expired)
    yield* claim(txn, name, owner, { expiresAt, token: now })
    return { type: "held", token: now }
  }
  if (!waits) return { type: "waiting", owners }
  yield* claim(txn, name, owner, { expiresAt, token: 0 })
  if (LockState.waiterOf(state, owner)?.mode !== mode) {
    yield* write(txn, name, state, LockState.wait(yield* withRoom(txn, name, others), { owner, mode }), expired)
  }
  return { type: "waiting", owners }
})

/** For one more who waits: those go whose time has passed, if there are very many. */
const withRoom = Effect.fnUntraced(function* (
  txn: Txn,
  name: string,
  state: LockState.LockState
): Step<LockState.LockState> {
  if (state.waiters.length < Limits.lockWaitersMax) return state
  const gone = yield* expiredOf(
    txn,
    name,
    state.waiters.map(({ owner }) => owner)
  )
  if (gone.length > 0) return LockState.without(state, gone)
  return yield* new LockRefused({ message: `${Limits.lockWaitersMax} sessions wait for ${name} already: try later` })
})

/** False: it is not there any more. One whose time has passed may still be renewed where nobody else came. */
const renew = Effect.fnUntraced(function* (
  txn: Txn,
  name: string,
  owner: Timestamp,
  token: Timestamp,
  ttlMicros: number
): Step<boolean> {
  const [found] = yield* readClaims(txn, name, [owner])
  if (found?.token !== token) return false
  yield* claim(txn, name, owner, { expiresAt: txn.readAt() + ttlMicros, token })
  return true
})

/** Neither holds nor waits any more; with a token, only what was acquired under it is given back. */
const leave = Effect.fnUntraced(function* (
  txn: Txn,
  name: string,
  owner: Timestamp,
  token: Timestamp | undefined
): Step<void> {
  const state = yield* readToChange(txn, name)
  const isThere =
    token === undefined ? LockState.isNamed(state, owner) : LockState.holderOf(state, owner)?.token === token
  if (isThere) yield* write(txn, name, state, LockState.without(state, [owner]))
})

/** Whether the lock is held under the token. */
export const isHeld = Effect.fnUntraced(function* (txn: Txn, name: string, token: Timestamp): Step<boolean> {
  return (yield* txn.get(yield* tokenKeyOf(name, token))) !== undefined
})

/** Who holds it and who waits for it as of the transaction. */
export const inspect = Effect.fnUntraced(function* (txn: Txn, name: string): Step<Inspected> {
  const { holders, waiters } = yield* read(txn, name)
  const claimed = <A extends LockState.Waiter>(places: ReadonlyArray<A>) =>
    Effect.map(
      readClaims(
        txn,
        name,
        places.map(({ owner }) => owner)
      ),
      (claims) => places.map((place, at) => ({ ...place, expiresAt: claims[at]?.expiresAt ?? 0 }))
    )
  return { holders: yield* claimed(holders), waiters: yield* claimed(waiters) }
})

/**
 * Follows who waits for whom from an owner that waits for a lock, all as of one moment. A circle that goes through it, or undefined. (Every
 * circle is closed by somebody who begins to wait, and looks after that.)
 */
const circle = Effect.fnUntraced(function* (
  txn: Txn,
  owner: Timestamp,
  name: string
): Step<ReadonlyArray<Timestamp> | undefined> {
  const paths: Array<ReadonlyArray<Timestamp>> = [[owner]]
  const seen = new Set<Timestamp>()
  for (let at = 0; at < paths.length && at < Limits.lockWaitersMax; at++) {
    const path = paths[at]
    const last = path[path.length - 1]
    const bytes = path.length === 1 ? encoder.encode(name) : yield* txn.get(yield* waitKeyOf(last))
    if (bytes === undefined) continue
    const waitsFor = decoder.decode(bytes)
    const state = yield* read(txn, waitsFor)
    const waiter = LockState.waiterOf(state, last)
    if (waiter === undefined) continue
    const { holders, waiters } = LockState.before(state, last, waiter.mode)
    const expired = yield* expiredOf(txn, waitsFor, [last, ...holders, ...waiters])
    if (expired.includes(last)) continue
    for (const next of [...holders, ...waiters]) {
      if (next === owner) return path
      if (seen.has(next) || expired.includes(next)) continue
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

  /**
   * What is held under the token, or, with 0, a place in line. It gives up early: a range that does not answer must not keep its session from
   * renewing what is elsewhere.
   */
  renew(name: string, owner: Timestamp, token: Timestamp, ttlMicros: number): Effect.Effect<boolean, LockFault> {
    return this.transactions.run((txn) => renew(txn, name, owner, token, ttlMicros), {
      timeoutMillis: ttlMicros / 3_000
    })
  }

  leave(name: string, owner: Timestamp, ttlMicros: number, token?: Timestamp): Effect.Effect<void, LockFault> {
    return this.transactions.run((txn) => leave(txn, name, owner, token), { timeoutMillis: ttlMicros / 1_000 })
  }

  /** Whether somebody who waits should ask again: its turn has come, or it is not in line any more. */
  isTurnOf(owner: Timestamp, name: string): Effect.Effect<boolean, LockFault> {
    const look = Effect.fnUntraced(function* (txn: Txn): Step<boolean> {
      const state = yield* read(txn, name)
      const waiter = LockState.waiterOf(state, owner)
      return waiter === undefined || (yield* barring(txn, name, state, owner, waiter.mode)).owners.length === 0
    })
    return this.transactions.run(look, { readOnly: true })
  }

  circle(owner: Timestamp, name: string): Effect.Effect<ReadonlyArray<Timestamp> | undefined, LockFault> {
    return this.transactions.run((txn) => circle(txn, owner, name), { readOnly: true })
  }
}
