/**
 * What is left when a coordinator dies or is interrupted at any of its calls; and what transactions do when they are pushed, wait in circles, run
 * out of time or of attempts.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import type { Timers } from "#world/Timers.ts"
import type { Trace } from "#world/Trace.ts"
import * as Handle from "./Handle.ts"
import { keyOf, ModelCluster, type Programs } from "./testing/ModelCluster.ts"
import type { Options } from "./testing/ModelKeyspace.ts"
import type { Transaction } from "./Transaction.ts"
import type { Transactions } from "./Transactions.ts"
import { OutcomeUnknown } from "./TxnError.ts"

type Txn = Transaction["Service"]
type Use = (programs: Programs) => Effect.Effect<void, unknown, Scope.Scope | Timers | Trace>

const value = (number: number): Uint8Array => Uint8Array.of(number)
const accounts = [1, 5, 9].map(keyOf)

const bodies: Record<string, (txn: Txn) => Effect.Effect<unknown, unknown>> = {
  "of one range": (txn) =>
    Effect.gen(function* () {
      const [from, to] = yield* txn.getMany([keyOf(1), keyOf(2)])
      yield* txn.put(keyOf(1), value(from![0] - 3))
      yield* txn.put(keyOf(2), value((to?.[0] ?? 0) + 3))
    }),
  "of three ranges": (txn) =>
    Effect.gen(function* () {
      const [from, to, third] = yield* txn.getMany(accounts)
      yield* txn.put(accounts[0], value(from![0] - 3))
      yield* txn.put(accounts[1], value(to![0] + 2))
      yield* txn.put(accounts[2], value(third![0] + 1))
    }),
  "with locks": (txn) =>
    Effect.gen(function* () {
      const [from] = yield* txn.getForUpdate([accounts[0]])
      const [to, third] = yield* txn.getForUpdate([accounts[1], accounts[2]])
      yield* txn.get(keyOf(2))
      yield* txn.put(accounts[0], value(from![0] - 3))
      yield* txn.put(accounts[1], value(to![0] + 2))
      yield* txn.put(accounts[2], value(third![0] + 1))
    }),
  "that only locks": (txn) => Effect.andThen(txn.getForUpdate(accounts), txn.get(keyOf(2)))
}

const all = { from: keyOf(0), to: keyOf(255) }

/** What all accounts have together, and that a writer of all of them gets through. */
const check = (transactions: Transactions["Service"]) =>
  Effect.gen(function* () {
    const sum = yield* transactions.run((txn) =>
      Effect.map(txn.scan(all), ({ entries }) => entries.reduce((total, entry) => total + entry.value[0], 0))
    )
    yield* transactions.run((txn) =>
      Effect.gen(function* () {
        for (const [at, seen] of (yield* txn.getForUpdate(accounts)).entries()) yield* txn.put(accounts[at], seen!)
      })
    )
    return sum
  })

interface Stop {
  readonly at: number
  readonly how: "crash" | "interrupt"
}

/** Runs a body on machine 0, which is stopped at one of its calls; then machine 1 looks. */
const stopped = (body: (txn: Txn) => Effect.Effect<unknown, unknown>, stop: Stop, options: Partial<Options> = {}) => {
  const bench = new TestBench({ machines: 2, seed: `stop ${stop.at}` })
  const cluster = new ModelCluster(bench, options)
  const { kernel, machines } = bench
  const told = { calls: 0, last: "", result: "none", sum: 0, lookedMicros: NaN }
  let counts = false
  let fiber: Fiber.Fiber<unknown, unknown> | undefined
  const look: Use = ({ transactions }) =>
    Effect.gen(function* () {
      const from = kernel.now
      told.sum = yield* check(transactions)
      told.lookedMicros = kernel.now - from
    })
  const lookNow = () => bench.machines[1].start(Effect.andThen(cluster.program(1, look), Effect.never))
  const hear = (what: string): boolean => {
    if (!counts) return true
    told.calls += 1
    if (told.calls !== stop.at) return true
    told.last = what
    if (stop.how === "crash") machines[0].crash({ powerLost: false })
    else kernel.call(kernel.now, () => fiber?.interruptUnsafe(), machines[0].epoch)
    kernel.call(kernel.now + 10, lookNow)
    // Who dies before it asks has not asked.
    return stop.how === "interrupt" || what.endsWith("done")
  }
  const use: Use = ({ transactions }) =>
    Effect.gen(function* () {
      yield* transactions.run((txn) => Effect.forEach(accounts, (key) => txn.put(key, value(30))))
      yield* Effect.sleep(100)
      counts = true
      fiber = yield* Effect.forkChild(transactions.run(body))
      const exit = yield* Fiber.await(fiber)
      told.result = exit._tag
    })
  bench.start(0, cluster.program(0, use, hear))
  bench.pass(30_000_000)
  expect(bench.notes.filter(({ what }) => what === "defect" || what === "exited")).toEqual([])
  return { ...told, state: cluster.keyspace.state }
}

