/**
 * Shop: the sagas of the scenario, and the money that they move. An order takes money from an account, pays it to the bank by another server, and
 * moves a bonus between two accounts by a saga of its own; some are turned down at the end.
 *
 * Money is in the accounts and in the bank: whatever happens, none is made and none is lost, and the bank has what completed orders paid.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Spaces from "#keyspace/Spaces.ts"
import * as Saga from "#txn/saga/Saga.ts"
import { StepRejected } from "#txn/saga/SagaError.ts"
import * as SagaParticipant from "#txn/saga/SagaParticipant.ts"
import type { Transaction } from "#txn/Transaction.ts"

type Txn = Transaction["Service"]

export const accounts = 8
/** What there is in each account, and in the bank, in the beginning: enough for every order, so that what was given can be taken back. */
export const fund = 5_000

export const Order = Schema.Struct({
  from: Schema.Int,
  to: Schema.Int,
  amount: Schema.Int,
  isTurnedDown: Schema.Boolean
})
export type Order = typeof Order.Type

const keyOf = (account: number): Uint8Array => Spaces.rawKeyOf(Uint8Array.of(account))
const bank = accounts

export const balance = (txn: Txn, account: number) =>
  Effect.map(txn.get(keyOf(account)), (bytes) => (bytes === undefined ? fund : bytes[0] + 256 * bytes[1]))

export const balanceOfBank = (txn: Txn) => balance(txn, bank)

const add = Effect.fnUntraced(function* (txn: Txn, account: number, amount: number) {
  const next = (yield* balance(txn, account)) + amount
  if (next < 0) return yield* new StepRejected({ message: "there is too little" })
  yield* txn.put(keyOf(account), Uint8Array.of(next, next >>> 8))
})

const participant = SagaParticipant.make("bank", Schema.Void)

/** What the bank does when it is asked to. */
export const pay = (txn: Txn, key: string, amount: number) =>
  SagaParticipant.perform(participant, key, add(txn, bank, amount))

export const payBack = (txn: Txn, key: string, amount: number) =>
  SagaParticipant.undo(participant, key, () => add(txn, bank, -amount))

/** To the bank, and its answer. It fails when there is none, or another one. */
export type Ask = (request: {
  readonly key: string
  readonly amount: number
  readonly isUndo: boolean
}) => Effect.Effect<boolean, string>

const quick = { pauseMillisMin: 20, pauseMillisMax: 500 }
const forLong = { ...quick, attemptsMax: 1_000 }

/** A change of an account, and the contrary one to undo it. */
const change = (name: string, of: (order: Order) => { readonly account: number; readonly amount: number }) =>
  Saga.local(name, {
    result: Schema.Void,
    retry: quick,
    undoRetry: forLong,
    timeoutMillis: 2_000,
    run: ({ input, transaction }: Saga.LocalContext<Order>) => add(transaction, of(input).account, of(input).amount),
    undo: ({ input, transaction }) => add(transaction, of(input).account, -of(input).amount)
  })

export const definitions = (ask: Ask) => {
  const bonus = Saga.make("bonus", {
    version: 1,
    input: Order,
    steps: [
      change("take", ({ from }) => ({ account: from, amount: -1 })),
      change("give", ({ to }) => ({ account: to, amount: 1 }))
    ]
  })
  const payment = Saga.external("pay", {
    result: Schema.Void,
    retry: { ...quick, attemptsMax: 4 },
    undoRetry: forLong,
    timeoutMillis: 400,
    run: ({ input: { amount }, key }: Saga.Context<Order>) =>
      Effect.flatMap(ask({ key, amount, isUndo: false }), (isDone) =>
        isDone ? Effect.void : Effect.fail(new StepRejected({ message: "the bank says no" }))
      ),
    undo: ({ input: { amount }, key }) => ask({ key, amount, isUndo: true })
  })
  const approve = Saga.external("approve", {
    result: Schema.Void,
    run: ({ input }: Saga.Context<Order>) =>
      input.isTurnedDown ? Effect.fail(new StepRejected({ message: "turned down" })) : Effect.void
  })
  const order = Saga.make("order", {
    version: 1,
    input: Order,
    timeoutMillis: 20_000,
    steps: [
      change("withdraw", ({ amount, from }) => ({ account: from, amount: -amount })),
      Saga.parallel([payment], [Saga.child("bonus", bonus, ({ input }: Saga.Context<Order>) => input)]),
      approve
    ]
  })
  return { order, bonus }
}
