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

export const encode = (balance: number): Uint8Array => {
  const bytes = Buffer.allocUnsafeSlow(8)
  bytes.writeDoubleLE(balance)
  return bytes
}

const decode = (bytes: Uint8Array | undefined): number =>
  bytes === undefined ? 0 : new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true)

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
