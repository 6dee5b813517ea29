import { describe, expect, it } from "vitest"
import { Prng } from "#base/Prng.ts"
import { classes, Engine } from "./Engine.ts"
import * as Frequency from "./Frequency.ts"
import type { Settings } from "./Settings.ts"

const minuteMillis = 60_000

const engineOf = (settings: Partial<Settings>) => {
  const clock = { now: 1_000_000 }
  const prng = new Prng(1, 2, 3, 4)
  const engine = new Engine({ wallMillis: () => clock.now, random: () => prng.double(), settings })
  const [database] = engine.databases
  const pass = (millis: number): void => {
    clock.now += millis
    engine.advance()
  }
  const add = (count: number, options: { readonly expiresAt?: (at: number) => number } = {}): void => {
    for (let at = 0; at < count; at++) {
      const entry = database.add(`k${at}`, "x".repeat(100))
      if (options.expiresAt !== undefined) database.expireAt(entry, options.expiresAt(at))
      pass(1)
    }
  }
  /** Numbers of the keys that are there. */
  const left = (): ReadonlyArray<number> => {
    const found: Array<number> = []
    database.each(({ name }) => found.push(Number(name.slice(1))))
    return found.sort((a, b) => a - b)
  }
  return { engine, database, pass, add, left }
}

describe("what goes when there is too much", () => {
  it("is as much as was asked for, and no key more", () => {
    const { add, engine, left } = engineOf({ maxMemoryPolicy: "allkeys-random", evictionTenacity: 100 })
    add(100)
    const before = engine.usedBytes
    const each = before / 100
    expect(engine.free(10 * each)).toBe("done")
    expect([left().length, engine.usedBytes, engine.counts.evicted]).toEqual([90, before - 10 * each, 10])
    expect(engine.free(before)).toBe("nothing")
    expect([left().length, engine.usedBytes]).toEqual([0, 0])
  })

  it("is nothing without a policy, and nothing that does not expire with a policy for what does", () => {
    const { add, engine } = engineOf({})
    add(10)
    expect(engine.free(1)).toBe("nothing")
    for (const policy of ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"]) {
      engine.setPolicy(policy)
      expect(engine.free(1)).toBe("nothing")
    }
    expect(engine.counts.evicted).toBe(0)
  })

  it("is what expires, with a policy for that", () => {
    for (const policy of ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"]) {
      const { add, database, engine, left } = engineOf({ maxMemoryPolicy: policy, evictionTenacity: 100 })
      add(50)
      for (let at = 0; at < 50; at += 2) database.expireAt(database.peek(`k${at}`)!, 9_000_000)
      expect(engine.free(engine.usedBytes)).toBe("nothing")
      expect(left()).toEqual(Array.from({ length: 25 }, (_, at) => 2 * at + 1))
    }
  })

  it("is what expires first, with volatile-ttl, whichever database it is in", () => {
    const { add, engine, left } = engineOf({ maxMemoryPolicy: "volatile-ttl" })
    add(20, { expiresAt: (at) => 9_000_000 - at })
    const other = engine.databases[3].add("other", "x")
    engine.databases[3].expireAt(other, 8_000_000)
    for (let i = 0; i < 4; i++) engine.free(1)
    expect([other.isGone, left()]).toEqual([true, Array.from({ length: 17 }, (_, at) => at)])
  })

  it("is mostly what was not used for long, with a policy for that", () => {
    const { add, database, engine, left } = engineOf({ maxMemoryPolicy: "allkeys-lru", evictionTenacity: 100 })
    add(1_000)
    for (let at = 0; at < 500; at++) database.get(`k${at}`)
    engine.free(engine.usedBytes / 2)
    expect(left().filter((at) => at < 500).length).toBeGreaterThan(400)
  })

  it("is mostly what is not used often, with a policy for that, however long ago", () => {
    const { add, database, engine, left, pass } = engineOf({ maxMemoryPolicy: "allkeys-lfu", evictionTenacity: 100 })
    add(1_000)
    for (let at = 0; at < 500; at++) for (let i = 0; i < 30; i++) database.get(`k${at}`)
    pass(1)
    for (let at = 500; at < 1_000; at++) database.get(`k${at}`)
    engine.free(engine.usedBytes / 2)
    expect(left().filter((at) => at < 500).length).toBeGreaterThan(400)
  })

  it("is no key that was used since it was looked at", () => {
    const { add, database, engine, pass } = engineOf({ maxMemoryPolicy: "allkeys-lru" })
    add(20)
    engine.free(1)
    // All that are left may be in the pool by now: the oldest is used, so another one goes.
    for (let i = 0; i < 10; i++) {
      pass(1)
      const names: Array<string> = []
      database.each(({ name }) => names.push(name))
      const [used] = names.sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)))
      database.get(used)
      engine.free(1)
      expect(database.find(used)).toBeDefined()
    }
  })

  it("is first what nobody sees any more: its time has passed", () => {
    const { add, engine, left, pass } = engineOf({ maxMemoryPolicy: "allkeys-random", evictionTenacity: 100 })
    add(20, { expiresAt: (at) => (at < 10 ? 2_000_000 : 0) })
    pass(2_000_000)
    expect(engine.free(engine.usedBytes / 4)).toBe("done")
    expect([left(), engine.counts]).toEqual([
      Array.from({ length: 10 }, (_, at) => at + 10),
      { hits: 0, misses: 0, expired: 10, evicted: 0 }
    ])
  })

  it("goes in several runs, of which each does so much and no more", () => {
    const { add, engine } = engineOf({ maxMemoryPolicy: "allkeys-random", evictionTenacity: 0 })
    add(40)
    const outcomes = [1, 2, 3].map(() => engine.free(engine.usedBytes))
    expect([outcomes, engine.counts.evicted]).toEqual([["more", "more", "done"], 40])
  })

  it("is told of", () => {
    const { add, engine } = engineOf({ maxMemoryPolicy: "allkeys-random" })
    const told: Array<unknown> = []
    engine.notified = classes.evicted
    engine.listen({
      changed: (database, key, isExpired) => told.push([database, key, isExpired]),
      flushed: () => {},
      notify: (kind, event, database, key) => told.push([kind, event, database, key])
    })
    add(1)
    engine.swap(0, 5)
    told.length = 0
    engine.free(1)
    expect(told).toEqual([
      [5, "k0", false],
      [classes.evicted, "evicted", 5, "k0"]
    ])
  })
})

