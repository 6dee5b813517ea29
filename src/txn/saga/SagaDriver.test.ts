/** The driver where what was due lies before what is due, in more ranges than anybody can look at in time. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { expect, it } from "vitest"
import * as Keys from "#storage/Keys.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { ModelCluster } from "../testing/ModelCluster.ts"
import { Transaction } from "../Transaction.ts"
import { Transactions } from "../Transactions.ts"
import * as Saga from "./Saga.ts"
import type { Status } from "./SagaCore.ts"
import * as SagaKeys from "./SagaKeys.ts"
import * as Sagas from "./Sagas.ts"
import * as TestSagas from "./TestSagas.ts"

const nap = Saga.external("nap", { result: Schema.Void, run: () => Effect.sleep(20) })
const inner = Saga.make("inner", { version: 1, input: Schema.Int, steps: [nap] })
const outer = Saga.make("outer", {
  version: 1,
  input: Schema.Int,
  steps: [Saga.child("inner", inner, ({ input }: Saga.Context<number>) => input)]
})

/** Transactions in which a look at due times before `at` does not end, and how many there were. */
const slowBefore = (transactions: Transactions["Service"], at: () => number) => {
  const slow = { looks: 0 }
  const slowed = (txn: Transaction["Service"]): Transaction["Service"] => ({
    ...txn,
    scan: (span, options) => {
      const isDue = Keys.compare(span.from, SagaKeys.due(0, "a")) < 0 && Keys.compare(SagaKeys.due(0, "a"), span.to) < 0
      const isSlow = isDue && Keys.compare(span.from, SagaKeys.dueWithin(at(), at()).from) < 0
      if (!isSlow) return txn.scan(span, options)
      slow.looks += 1
      return Effect.never
    }
  })
  const service: Transactions["Service"] = {
    ...transactions,
    run: (body, options) =>
      transactions.run((txn) => {
        const given = slowed(txn)
        return Effect.provideService(typeof body === "function" ? body(given) : body, Transaction, given)
      }, options) as never
  }
  return { slow, service }
}

it("finds what is due in time, also when a look at everything that was due before takes too long", () => {
  const bench = new TestBench()
  const cluster = new ModelCluster(bench, { cuts: TestSagas.cuts })
  let found: ReadonlyArray<Status | undefined> = []
  let looks = 0
  bench.start(
    0,
    cluster.program(0, ({ transactions }) =>
      Effect.gen(function* () {
        // There is a past.
        yield* Effect.sleep(100_000)
        const begun = yield* transactions.run((txn) => Effect.sync(() => txn.readAt()), { readOnly: true })
        const { service, slow } = slowBefore(transactions, () => begun - 60_000_000)
        const layer = Sagas.layer([outer, inner], { leaseMillis: 400, scanMillis: 50 })
        const built = yield* Effect.provideService(Layer.build(layer), Transactions, service)
        const sagas = Context.get(built, Sagas.Sagas)
        yield* sagas.start(outer, "a", 1)
        yield* Effect.sleep(60_000)
        found = yield* Effect.forEach(["a", "a/inner"], (id) => Effect.map(sagas.status(id), (known) => known?.status))
        looks = slow.looks
        return yield* Effect.never
      })
    )
  )
  bench.pass(170_000_000)
  expect(found).toEqual(["completed", "completed"])
  expect(looks).toBeGreaterThan(2)
})
