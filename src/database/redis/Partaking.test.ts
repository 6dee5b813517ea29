/** What several nodes do together: each of them has its part of it, or none has. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import * as Latin1 from "#base/Latin1.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { ModelCluster } from "#txn/testing/ModelCluster.ts"
import { Transactions } from "#txn/Transactions.ts"
import * as Completion from "#world/Completion.ts"
import * as Joint from "./Joint.ts"
import type { End, Ending, Grant } from "./Partaking.ts"
import * as Record from "./Record.ts"
import * as Redis from "./Redis.ts"
import { SlotSet } from "./SlotSet.ts"
import * as Stored from "./Stored.ts"

const slotOf = (name: string): number => SpacesRedis.slotOf(Latin1.encode(name))

interface Granted {
  readonly grant: Grant
  readonly end: End
}

const asked = (redis: Redis.Redis, name: string): Effect.Effect<Granted | undefined> =>
  Completion.submit((done) => {
    const slots = SlotSet.of([[slotOf(name), slotOf(name)]])
    redis.partaking.ask({
      slots,
      isPatient: true,
      granted: (grant, end) => done(undefined, { grant, end }),
      refused: () => done(undefined, undefined)
    })
  })

const ended = ({ end }: Granted, ending: Ending): Effect.Effect<boolean> =>
  Completion.submit((done) => end(ending, (isDone) => done(undefined, isDone)))

const textOf = (name: string, text: string): Uint8Array => {
  const builder = new Record.Builder()
  builder.key(0, name)
  builder.head(Stored.types.indexOf("string"), 0, 0, true, text)
  return builder.finish()!
}

interface Two {
  /** Each has a half of the slots. */
  readonly nodes: readonly [Redis.Redis, Redis.Redis]
  /** A key of each. */
  readonly names: readonly [string, string]
  readonly transactions: Transactions["Service"]
}

const keys = Array.from({ length: 100 }, (_, index) => `key:${index}`)

/** Two nodes do something, and then there is only one, which has everything. */
const together = (
  use: (two: Two) => Effect.Effect<void>,
  after: (redis: Redis.Redis, names: Two["names"]) => void
): void => {
  const bench = new TestBench({ machines: 2 })
  const cluster = new ModelCluster(bench)
  const nodes: Array<Redis.Redis> = []
  let names: Two["names"] | undefined
  for (const machine of [0, 1]) {
    bench.startOnce(
      machine,
      cluster.program(machine, ({ transactions }) =>
        Effect.gen(function* () {
          const address = { host: `n${machine}`, port: 6_379 }
          const opened = Redis.open({ node: machine + 1, address, pass: "", leaseMillis: 1_000, storeMillis: 100 })
          const redis = yield* Effect.provideService(opened, Transactions, transactions)
          nodes[machine] = redis
          yield* Effect.sleep(10_000)
          const own = keys.filter((name) => redis.placement.placeOf(slotOf(name)) === "here")
          if (machine === 0) {
            const theirs = keys.find((name) => !own.includes(name))!
            names = [own[0], theirs]
            return yield* use({ nodes: [nodes[0], nodes[1]], names, transactions })
          }
          yield* Effect.sleep(30_000)
          expect(redis.placement.here.count).toBe(SpacesRedis.slots)
          after(redis, names!)
        })
      )
    )
  }
  bench.pass(60_000_000)
  expect(bench.story.filter((line) => line.endsWith("exited"))).toHaveLength(2)
}

const textAt = ({ engine }: Redis.Redis, name: string): unknown => engine.databases[0].peek(name)?.content