describe("a coordinator that dies at any of its calls", () => {
  for (const [name, body] of Object.entries(bodies)) {
    it(`leaves a transaction ${name} whole, done or not, and others go on when it was silent for too long`, () => {
      let at = 0
      for (;;) {
        at += 1
        const { calls, last, lookedMicros, state, sum } = stopped(body, { at, how: "crash" })
        if (calls < at) break
        expect([last, sum]).toEqual([last, 90])
        expect([last, lookedMicros < 1_500_000]).toEqual([last, true])
        // What is left of it is in nobody's way: the others have met all of its keys.
        expect([last, state.intents.size, [...state.locks.entries()].length]).toEqual([last, 0, 0])
      }
      expect(at).toBeGreaterThan(6)
    })
  }
})

describe("a transaction that is interrupted at any of its calls", () => {
  for (const [name, body] of Object.entries(bodies)) {
    it(`${name}, is cleaned up after at once`, () => {
      let at = 0
      for (;;) {
        at += 1
        // So long that nobody can have waited for it.
        const { calls, last, lookedMicros, state, sum } = stopped(
          body,
          { at, how: "interrupt" },
          { ttlMicros: 60_000_000 }
        )
        if (calls < at) break
        expect([last, sum]).toEqual([last, 90])
        expect([last, lookedMicros < 100_000]).toEqual([last, true])
        expect([last, state.intents.size]).toEqual([last, 0])
      }
      expect(at).toBeGreaterThan(6)
    })
  }
})

/** Runs a program on a machine until it is done. */
const run = (use: Use, options: Partial<Options> = {}) => {
  const bench = new TestBench()
  const cluster = new ModelCluster(bench, options)
  bench.startOnce(0, cluster.program(0, use))
  bench.pass(60_000_000)
  expect(bench.story).toEqual(["n0 started", "n0 exited"])
  return { bench, cluster }
}

