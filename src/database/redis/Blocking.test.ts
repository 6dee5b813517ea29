import { describe, expect, it } from "vitest"
import { Blocking, type Waiter } from "./Blocking.ts"
import type { Type } from "./Value.ts"

/** Waiters for the key `k` that take from `stock`, and a list of who was asked and who was served. */
const table = (stock: Record<string, number>) => {
  const blocking = new Blocking()
  const asked: Array<string> = []
  const served: Array<string> = []
  const wait = (name: string, takes: Type | undefined, key = "k"): Waiter => {
    const waiter: Waiter = {
      database: 0,
      keys: [key],
      takes,
      serve: () => {
        asked.push(name)
        const kind = takes ?? "stream"
        if ((stock[kind] ?? 0) === 0) return false
        if (takes !== undefined) stock[kind] -= 1
        served.push(name)
        return true
      }
    }
    blocking.wait(waiter)
    return waiter
  }
  return { asked, blocking, served, stock, wait }
}

describe("who waits for a key", () => {
  it("is counted until it leaves, and so is who waits for none", () => {
    const { blocking, wait } = table({})
    const waiters = [wait("a", "list"), { database: 0, keys: [], takes: undefined, serve: () => false }]
    blocking.wait(waiters[1])
    expect(blocking.count).toBe(2)
    expect(waiters.map((waiter) => blocking.leave(waiter))).toEqual([true, true])
    expect(waiters.map((waiter) => blocking.leave(waiter))).toEqual([false, false])
    expect(blocking.count).toBe(0)
  })

  it("is asked in the order in which they came, and none of a kind behind one that got nothing", () => {
    const { asked, blocking, served, wait } = table({ list: 1 })
    for (const name of ["a", "b", "c", "d"]) wait(name, "list")
    wait("z", "zset")
    blocking.signal(0, "k")
    blocking.signal(0, "k")
    blocking.serve()
    expect(served).toEqual(["a"])
    expect(asked).toEqual(["a", "b", "z"])
    expect(blocking.count).toBe(4)
  })

  it("is asked with all others where nothing is taken away", () => {
    const { blocking, served, wait } = table({ stream: 1 })
    for (const name of ["a", "b", "c"]) wait(name, undefined)
    blocking.signal(0, "k")
    blocking.serve()
    expect(served).toEqual(["a", "b", "c"])
    expect(blocking.count).toBe(0)
  })

  it("is not asked about other keys, nor after it left", () => {
    const { asked, blocking, stock, wait } = table({})
    const waiter = wait("a", "list")
    wait("b", "list", "other")
    stock.list = 2
    expect(blocking.leave(waiter)).toBe(true)
    expect(blocking.leave(waiter)).toBe(false)
    blocking.signal(0, "k")
    blocking.signal(1, "other")
    blocking.serve()
    expect(asked).toEqual([])
    blocking.signalAll(0)
    blocking.serve()
    expect(asked).toEqual(["b"])
  })
})
