/** TestSagas: sagas on simulated machines over the model of a keyspace, and a bank outside of it, for tests. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Timers } from "#world/Timers.ts"
import type { Trace } from "#world/Trace.ts"
import { keyOf, type ModelCluster } from "../testing/ModelCluster.ts"
import type { Transaction } from "../Transaction.ts"
import { Transactions } from "../Transactions.ts"
import * as Saga from "./Saga.ts"
import type { Options } from "./SagaDriver.ts"
import { StepRejected } from "./SagaError.ts"
import * as Sagas from "./Sagas.ts"

/** Records, journals, due times and the accounts are in ranges of their own. */
export const cuts = [Uint8Array.of(0x0a, 0x13), Uint8Array.of(0x0a, 0x14), Uint8Array.of(0x0b), keyOf(4)]

/** One byte, as a number. */
const balanceOf = (bytes: Uint8Array | undefined): number => (bytes === undefined ? 0 : (bytes[0] << 8) | bytes[1])

export const balance = (txn: Transaction["Service"], account: number) => Effect.map(txn.get(keyOf(account)), balanceOf)

export const deposit = Effect.fnUntraced(function* (txn: Transaction["Service"], account: number, amount: number) {
  const next = (yield* balance(txn, account)) + amount
  if (next < 0) return yield* new StepRejected({ message: `account ${account} is too low` })
  yield* txn.put(keyOf(account), Uint8Array.of(next >> 8, next & 255))
  return next
})

export const Transfer = Schema.Struct({ from: Schema.Int, to: Schema.Int, amount: Schema.Int })
export type Transfer = typeof Transfer.Type

/** Takes from one account of the keyspace. */
export const withdraw = Saga.local("withdraw", {
  result: Schema.Int,
  run: ({ input, transaction }: Saga.LocalContext<Transfer>) => deposit(transaction, input.from, -input.amount),
  undo: ({ input, transaction }) => deposit(transaction, input.from, input.amount)
})

/** Gives to another. */
export const credit = Saga.local("credit", {
  result: Schema.Int,
  run: ({ input, transaction }: Saga.LocalContext<Transfer>) => deposit(transaction, input.to, input.amount),
  undo: ({ input, transaction }) => deposit(transaction, input.to, -input.amount)
})

/** A place outside of the keyspace that does things under keys, and tells repetitions; its calls take a while, and may go wrong. */
export class Outside {
  readonly done = new Map<string, number>()
  readonly undone = new Map<string, number>()
  readonly blocked = new Set<string>()
  /** How often it was asked. */
  calls = 0

  do(key: string): Effect.Effect<void, StepRejected> {
    return Effect.suspend(() => {
      this.calls += 1
      if (this.blocked.has(key)) return Effect.fail(new StepRejected({ message: "it was undone" }))
      if (!this.done.has(key)) this.done.set(key, 1)
      return Effect.void
    })
  }

  undo(key: string): Effect.Effect<void> {
    return Effect.sync(() => {
      this.calls += 1
      this.blocked.add(key)
      if (this.done.has(key)) this.undone.set(key, 1)
    })
  }

  /** What is left of a key's effect. */
  net(key: string): number {
    return (this.done.get(key) ?? 0) - (this.undone.get(key) ?? 0)
  }
}

export interface Given {
  readonly sagas: Sagas.Sagas["Service"]
  readonly transactions: Transactions["Service"]
}

export interface Work {
  readonly definitions: ReadonlyArray<Saga.Definition<any, any, Transaction>>
  readonly options?: Options
  readonly use: (given: Given) => Effect.Effect<void, unknown, Scope.Scope>
  /** Told of each call to the keyspace, before it leaves and when it has taken effect. */
  readonly hear?: (what: string) => void
}

/** A machine's program with its sagas. */
export const program = <Epoch>(
  cluster: ModelCluster<Epoch>,
  machine: number,
  { definitions, hear, options, use }: Work
): Effect.Effect<void, unknown, Scope.Scope | Timers | Trace> =>
  cluster.program(
    machine,
    ({ transactions }) =>
      Effect.gen(function* () {
        const layer = Sagas.layer(definitions, { leaseMillis: 400, scanMillis: 50, ...options })
        const built = yield* Effect.provideService(Layer.build(layer), Transactions, transactions)
        const sagas = Context.get(built, Sagas.Sagas)
        yield* use({ sagas, transactions })
      }),
    hear
  )
