import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import * as Spaces from "#keyspace/Spaces.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { ModelCluster } from "../testing/ModelCluster.ts"
import type { Transaction } from "../Transaction.ts"
import * as Saga from "./Saga.ts"
import { StepRejected } from "./SagaError.ts"
import * as TestSagas from "./TestSagas.ts"
import { balance, credit, deposit, Transfer, withdraw } from "./TestSagas.ts"

const retentionMillis = 2_000
const transfer: Transfer = { from: 1, to: 5, amount: 30 }

/** On several machines, all of which clean up. */
const run = (
  definitions: ReadonlyArray<Saga.Definition<any, any, Transaction>>,
  use: (given: TestSagas.Given) => Effect.Effect<void, unknown>
): void => {
  const bench = new TestBench({ machines: 3 })
  const cluster = new ModelCluster(bench, { cuts: TestSagas.cuts, repeatOneIn: 10 })
  const options = { retentionMillis }
  for (const machine of [1, 2]) {
    bench.start(machine, TestSagas.program(cluster, machine, { definitions, options, use: () => Effect.never }))
  }
  let isDone = false
  const told = (given: TestSagas.Given) => Effect.tap(use(given), () => Effect.sync(() => (isDone = true)))
  bench.startOnce(0, TestSagas.program(cluster, 0, { definitions, options, use: told }))
  bench.pass(60_000_000)
  expect(isDone).toBe(true)
  expect(bench.traced.filter(({ level }) => level === "error")).toEqual([])
}

/** How many keys sagas have, those that only say what is due included. */
const keys = ({ transactions }: TestSagas.Given) =>
  Effect.map(
    transactions.run((txn) => txn.scan(Spaces.spanOf("sagas")), { readOnly: true }),
    ({ entries }) => entries.length
  )

const fund = ({ transactions }: TestSagas.Given) => transactions.run((txn) => deposit(txn, 1, 100))
const balances = ({ transactions }: TestSagas.Given) =>
  transactions.run((txn) => Effect.forEach([1, 5], (account) => balance(txn, account)))

describe("a saga that has ended", () => {
  it("is kept for as long as it is to be, and then leaves nothing, so that it can be started again", () => {
    const move = Saga.make("move", { version: 1, input: Transfer, steps: [withdraw, credit] })
    run([move], (given) =>
      Effect.gen(function* () {
        const { sagas } = given
        yield* fund(given)
        expect(yield* sagas.start(move, "a", transfer)).toBe(true)
        yield* Effect.sleep(1_500)
        expect((yield* sagas.status("a"))?.status).toBe("completed")
        expect(yield* sagas.start(move, "a", transfer)).toBe(false)
        yield* Effect.sleep(3_000)
        expect(yield* sagas.status("a")).toBeUndefined()
        expect(yield* keys(given)).toBe(0)
        expect(yield* sagas.start(move, "a", transfer)).toBe(true)
        yield* Effect.sleep(1_000)
        expect(yield* balances(given)).toEqual([40, 60])
      })
    )
  })

  it("is kept as long as its parent goes on, which turns it round long after it was completed", () => {
    const inner = Saga.make("inner", { version: 1, input: Transfer, steps: [credit] })
    const slow = Saga.external("slow", {
      result: Schema.Void,
      timeoutMillis: 10_000,
      run: () => Effect.andThen(Effect.sleep(8_000), Effect.fail(new StepRejected({ message: "no" })))
    })
    const pay = Saga.child("pay", inner, ({ input }: Saga.Context<Transfer>) => input)
    const outer = Saga.make("outer", { version: 1, input: Transfer, steps: [withdraw, pay, slow] })
    run([outer], (given) =>
      Effect.gen(function* () {
        const { sagas } = given
        yield* fund(given)
        yield* sagas.start(outer, "a", transfer)
        yield* Effect.sleep(7_000)
        expect((yield* sagas.status("a/pay"))?.status).toBe("completed")
        expect(yield* balances(given)).toEqual([70, 30])
        yield* Effect.sleep(3_000)
        expect((yield* sagas.status("a/pay"))?.status).toBe("compensated")
        expect(yield* balances(given)).toEqual([100, 0])
        yield* Effect.sleep(5_000)
        expect([yield* sagas.status("a"), yield* sagas.status("a/pay")]).toEqual([undefined, undefined])
        expect(yield* keys(given)).toBe(0)
      })
    )
  })
})
