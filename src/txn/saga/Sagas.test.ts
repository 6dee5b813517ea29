/** Sagas over the model of a keyspace: what one of them does, undoes and leaves, and what callers see. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import { ModelCluster } from "../testing/ModelCluster.ts"
import type { Transaction } from "../Transaction.ts"
import * as Saga from "./Saga.ts"
import { SagaExists, SagaNotFound, SagaRefused, StepRejected, UnknownDefinition } from "./SagaError.ts"
import type { Status } from "./SagaCore.ts"
import type { Sagas } from "./Sagas.ts"
import * as TestSagas from "./TestSagas.ts"
import { balance, credit, deposit, Outside, Transfer, withdraw } from "./TestSagas.ts"

type Use = (given: TestSagas.Given) => Effect.Effect<void, unknown, Scope.Scope>
type Definition = Saga.Definition<any, any, Transaction>

/** Runs a program with these sagas until it is done. */
const run = (definitions: ReadonlyArray<Definition>, use: Use, seconds = 120) => {
  const bench = new TestBench()
  const cluster = new ModelCluster(bench, { cuts: TestSagas.cuts })
  bench.startOnce(0, TestSagas.program(cluster, 0, { definitions, use }))
  bench.pass(seconds * 1_000_000)
  expect(bench.story).toEqual(["n0 started", "n0 exited"])
  expect(bench.traced.filter(({ level }) => level === "error")).toEqual([])
  return bench
}

/** Until the saga has this status. */
const until = Effect.fnUntraced(function* (sagas: Sagas["Service"], id: string, status: Status) {
  for (;;) {
    const known = yield* sagas.status(id)
    if (known?.status === status) return known
    yield* Effect.sleep(20)
  }
})

const transfer: Transfer = { from: 1, to: 5, amount: 30 }
const fund = ({ transactions }: TestSagas.Given) => transactions.run((txn) => deposit(txn, 1, 100))
const balances = ({ transactions }: TestSagas.Given) =>
  transactions.run((txn) => Effect.forEach([1, 5], (account) => balance(txn, account)))

const quick = { pauseMillisMin: 10, pauseMillisMax: 40 }
const failing = (name: string, error: unknown) =>
  Saga.external(name, {
    result: Schema.Void,
    retry: { ...quick, attemptsMax: 3 },
    undoRetry: quick,
    run: () => Effect.fail(error)
  })

