/** Transactions over the model of a keyspace: what one of them sees, does and leaves. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import * as Limits from "#base/Limits.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import type { Timers } from "#world/Timers.ts"
import type { Trace } from "#world/Trace.ts"
import { keyOf, ModelCluster, numberOf, type Programs } from "./testing/ModelCluster.ts"
import type { Options } from "./testing/ModelKeyspace.ts"
import type { Committed } from "./Coordinator.ts"
import { Transaction } from "./Transaction.ts"

type Use = (programs: Programs) => Effect.Effect<void, unknown, Scope.Scope | Timers | Trace>

const value = (number: number): Uint8Array => Uint8Array.of(number)

/** Runs a program on a machine until it is done. */
const run = (use: Use, options: Partial<Options> = {}, seconds = 60) => {
  const bench = new TestBench()
  const cluster = new ModelCluster(bench, options)
  bench.startOnce(0, cluster.program(0, use))
  bench.pass(seconds * 1_000_000)
  expect(bench.story).toEqual(["n0 started", "n0 exited"])
  return { bench, cluster }
}

const all = { from: keyOf(0), to: keyOf(255) }
const numbers = (entries: ReadonlyArray<{ readonly key: Uint8Array; readonly value: Uint8Array }>) =>
  entries.map((entry) => [numberOf(entry.key), entry.value[0]])

