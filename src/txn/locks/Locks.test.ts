/** Locks over the model of a keyspace: who holds them, who waits, and what becomes of them when sessions die, stall or wait in circles. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import { assert } from "#base/Assert.ts"
import * as Spaces from "#keyspace/Spaces.ts"
import { Unencodable } from "#keyspace/TupleError.ts"
import * as Lock from "#models/Lock.ts"
import * as Model from "#models/Model.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import * as Entries from "#sim/judges/linear/Entries.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import type { Timers } from "#world/Timers.ts"
import type { Trace } from "#world/Trace.ts"
import { keyOf, ModelCluster, type Programs } from "../testing/ModelCluster.ts"
import type { Options } from "../testing/ModelKeyspace.ts"
import { Transactions } from "../Transactions.ts"
import * as Locks from "./Locks.ts"

interface Given extends Programs {
  readonly locks: Locks.Locks["Service"]
}
type Use = (given: Given) => Effect.Effect<void, unknown, Scope.Scope | Timers | Trace>

const withLocks =
  (use: Use) =>
  (programs: Programs): Effect.Effect<void, unknown, Scope.Scope | Timers | Trace> =>
    Effect.flatMap(Effect.provideService(Locks.make, Transactions, programs.transactions), (locks) =>
      use({ ...programs, locks })
    )

/** Runs a program on a machine until it is done. */
const run = (use: Use, options: Partial<Options> = {}) => {
  const bench = new TestBench()
  const cluster = new ModelCluster(bench, options)
  bench.startOnce(0, cluster.program(0, withLocks(use)))
  bench.pass(120_000_000)
  expect(bench.story).toEqual(["n0 started", "n0 exited"])
  return { bench, cluster }
}

describe("a lock", () => {
  it("is held by one at a time, in the order in which they came, under rising tokens; then nothing is left of it", () => {
    const { cluster } = run(({ locks }) =>
      Effect.gen(function* () {
        const order: Array<number> = []
        const tokens: Array<number> = []
        let inside = 0
        const client = (number: number) =>
          Effect.scoped(
            Effect.gen(function* () {
              const session = yield* locks.session()
              yield* Effect.sleep(number * 50)
              const lease = yield* session.acquire("door")
              expect(lease.isHeld()).toBe(true)
              inside += 1
              expect(inside).toBe(1)
              order.push(number)
              tokens.push(lease.token)
              yield* Effect.sleep(400)
              inside -= 1
              // The last ones leave it to the end of their session.
              if (number < 3) yield* lease.release
              expect(lease.isHeld()).toBe(number >= 3)
            })
          )
        yield* Effect.forEach([1, 2, 3, 4, 5], client, { concurrency: "unbounded" })
        expect(order).toEqual([1, 2, 3, 4, 5])
        expect(tokens).toEqual([...tokens].sort((left, right) => left - right))
        expect(new Set(tokens).size).toBe(5)
        expect(yield* locks.inspect("door")).toEqual({ holders: [], waiters: [] })
      })
    )
    const { versions } = cluster.keyspace.state
    const left = [...versions.entries()].filter(({ value }) => value.at(-1)!.value !== undefined)
    expect(left).toEqual([])
  })

  it("is shared by those who want to, and whoever does not waits for all of them, and is not passed by", () => {
    run(({ locks }) =>
      Effect.gen(function* () {
        const [one, two, writer, late] = yield* Effect.all([0, 1, 2, 3].map(() => locks.session()))
        const first = yield* one.acquire("door", { mode: "shared" })
        const second = yield* two.acquire("door", { mode: "shared" })
        const writing = yield* Effect.forkChild(writer.acquire("door"))
        yield* Effect.sleep(200)
        const busy = yield* Effect.flip(late.acquire("door", { mode: "shared", waitMillis: 0 }))
        expect(busy).toMatchObject({ _tag: "LockBusy", owners: [writer.owner] })
        yield* first.release
        yield* Effect.sleep(1_000)
        expect(writing.pollUnsafe()).toBeUndefined()
        yield* second.release
        const third = yield* Fiber.join(writing)
        expect(third.token).toBeGreaterThan(second.token)
      })
    )
  })

  it("is refused for what cannot be", () => {
    run(({ locks }) =>
      Effect.gen(function* () {
        const session = yield* locks.session()
        for (const name of ["", "x".repeat(2_000), "\ud800"]) {
          expect((yield* Effect.flip(session.acquire(name)))._tag).toBe("LockRefused")
        }
        yield* session.acquire("door")
        expect((yield* Effect.flip(session.acquire("door")))._tag).toBe("LockRefused")
        expect((yield* Effect.flip(locks.session({ ttlMillis: 1 })))._tag).toBe("LockRefused")
      })
    )
  })

  it("is waited for no longer than asked, and who gave up, or was interrupted, is in nobody's way", () => {
    run(({ locks }) =>
      Effect.gen(function* () {
        const [holder, impatient, gone, next] = yield* Effect.all([0, 1, 2, 3].map(() => locks.session()))
        const lease = yield* holder.acquire("door")
        const busy = yield* Effect.flip(impatient.acquire("door", { waitMillis: 300 }))
        expect(busy._tag).toBe("LockBusy")
        const fiber = yield* Effect.forkChild(gone.acquire("door"))
        yield* Effect.sleep(200)
        expect((yield* locks.inspect("door")).waiters.map(({ owner }) => owner)).toEqual([gone.owner])
        yield* Fiber.interrupt(fiber)
        expect((yield* locks.inspect("door")).waiters).toEqual([])
        yield* lease.release
        yield* next.acquire("door", { waitMillis: 0 })
      })
    )
  })
})

