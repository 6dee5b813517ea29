/**
 * Many sagas on machines that crash and come back, over a keyspace that loses answers and repeats requests, with a bank at the end of a line on which
 * messages are late, lost and repeated: money is conserved, nothing happens twice, and every saga ends.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { Prng } from "#base/Prng.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import * as Completion from "#world/Completion.ts"
import { ModelCluster } from "../testing/ModelCluster.ts"
import type { Transaction } from "../Transaction.ts"
import type { Transactions } from "../Transactions.ts"
import * as Saga from "./Saga.ts"
import { StepRejected } from "./SagaError.ts"
import * as SagaParticipant from "./SagaParticipant.ts"
import * as TestSagas from "./TestSagas.ts"
import { balance, credit, deposit, Transfer, withdraw } from "./TestSagas.ts"

const workers = 3
const bankMachine = 3
const bankAccount = 9
const funds = 1_000

interface Request {
  readonly key: string
  readonly amount: number
  readonly isUndo: boolean
  readonly answer: (error: string | undefined) => void
}

interface Chaos {
  readonly seed: number
  readonly sagas: number
  readonly crashes: number
  /** Whether the bank knows keys again, and keeps those that were undone first. */
  readonly bank: "sound" | "forgets-keys" | "forgets-undone"
}

const bankOf = SagaParticipant.make("bank", Schema.Int)

/** The bank's own programs: they go on until their transaction is through. */
const serve = (transactions: Transactions["Service"], { amount, isUndo, key }: Request, bank: Chaos["bank"]) => {
  const change = (txn: Transaction["Service"], sign: number) => deposit(txn, bankAccount, sign * amount)
  const body = (txn: Transaction["Service"]): Effect.Effect<unknown, unknown, Transaction> => {
    if (bank === "forgets-keys") return change(txn, isUndo ? -1 : 1)
    if (isUndo) {
      const undo = SagaParticipant.undo(bankOf, key, () => change(txn, -1))
      return bank === "forgets-undone" ? Effect.andThen(undo, SagaParticipant.forget(bankOf, key)) : undo
    }
    return SagaParticipant.perform(bankOf, key, change(txn, 1))
  }
  return Effect.retry(
    Effect.catchIf(
      transactions.run(body),
      (error) => error instanceof StepRejected,
      () => Effect.succeed("rejected")
    ),
    { times: 20 }
  )
}

/** A bank, and the line to it. */
class Line {
  readonly requests: Array<Request> = []
  private wake: () => void = () => {}
  private readonly bench: TestBench
  private readonly prng: Prng
  isCalm = false

  constructor(bench: TestBench, seed: number) {
    this.bench = bench
    this.prng = new Prng(seed, 3, 1, 4)
  }

  private oneIn(count: number): boolean {
    return !this.isCalm && this.prng.below(count) === 0
  }

  private after(micros: number, call: () => void): void {
    this.bench.kernel.call(this.bench.kernel.now + 1 + this.prng.below(micros), call)
  }

  /** Asks from a machine, which may be dead when the answer comes. */
  ask(machine: number, request: Omit<Request, "answer">): Effect.Effect<void, string> {
    return Effect.suspend(() => {
      const { epoch } = this.bench.machines[machine]
      const { kernel } = this.bench
      return Completion.submit<undefined, string>((done) => {
        let isAnswered = false
        const answer = (error: string | undefined): void => {
          if (isAnswered || this.oneIn(6)) return
          isAnswered = true
          this.after(2_000, () => kernel.call(kernel.now, () => done(error, undefined), epoch))
        }
        const arrive = (): void => {
          this.requests.push({ ...request, answer })
          this.wake()
        }
        // Some are later than all patience, and arrive after their undoing.
        if (!this.oneIn(12)) this.after(this.oneIn(5) ? 900_000 : 3_000, arrive)
        if (this.oneIn(6)) this.after(900_000, arrive)
      })
    })
  }