describe("a transaction", () => {
  it("sees its own writes, and others see them once it is committed, all at one timestamp", () => {
    run(({ transactions }) =>
      Effect.gen(function* () {
        const first = yield* transactions.runCommitted((txn) =>
          Effect.gen(function* () {
            expect(yield* txn.get(keyOf(1))).toBeUndefined()
            yield* txn.put(keyOf(1), value(10))
            yield* txn.put(keyOf(9), value(90))
            expect(yield* txn.getMany([keyOf(9), keyOf(2), keyOf(1)])).toEqual([value(90), undefined, value(10)])
            return txn.id
          })
        )
        expect(first).toMatchObject({ value: first.id, attempts: 1 })
        expect(first.at).toBeGreaterThan(first.id)
        const before = yield* transactions.run((txn) => txn.getMany([keyOf(1), keyOf(9)]), { at: first.at - 1 })
        const then = yield* transactions.run((txn) => txn.getMany([keyOf(1), keyOf(9)]), { at: first.at })
        expect([before, then]).toEqual([
          [undefined, undefined],
          [value(10), value(90)]
        ])
      })
    )
  })

  it("is given as an effect that needs it, too", () => {
    run(({ transactions }) =>
      Effect.gen(function* () {
        const body = Effect.flatMap(Transaction, (txn) => txn.put(keyOf(1), value(1)))
        yield* transactions.run(body)
        expect(yield* transactions.run((txn) => txn.get(keyOf(1)))).toEqual(value(1))
      })
    )
  })

  it("writes nothing when its body fails, and fails with the body's error", () => {
    const { cluster } = run(({ transactions }) =>
      Effect.gen(function* () {
        const body = Effect.andThen(
          Effect.flatMap(Transaction, (txn) => txn.put(keyOf(1), value(1))),
          Effect.fail("no")
        )
        expect(yield* Effect.flip(transactions.run(body))).toBe("no")
      })
    )
    expect(cluster.keyspace.state.versions.size).toBe(0)
  })

  it("scans both ways with its own writes on top, page by page", () => {
    run(({ transactions }) =>
      Effect.gen(function* () {
        yield* transactions.run((txn) => Effect.forEach([1, 3, 5, 7, 9, 11], (key) => txn.put(keyOf(key), value(key))))
        yield* transactions.run((txn) =>
          Effect.gen(function* () {
            yield* txn.put(keyOf(4), value(40))
            yield* txn.delete(keyOf(5))
            yield* txn.put(keyOf(7), value(70))
            yield* txn.put(keyOf(200), value(1))
            const there = [1, 3, 4, 7, 9, 11, 200]
            const forward = yield* txn.scan(all)
            expect(numbers(forward.entries).map(([key]) => key)).toEqual(there)
            expect(numbers(forward.entries)[3]).toEqual([7, 70])
            expect(forward.rest).toBeUndefined()
            const backward = yield* txn.scan(all, { reverse: true })
            expect(numbers(backward.entries).map(([key]) => key)).toEqual(there.toReversed())
            for (const reverse of [false, true]) {
              const seen: Array<number | undefined> = []
              let rest: typeof forward.rest = all
              while (rest !== undefined) {
                const page: typeof forward = yield* txn.scan(rest, { reverse, entriesMax: 2 })
                expect(page.entries.length).toBeLessThanOrEqual(2)
                seen.push(...numbers(page.entries).map(([key]) => key))
                rest = page.rest
              }
              expect(seen).toEqual(reverse ? there.toReversed() : there)
            }
          })
        )
      })
    )
  })

  it("deletes a range, and goes back to a savepoint", () => {
    run(({ transactions }) =>
      Effect.gen(function* () {
        yield* transactions.run((txn) => Effect.forEach([1, 3, 5, 9], (key) => txn.put(keyOf(key), value(key))))
        yield* transactions.run((txn) =>
          Effect.gen(function* () {
            const first = yield* txn.savepoint()
            expect(yield* txn.deleteRange({ from: keyOf(2), to: keyOf(9) })).toBe(2)
            const second = yield* txn.savepoint()
            yield* txn.put(keyOf(3), value(33))
            yield* txn.rollbackTo(second)
            expect(yield* txn.get(keyOf(3))).toBeUndefined()
            yield* txn.rollbackTo(first)
            expect(yield* txn.get(keyOf(3))).toEqual(value(3))
            expect((yield* Effect.flip(txn.rollbackTo(second)))._tag).toBe("Refused")
            yield* txn.deleteRange({ from: keyOf(4), to: keyOf(255) })
          })
        )
        const left = yield* transactions.run((txn) => txn.scan(all))
        expect(numbers(left.entries)).toEqual([
          [1, 1],
          [3, 3]
        ])
      })
    )
  })

  it("leaves no intent, record or lock behind, in one range and in several", () => {
    const { cluster } = run(({ transactions }) =>
      Effect.gen(function* () {
        yield* transactions.run((txn) => Effect.andThen(txn.getForUpdate([keyOf(1)]), txn.put(keyOf(2), value(2))))
        yield* transactions.run((txn) => Effect.forEach([1, 5, 9], (key) => txn.put(keyOf(key), value(key))))
        const failing = transactions.run((txn) => Effect.andThen(txn.getForUpdate([keyOf(9)]), Effect.fail("no")))
        yield* Effect.flip(failing)
        yield* Effect.sleep(5_000)
      })
    )
    const { intents, locks, records } = cluster.keyspace.state
    expect([intents.size, locks.size]).toEqual([0, 0])
    // The record of a single round stays until it is too old.
    expect(records.size).toBe(1)
  })

  it("takes one round in one range, and answers before its intents are resolved in several", () => {
    const heard: Array<string> = []
    const bench = new TestBench()
    const cluster = new ModelCluster(bench)
    const use: Use = ({ transactions }) =>
      Effect.gen(function* () {
        yield* transactions.run((txn) => txn.put(keyOf(1), value(1)))
        heard.push("answer")
        yield* transactions.run((txn) => Effect.forEach([1, 5], (key) => txn.put(keyOf(key), value(key))))
        heard.push("answer")
        yield* Effect.sleep(1_000)
      })
    bench.startOnce(
      0,
      cluster.program(0, use, (what) => {
        if (!what.endsWith("done")) heard.push(what)
      })
    )
    bench.pass(10_000_000)
    expect(heard).toEqual([
      ...["timestamp", "commit-once", "answer"],
      ...["timestamp", "prepare", "prepare", "timestamp", "decide", "answer"],
      ...["resolve", "resolve", "forget"]
    ])
  })

  it("asks nobody where it begins after another one: what it knows and what it reads is checked, by its commit at the latest", () => {
    const heard: Array<string> = []
    const bench = new TestBench()
    const cluster = new ModelCluster(bench)
    const [mine, theirs] = [keyOf(1), keyOf(2)]
    const use: Use = ({ transactions }) =>
      Effect.gen(function* () {
        const add = (after?: Committed<unknown>) =>
          transactions.runCommitted(
            (txn) =>
              Effect.gen(function* () {
                if (txn.readAt() === after?.at) yield* txn.known(mine)
                else yield* txn.get(mine)
                yield* txn.put(keyOf(3), value(txn.attempt))
              }),
            after === undefined ? {} : { after }
          )
        const first = yield* add()
        const second = yield* add(first)
        heard.push("once only")
        const third = yield* add(first)
        expect([first, second, third]).toMatchObject(Array(3).fill({ attempts: 1, hasWritten: true }))
        heard.push("changed")
        yield* transactions.run((txn) => txn.put(mine, value(1)))
        expect(yield* add(third)).toMatchObject({ attempts: 2 })
        heard.push("reads")
        const written = yield* transactions.runCommitted((txn) => txn.put(theirs, value(1)))
        yield* transactions.run((txn) => txn.put(theirs, value(2)))
        const read = yield* transactions.runCommitted((txn) => txn.get(theirs), { after: written })
        expect(read).toMatchObject({ value: value(2), hasWritten: false })
        heard.push("wrote nothing")
        yield* add(read)
      })
    bench.startOnce(
      0,
      cluster.program(0, use, (what) => {
        if (!what.endsWith("done")) heard.push(what)
      })
    )
    bench.pass(10_000_000)
    expect(bench.story).toEqual(["n0 started", "n0 exited"])
    expect(heard).toEqual([
      ...["timestamp", "get", "commit-once", "commit-once"],
      ...["once only", "timestamp", "get", "commit-once"],
      ...["changed", "timestamp", "commit-once", "commit-once", "timestamp", "get", "commit-once"],
      ...["reads", "timestamp", "commit-once", "timestamp", "commit-once"],
      ...["get", "timestamp", "validate", "timestamp", "get"],
      ...["wrote nothing", "timestamp", "get", "commit-once"]
    ])
  })

  it("that only reads asks the oracle once and commits nothing; as of a timestamp it does not ask at all", () => {
    const heard: Array<string> = []
    const bench = new TestBench()
    const cluster = new ModelCluster(bench)
    const use: Use = ({ transactions }) =>
      Effect.gen(function* () {
        yield* transactions.run((txn) => txn.get(keyOf(1)), { readOnly: true })
        yield* transactions.run((txn) => txn.get(keyOf(1)), { at: 1 })
        const refused = yield* Effect.flip(transactions.run((txn) => txn.put(keyOf(1), value(1)), { readOnly: true }))
        expect(refused._tag).toBe("Refused")
      })
    bench.startOnce(
      0,
      cluster.program(0, use, (what) => {
        if (!what.endsWith("done")) heard.push(what)
      })
    )
    bench.pass(10_000_000)
    expect(bench.story).toEqual(["n0 started", "n0 exited"])
    expect(heard).toEqual(["timestamp", "get", "get", "timestamp"])
  })

  it("is refused what is over the bounds, with the bound in the message, and keeps what it had", () => {
    run(({ transactions }) =>
      Effect.gen(function* () {
        const body = (txn: Transaction["Service"]) =>
          Effect.gen(function* () {
            const long = new Uint8Array(Limits.keyspaceKeyBytesMax + 1)
            expect((yield* Effect.flip(txn.put(long, value(1)))).message).toContain("4000")
            const large = new Uint8Array(Limits.groupValueBytesMax)
            expect((yield* Effect.flip(txn.put(keyOf(2), new Uint8Array(large.length + 1))))._tag).toBe("Refused")
            let written = 0
            const fill = Effect.forever(Effect.suspend(() => txn.put(keyOf(written++), large)))
            expect((yield* Effect.flip(fill))._tag).toBe("TransactionTooLarge")
            expect(written).toBe(64)
            expect(yield* txn.get(keyOf(62))).toEqual(large)
            return yield* Effect.fail("enough")
          })
        expect(yield* Effect.flip(transactions.run(body))).toBe("enough")
      })
    )
  })

  it("that is larger than one request, in one range or in several, is there whole, and is gone whole", () => {
    const heard: Array<string> = []
    const bench = new TestBench()
    const cluster = new ModelCluster(bench)
    const use: Use = ({ transactions }) =>
      Effect.gen(function* () {
        const large = new Uint8Array(700_000)
        for (const keys of [
          [1, 2, 3],
          [1, 2, 3, 5, 6, 9]
        ]) {
          heard.length = 0
          yield* transactions.run((txn) => Effect.forEach(keys, (key) => txn.put(keyOf(key), large)))
          expect(heard).not.toContain("commit-once")
          expect(heard.filter((what) => what === "prepare").length).toBeGreaterThan(1)
          const seen = yield* transactions.run((txn) => txn.scan(all, { sizeBytesMax: 10_000_000 }))
          expect(seen.entries.map((entry) => [numberOf(entry.key), entry.value.length])).toEqual(
            keys.map((key) => [key, large.length])
          )
          yield* transactions.run((txn) => txn.deleteRange(all))
          expect((yield* transactions.run((txn) => txn.scan(all))).entries).toEqual([])
        }
      })
    bench.startOnce(
      0,
      cluster.program(0, use, (what) => {
        heard.push(what)
      })
    )
    bench.pass(10_000_000)
    expect(bench.story).toEqual(["n0 started", "n0 exited"])
  })

  it("reads as of no time that has not come", () => {
    run(({ transactions }) =>
      Effect.gen(function* () {
        const { at } = yield* transactions.runCommitted((txn) => txn.put(keyOf(1), value(1)))
        const early = yield* Effect.flip(transactions.run((txn) => txn.get(keyOf(1)), { at: at + 60_000_000 }))
        expect(early._tag).toBe("Refused")
        expect(yield* transactions.run((txn) => txn.get(keyOf(1)), { at })).toEqual(value(1))
      })
    )
  })

  it("is refused where too many are open, until some of them end", () => {
    run(({ transactions }) =>
      Effect.gen(function* () {
        const open = Effect.forEach(Array.from({ length: 100 }), () => transactions.run(Effect.sleep(1_000)), {
          concurrency: "unbounded",
          discard: true
        })
        const fiber = yield* Effect.forkChild(open)
        yield* Effect.sleep(500)
        const refused = yield* Effect.flip(transactions.run((txn) => txn.get(keyOf(1))))
        expect(refused).toMatchObject({ _tag: "Overloaded", open: 100 })
        yield* Fiber.join(fiber)
        yield* transactions.run((txn) => txn.get(keyOf(1)))
      })
    )
  })

  it("cannot be used when it is over", () => {
    run(({ transactions }) =>
      Effect.gen(function* () {
        const leaked = yield* transactions.run((txn) => Effect.succeed(txn))
        expect((yield* Effect.flip(leaked.get(keyOf(1))))._tag).toBe("Refused")
        expect((yield* Effect.flip(leaked.put(keyOf(1), value(1))))._tag).toBe("Refused")
      })
    )
  })
})
