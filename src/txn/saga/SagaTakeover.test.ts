/** One saga whose machine is killed at each of its calls to the keyspace in turn, when it has taken effect and nobody has heard of it. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import { ModelCluster } from "../testing/ModelCluster.ts"
import * as Saga from "./Saga.ts"
import { StepRejected } from "./SagaError.ts"
import * as TestSagas from "./TestSagas.ts"
import { balance, credit, deposit, Outside, Transfer, withdraw } from "./TestSagas.ts"

const transfer: Transfer = { from: 1, to: 5, amount: 30 }

/** The machine dies at its n-th point; another one goes on. What is left, and whether it died at all. */
const play = (point: number, isTurnedDown: boolean) => {
  const bench = new TestBench({ machines: 2, seed: `takeover ${point}` })
  const cluster = new ModelCluster(bench, { cuts: TestSagas.cuts })
  const outside = new Outside()
  const call = Saga.external("call", {
    result: Schema.Void,
    run: ({ key }: Saga.Context<Transfer>) => Effect.andThen(Effect.sleep(5), outside.do(key)),
    undo: ({ key }) => outside.undo(key)
  })
  const inner = Saga.make("inner", { version: 1, input: Transfer, steps: [call] })
  const end = Saga.local("end", {
    result: Schema.Void,
    run: () => (isTurnedDown ? Effect.fail(new StepRejected({ message: "no" })) : Effect.void)
  })
  const move = Saga.make("move", {
    version: 1,
    input: Transfer,
    steps: [
      withdraw,
      Saga.parallel([Saga.child("inner", inner, ({ input }: Saga.Context<Transfer>) => input)], [credit]),
      end
    ]
  })
  const definitions = [move, inner]
  let points = -1
  let isDead = false
  const hear = (what: string): void => {
    // Counted from the start of the saga on.
    if (points >= 0 && what.endsWith("done") && points++ === point) {
      isDead = true
      bench.kernel.call(bench.kernel.now, () => bench.machines[0].crash({ powerLost: true }))
    }
  }
  bench.start(
    0,
    TestSagas.program(cluster, 0, {
      definitions,
      hear,
      // It looks when it has started something.
      options: { scanMillis: 1_000_000 },
      use: ({ sagas, transactions }) =>
        Effect.gen(function* () {
          yield* transactions.run((txn) => deposit(txn, 1, 100))
          yield* sagas.start(move, "a", transfer)
          points = 0
        })
    })
  )
  bench.pass(1_000_000)
  let found: ReadonlyArray<unknown> = []
  bench.startOnce(
    1,
    TestSagas.program(cluster, 1, {
      definitions,
      options: { scanMillis: 200 },
      use: ({ sagas, transactions }) =>
        Effect.gen(function* () {
          yield* Effect.sleep(4_000)
          const known = yield* sagas.status("a")
          const balances = yield* transactions.run((txn) => Effect.forEach([1, 5], (account) => balance(txn, account)))
          found = [known?.status, balances, outside.net("a/inner/call")]
        })
    })
  )
  bench.pass(8_000_000)
  return { found, isDead, calls: outside.calls }
}

describe("a saga whose owner dies at any of its calls", () => {
  it.each([
    ["is completed", false, ["completed", [70, 30], 1]],
    ["is undone", true, ["compensated", [100, 0], 0]]
  ] as const)(
    "%s by somebody else all the same",
    (_, isTurnedDown, expected) => {
      let point = 0
      for (; ; point += 1) {
        const { found, isDead } = play(point, isTurnedDown)
        expect([point, found]).toEqual([point, expected])
        if (!isDead || point > 400) break
      }
      // It has that many points, and no more.
      expect(point).toBeGreaterThan(40)
      expect(point).toBeLessThan(400)
    },
    120_000
  )
})