  serve(transactions: Transactions["Service"], bank: Chaos["bank"]) {
    return Effect.gen({ self: this }, function* () {
      const kicks = yield* Queue.sliding<void>(1)
      this.wake = () => Queue.offerUnsafe(kicks, undefined)
      for (;;) {
        const request = this.requests.shift()
        if (request === undefined) {
          yield* Effect.timeoutOption(Queue.take(kicks), 5)
          continue
        }
        const served = yield* Effect.result(serve(transactions, request, bank))
        if (served._tag === "Success") request.answer(served.success === "rejected" ? "rejected" : undefined)
      }
    })
  }
}

const definitionsOf = (line: Line, machine: number) => {
  const pay = Saga.external("pay", {
    result: Schema.Void,
    timeoutMillis: 60,
    retry: { attemptsMax: 3, pauseMillisMin: 10, pauseMillisMax: 50 },
    undoRetry: { attemptsMax: 1_000, pauseMillisMin: 10, pauseMillisMax: 50 },
    run: ({ input, key }: Saga.Context<Transfer>) =>
      Effect.mapError(line.ask(machine, { key, amount: input.amount, isUndo: false }), (error) =>
        error === "rejected" ? new StepRejected({ message: "the bank says no" }) : error
      ),
    undo: ({ input, key }) => line.ask(machine, { key, amount: input.amount, isUndo: true })
  })
  const approve = Saga.external("approve", {
    result: Schema.Void,
    run: ({ input }: Saga.Context<Transfer>) =>
      input.amount % 3 === 0 ? Effect.fail(new StepRejected({ message: "no" })) : Effect.sleep(input.amount)
  })
  // What the bank gets is taken from the other account: each saga moves its amount twice.
  const inner = Saga.make("inner", {
    version: 1,
    input: Transfer,
    steps: [
      Saga.local("fund", {
        result: Schema.Int,
        run: ({ input, transaction }: Saga.LocalContext<Transfer>) => deposit(transaction, input.to, -input.amount),
        undo: ({ input, transaction }) => deposit(transaction, input.to, input.amount)
      }),
      pay
    ]
  })
  const outer = Saga.make("outer", {
    version: 1,
    input: Transfer,
    timeoutMillis: 20_000,
    steps: [
      withdraw,
      Saga.parallel([credit], [Saga.child("inner", inner, ({ input }: Saga.Context<Transfer>) => input)]),
      approve
    ]
  })
  return { outer, inner }
}

const total = (transactions: Transactions["Service"]) =>
  transactions.run((txn) =>
    Effect.map(
      Effect.forEach([1, 2, 5, 6, bankAccount], (account) => balance(txn, account)),
      (all) => ({ sum: all.reduce((sum, each) => sum + each, 0), bank: all[4] })
    )
  )

const faults = { repeatOneIn: 8, loseOneIn: 60, forgetLocksOneIn: 50, delayMicrosMax: 500 }

