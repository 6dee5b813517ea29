/** Redis over the model of a keyspace: what is stored, what is found again, and whose it is. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import * as Latin1 from "#base/Latin1.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { ModelCluster } from "#txn/testing/ModelCluster.ts"
import { Transactions } from "#txn/Transactions.ts"
import type { Timers } from "#world/Timers.ts"
import type { Trace } from "#world/Trace.ts"
import * as Bytes from "#base/Bytes.ts"
import { HashValue } from "./HashValue.ts"
import * as Owner from "./Owner.ts"
import * as Places from "./Places.ts"
import * as Record from "./Record.ts"
import * as Redis from "./Redis.ts"
import * as Stored from "./Stored.ts"
import { StringValue } from "./StringValue.ts"

type Use = (redis: Redis.Redis) => Effect.Effect<void, unknown, Scope.Scope | Timers | Trace>

/** It has everything. */
const ready = (redis: Redis.Redis): Effect.Effect<void> =>
  Effect.suspend(() => {
    const isReady = redis.isReady && redis.placement.loaded.count === SpacesRedis.slots
    return isReady ? Effect.void : Effect.andThen(Effect.sleep(10), ready(redis))
  })

/** Reads take so much longer. */
const slowed = (transactions: Transactions["Service"], readMillis: number): Transactions["Service"] => ({
  ...transactions,
  run: (body, options) =>
    Effect.andThen(options?.readOnly === true ? Effect.sleep(readMillis) : Effect.void, transactions.run(body, options))
})

interface Program {
  readonly node: number
  readonly use: Use
  readonly atMillis?: number
  readonly readMillis?: number
}

/** Programs of machines, one after the other, each with Redis as a node of its own number. */
const run = (nodes: ReadonlyArray<Program>): void => {
  const bench = new TestBench({ machines: nodes.length })
  const cluster = new ModelCluster(bench)
  for (const [machine, { node, readMillis = 0, use }] of nodes.entries()) {
    bench.startOnce(
      machine,
      cluster.program(machine, ({ transactions }) =>
        Effect.gen(function* () {
          yield* Effect.sleep(nodes[machine].atMillis ?? 0)
          const opened = Redis.open({
            node,
            address: { host: `n${node}`, port: 6_379 },
            pass: `pass of ${node}`,
            leaseMillis: 1_000,
            storeMillis: 100,
            folding: { quietLooks: 5 }
          })
          const redis = yield* Effect.provideService(opened, Transactions, slowed(transactions, readMillis))
          yield* ready(redis)
          yield* use(redis)
        })
      )
    )
  }
  bench.pass(60_000_000)
  expect(bench.story.filter((line) => line.endsWith("exited"))).toHaveLength(nodes.length)
}

const hashOf = (fields: Readonly<Record<string, string>>): HashValue => {
  const hash = new HashValue()
  for (const [field, value] of Object.entries(fields)) hash.set(field, value)
  return hash
}

const long = "k".repeat(3_000)

