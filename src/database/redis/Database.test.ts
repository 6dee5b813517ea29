import { describe, expect, it } from "vitest"
import { Database } from "./Database.ts"

interface Clock {
  now: number
  keepsExpiredUntil?: number
  still?: string
  elsewhere?: string
  readonly removed?: Array<string>
}

const databaseAt = (clock: Clock) =>
  new Database(0, {
    get keepsExpiredUntil() {
      return clock.keepsExpiredUntil ?? 0
    },
    get now() {
      return clock.now
    },
    random: () => 0,
    isStill: (key) => key === clock.still,
    isElsewhere: (key) => key === clock.elsewhere,
    added: () => {},
    changed: () => {},
    weigh: () => {},
    unweigh: () => {},
    removed: ({ name }) => void clock.removed?.push(name),
    met: () => {}
  })

describe("deadlines of keys", () => {
  it("do not pile up, also where a key is given the same one again and again", () => {
    const clock = { now: 1 }
    const database = databaseAt(clock)
    for (let i = 0; i < 10_000; i++) {
      const entry = database.set(`key:${i % 10}`, "v")
      database.expireAt(entry, 1_000)
      expect(Reflect.get(database, "deadlines").length).toBeLessThan(100)
    }
    expect(database.expiring).toBe(10)
    clock.now = 1_000
    expect([database.expireSome(7), database.expireSome(7), database.size]).toEqual([7, 3, 0])
  })
})

describe("a key that stands still", () => {
  it("is not there when its time has passed, and stays all the same until it may go", () => {
    const clock: { now: number; still?: string } = { now: 1, still: "a" }
    const database = databaseAt(clock)
    for (const key of ["a", "b"]) database.expireAt(database.add(key, "v"), key === "a" ? 10 : 11)
    clock.now = 20
    expect([database.peek("a"), database.expireSome(10), database.size]).toEqual([undefined, 0, 2])
    expect([database.peek("b"), database.size]).toEqual([undefined, 1])
    delete clock.still
    expect([database.expireSome(10), database.size]).toEqual([1, 0])
  })
})

describe("how long keys have left", () => {
  it("is known on average, however many there are, and however often each was given another deadline", () => {
    const clock = { now: 1_000 }
    const database = databaseAt(clock)
    expect(database.ttlMillis()).toBe(0)
    for (let i = 0; i < 1_000; i++) {
      const entry = database.set(`key:${i}`, "v")
      database.expireAt(entry, 500_000)
      database.expireAt(entry, 2_000 + (i % 100))
    }
    database.set("lasting", "v")
    expect(Math.abs(database.ttlMillis() - 1_050)).toBeLessThan(25)
    clock.now = 5_000
    expect(database.ttlMillis()).toBe(0)
  })
})

describe("keys whose time has passed", () => {
  it("stay unseen while they are to be kept, and go when they are met after that", () => {
    const clock = { now: 1, keepsExpiredUntil: 100 }
    const database = databaseAt(clock)
    for (const key of ["met", "written"]) database.expireAt(database.set(key, "old"), 10)
    clock.now = 20
    expect([database.get("met"), database.size, database.expiring]).toEqual([undefined, 2, 2])
    database.set("written", "new")
    expect([database.get("written")?.content, database.size, database.expiring]).toEqual(["new", 2, 1])
    clock.now = 100
    expect([database.get("met"), database.size, database.expiring]).toEqual([undefined, 1, 0])
  })
})

describe("a key that is another node's by now", () => {
  it("is not removed with all that are here, which would be stored: it is forgotten", () => {
    const clock = { now: 1, elsewhere: "b", removed: [] }
    const database = databaseAt(clock)
    for (const key of ["a", "b"]) database.expireAt(database.add(key, "v"), 10)
    database.flush()
    expect([clock.removed, database.size, database.expiring]).toEqual([["a"], 0, 0])
  })
})