describe("a transaction", () => {
  it("that takes longer than the silence of an abandoned one is told to live, and commits", () => {
    run(({ transactions }) =>
      Effect.gen(function* () {
        const slow = transactions.runCommitted((txn) =>
          Effect.gen(function* () {
            yield* txn.getForUpdate([keyOf(1)])
            yield* txn.put(keyOf(1), value(1))
            yield* Effect.sleep(3_000)
          })
        )
        const fiber = yield* Effect.forkChild(slow)
        yield* Effect.sleep(100)
        const seen = yield* transactions.run((txn) => txn.getForUpdate([keyOf(1)]))
        expect(seen).toEqual([value(1)])
        expect((yield* Fiber.join(fiber)).attempts).toBe(1)
      })
    )
  })

  it("that was aborted by somebody else fails at its next step, and its body runs again with its age", () => {
    run(({ keyspace, transactions }) =>
      Effect.gen(function* () {
        const ages: Array<number> = []
        const committed = yield* transactions.runCommitted((txn) =>
          Effect.gen(function* () {
            yield* txn.getForUpdate([keyOf(1)])
            yield* txn.put(keyOf(1), value(txn.attempt))
            yield* txn.put(keyOf(9), value(txn.attempt))
            if (txn.attempt > 1) return
            ages.push(txn.id)
            yield* keyspace.push({ id: txn.id, anchor: keyOf(1), age: txn.id }, true)
            // It hears of it by its heartbeat.
            yield* Effect.sleep(300)
            const error = yield* Effect.flip(txn.get(keyOf(3)))
            expect(error._tag).toBe("Aborted")
          })
        )
        expect(committed.attempts).toBe(2)
        expect(committed.id).toBeGreaterThan(ages[0])
        expect(yield* transactions.run((txn) => txn.get(keyOf(9)))).toEqual(value(2))
      })
    )
  })

  it("that is aborted between its intents and its decision is not committed", () => {
    const bench = new TestBench()
    const cluster = new ModelCluster(bench)
    let attempts = 0
    const ids: Array<readonly [number, number]> = []
    const use: Use = ({ transactions }) =>
      Effect.gen(function* () {
        const body = (txn: Txn) => Effect.forEach([1, 9], (key) => txn.put(keyOf(key), value(txn.attempt)))
        attempts = (yield* transactions.runCommitted(body)).attempts
        expect(yield* transactions.run((txn) => txn.getMany([keyOf(1), keyOf(9)]))).toEqual([value(2), value(2)])
      })
    const hear = (what: string): void => {
      if (what !== "decide") return
      const { txn } = [...cluster.keyspace.state.intents.entries()][0].value
      ids.push([txn.id, txn.age])
      if (ids.length === 1) cluster.keyspace.state.push(txn, true)
    }
    bench.startOnce(0, cluster.program(0, use, hear))
    bench.pass(10_000_000)
    expect(bench.story).toEqual(["n0 started", "n0 exited"])
    expect(attempts).toBe(2)
    const [[first, age], ...others] = ids
    expect(age).toBe(first)
    expect(others.some(([id]) => id > first)).toBe(true)
    expect(others.every(([, each]) => each === first)).toBe(true)
  })

  it("that met a conflict is repeated, whatever its body makes of it", () => {
    run(({ transactions }) =>
      Effect.gen(function* () {
        yield* transactions.run((txn) => txn.put(keyOf(1), value(1)))
        for (const swallows of [true, false]) {
          const committed = yield* transactions.runCommitted(
            (txn) =>
              Effect.gen(function* () {
                yield* txn.get(keyOf(1))
                if (txn.attempt === 1) yield* transactions.run((other) => other.put(keyOf(1), value(2)))
                yield* txn.put(keyOf(5), value(txn.attempt))
                // The lock brings the change to light.
                const locked = yield* Effect.exit(txn.getForUpdate([keyOf(5)]))
                if (locked._tag === "Failure" && !swallows) return yield* Effect.fail("mine")
              }),
            // Which would not check at the commit what the lock found.
            { isolation: "snapshot" }
          )
          expect([swallows, committed.attempts]).toEqual([swallows, 2])
        }
      })
    )
  })

  it("one of whose locks was not answered commits what it wrote elsewhere, and leaves the lock", () => {
    const bench = new TestBench()
    const cluster = new ModelCluster(bench, { ttlMicros: 60_000_000 })
    const heard: Array<string> = []
    const use: Use = ({ transactions }) =>
      Effect.gen(function* () {
        yield* transactions.run(
          (txn) =>
            Effect.gen(function* () {
              expect((yield* Effect.flip(txn.getForUpdate([keyOf(9)])))._tag).toBe("Unavailable")
              yield* txn.put(keyOf(1), value(1))
            }),
          { isolation: "read-committed" }
        )
        const locking = transactions.run((txn) => txn.getForUpdate([keyOf(9), keyOf(1)]), { timeoutMillis: 500 })
        expect(yield* locking).toEqual([undefined, value(1)])
      })
    const hear = (what: string): boolean => {
      heard.push(what)
      return what !== "lock done" || heard.includes("decide")
    }
    bench.startOnce(0, cluster.program(0, use, hear))
    bench.pass(10_000_000)
    expect(bench.story).toEqual(["n0 started", "n0 exited"])
    expect(heard).not.toContain("commit-once")
  })

  it("that is interrupted in a queue for a lock, or where its intents wait for one, takes its hand away at once", () => {
    run(
      ({ transactions }) =>
        Effect.gen(function* () {
          const holding = transactions.run((txn) => Effect.andThen(txn.getForUpdate([keyOf(1)]), Effect.sleep(1_000)))
          const holder = yield* Effect.forkChild(holding)
          yield* Effect.sleep(50)
          const locker = yield* Effect.forkChild(transactions.run((txn) => txn.getForUpdate([keyOf(1)])))
          const writing = (txn: Txn) => Effect.forEach([1, 9], (key) => txn.put(keyOf(key), value(7)))
          const writer = yield* Effect.forkChild(transactions.run(writing))
          yield* Effect.sleep(100)
          const interrupting = Effect.andThen(Fiber.interrupt(locker), Fiber.interrupt(writer))
          yield* Effect.timeout(interrupting, 50)
          yield* Fiber.join(holder)
          const after = transactions.run((txn) => txn.getForUpdate([keyOf(1), keyOf(9)]), { timeoutMillis: 200 })
          expect(yield* after).toEqual([undefined, undefined])
        }),
      { ttlMicros: 60_000_000 }
    )
  })

  it("waits in no circle: one gives way, and both are committed", () => {
    const { bench } = run(({ transactions }) =>
      Effect.gen(function* () {
        const crossing = (first: number, second: number) =>
          transactions.run((txn) =>
            Effect.gen(function* () {
              yield* txn.getForUpdate([keyOf(first)])
              yield* Effect.sleep(20)
              yield* txn.getForUpdate([keyOf(second)])
              yield* txn.put(keyOf(first), value(1))
            })
          )
        yield* Effect.all([crossing(1, 9), crossing(9, 1)], { concurrency: "unbounded" })
      })
    )
    const retried = bench.traced.filter(({ name }) => name === "txn/retried")
    expect(retried.map(({ fields }) => fields.because)).toEqual(["Aborted"])
  })

  it("whose time is over leaves its locks, whatever its body waits for", () => {
    run(
      ({ transactions }) =>
        Effect.gen(function* () {
          const body = (txn: Txn) => Effect.andThen(txn.getForUpdate([keyOf(1)]), Effect.never)
          const error = yield* Effect.flip(transactions.run(body, { timeoutMillis: 1_000 }))
          expect(error).toMatchObject({ _tag: "DeadlinePassed", timeoutMillis: 1_000, attempts: 1 })
          const waiting = transactions.run((txn) => txn.getForUpdate([keyOf(1)]), { timeoutMillis: 100 })
          expect(yield* waiting).toEqual([undefined])
        }),
      { ttlMicros: 60_000_000 }
    )
  })

  it("that waits for a lock until its time is over says so, and others get the lock", () => {
    run(({ transactions }) =>
      Effect.gen(function* () {
        const holding = transactions.run((txn) => Effect.andThen(txn.getForUpdate([keyOf(1)]), Effect.sleep(2_000)))
        const fiber = yield* Effect.forkChild(holding)
        yield* Effect.sleep(50)
        const waiting = transactions.run((txn) => txn.getForUpdate([keyOf(1)]), { timeoutMillis: 300 })
        expect(["DeadlinePassed", "Unavailable"]).toContain((yield* Effect.flip(waiting))._tag)
        yield* Fiber.join(fiber)
        yield* transactions.run((txn) => txn.getForUpdate([keyOf(1)]), { timeoutMillis: 300 })
      })
    )
  })

  it("whose time is over before its decision leaves is not committed; what is decided already is waited for", () => {
    const bench = new TestBench()
    const cluster = new ModelCluster(bench, { delayMicrosMax: 3_000 })
    const use: Use = ({ transactions }) =>
      Effect.gen(function* () {
        const late = (keys: ReadonlyArray<number>) => {
          const fromMicros = bench.kernel.now
          const body = (txn: Txn) =>
            Effect.gen(function* () {
              yield* Effect.forEach(keys, (key) => txn.put(keyOf(key), value(1)))
              yield* Effect.sleep((fromMicros + 199_500 - bench.kernel.now) / 1_000)
            })
          return transactions.run(body, { timeoutMillis: 200 })
        }
        const error = yield* Effect.flip(late([5, 9]))
        expect(["DeadlinePassed", "Unavailable"]).toContain(error._tag)
        yield* late([1])
        const seen = yield* transactions.run((txn) => txn.getMany([1, 5, 9].map(keyOf)))
        expect(seen).toEqual([value(1), undefined, undefined])
      })
    bench.startOnce(0, cluster.program(0, use))
    bench.pass(20_000_000)
    expect(bench.story).toEqual(["n0 started", "n0 exited"])
    expect(cluster.keyspace.state.intents.size).toBe(0)
  })

  it("whose body ran another one of unknown outcome fails with that, and leaves nothing of its own", () => {
    const bench = new TestBench()
    const cluster = new ModelCluster(bench, { ttlMicros: 60_000_000 })
    const use: Use = ({ transactions }) =>
      Effect.gen(function* () {
        for (const locks of [false, true]) {
          const body = (txn: Txn) =>
            Effect.gen(function* () {
              if (locks) yield* txn.getForUpdate([keyOf(9)])
              yield* txn.put(keyOf(9), value(9))
              yield* transactions.run((inner) => inner.put(keyOf(1), value(1)), { timeoutMillis: 300 })
            })
          const error = yield* Effect.flip(transactions.run(body))
          expect(error).toMatchObject({ _tag: "OutcomeUnknown", txn: { anchor: keyOf(1) } })
          expect(yield* transactions.run((txn) => txn.getForUpdate([keyOf(9)]), { timeoutMillis: 300 })).toEqual([
            undefined
          ])
        }
      })
    bench.startOnce(
      0,
      cluster.program(0, use, (what) => what !== "commit-once done")
    )
    bench.pass(20_000_000)
    expect(bench.story).toEqual(["n0 started", "n0 exited"])
    // Nobody asked what became of the outer one, whose decision was never on its way.
    const outcomes = [...cluster.keyspace.state.records.values()].map(({ type }) => type)
    expect(outcomes).toEqual(["committed", "committed"])
  })

  it("that always meets others gives up after its attempts, and says how many and why", () => {
    run(({ transactions }) =>
      Effect.gen(function* () {
        const body = (txn: Txn) =>
          Effect.gen(function* () {
            yield* txn.get(keyOf(1))
            yield* transactions.run((other) => other.put(keyOf(1), value(txn.attempt)))
            yield* txn.put(keyOf(2), value(1))
          })
        const error = yield* Effect.flip(transactions.run(body, { attemptsMax: 5 }))
        expect(error).toMatchObject({ _tag: "RetriesExhausted", attempts: 5, last: { _tag: "Conflict" } })
        expect(yield* transactions.run((txn) => txn.get(keyOf(2)))).toBeUndefined()
        expect((yield* Effect.flip(transactions.run(body, { attemptsMax: 0 })))._tag).toBe("Refused")
      })
    )
  })

  it("that does several things at once sees one state, also while a lock moves its timestamp on", () => {
    const { bench } = run(({ transactions }) =>
      Effect.gen(function* () {
        const pair = [keyOf(1), keyOf(9)]
        const writing = (number: number) =>
          transactions.run((txn) => Effect.forEach(pair, (key) => txn.put(key, value(number))))
        yield* writing(0)
        const writer = yield* Effect.forkChild(
          Effect.forEach(
            Array.from({ length: 60 }, (_, at) => at),
            writing
          )
        )
        for (let round = 0; round < 60; round++) {
          const body = (txn: Txn) =>
            Effect.gen(function* () {
              const locking = txn.getForUpdate([keyOf(20 + (round % 3))])
              const reading = Effect.andThen(Effect.sleep(round % 4), txn.get(pair[0]))
              const [, one, two] = yield* Effect.all([locking, reading, txn.get(pair[1])], { concurrency: "unbounded" })
              return [one![0], two![0]]
            })
          const [one, two] = yield* transactions.run(body)
          expect(one).toBe(two)
        }
        yield* Fiber.join(writer)
      })
    )
    expect(bench.traced.some(({ name }) => name === "txn/retried")).toBe(true)
  })
})