describe("a circle of sessions that wait for each other", () => {
  for (const length of [2, 3, 5]) {
    it(`of ${length} is broken by its youngest, and by nobody else`, () => {
      run(({ locks }) =>
        Effect.gen(function* () {
          const places = Array.from({ length }, (_, at) => at)
          const sessions = yield* Effect.forEach(places, () => locks.session())
          yield* Effect.forEach(places, (at) => sessions[at].acquire(`door ${at}`))
          const crossing = (at: number) =>
            Effect.gen(function* () {
              const result = yield* Effect.result(sessions[at].acquire(`door ${(at + 1) % length}`))
              if (result._tag === "Success") {
                yield* Effect.sleep(100)
                yield* result.success.release
                yield* sessions[at].end
                return "through"
              }
              expect(result.failure).toMatchObject({ _tag: "LockDeadlock" })
              yield* sessions[at].end
              return "gave way"
            })
          const results = yield* Effect.forEach(places, crossing, { concurrency: "unbounded" })
          expect(results).toEqual(places.map((at) => (at === length - 1 ? "gave way" : "through")))
        })
      )
    })
  }

  it("is not seen where a chain of waits has an end", () => {
    run(({ locks }) =>
      Effect.gen(function* () {
        const sessions = yield* Effect.forEach([0, 1, 2, 3], () => locks.session())
        const leases = yield* Effect.forEach([0, 1, 2, 3], (at) => sessions[at].acquire(`door ${at}`))
        const waits = yield* Effect.forEach([0, 1, 2], (at) => Effect.forkChild(sessions[at].acquire(`door ${at + 1}`)))
        yield* Effect.sleep(2_000)
        for (const at of [3, 2, 1]) {
          expect(waits[at - 1].pollUnsafe()).toBeUndefined()
          yield* leases[at].release
          yield* Fiber.join(waits[at - 1])
        }
      })
    )
  })
})

describe("a session", () => {
  it("keeps what it holds, and its place in line, for as long as it lives, and does not change the lock for that", () => {
    const { cluster } = run(({ locks }) =>
      Effect.gen(function* () {
        const session = yield* locks.session({ ttlMillis: 500 })
        const other = yield* locks.session({ ttlMillis: 500 })
        const lease = yield* session.acquire("door")
        const waiting = yield* Effect.forkChild(other.acquire("door", { waitMillis: 60_000 }))
        yield* Effect.sleep(100)
        const behind = yield* locks.session({ ttlMillis: 60_000 })
        yield* Effect.forkChild(behind.acquire("door", { waitMillis: 60_000 }))
        yield* Effect.sleep(10_000)
        expect([lease.isHeld(), waiting.pollUnsafe()]).toEqual([true, undefined])
        const late = yield* locks.session()
        const busy = yield* Effect.flip(late.acquire("door", { waitMillis: 0 }))
        expect(busy).toMatchObject({ _tag: "LockBusy", owners: [session.owner] })
        expect((yield* locks.inspect("door")).waiters.map(({ owner }) => owner)).toEqual([other.owner, behind.owner])
      })
    )
    const lock = Spaces.keyOf("locks", [0, "door"])
    assert(!(lock instanceof Unencodable), "names have keys")
    // Held, waited for by two, and left by all three.
    expect(cluster.keyspace.state.versions.get(lock)).toHaveLength(6)
  })

  it("that dies loses what it holds and its place when its time has passed, not before", () => {
    const bench = new TestBench({ machines: 2 })
    const cluster = new ModelCluster(bench)
    let tookMicros = NaN
    const holding: Use = ({ locks }) =>
      Effect.gen(function* () {
        const session = yield* locks.session({ ttlMillis: 2_000 })
        yield* session.acquire("door")
        const waiter = yield* locks.session({ ttlMillis: 2_000 })
        yield* waiter.acquire("door", { waitMillis: 60_000 })
      })
    const waiting: Use = ({ locks }) =>
      Effect.gen(function* () {
        const session = yield* locks.session()
        const from = bench.kernel.now
        yield* session.acquire("door", { waitMillis: 20_000 })
        tookMicros = bench.kernel.now - from
      })
    bench.start(0, cluster.program(0, withLocks(holding)))
    bench.pass(5_000_000)
    bench.machines[0].crash({ powerLost: true })
    bench.start(1, cluster.program(1, withLocks(waiting)))
    bench.pass(20_000_000)
    // It had renewed at most a third of its time before.
    expect(tookMicros).toBeGreaterThan(1_300_000)
    expect(tookMicros).toBeLessThan(2_600_000)
  })

  it("that stood still for too long hears that it lost its lock, and nothing that it does under it takes effect", () => {
    const bench = new TestBench({ machines: 2 })
    const cluster = new ModelCluster(bench)
    const told: Array<string> = []
    const stalled: Use = ({ locks, transactions }) =>
      Effect.gen(function* () {
        const session = yield* locks.session({ ttlMillis: 1_000 })
        const lease = yield* session.acquire("door")
        const write = (value: number) =>
          transactions.run((txn) => Effect.andThen(lease.guard(txn), txn.put(keyOf(1), Uint8Array.of(value))))
        yield* write(1)
        told.push("wrote")
        yield* Effect.sleep(1_000)
        // It stood still meanwhile.
        told.push(`held: ${lease.isHeld()}`)
        told.push((yield* Effect.flip(write(9)))._tag)
        told.push((yield* Effect.flip(lease.lost))._tag)
      })
    const other: Use = ({ locks, transactions }) =>
      Effect.gen(function* () {
        const session = yield* locks.session()
        const lease = yield* session.acquire("door")
        yield* transactions.run((txn) => Effect.andThen(lease.guard(txn), txn.put(keyOf(1), Uint8Array.of(2))))
        told.push("other wrote")
      })
    bench.start(0, cluster.program(0, withLocks(stalled)))
    bench.pass(500_000)
    bench.machines[0].pause()
    bench.start(1, cluster.program(1, withLocks(other)))
    bench.pass(5_000_000)
    bench.machines[0].resume()
    bench.pass(5_000_000)
    expect(told).toEqual(["wrote", "other wrote", "held: false", "LeaseLost", "LeaseLost"])
    expect(cluster.keyspace.state.versions.get(keyOf(1))!.at(-1)!.value).toEqual(Uint8Array.of(2))
  })
})

