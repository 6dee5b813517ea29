/**
 * What each isolation level promises, and what it does not, over the model of a keyspace: clients on several machines, interleaved as seeds decide,
 * with messages late, twice and lost; judged by Elle.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { Prng } from "#base/Prng.ts"
import * as Elle from "#sim/elle/Elle.ts"
import * as History from "#sim/judges/History.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import type { Isolation } from "./Attempt.ts"
import { keyOf, ModelCluster, type Programs } from "./testing/ModelCluster.ts"
import type { Options } from "./testing/ModelKeyspace.ts"
import type { Transaction } from "./Transaction.ts"
import { OutcomeUnknown } from "./TxnError.ts"

type Kind = "list-append" | "rw-register"
type Step = readonly ["r" | "append" | "w", number, number | null]
type Done = readonly ["r" | "append" | "w", number, number | null | ReadonlyArray<number>]

interface Workload {
  readonly seed: number
  readonly isolation: Isolation
  readonly clients: number
  readonly transactions: number
  readonly keys: number
  readonly stepsMax: number
  /** Default: list-append. */
  readonly kind?: Kind
  /** Which reads lock: those that an append needs, or all. */
  readonly locks: "none" | "appends" | "all"
  readonly options?: Partial<Options>
}

const listOf = (bytes: Uint8Array | undefined): ReadonlyArray<number> =>
  bytes === undefined ? [] : Array.from(new Uint16Array(bytes.slice().buffer))

const bytesOf = (list: ReadonlyArray<number>): Uint8Array => new Uint8Array(Uint16Array.from(list).buffer)

const policies = ["uniform", "pct", "starve"] as const

const perform = (txn: Transaction["Service"], steps: ReadonlyArray<Step>, { kind, locks }: Workload) =>
  Effect.forEach(steps, ([type, key, element]) =>
    Effect.gen(function* () {
      if (type === "w") {
        yield* txn.put(keyOf(key), bytesOf([element!]))
        return ["w", key, element] as Done
      }
      const isLocked = locks === "all" || (locks === "appends" && type === "append")
      const [seen] = yield* isLocked ? txn.getForUpdate([keyOf(key)]) : Effect.map(txn.get(keyOf(key)), (one) => [one])
      const list = listOf(seen)
      if (type === "r") return ["r", key, kind === "rw-register" ? (list[0] ?? null) : list] as Done
      yield* txn.put(keyOf(key), bytesOf([...list, element!]))
      return ["append", key, element] as Done
    })
  )

/** Everything that clients did, and how it ended. */
const play = (workload: Workload) => {
  const { clients, isolation, keys, kind = "list-append", options = {}, seed, stepsMax, transactions } = workload
  const bench = new TestBench({ seed: `txn ${seed}`, machines: 3, policy: policies[seed % 3], preemptionOneIn: 12 })
  const cluster = new ModelCluster(bench, options)
  const history = new History.Builder()
  const prng = new Prng(seed, 1, 2, 3)
  const outcomes = { ok: 0, failed: 0, unknown: 0, asked: 0 }
  let elements = 0
  let processes = clients
  const draw = (): ReadonlyArray<Step> =>
    Array.from({ length: 1 + prng.below(stepsMax) }, (): Step => {
      const key = prng.below(keys)
      const write = kind === "list-append" ? "append" : "w"
      return prng.below(2) === 0 ? ["r", key, null] : [write, key, (elements += 1)]
    })
  const client = (programs: Programs, number: number) =>
    Effect.gen(function* () {
      let process = number
      for (let one = 0; one < transactions; one++) {
        const steps = draw()
        const asked = steps.map((step) => [...step])
        history.invoke(process, "txn", asked)
        let done: ReadonlyArray<Done> = []
        const body = (txn: Transaction["Service"]) =>
          Effect.map(perform(txn, steps, workload), (each) => {
            done = each
          })
        const result = yield* Effect.result(programs.transactions.run(body, { isolation, timeoutMillis: 20_000 }))
        let ended: "ok" | "failed" | "unknown" = result._tag === "Success" ? "ok" : "failed"
        if (result._tag === "Failure" && result.failure instanceof OutcomeUnknown) {
          // Some ask, and know for sure then.
          const asking = programs.transactions.outcome(result.failure.txn)
          const told = number % 2 === 0 ? undefined : yield* Effect.result(asking)
          if (told?._tag === "Success") outcomes.asked += 1
          ended = told?._tag !== "Success" ? "unknown" : told.success.type === "committed" ? "ok" : "failed"
        }
        outcomes[ended] += 1
        history.complete(process, ended, ended === "ok" ? done.map((each) => [...each]) : asked)
        if (ended === "unknown") process = processes++
      }
    })
  for (let machine = 0; machine < 3; machine++) {
    const numbers = Array.from({ length: clients }, (_, each) => each).filter((each) => each % 3 === machine)
    const work = (programs: Programs) =>
      Effect.forEach(numbers, (number) => client(programs, number), { concurrency: "unbounded", discard: true })
    bench.start(machine, cluster.program(machine, work))
  }
  bench.pass(200_000_000)
  expect(bench.story).toEqual(["n0 started", "n1 started", "n2 started"])
  return { history: history.build(), outcomes, bench, cluster }
}

