import { describe, expect, it } from "vitest"
import { Database } from "./Database.ts"

const databaseAt = (clock: { now: number }) =>
  new Database(0, {
    get now() {
      return clock.now
    },
    random: () => 0,
    changed: () => {},
    removed: () => {},
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
