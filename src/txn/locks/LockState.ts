/**
 * LockState: who holds a lock and who waits for it, as its key's value has it, and what becomes of that. Times and tokens are timestamps of the
 * oracle. Pure: a transaction reads a state, and writes the next one.
 *
 * - Holders are one, or all of them share. A waiter waits for all who came before it and would not share with it: first come, first served.
 * - Whoever lets its time pass is neither: a holder has lost the lock when the next one comes, a waiter its place.
 * - A token is the timestamp at which its holder's transaction read the state, so it is later than all that were given before.
 *
 * `docs/formats.md` has the bytes.
 */
import * as Bytes from "#base/Bytes.ts"
import type { Timestamp } from "#keyspace/Request.ts"
import type { LockMode } from "../Transaction.ts"

export interface Waiter {
  /** The timestamp that its session began with. */
  readonly owner: Timestamp
  readonly mode: LockMode
  readonly expiresAt: Timestamp
}

export interface Holder extends Waiter {
  readonly token: Timestamp
}

export interface LockState {
  readonly holders: ReadonlyArray<Holder>
  /** In the order in which they came. */
  readonly waiters: ReadonlyArray<Waiter>
}

const free: LockState = { holders: [], waiters: [] }

const version = 1
const modes: ReadonlyArray<LockMode> = ["shared", "exclusive"]

const readWaiter = (reader: Bytes.Reader): Waiter | undefined => {
  const owner = reader.f64()
  const mode = modes[reader.u8()]
  return mode === undefined ? undefined : { owner, mode, expiresAt: reader.f64() }
}

/** Undefined: the bytes are none that this version writes. */
export const decode = (bytes: Uint8Array | undefined): LockState | undefined => {
  if (bytes === undefined) return free
  const reader = new Bytes.Reader(bytes)
  if (reader.u8() !== version) return undefined
  const holders: Array<Holder> = []
  const waiters: Array<Waiter> = []
  const counts = [reader.u32(), reader.u32()]
  for (let at = 0; at < counts[0] && reader.isWhole; at++) {
    const waiter = readWaiter(reader)
    if (waiter === undefined) return undefined
    holders.push({ ...waiter, token: reader.f64() })
  }
  for (let at = 0; at < counts[1] && reader.isWhole; at++) {
    const waiter = readWaiter(reader)
    if (waiter === undefined) return undefined
    waiters.push(waiter)
  }
  return reader.isWhole && reader.leftBytes === 0 ? { holders, waiters } : undefined
}

/** Undefined: the lock needs no key. */
export const encode = ({ holders, waiters }: LockState): Uint8Array | undefined => {
  if (holders.length === 0 && waiters.length === 0) return undefined
  const writer = Bytes.Writer.make().u8(version).u32(holders.length).u32(waiters.length)
  for (const { expiresAt, mode, owner, token } of holders) {
    writer.f64(owner).u8(modes.indexOf(mode)).f64(expiresAt).f64(token)
  }
  for (const { expiresAt, mode, owner } of waiters) writer.f64(owner).u8(modes.indexOf(mode)).f64(expiresAt)
  return writer.finish()
}

/** Without those whose time has passed. */
export const live = ({ holders, waiters }: LockState, now: Timestamp): LockState => ({
  holders: holders.filter(({ expiresAt }) => expiresAt > now),
  waiters: waiters.filter(({ expiresAt }) => expiresAt > now)
})

const share = (left: LockMode, right: LockMode): boolean => left === "shared" && right === "shared"

/** For whom an owner has to wait: it comes last, unless it waits already. */
export const before = ({ holders, waiters }: LockState, owner: Timestamp, mode: LockMode): ReadonlyArray<Timestamp> => {
  const place = waiters.findIndex((waiter) => waiter.owner === owner)
  const earlier = place === -1 ? waiters : waiters.slice(0, place)
  return [...holders, ...earlier]
    .filter((each) => each.owner !== owner && !share(each.mode, mode))
    .map((each) => each.owner)
}

export const holderOf = ({ holders }: LockState, owner: Timestamp): Holder | undefined =>
  holders.find((holder) => holder.owner === owner)

export const waiterOf = ({ waiters }: LockState, owner: Timestamp): Waiter | undefined =>
  waiters.find((waiter) => waiter.owner === owner)

/** Without an owner, which holds nothing then, and waits for nothing. */
export const without = ({ holders, waiters }: LockState, owner: Timestamp): LockState => ({
  holders: holders.filter((holder) => holder.owner !== owner),
  waiters: waiters.filter((waiter) => waiter.owner !== owner)
})

export const hold = (state: LockState, holder: Holder): LockState => {
  const { holders, waiters } = without(state, holder.owner)
  return { holders: [...holders, holder], waiters }
}

/** It keeps the place that it has. */
export const wait = (state: LockState, waiter: Waiter): LockState => {
  if (waiterOf(state, waiter.owner) === undefined) return { ...state, waiters: [...state.waiters, waiter] }
  return { ...state, waiters: state.waiters.map((each) => (each.owner === waiter.owner ? waiter : each)) }
}
