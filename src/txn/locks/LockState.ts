/**
 * LockState: who holds a lock and who waits for it, as its key's value has it, and what becomes of that. Until when each of them does has a key of its own
 * (`LockTable`), so that who says that it lives is in nobody's way. Tokens are timestamps of the oracle. Pure: a transaction reads a state, and
 * writes the next one.
 *
 * - Holders are one, or all of them share. A waiter waits for all who came before it and would not share with it: first come, first served.
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

const version = 2
const modes: ReadonlyArray<LockMode> = ["shared", "exclusive"]

const readWaiter = (reader: Bytes.Reader): Waiter | undefined => {
  const owner = reader.f64()
  const mode = modes[reader.u8()]
  return mode === undefined ? undefined : { owner, mode }
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
  for (const { mode, owner, token } of holders) writer.f64(owner).u8(modes.indexOf(mode)).f64(token)
  for (const { mode, owner } of waiters) writer.f64(owner).u8(modes.indexOf(mode))
  return writer.finish()
}

const share = (left: LockMode, right: LockMode): boolean => left === "shared" && right === "shared"

/** For whom an owner has to wait: holders, and waiters in the order in which they came. It comes last itself, unless it waits already. */
export const before = (
  { holders, waiters }: LockState,
  owner: Timestamp,
  mode: LockMode
): { readonly holders: ReadonlyArray<Timestamp>; readonly waiters: ReadonlyArray<Timestamp> } => {
  const bars = (each: Waiter): boolean => each.owner !== owner && !share(each.mode, mode)
  const ownersOf = (places: ReadonlyArray<Waiter>): ReadonlyArray<Timestamp> =>
    places.filter(bars).map((each) => each.owner)
  const place = waiters.findIndex((waiter) => waiter.owner === owner)
  return { holders: ownersOf(holders), waiters: ownersOf(place === -1 ? waiters : waiters.slice(0, place)) }
}

export const holderOf = ({ holders }: LockState, owner: Timestamp): Holder | undefined =>
  holders.find((holder) => holder.owner === owner)

export const waiterOf = ({ waiters }: LockState, owner: Timestamp): Waiter | undefined =>
  waiters.find((waiter) => waiter.owner === owner)

/** It holds the lock or waits for it. */
export const isNamed = (state: LockState, owner: Timestamp): boolean =>
  (holderOf(state, owner) ?? waiterOf(state, owner)) !== undefined

/** Who holds the lock in one state and not, or under another token, in the other. */
export const turnover = (
  before: LockState,
  after: LockState
): { readonly lost: ReadonlyArray<Holder>; readonly granted: ReadonlyArray<Holder> } => {
  const missing = (from: LockState, others: LockState): ReadonlyArray<Holder> =>
    from.holders.filter(({ owner, token }) => holderOf(others, owner)?.token !== token)
  return { lost: missing(before, after), granted: missing(after, before) }
}

/** Without some owners, who hold nothing then, and wait for nothing. */
export const without = ({ holders, waiters }: LockState, owners: ReadonlyArray<Timestamp>): LockState => ({
  holders: holders.filter(({ owner }) => !owners.includes(owner)),
  waiters: waiters.filter(({ owner }) => !owners.includes(owner))
})

export const hold = (state: LockState, holder: Holder): LockState => {
  const { holders, waiters } = without(state, [holder.owner])
  return { holders: [...holders, holder], waiters }
}

/** It keeps the place that it has. */
export const wait = (state: LockState, waiter: Waiter): LockState => {
  if (waiterOf(state, waiter.owner) === undefined) return { ...state, waiters: [...state.waiters, waiter] }
  return { ...state, waiters: state.waiters.map((each) => (each.owner === waiter.owner ? waiter : each)) }
}

/** Until when others leave a session's hold on a lock, or its place, alone. */
export interface Claim {
  readonly expiresAt: Timestamp
  /** Of who holds it; 0: it waits. */
  readonly token: Timestamp
}

const claimVersion = 1

export const encodeClaim = ({ expiresAt, token }: Claim): Uint8Array =>
  Bytes.Writer.make().u8(claimVersion).f64(expiresAt).f64(token).finish()

/** Undefined: the bytes are none that this version writes. */
export const decodeClaim = (bytes: Uint8Array): Claim | undefined => {
  const reader = new Bytes.Reader(bytes)
  if (reader.u8() !== claimVersion) return undefined
  const claim = { expiresAt: reader.f64(), token: reader.f64() }
  return reader.isWhole && reader.leftBytes === 0 ? claim : undefined
}