describe("what several nodes do together", () => {
  it("has a node for each slot at any time, whatever is heard of others while slots go", () => {
    together(
      ({ nodes: [giver, taker] }) =>
        Effect.orDie(
          Effect.gen(function* () {
            const places = new Set<string>()
            for (const each of [giver, taker]) {
              const { changed } = each.placement
              each.placement.changed = () => {
                changed()
                for (let slot = 0; slot < SpacesRedis.slots; slot++) {
                  const place = each.placement.placeOf(slot)
                  if (typeof place === "string") places.add(place)
                }
              }
            }
            const { ownership } = giver
            for (const slot of ownership.slots.list.slice(-20)) {
              const heard = yield* Effect.forkChild(Effect.all([ownership.hear, taker.ownership.hear]))
              yield* ownership.give(SlotSet.of([[slot, slot]]), taker.ownership.node)
              yield* Fiber.join(heard)
              yield* taker.ownership.hear
            }
            expect(places.has("nowhere")).toBe(false)
          })
        ),
      () => {}
    )
  })

  it("is at each of them, and stays", () => {
    together(
      ({ names, nodes, transactions }) =>
        Effect.gen(function* () {
          const parts = []
          for (const [at, redis] of nodes.entries()) {
            redis.engine.databases[0].set(names[at], "before")
            const granted = (yield* asked(redis, names[at]))!
            expect(redis.placement.placeOf(slotOf(names[at]))).toBe("held")
            parts.push({ granted, grant: granted.grant, record: textOf(names[at], `of ${at}`) })
          }
          expect(yield* Joint.store(transactions, parts)).toEqual({ type: "stored" })
          for (const [at, { granted, record }] of parts.entries()) {
            const { engine, placement, storing } = nodes[at]
            engine.databases[0].set(`${names[at]}{other}`, "meanwhile")
            expect(yield* ended(granted, { type: "stored", record })).toBe(true)
            expect([textAt(nodes[at], names[at]), placement.placeOf(slotOf(names[at]))]).toEqual([`of ${at}`, "here"])
            expect(yield* storing.flush).toBe(true)
          }
        }),
      (redis, names) => expect(names.map((name) => textAt(redis, name))).toEqual(["of 0", "of 1"])
    )
  })

  it("is found by those who are told nothing, or made never to be", () => {
    together(
      ({ names, nodes, transactions }) =>
        Effect.gen(function* () {
          const [first, second] = names
          const one = (yield* asked(nodes[0], first))!
          const other = (yield* asked(nodes[1], second))!
          const parts = [
            { grant: one.grant, record: textOf(first, "one") },
            { grant: other.grant, record: textOf(second, "two") }
          ]
          expect(yield* Joint.store(transactions, parts)).toEqual({ type: "stored" })
          yield* Effect.sleep(11_000)
          expect([textAt(nodes[0], first), textAt(nodes[1], second)]).toEqual(["one", "two"])
          const again = [(yield* asked(nodes[0], first))!, (yield* asked(nodes[1], second))!]
          yield* Effect.sleep(11_000)
          expect(nodes.map(({ partaking }) => partaking.counts)).toEqual([
            { granted: 2, doubted: 2 },
            { granted: 2, doubted: 2 }
          ])
          const late = again.map(({ grant }, at) => ({ grant, record: textOf(names[at], "late") }))
          expect(yield* Joint.store(transactions, late)).toMatchObject({ type: "unstored" })
        }),
      (redis, names) => expect(names.map((name) => textAt(redis, name))).toEqual(["one", "two"])
    )
  })

  it("waits until what it changes is stored, and for nothing else", () => {
    together(
      ({ names: [name], nodes: [redis] }) =>
        Effect.gen(function* () {
          const { engine, storing } = redis
          const before = (yield* asked(redis, name))!
          expect(yield* ended(before, { type: "unstored" })).toBe(true)
          const { batches } = storing.counts
          const beside = keys.find((each) => slotOf(each) !== slotOf(name) && redis.placement.loaded.has(slotOf(each)))!
          engine.databases[0].set(beside, "not stored yet")
          const free = (yield* asked(redis, name))!
          expect(storing.counts.batches).toBe(batches)
          expect(yield* ended(free, { type: "unstored" })).toBe(true)
          engine.databases[0].delete(beside)
          engine.databases[0].set(name, "stored first")
          const granted = (yield* asked(redis, name))!
          expect(storing.counts.batches).toBe(batches + 1)
          expect(yield* ended(granted, { type: "unstored" })).toBe(true)
        }),
      ({ engine }, [name]) => expect(engine.databases[0].peek(name)?.content).toBe("stored first")
    )
  })

  it("is refused at once to who does not wait, where another one holds the slots", () => {
    together(
      ({ names: [name], nodes: [redis] }) =>
        Effect.gen(function* () {
          const granted = (yield* asked(redis, name))!
          const refused = yield* Completion.submit<boolean, never>((done) => {
            const slots = SlotSet.of([[slotOf(name), slotOf(name)]])
            redis.partaking.ask({
              slots,
              isPatient: false,
              granted: () => {},
              refused: (isBusy) => done(undefined, isBusy)
            })
          })
          expect(refused).toBe(true)
          expect(yield* ended(granted, { type: "unstored" })).toBe(true)
        }),
      () => {}
    )
  })

  it("is answered, whatever becomes of a node", () => {
    together(
      ({ names: [name], nodes: [redis] }) =>
        Effect.gen(function* () {
          const granted = (yield* asked(redis, name))!
          const told: Array<string> = []
          const waits = {
            slots: SlotSet.of([[slotOf(name), slotOf(name)]]),
            isPatient: true,
            granted: () => told.push("granted"),
            refused: () => told.push("refused")
          }
          redis.partaking.ask(waits)
          yield* Effect.sleep(50)
          expect(redis.reload()).toBe(true)
          yield* Effect.sleep(500)
          expect(told).toHaveLength(1)
          granted.end({ type: "unstored" }, (isDone) => told.push(String(isDone)))
          expect(told.slice(1)).toEqual(["false"])
          expect((yield* asked(redis, name)) === undefined).toBe(false)
        }),
      () => {}
    )
  })

  it("is nothing where one of them has lost its part by then", () => {
    together(
      ({ names, nodes, transactions }) =>
        Effect.gen(function* () {
          const one = (yield* asked(nodes[0], names[0]))!
          const other = (yield* asked(nodes[1], names[1]))!
          expect(nodes[1].reload()).toBe(true)
          yield* Effect.sleep(100)
          const parts = [
            { grant: one.grant, record: textOf(names[0], "1") },
            { grant: { ...other.grant, epoch: other.grant.epoch - 1 }, record: textOf(names[1], "2") }
          ]
          expect(yield* Joint.store(transactions, parts)).toMatchObject({ type: "unstored" })
          expect(yield* ended(one, { type: "unstored" })).toBe(true)
          expect(yield* asked(nodes[0], names[1])).toBe(undefined)
        }),
      (redis, names) => expect(names.map((name) => textAt(redis, name))).toEqual([undefined, undefined])
    )
  })
})