const judge = (history: History.History, consistency: string, model: Kind = "list-append") =>
  Elle.check(history, { model, consistency }).valid

const seeds = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, seed) => seed + 1)

const faulty = { repeatOneIn: 4, loseOneIn: 40, forgetLocksOneIn: 50 }
const shape = { clients: 6, transactions: 12, keys: 6, stepsMax: 4, locks: "none" } as const

describe("strict serializability", () => {
  it("is what Elle finds in histories over three ranges, and every transaction is committed", () => {
    let retried = 0
    for (const seed of seeds(12)) {
      const { bench, history, outcomes } = play({ ...shape, seed, isolation: "strict-serializable" })
      expect([seed, judge(history, "strict-serializable")]).toEqual([seed, true])
      expect(outcomes).toEqual({ ok: 72, failed: 0, unknown: 0, asked: 0 })
      retried += bench.traced.filter(({ name }) => name === "txn/retried").length
    }
    expect(retried).toBeGreaterThan(50)
  })

  it("holds where requests arrive twice, answers get lost and leaseholders forget locks", () => {
    const sum = { ok: 0, failed: 0, unknown: 0, asked: 0 }
    for (const seed of seeds(18)) {
      const locks = (["none", "appends", "all"] as const)[seed % 3]
      const { history, outcomes } = play({ ...shape, locks, seed, isolation: "strict-serializable", options: faulty })
      expect([seed, judge(history, "strict-serializable")]).toEqual([seed, true])
      for (const each of ["ok", "failed", "unknown", "asked"] as const) sum[each] += outcomes[each]
    }
    expect(sum.ok).toBeGreaterThan(800)
    expect(Math.min(sum.failed, sum.unknown, sum.asked)).toBeGreaterThan(5)
  })

  it("leaves no intent and no lock of anybody's, once all is calm", () => {
    for (const seed of seeds(6)) {
      const { cluster } = play({ ...shape, locks: "appends", seed, isolation: "strict-serializable" })
      expect([cluster.keyspace.state.intents.size, cluster.keyspace.state.locks.size]).toEqual([0, 0])
    }
  })
})

describe("snapshot isolation", () => {
  const snapshot = { ...shape, isolation: "snapshot" } as const

  it("is kept, faults or none; write skew appears, and nothing that it forbids", () => {
    let skewed = 0
    for (const seed of seeds(18)) {
      const { history } = play({ ...snapshot, seed, ...(seed % 2 === 0 ? { options: faulty } : {}) })
      expect([seed, judge(history, "strong-snapshot-isolation")]).toEqual([seed, true])
      if (judge(history, "serializable") === false) skewed += 1
    }
    expect(skewed).toBeGreaterThan(5)
  })

  it("is serializable where all reads lock", () => {
    for (const seed of seeds(9)) {
      const { history } = play({ ...snapshot, locks: "all", seed, options: { forgetLocksOneIn: 40 } })
      expect([seed, judge(history, "strict-serializable")]).toEqual([seed, true])
    }
  })
})