describe("a transaction whose decision nobody has heard of", () => {
  const deciding = [
    ["commit-once", [1]],
    ["decide", [1, 9]]
  ] as const

  for (const [call, keys] of deciding) {
    for (const lost of ["request", "answer"] as const) {
      it(`by ${call}, the ${lost} lost, is unknown; whoever asks learns what is true, then and later`, () => {
        const bench = new TestBench()
        const cluster = new ModelCluster(bench)
        let isFirst = true
        const hear = (what: string): boolean => {
          if (!isFirst || what !== (lost === "request" ? call : `${call} done`)) return true
          isFirst = false
          return false
        }
        const use: Use = ({ transactions }) =>
          Effect.gen(function* () {
            const body = (txn: Txn) => Effect.forEach(keys, (key) => txn.put(keyOf(key), value(7)))
            const error = yield* Effect.flip(transactions.run(body, { timeoutMillis: 1_000 }))
            if (!(error instanceof OutcomeUnknown)) return yield* Effect.die(error)
            const txn = Handle.ofText(Handle.toText(error.txn))!
            const outcome = yield* transactions.outcome(txn)
            expect(outcome.type).toBe(lost === "request" ? "aborted" : "committed")
            yield* Effect.sleep(5_000)
            expect(yield* transactions.outcome(txn)).toEqual(outcome)
            const seen = yield* transactions.run((each) => each.getMany(keys.map(keyOf)))
            expect(seen).toEqual(keys.map(() => (lost === "request" ? undefined : value(7))))
            cluster.keyspace.state.collect()
            expect((yield* Effect.flip(transactions.outcome(txn)))._tag).toBe("TooOld")
          })
        bench.startOnce(0, cluster.program(0, use, hear))
        bench.pass(60_000_000)
        expect(bench.story).toEqual(["n0 started", "n0 exited"])
        expect(cluster.keyspace.state.intents.size).toBe(0)
      })
    }
  }
})