/** Plays it all; what is left at the end. */
const play = ({ bank, crashes, sagas: count, seed }: Chaos) => {
  const bench = new TestBench({ seed: `sagas ${seed}`, machines: 4, policy: "uniform", preemptionOneIn: 16 })
  const cluster = new ModelCluster(bench, { cuts: TestSagas.cuts })
  const line = new Line(bench, seed)
  const prng = new Prng(seed, 2, 7, 1)
  const inputs = Array.from({ length: count }, (): Transfer => {
    const [from, to] = prng.below(2) === 0 ? [1, 5] : [6, 2]
    return { from, to, amount: 1 + prng.below(20) }
  })
  const found = { completed: 0, compensated: 0, others: [] as ReadonlyArray<string>, sum: 0, bank: 0, paid: 0 }
  bench.start(
    bankMachine,
    cluster.program(bankMachine, ({ transactions }) =>
      Effect.gen(function* () {
        const accounts = [1, 2, 5, 6, bankAccount]
        const fund = transactions.run((txn) => Effect.forEach(accounts, (account) => deposit(txn, account, funds)))
        yield* fund
        return yield* line.serve(transactions, bank)
      })
    )
  )
  bench.pass(1_000_000)
  Object.assign(cluster.keyspace.options, faults)
  const work = (machine: number, isStarting: boolean) => {
    const { inner, outer } = definitionsOf(line, machine)
    return TestSagas.program(cluster, machine, {
      definitions: [outer, inner],
      options: { scanMillis: 200 },
      use: ({ sagas }) =>
        Effect.gen(function* () {
          if (!isStarting) return
          for (const [index, input] of inputs.entries())
            if (index % workers === machine) yield* Effect.retry(sagas.start(outer, `s${index}`, input), { times: 50 })
        })
    })
  }
  for (let machine = 0; machine < workers; machine++) bench.start(machine, work(machine, true))
  for (let crash = 0; crash < crashes; crash++) {
    bench.pass(5_000 + prng.below(120_000))
    const machine = prng.below(workers)
    if (bench.machines[machine].epoch === undefined) continue
    bench.watched(() => bench.machines[machine].crash({ powerLost: true }))
    bench.pass(prng.below(200_000))
    bench.start(machine, work(machine, true))
  }
  Object.assign(cluster.keyspace.options, { repeatOneIn: 0, loseOneIn: 0, forgetLocksOneIn: 0 })
  line.isCalm = true
  bench.pass(60_000_000)
  bench.machines[0].crash({ powerLost: false })
  const { inner, outer } = definitionsOf(line, 0)
  bench.startOnce(
    0,
    TestSagas.program(cluster, 0, {
      definitions: [outer, inner],
      use: ({ sagas, transactions }) =>
        Effect.gen(function* () {
          for (const [index, { amount }] of inputs.entries()) {
            const known = yield* sagas.status(`s${index}`)
            if (known?.status === "completed") {
              found.completed += 1
              found.paid += amount
            } else if (known?.status === "compensated") found.compensated += 1
            else found.others = [...found.others, JSON.stringify(known ?? index)]
          }
          Object.assign(found, yield* total(transactions))
        })
    })
  )
  bench.pass(20_000_000)
  const errors = bench.traced.filter(({ level }) => level === "error")
  return { found, errors, bench, ended: bench.story.at(-1) }
}

describe("sagas whose machines crash", () => {
  it("all end; money is conserved, and the bank has exactly what completed sagas paid", () => {
    const seen = { completed: 0, compensated: 0, claimed: 0, failed: 0 }
    for (let seed = 1; seed <= 3; seed++) {
      const { bench, ended, errors, found } = play({ seed, sagas: 18, crashes: 12, bank: "sound" })
      expect([seed, errors, ended, found.others]).toEqual([seed, [], "n0 exited", []])
      expect([seed, found.sum, found.bank]).toEqual([seed, 5 * funds, funds + found.paid])
      seen.completed += found.completed
      seen.compensated += found.compensated
      seen.claimed += bench.traced.filter(
        ({ fields, name }) => name === "saga/claimed" && Number(fields["epoch"]) > 1
      ).length
      seen.failed += bench.traced.filter(
        ({ fields, name }) => name === "saga/event" && fields["event"] === "failed"
      ).length
    }
    expect(Math.min(seen.completed, seen.compensated)).toBeGreaterThan(10)
    expect(seen.claimed).toBeGreaterThan(20)
    expect(seen.failed).toBeGreaterThan(20)
  }, 120_000)

  it.each(["forgets-keys", "forgets-undone"] as const)(
    "are found out with a bank that %s",
    (bank) => {
      let wrong = 0
      for (let seed = 1; seed <= 4 && wrong === 0; seed++) {
        const { found } = play({ seed, sagas: 18, crashes: 12, bank })
        if (found.sum !== 5 * funds || found.bank !== funds + found.paid) wrong += 1
      }
      expect(wrong).toBeGreaterThan(0)
    },
    120_000
  )
})