describe("read committed", () => {
  it("is kept, faults or none, and no body runs twice for a conflict; what snapshots forbid appears", () => {
    let [weak, retried] = [0, 0]
    const registers = { ...shape, kind: "rw-register", isolation: "read-committed" } as const
    for (const seed of seeds(12)) {
      const { bench, history } = play({ ...registers, seed, ...(seed % 2 === 0 ? { options: faulty } : {}) })
      expect([seed, judge(history, "read-committed", "rw-register")]).toEqual([seed, true])
      if (judge(history, "snapshot-isolation", "rw-register") === false) weak += 1
      // Who waits in a circle gives way at every level.
      retried += bench.traced.filter((one) => one.name === "txn/retried" && one.fields.because === "Conflict").length
    }
    expect(weak).toBeGreaterThan(5)
    expect(retried).toBe(0)
  })
})

/** What is left of so many increments of one key. */
const increments = (seed: number, isolation: Isolation, locks: boolean): number => {
  const bench = new TestBench({ seed: `increments ${seed}`, policy: policies[seed % 3], preemptionOneIn: 12 })
  const cluster = new ModelCluster(bench)
  let left = 0
  const body = (txn: Transaction["Service"]) =>
    Effect.gen(function* () {
      const [seen] = locks ? yield* txn.getForUpdate([keyOf(1)]) : [yield* txn.get(keyOf(1))]
      yield* txn.put(keyOf(1), Uint8Array.of((seen?.[0] ?? 0) + 1))
      yield* txn.put(keyOf(9), Uint8Array.of(1))
    })
  const work = ({ transactions }: Programs) =>
    Effect.gen(function* () {
      const client = Effect.forEach([1, 2, 3, 4], () => transactions.run(body, { isolation }))
      yield* Effect.all([client, client, client, client, client], { concurrency: "unbounded" })
      left = (yield* transactions.run((txn) => txn.get(keyOf(1))))![0]
    })
  bench.startOnce(0, cluster.program(0, work))
  bench.pass(60_000_000)
  expect(bench.story).toEqual(["n0 started", "n0 exited"])
  return left
}

describe("a scan for update", () => {
  it("locks what there is, and sees it as it is then, while others put and change", () => {
    for (const seed of seeds(6)) {
      const bench = new TestBench({ seed: `scans ${seed}`, policy: policies[seed % 3], preemptionOneIn: 12 })
      const cluster = new ModelCluster(bench)
      const span = { from: keyOf(0), to: keyOf(20) }
      const increment = (txn: Transaction["Service"]) =>
        Effect.gen(function* () {
          for (const { key, value } of (yield* txn.scanForUpdate(span)).entries) {
            yield* txn.put(key, Uint8Array.of(value[0] + 1))
          }
        })
      const work = ({ transactions }: Programs) =>
        Effect.gen(function* () {
          const put = (key: number) => transactions.run((txn) => txn.put(keyOf(key), Uint8Array.of(0)))
          yield* put(1)
          yield* put(9)
          const client = Effect.forEach([1, 2, 3], () => transactions.run(increment, { isolation: "read-committed" }))
          const putting = Effect.forEach([2, 3, 5, 10, 11], put)
          yield* Effect.all([client, client, client, putting], { concurrency: "unbounded" })
          expect(yield* transactions.run((txn) => txn.getMany([keyOf(1), keyOf(9)]))).toEqual([
            Uint8Array.of(9),
            Uint8Array.of(9)
          ])
        })
      bench.startOnce(0, cluster.program(0, work))
      bench.pass(60_000_000)
      expect(bench.story).toEqual(["n0 started", "n0 exited"])
    }
  })
})

describe("an update", () => {
  it("may be lost by read committed, and is not when it locks what it reads", () => {
    expect(seeds(6).map((seed) => increments(seed, "read-committed", false) < 20)).toContain(true)
    expect(seeds(6).map((seed) => increments(seed, "read-committed", true))).toEqual(seeds(6).map(() => 20))
  })

  it("is never lost by the other levels, with locks or without", () => {
    for (const isolation of ["snapshot", "strict-serializable"] as const) {
      for (const locks of [false, true]) {
        expect(seeds(4).map((seed) => increments(seed, isolation, locks))).toEqual(seeds(4).map(() => 20))
      }
    }
  })
})