describe("what a node stores", () => {
  it.each([
    { whose: "records are not folded", pauseMillis: 0, folds: 0 },
    { whose: "records are folded", pauseMillis: 10_000, folds: 2 }
  ])("is there when it starts again, and its $whose", ({ folds, pauseMillis }) => {
    run([
      {
        node: 1,
        use: ({ engine, storing }) =>
          Effect.gen(function* () {
            const [db] = engine.databases
            db.set("number", 42)
            db.set("text", "0042")
            db.set(long, "x".repeat(100_000))
            engine.databases[3].add("hash", hashOf({ a: "1", b: "2", [long]: "3" }))
            db.expireAt(db.add("soon", "gone"), engine.now + 10_000_000)
            db.add("deleted", hashOf({ a: "1" }))
            expect(yield* storing.flush).toBe(true)
            yield* Effect.sleep(pauseMillis)
            const hash = engine.databases[3].peek("hash")!
            const fields = hash.content as HashValue
            fields.set("c", "4")
            fields.delete("a")
            engine.databases[3].touched(hash)
            db.delete("deleted")
            db.set("number", hashOf({ now: "a hash" }))
            expect(yield* storing.flush).toBe(true)
            yield* Effect.sleep(pauseMillis)
            expect(storing.folding.counts.folds).toBe(folds)
          })
      },
      {
        node: 1,
        atMillis: 25_000,
        use: ({ engine }) =>
          Effect.sync(() => {
            const [db] = engine.databases
            expect(db.size).toBe(4)
            expect(db.peek("text")!.content).toBe("0042")
            expect((db.peek(long)!.content as StringValue).text()).toBe("x".repeat(100_000))
            expect(db.peek("soon")!.expiresAt).toBeGreaterThan(engine.now)
            expect((db.peek("number")!.content as HashValue).get("now")).toBe("a hash")
            const hash = engine.databases[3].peek("hash")!.content as HashValue
            expect(["a", "b", "c", long].map((field) => hash.get(field))).toEqual([undefined, "2", "4", "3"])
          })
      }
    ])
  })

  it("is stored by several transactions where one would be too large, and counts once all are", () => {
    run([
      {
        node: 1,
        use: ({ engine, storing }) =>
          Effect.gen(function* () {
            engine.databases[0].set("large", "x".repeat(70_000_000))
            engine.databases[0].set("small", 1)
            expect(yield* storing.flush).toBe(true)
            expect(storing.counts).toMatchObject({ batches: 1, retries: 0 })
          })
      },
      {
        node: 1,
        atMillis: 25_000,
        use: ({ engine }) =>
          Effect.sync(() => {
            const { content } = engine.databases[0].peek("large")!
            expect([(content as StringValue).size, engine.databases[0].peek("small")?.content]).toEqual([70_000_000, 1])
          })
      }
    ])
  })

  it("may be as large as it likes: a name, a field, and its value", () => {
    const name = "n".repeat(1_200_000)
    run([
      {
        node: 1,
        use: ({ engine, storing }) =>
          Effect.gen(function* () {
            const [db] = engine.databases
            // One of them more than a transaction takes.
            db.set("hash", hashOf({ wide: "x".repeat(70_000_000), shrinks: "y".repeat(3_000_000), [name]: "1" }))
            db.set(name, "named")
            expect(yield* storing.flush).toBe(true)
            yield* storing.folding.folded(false)
            const hash = db.peek("hash")!
            ;(hash.content as HashValue).set("shrinks", "y")
            db.touched(hash)
            expect(yield* storing.flush).toBe(true)
            yield* storing.folding.folded(false)
            expect(storing.counts.retries).toBe(0)
          })
      },
      {
        node: 1,
        atMillis: 25_000,
        use: ({ engine }) =>
          Effect.sync(() => {
            const [db] = engine.databases
            const hash = db.peek("hash")!.content as HashValue
            expect(["wide", "shrinks", name].map((field) => hash.get(field)?.length)).toEqual([70_000_000, 1, 1])
            expect([hash.size, db.peek(name)?.content]).toEqual([3, "named"])
          })
      }
    ])
  })

  it("has the databases under the numbers that they were given", () => {
    run([
      {
        node: 1,
        use: ({ engine, storing }) =>
          Effect.gen(function* () {
            engine.databases[0].set("a", 1)
            engine.databases[5].set("b", 2)
            engine.swap(0, 5)
            engine.swap(5, 2)
            engine.databases[0].set("c", 3)
            yield* storing.flush
          })
      },
      {
        node: 1,
        atMillis: 5_000,
        use: ({ engine }) =>
          Effect.sync(() => {
            const [zero, , two, , , five] = engine.databases
            expect([zero.size, two.size, five.size]).toEqual([2, 1, 0])
            expect([zero.peek("b")?.content, zero.peek("c")?.content, two.peek("a")?.content]).toEqual([2, 3, 1])
          })
      }
    ])
  })

  it.each([
    { whose: "records are not folded", pauseMillis: 0 },
    { whose: "records are folded", pauseMillis: 10_000 }
  ])("is loaded again when that is asked, and can be changed after that: its $whose", ({ pauseMillis }) => {
    run([
      {
        node: 1,
        use: (redis) =>
          Effect.gen(function* () {
            const { engine, storing } = redis
            const told: Array<boolean> = []
            redis.listen({ ready: (isReady) => told.push(isReady) })
            engine.databases[0].set("text", "0042")
            engine.databases[3].add("hash", hashOf({ a: "1", b: "2" }))
            engine.swap(3, 4)
            const { epoch } = redis.ownership
            for (const field of ["c", "d"]) {
              yield* Effect.sleep(pauseMillis)
              const before = engine.databases[4].peek("hash")!
              ;(before.content as HashValue).set(field, "new")
              engine.databases[4].touched(before)
              expect([redis.reload(), redis.reload()]).toEqual([true, false])
              yield* Effect.sleep(100)
              const after = engine.databases[4].peek("hash")!
              expect([after === before, after.content === before.content]).toEqual([false, false])
              expect((after.content as HashValue).get(field)).toBe("new")
            }
            expect((engine.databases[4].peek("hash")!.content as HashValue).size).toBe(4)
            expect([engine.databases[0].peek("text")!.content, engine.databases[3].size]).toEqual(["0042", 0])
            expect([told, redis.ownership.epoch > epoch]).toEqual([[true, true], true])
            engine.databases[0].set("text", "43")
            expect(yield* storing.flush).toBe(true)
          })
      },
      {
        node: 1,
        atMillis: 30_000,
        use: ({ engine }) =>
          Effect.sync(() => {
            expect((engine.databases[4].peek("hash")!.content as HashValue).size).toBe(4)
            expect(engine.databases[0].peek("text")!.content).toBe(43)
          })
      }
    ])
  })

  it("is told of in a later turn, even where nothing of it is left to store", () => {
    run([
      {
        node: 1,
        use: ({ engine, storing }) =>
          Effect.gen(function* () {
            const told: Array<boolean> = []
            yield* Effect.sleep(10)
            engine.databases[0].set("a", 1)
            engine.databases[0].delete("a")
            expect(storing.settled((isStored) => told.push(isStored))).toBe(true)
            expect(told).toEqual([])
            yield* Effect.sleep(1_000)
            expect(told).toEqual([true])
          })
      }
    ])
  })

  it("is stored when the node ends in order", () => {
    run([
      { node: 1, use: ({ engine }) => Effect.sync(() => void engine.databases[0].set("a", 1)) },
      { node: 1, atMillis: 2_000, use: ({ engine }) => Effect.sync(() => expect(engine.databases[0].size).toBe(1)) }
    ])
  })

  it("is stored at the interval when nobody waits for it", () => {
    run([
      {
        node: 1,
        use: ({ engine }) =>
          Effect.andThen(
            Effect.sync(() => void engine.databases[0].set("a", 1)),
            Effect.sleep(500)
          )
      },
      { node: 1, atMillis: 2_000, use: ({ engine }) => Effect.sync(() => expect(engine.databases[0].size).toBe(1)) }
    ])
  })

  it("is not taken over by another node before the owner was silent for a lease", () => {
    let ended = 0
    run([
      {
        node: 1,
        use: (redis) =>
          Effect.gen(function* () {
            redis.engine.databases[0].set("a", "mine")
            yield* redis.storing.flush
            yield* Effect.sleep(3_000)
            expect(redis.isReady).toBe(true)
            redis.engine.advance()
            ended = redis.engine.now
          })
      },
      {
        node: 2,
        atMillis: 500,
        use: ({ engine }) =>
          Effect.sync(() => {
            engine.advance()
            expect(engine.now - ended).toBeGreaterThan(700)
            expect(engine.now - ended).toBeLessThan(2_000)
            expect(engine.databases[0].peek("a")!.content).toBe("mine")
          })
      }
    ])
  })

  it("is loaded in peace, however long that takes", () => {
    const use: Use = ({ engine, ownership, storing }) =>
      Effect.gen(function* () {
        expect(ownership.isHeld).toBe(true)
        const { content } = engine.databases[0].peek("a")!
        engine.databases[0].set("a", Number(content) + 1)
        expect(yield* storing.flush).toBe(true)
      })
    run([
      { node: 1, use: ({ engine }) => Effect.sync(() => void engine.databases[0].set("a", 1)) },
      // A lease is over three times until either has read all of it.
      { node: 2, atMillis: 500, readMillis: 1_500, use },
      { node: 3, atMillis: 600, readMillis: 1_500, use },
      {
        node: 4,
        atMillis: 30_000,
        use: ({ engine }) => Effect.sync(() => expect(engine.databases[0].peek("a")!.content).toBe(3))
      }
    ])
  })

  it("is that of the one node which had everything before nodes had slots, with its records", () => {
    const bench = new TestBench({ machines: 1 })
    const cluster = new ModelCluster(bench)
    const record = new Record.Builder()
    record.key(0, "changed")
    record.head(Stored.types.indexOf("string"), 0, 0, true, "later")
    const owner = Bytes.Writer.make().u8(1).u32(1).f64(77).f64(3).text("n1").u32(6_379).finish()
    const head = { type: "string", expiresAt: 0, generation: 0, isInline: true, head: "before" } as const
    let found: ReadonlyArray<unknown> = []
    let left: ReadonlyArray<unknown> = []
    bench.startOnce(
      0,
      cluster.program(0, ({ transactions }) =>
        Effect.gen(function* () {
          yield* transactions.run((txn) =>
            Effect.gen(function* () {
              yield* txn.put(Places.onlyOwnerKey, owner)
              yield* txn.put(Places.recordKey(0, 9, 0), record.finish()!)
              for (const name of ["changed", "kept"])
                yield* txn.put(Stored.keyOf(0, name), Stored.encodeHead(name, head))
            })
          )
          const address = { host: "n1", port: 6_379 }
          const opened = Redis.open({ node: 1, address, pass: "", leaseMillis: 1_000, folding: { quietLooks: 2 } })
          const redis = yield* Effect.provideService(opened, Transactions, transactions)
          yield* ready(redis)
          const [db] = redis.engine.databases
          found = ["changed", "kept"].map((name) => db.peek(name)?.content)
          yield* Effect.sleep(10_000)
          const keys = [Places.onlyOwnerKey, Places.recordKey(0, 9, 0), Places.ownerKey(1)]
          const values = yield* transactions.run((txn) => txn.getMany(keys))
          left = values.map((value) => (value === undefined ? undefined : Owner.decode(value).streams.length))
        })
      )
    )
    bench.pass(60_000_000)
    expect(found).toEqual(["later", "before"])
    // The stream of old is forgotten once it is folded.
    expect(left).toEqual([undefined, undefined, 1])
  })

  it("is shared with a node that comes, slot by slot, with all that was changed meanwhile", () => {
    const names = Array.from({ length: 300 }, (_, index) => `key:${index}`)
    const isHere = (redis: Redis.Redis, name: string): boolean =>
      redis.placement.placeOf(SpacesRedis.slotOf(Latin1.encode(name))) === "here"
    run([
      {
        node: 1,
        use: (redis) =>
          Effect.gen(function* () {
            const [db] = redis.engine.databases
            let told = 0
            redis.listen({ changed: () => void told++ })
            for (const name of names) db.add(name, hashOf({ first: "1", changes: "0" }))
            // Whoever comes has to know of that.
            redis.engine.swap(3, 0)
            redis.engine.swap(0, 3)
            redis.engine.swap(4, 5)
            for (let change = 1; change <= 200; change++) {
              yield* Effect.sleep(50)
              for (const name of names) {
                if (!isHere(redis, name)) continue
                const entry = db.peek(name)!
                ;(entry.content as HashValue).set("changes", String(change))
                db.touched(entry)
              }
            }
            const { loaded } = redis.placement
            expect(loaded.count).toBe(SpacesRedis.slots / 2)
            // Others are told each time that slots have gone.
            expect(told).toBeGreaterThan(8)
            expect(db.size).toBe(names.filter((name) => isHere(redis, name)).length)
            expect(db.size).toBeGreaterThan(100)
            expect(db.size).toBeLessThan(200)
            for (const name of names) if (isHere(redis, name)) db.set(name, "last")
            expect(yield* redis.storing.flush).toBe(true)
          })
      },
      {
        node: 2,
        atMillis: 500,
        use: ({ engine, tending }) =>
          Effect.sync(() => {
            const [db] = engine.databases
            expect(tending.counts).toMatchObject({ adopted: 1, given: 0, taken: SpacesRedis.slots })
            expect(engine.databases.map(({ index }) => index).slice(3, 6)).toEqual([3, 5, 4])
            const changes: Array<number> = []
            for (const name of names) {
              const { content } = db.peek(name)!
              if (content === "last") continue
              expect((content as HashValue).get("first")).toBe("1")
              changes.push(Number((content as HashValue).get("changes")))
            }
            expect(changes.length).toBeGreaterThan(100)
            expect(changes.length).toBeLessThan(200)
            // They went one after the other, while the others were changed.
            expect(new Set(changes).size).toBeGreaterThan(8)
            expect(Math.min(...changes)).toBeGreaterThan(0)
          })
      }
    ])
  })

  it("is nowhere else while it is loaded again, whoever had it before", () => {
    run([
      { node: 1, use: ({ engine }) => Effect.sync(() => void engine.databases[0].set("a", "mine")) },
      {
        node: 2,
        atMillis: 500,
        use: (redis) =>
          Effect.gen(function* () {
            const seen: Array<boolean> = []
            const slot = SpacesRedis.slotOf(Latin1.encode("a"))
            expect(redis.reload()).toBe(true)
            do {
              yield* Effect.sleep(1)
              seen.push(redis.isReady)
              expect(["here", "loading", "nowhere"]).toContain(redis.placement.placeOf(slot))
            } while (!redis.isReady)
            expect(seen).toContain(false)
            expect(redis.engine.databases[0].peek("a")!.content).toBe("mine")
          })
      }
    ])
  })
})

describe("keys in the keyspace", () => {
  it("are told from their elements, whatever their length", () => {
    for (const name of ["", "a", "\x00\xff", long]) {
      const key = Stored.keyOf(2, name)
      const keyBytes = key.length
      expect(Stored.placeOf(key)).toMatchObject({ database: 2, isElement: false, keyBytes })
      const elements = Stored.elementsOf(2, name, 77)
      for (const sub of ["", "x", "\x00", long]) {
        const element = Stored.elementKey(elements, sub)
        expect(Stored.placeOf(element)).toMatchObject({ database: 2, isElement: true, keyBytes })
        expect(Stored.generationOf(element, keyBytes)).toEqual(elements)
        expect(Stored.generationKey(key, 77)).toEqual(elements)
        expect(Stored.decodeElement(elements, element, Stored.encodeElement(sub, "content"))).toEqual([sub, "content"])
      }
    }
  })
})