describe("how often a key is used", () => {
  const entryOf = (frequency: number, now: number) => {
    const entry = engineOf({}).database.add("k", "")
    entry.frequency = frequency
    entry.use(now)
    return entry
  }

  it("falls by one for each span in which it was not, down to zero", () => {
    const entry = entryOf(5, 10 * minuteMillis - 1)
    const after = (minutes: number, decayMinutes: number): number =>
      Frequency.decayed(entry, (10 + minutes) * minuteMillis - 1, decayMinutes)
    expect([after(0, 1), after(1, 1), after(3, 1), after(9, 1), after(3, 2), after(9, 0)]).toEqual([5, 4, 2, 0, 4, 5])
  })

  it("rises with a chance that falls, never above 255, at once where it is low", () => {
    expect([0, 5, 6, 255].map((frequency) => Frequency.raised(frequency, 0.99, 10))).toEqual([1, 6, 6, 255])
    expect([6, 15, 254, 255].map((frequency) => Frequency.raised(frequency, 0, 10))).toEqual([7, 16, 255, 255])
    // A million uses bring it to about as much as the table in redis.conf says.
    const prng = new Prng(1, 2, 3, 4)
    let frequency = 0
    for (let i = 0; i < 1_000_000; i++) frequency = Frequency.raised(frequency, prng.double(), 100)
    expect(frequency).toBeGreaterThan(130)
    expect(frequency).toBeLessThan(160)
  })
})
