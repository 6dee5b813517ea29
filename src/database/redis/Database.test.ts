import { describe, expect, it } from "vitest"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import { Database, type Keeper, type Keys } from "./Database.ts"
import type { Entry } from "./Entry.ts"
import { SlotTables } from "./SlotTables.ts"

const databaseAt = (
  clock: { now: number; keepsExpiredUntil?: number; still?: string },
  makeKeys?: () => Keys,
  unweigh: Keeper["unweigh"] = () => {}
) =>
  new Database(
    0,
    {
      get keepsExpiredUntil() {
        return clock.keepsExpiredUntil ?? 0
      },
      get now() {
        return clock.now
      },
      random: () => 0,
      isStill: (key) => key === clock.still,
      added: () => {},
      changed: () => {},
      weigh: () => {},
      unweigh,
      removed: () => {},
      met: () => {}
    },
    makeKeys
  )

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

describe("keys of a slot that leaves", () => {
  it("are seen by nobody from then on, do not expire here, and take no memory when they are forgotten", () => {
    const unweighed: Array<string> = []
    const clock = { now: 1 }
    const database = databaseAt(
      clock,
      () => new SlotTables<Entry>(() => 0),
      ({ name }) => unweighed.push(name)
    )
    for (const name of ["{a}1", "{a}2", "{b}1"]) database.expireAt(database.set(name, "v"), 10)
    const taken = [...database.takeSlot(SpacesRedis.slotOfText("a"))!]
    expect([database.size, database.find("{a}1"), database.find("{b}1")?.name]).toEqual([1, undefined, "{b}1"])
    for (const [, entry] of taken) database.forget(entry)
    expect([database.expiring, unweighed]).toEqual([1, ["{a}1", "{a}2"]])
    expect(database.takeSlot(SpacesRedis.slotOfText("a"))).toBe(undefined)
    clock.now = 10
    expect([database.expireSome(10), database.size]).toEqual([1, 0])
  })
})
