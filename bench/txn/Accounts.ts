/** Accounts: how they lie in the keyspace, and what a transfer between two of them is as a transaction. */
import { Buffer } from "node:buffer"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Spaces from "#keyspace/Spaces.ts"
import type { Transaction } from "#txn/Transaction.ts"
import type { StepError } from "#txn/TxnError.ts"

export const accounts = 100_000
/** Nobody becomes poor within a bench: a transfer of at most 100 is one of millions. */
export const firstBalance = 1_000_000_000
export const amountMax = 100

export class Poor extends Data.TaggedError("Poor")<{ readonly account: number }> {}

export const keyOf = (account: number): Uint8Array =>
  Spaces.rawKeyOf(Uint8Array.of(account >>> 24, account >>> 16, account >>> 8, account))

const two32 = 4_294_967_296

/** A balance is a whole number below 2^53, in eight bytes, the lowest first. */
const encode = (balance: number): Uint8Array => {
  const bytes = Buffer.allocUnsafeSlow(8)
  bytes.writeUInt32LE(balance % two32, 0)
  bytes.writeUInt32LE(Math.floor(balance / two32), 4)
  return bytes
}

const u32 = (bytes: Uint8Array, at: number): number =>
  bytes[at] + bytes[at + 1] * 256 + bytes[at + 2] * 65_536 + bytes[at + 3] * 16_777_216

const decode = (bytes: Uint8Array | undefined): number =>
  bytes === undefined ? 0 : u32(bytes, 0) + u32(bytes, 4) * two32

export interface Transfer {
  readonly from: number
  readonly to: number
  readonly amount: number
}

export const transfer = Effect.fnUntraced(function* (
  txn: Transaction["Service"],
  { amount, from, to }: Transfer
): Effect.fn.Return<void, Poor | StepError> {
  const fromKey = keyOf(from)
  const toKey = keyOf(to)
  const [source, target] = yield* txn.getMany([fromKey, toKey])
  const balance = decode(source)
  if (balance < amount) return yield* new Poor({ account: from })
  yield* txn.put(fromKey, encode(balance - amount))
  yield* txn.put(toKey, encode(decode(target) + amount))
})

/** Gives accounts their first balance. */
export const fill = Effect.fnUntraced(function* (
  txn: Transaction["Service"],
  from: number,
  to: number
): Effect.fn.Return<void, StepError> {
  for (let account = from; account < to; account++) yield* txn.put(keyOf(account), encode(firstBalance))
})