describe("a saga", () => {
  it("is completed once all its steps are done, and tells its output", () => {
    const outside = new Outside()
    const call = Saga.external("call", {
      result: Schema.String,
      run: ({ key, result }: Saga.Context<Transfer>) => Effect.as(outside.do(key), `${key} left ${result(withdraw)}`)
    })
    const move = Saga.make("move", {
      version: 1,
      input: Transfer,
      steps: [withdraw, Saga.parallel([call], [credit])],
      output: { schema: Schema.String, of: ({ result }) => result(call) }
    })
    run([move], (given) =>
      Effect.gen(function* () {
        const { sagas } = given
        yield* fund(given)
        expect(yield* sagas.start(move, "a", transfer)).toBe(true)
        const known = yield* until(sagas, "a", "completed")
        expect(known.steps.map(({ attempts, name, phase }) => [name, phase, attempts])).toEqual([
          ["withdraw", "done", 1],
          ["call", "done", 1],
          ["credit", "done", 1]
        ])
        const queried = yield* sagas.query(move, "a")
        expect(queried).toMatchObject({ input: transfer, output: "a/call left 70" })
        expect(queried?.resultOf(credit)).toBe(30)
        expect(yield* balances(given)).toEqual([70, 30])
        expect(outside.net("a/call")).toBe(1)
      })
    )
  })

  it("is started once under its id, and within a transaction only if that one commits", () => {
    const move = Saga.make("move", { version: 1, input: Transfer, steps: [withdraw] })
    run([move], (given) =>
      Effect.gen(function* () {
        const { sagas, transactions } = given
        yield* fund(given)
        const started = yield* Effect.all(
          [1, 2, 3].map(() => sagas.start(move, "a", transfer)),
          {
            concurrency: "unbounded"
          }
        )
        expect(started.filter(Boolean).length).toBe(1)
        const other = yield* Effect.flip(sagas.start(move, "a", { ...transfer, amount: 1 }))
        expect(other).toBeInstanceOf(SagaExists)
        const failed = transactions.run(Effect.andThen(sagas.startWithin(move, "b", transfer), Effect.fail("no")))
        expect(yield* Effect.flip(failed)).toBe("no")
        yield* transactions.run(sagas.startWithin(move, "c", transfer))
        yield* until(sagas, "a", "completed")
        yield* until(sagas, "c", "completed")
        expect(yield* sagas.status("b")).toBeUndefined()
        expect(yield* balances(given)).toEqual([40, 0])
        expect(yield* sagas.list("completed")).toEqual(["a", "c"])
        expect(yield* sagas.list("completed", { after: "a" })).toEqual(["c"])
        expect(yield* sagas.list("running")).toEqual([])
      })
    )
  })

  it("undoes what it has done when a step is rejected, and what is in doubt when one fails too often", () => {
    const outside = new Outside()
    const doubtful = Saga.external("doubtful", {
      result: Schema.Void,
      retry: { ...quick, attemptsMax: 3 },
      undoRetry: quick,
      run: ({ key }: Saga.Context<Transfer>) => Effect.andThen(outside.do(key), Effect.fail("no answer")),
      undo: ({ key }, result) =>
        Effect.andThen(
          outside.undo(key),
          Effect.sync(() => expect(result).toBeUndefined())
        )
    })
    const rejected = Saga.make("rejected", {
      version: 1,
      input: Transfer,
      steps: [withdraw, credit, failing("ship", new StepRejected({ message: "closed" }))]
    })
    const unsure = Saga.make("unsure", { version: 1, input: Transfer, steps: [withdraw, doubtful, credit] })
    run([rejected, unsure], (given) =>
      Effect.gen(function* () {
        const { sagas } = given
        yield* fund(given)
        yield* sagas.start(rejected, "a", transfer)
        const known = yield* until(sagas, "a", "compensated")
        expect(known.reason).toContain("closed")
        expect(known.steps.map(({ phase }) => phase)).toEqual(["undone", "undone", "idle"])
        yield* sagas.start(unsure, "b", transfer)
        const second = yield* until(sagas, "b", "compensated")
        expect(second.steps.map(({ attempts, phase }) => [phase, attempts])).toEqual([
          ["undone", 1],
          ["undone", 3],
          ["idle", 0]
        ])
        expect(yield* balances(given)).toEqual([100, 0])
        expect([outside.done.get("b/doubtful"), outside.net("b/doubtful")]).toEqual([1, 0])
      })
    )
  })

  it("leaves nothing of a step in the keyspace that fails, and gives up when that cannot help", () => {
    const torn = Saga.local("torn", {
      result: Schema.Int,
      retry: { ...quick, attemptsMax: 2 },
      run: ({ transaction }: Saga.LocalContext<Transfer>) =>
        Effect.andThen(deposit(transaction, 5, 7), Effect.fail("after the write"))
    })
    const move = Saga.make("move", { version: 1, input: Transfer, steps: [withdraw, torn] })
    run([move], (given) =>
      Effect.gen(function* () {
        yield* fund(given)
        yield* given.sagas.start(move, "a", transfer)
        const known = yield* until(given.sagas, "a", "compensated")
        expect(known.steps[1]).toMatchObject({ attempts: 2, phase: "idle", message: "after the write" })
        yield* given.sagas.start(move, "b", { ...transfer, amount: 1_000 })
        expect((yield* until(given.sagas, "b", "compensated")).steps[0]).toMatchObject({ attempts: 1, phase: "idle" })
        expect(yield* balances(given)).toEqual([100, 0])
      })
    )
  })

  it("is turned round by its caller while a step takes its time, and by its deadline while it waits", () => {
    const outside = new Outside()
    const slow = Saga.external("slow", {
      result: Schema.Void,
      timeoutMillis: 60_000,
      run: ({ key }: Saga.Context<Transfer>) => Effect.andThen(Effect.sleep(30_000), outside.do(key)),
      undo: ({ key }) => outside.undo(key)
    })
    const waiting = Saga.external("waiting", {
      result: Schema.Void,
      retry: { attemptsMax: 10, pauseMillisMin: 5_000, pauseMillisMax: 5_000 },
      run: () => Effect.fail("busy")
    })
    const lasting = Saga.make("lasting", { version: 1, input: Transfer, steps: [withdraw, slow] })
    const late = Saga.make("late", { version: 1, input: Transfer, steps: [withdraw, waiting], timeoutMillis: 2_000 })
    const bench = run([lasting, late], (given) =>
      Effect.gen(function* () {
        const { sagas } = given
        yield* fund(given)
        yield* sagas.start(lasting, "a", transfer)
        yield* Effect.sleep(2_000)
        yield* sagas.cancel("a", "changed my mind")
        expect((yield* until(sagas, "a", "compensated")).reason).toBe("changed my mind")
        expect(outside.net("a/slow")).toBe(0)
        expect(yield* Effect.flip(sagas.cancel("a", "again"))).toBeInstanceOf(SagaRefused)
        expect(yield* Effect.flip(sagas.cancel("none", "what"))).toBeInstanceOf(SagaNotFound)
        yield* sagas.start(late, "b", transfer)
        expect((yield* until(sagas, "b", "compensated")).reason).toBe("its time is over")
        expect(yield* balances(given)).toEqual([100, 0])
      })
    )
    expect(bench.notes.at(-1)!.atMicros).toBeLessThan(10_000_000)
  })

  it("is parked when it cannot be undone, and goes on when a person says so, or has done it by hand", () => {
    let isOpen = false
    const stuck = Saga.external("stuck", {
      result: Schema.Void,
      undoRetry: { ...quick, attemptsMax: 3 },
      run: () => Effect.void,
      undo: () => Effect.suspend(() => (isOpen ? Effect.void : Effect.fail("closed")))
    })
    const move = Saga.make("move", {
      version: 1,
      input: Transfer,
      steps: [withdraw, stuck, failing("end", new StepRejected({ message: "no" }))]
    })
    const bench = run([move], (given) =>
      Effect.gen(function* () {
        const { sagas } = given
        yield* fund(given)
        yield* sagas.start(move, "a", transfer)
        yield* sagas.start(move, "b", transfer)
        const known = yield* until(sagas, "a", "parked")
        yield* until(sagas, "b", "parked")
        expect(known.steps[1]).toMatchObject({ name: "stuck", undoAttempts: 3, message: "closed" })
        expect(yield* sagas.list("parked")).toEqual(["a", "b"])
        expect(yield* Effect.flip(sagas.resume("a", { settled: ["withdraw"] }))).toBeInstanceOf(SagaRefused)
        yield* sagas.resume("a", { settled: ["stuck"] })
        yield* until(sagas, "a", "compensated")
        isOpen = true
        yield* sagas.resume("b")
        yield* until(sagas, "b", "compensated")
        expect(yield* balances(given)).toEqual([100, 0])
      })
    )
    expect(bench.traced.filter(({ name }) => name === "saga/parked").length).toBe(2)
  })

  it("has a saga as a step, which is undone with it, whole", () => {
    const outside = new Outside()
    const call = Saga.external("call", {
      result: Schema.Void,
      run: ({ key }: Saga.Context<Transfer>) => outside.do(key),
      undo: ({ key }) => outside.undo(key)
    })
    const inner = Saga.make("inner", {
      version: 1,
      input: Transfer,
      steps: [credit, call],
      output: { schema: Schema.Int, of: ({ result }) => result(credit) }
    })
    const pay = Saga.child("pay", inner, ({ input }: Saga.Context<Transfer>) => input)
    const good = Saga.make("good", {
      version: 1,
      input: Transfer,
      steps: [withdraw, pay],
      output: { schema: Schema.Int, of: ({ result }) => result(pay) }
    })
    const bad = Saga.make("bad", {
      version: 1,
      input: Transfer,
      steps: [withdraw, pay, failing("end", new StepRejected({ message: "no" }))]
    })
    const hopeless = Saga.make("hopeless", {
      version: 1,
      input: Transfer,
      steps: [
        withdraw,
        Saga.child(
          "pay",
          Saga.make("broken", {
            version: 1,
            input: Transfer,
            steps: [failing("x", new StepRejected({ message: "x" }))]
          }),
          ({ input }: Saga.Context<Transfer>) => input
        )
      ]
    })
    run([good, bad, hopeless], (given) =>
      Effect.gen(function* () {
        const { sagas } = given
        yield* fund(given)
        yield* sagas.start(good, "a", transfer)
        yield* until(sagas, "a", "completed")
        expect((yield* sagas.query(good, "a"))?.output).toBe(30)
        yield* sagas.start(bad, "b", transfer)
        yield* until(sagas, "b", "compensated")
        expect(yield* sagas.status("b/pay")).toMatchObject({ status: "compensated", reason: "its parent turned round" })
        yield* sagas.start(hopeless, "c", transfer)
        expect((yield* until(sagas, "c", "compensated")).reason).toContain("saga c/pay was undone")
        expect([outside.net("a/pay/call"), outside.net("b/pay/call"), outside.done.get("b/pay/call")]).toEqual([
          1, 0, 1
        ])
        expect(yield* balances(given)).toEqual([70, 30])
      })
    )
  })

  it("waits for a store that knows its definition, and is refused where nobody does, or where an id is none", () => {
    const first = Saga.make("move", { version: 1, input: Transfer, steps: [withdraw] })
    const second = Saga.make("move", { version: 2, input: Transfer, steps: [withdraw, credit] })
    const changed = Saga.make("move", { version: 1, input: Transfer, steps: [withdraw, credit] })
    const bench = new TestBench({ machines: 3 })
    const cluster = new ModelCluster(bench, { cuts: TestSagas.cuts })
    const start = (machine: number, definitions: ReadonlyArray<Definition>, use: Use): void => {
      bench.startOnce(machine, TestSagas.program(cluster, machine, { definitions, use }))
      bench.pass(20_000_000)
    }
    start(0, [first], (given) =>
      Effect.gen(function* () {
        yield* fund(given)
        expect(yield* Effect.flip(given.sagas.start(second, "a", transfer))).toBeInstanceOf(UnknownDefinition)
        for (const id of ["", "x/y", "\ud800", "x".repeat(1_025)])
          expect(yield* Effect.flip(given.sagas.start(first, id, transfer))).toBeInstanceOf(SagaRefused)
        expect(yield* Effect.flip(given.sagas.start(first, "b", { ...transfer, amount: 0.5 }))).toBeInstanceOf(
          SagaRefused
        )
        yield* given.transactions.run(given.sagas.startWithin(first, "a", transfer))
      })
    )
    start(1, [changed], ({ sagas }) =>
      Effect.gen(function* () {
        yield* Effect.sleep(5_000)
        expect(yield* Effect.flip(sagas.status("a"))).toBeInstanceOf(UnknownDefinition)
        expect(yield* sagas.list("running")).toEqual(["a"])
      })
    )
    start(2, [second, first], ({ sagas }) =>
      Effect.gen(function* () {
        yield* until(sagas, "a", "completed")
        // Started again by a newer program, under its id: it is there.
        expect(yield* sagas.start(second, "a", transfer)).toBe(false)
      })
    )
    expect(bench.story.filter((line) => line.includes("exited"))).toEqual(["n0 exited", "n1 exited", "n2 exited"])
  })
})
