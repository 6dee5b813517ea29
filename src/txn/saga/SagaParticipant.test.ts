import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import { ModelCluster } from "../testing/ModelCluster.ts"
import { StepRejected } from "./SagaError.ts"
import * as SagaParticipant from "./SagaParticipant.ts"
import { balance, deposit } from "./TestSagas.ts"

const shop = SagaParticipant.make("shop", Schema.Int)

describe("a participant", () => {
  it("does a thing once under its key, undoes it once, and never does what was undone first", () => {
    const bench = new TestBench()
    const cluster = new ModelCluster(bench)
    bench.startOnce(
      0,
      cluster.program(0, ({ transactions }) => {
        const perform = (key: string) =>
          transactions.run((txn) => SagaParticipant.perform(shop, key, deposit(txn, 1, 10)))
        const undo = (key: string) =>
          transactions.run((txn) => SagaParticipant.undo(shop, key, (result) => deposit(txn, 1, -result)))
        const left = transactions.run((txn) => balance(txn, 1))
        return Effect.gen(function* () {
          expect([yield* perform("a"), yield* perform("a"), yield* left]).toEqual([10, 10, 10])
          yield* undo("a")
          yield* undo("a")
          expect(yield* left).toBe(0)
          expect(yield* Effect.flip(perform("a"))).toBeInstanceOf(StepRejected)
          yield* undo("b")
          expect(yield* Effect.flip(perform("b"))).toBeInstanceOf(StepRejected)
          expect(yield* left).toBe(0)
          yield* transactions.run(SagaParticipant.forget(shop, "b"))
          expect([yield* perform("b"), yield* left]).toEqual([10, 10])
          expect((yield* Effect.flip(perform("\ud800")))._tag).toBe("SagaRefused")
        })
      })
    )
    bench.pass(10_000_000)
    expect(bench.story).toEqual(["n0 started", "n0 exited"])
  })
})