const policies = ["uniform", "pct", "starve"] as const

/** Again and again until it succeeds. */
const persistently = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.catch(work, () =>
    Effect.andThen(
      Effect.sleep(10),
      Effect.suspend(() => persistently(work))
    )
  )

describe("sessions on three machines", () => {
  it("use one lock as if they took turns at a single one, whatever is late, twice or lost", () => {
    let [taken, busy] = [0, 0]
    for (let seed = 1; seed <= 9; seed++) {
      const bench = new TestBench({
        seed: `locks ${seed}`,
        machines: 3,
        policy: policies[seed % 3],
        preemptionOneIn: 12
      })
      const cluster = new ModelCluster(bench, seed % 2 === 0 ? { repeatOneIn: 4, loseOneIn: 40 } : {})
      const rows: Array<Entries.Entry<Lock.Operation, Lock.Result>> = []
      let events = 0
      // Each operation is a process of its own: one whose end is unknown holds up no other.
      const note = (operation: Lock.Operation, call: number, result: Lock.Result): void => {
        rows.push({ process: rows.length, operation, call, result, return: events++ })
      }
      const unsure = (operation: Lock.Operation, call: number): void => {
        rows.push({ process: rows.length, operation, call, result: Model.unknown, return: Infinity })
      }
      const client = (machine: number) =>
        withLocks(({ locks }) =>
          Effect.gen(function* () {
            const session = yield* persistently(locks.session({ ttlMillis: 600_000 }))
            for (let round = 0; round < 8; round++) {
              const call = events++
              const waitMillis = round % 2 === 0 ? 20_000 : 0
              const result = yield* Effect.result(session.acquire("door", { waitMillis }))
              if (result._tag === "Failure") {
                // Others may have come first while it was free: that it was not got says nothing more.
                if (result.failure._tag === "LockBusy") busy += 1
                else for (const each of [Lock.acquire, Lock.release]) unsure(each(machine), call)
                continue
              }
              note(Lock.acquire(machine), call, result.success.token)
              taken += 1
              yield* Effect.sleep(5)
              const releaseCall = events++
              yield* persistently(result.success.release)
              note(Lock.release(machine), releaseCall, undefined)
            }
          })
        )
      for (const machine of [0, 1, 2]) bench.start(machine, cluster.program(machine, client(machine)))
      bench.pass(120_000_000)
      expect(bench.story).toEqual(["n0 started", "n1 started", "n2 started"])
      const verdict = Linearizability.check(Lock.make(), Entries.fromArray(rows))
      expect([seed, verdict.type]).toEqual([seed, "linearizable"])
    }
    expect(taken).toBeGreaterThan(80)
    expect(busy).toBeGreaterThan(10)
  })
})
