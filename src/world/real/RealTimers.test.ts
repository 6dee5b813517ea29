import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { AssertionError } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import { Prng } from "#base/Prng.ts"
import { RealTimers } from "./RealTimers.ts"

let timers: RealTimers
beforeEach(() => {
  timers = new RealTimers()
})
afterEach(() => timers.close())

/** Calls `then` at each firing, and resolves when it returns true. */
const firings = (start: (fired: (then: (ticket: number) => boolean) => ReturnType<RealTimers["attach"]>) => void) =>
  new Promise<void>((resolve) => {
    start((then) =>
      timers.attach({
        fired: (ticket) => {
          if (then(ticket)) resolve()
        }
      })
    )
  })

describe("RealTimers", () => {
  it("fires thousands of timers once each, none early, while others are moved and cleared", async () => {
    const count = 5_000
    const prng = new Prng(1, 2, 3, 4)
    const dueMicros = new Map<number, number>()
    const early: Array<number> = []
    const unexpected: Array<number> = []
    await firings((attach) => {
      const port = attach((ticket) => {
        const due = dueMicros.get(ticket)
        if (due === undefined) unexpected.push(ticket)
        else if (port.nowMicros() < due) early.push(ticket)
        dueMicros.delete(ticket)
        return dueMicros.size === 0
      })
      const set = (ticket: number): void => {
        const delay = prng.below(250_000)
        dueMicros.set(ticket, port.nowMicros() + delay)
        port.set(ticket, delay)
      }
      for (let ticket = 0; ticket < count; ticket++) set(ticket)
      for (let round = 0; round < count; round++) {
        const ticket = prng.below(count)
        if (prng.below(2) === 0) set(ticket)
        else if (dueMicros.delete(ticket)) port.clear(ticket)
      }
    })
    expect(early).toEqual([])
    expect(unexpected).toEqual([])
  })

  it("fires what is due together in the order of setting", async () => {
    const order: Array<number> = []
    const tickets = Array.from({ length: 50 }, (_, index) => (index * 7) % 50)
    await firings((attach) => {
      const port = attach((ticket) => order.push(ticket) === tickets.length)
      for (const ticket of tickets) port.set(ticket, 1_000)
      // All come due while this turn still computes.
      const until = port.nowMicros() + 3_000
      while (port.nowMicros() < until);
    })
    expect(order).toEqual(tickets)
  })

  it("lets the event loop turn between firings of a timer that sets itself to now", async () => {
    let turns = 0
    let immediates = 0
    const count = (): void => {
      immediates++
      if (turns < 50) setImmediate(count)
    }
    setImmediate(count)
    await firings((attach) => {
      const port = attach((ticket) => {
        port.set(ticket, 0)
        return ++turns === 50
      })
      port.set(0, 0)
    })
    expect(immediates).toBeGreaterThan(20)
  })

  it("keeps no host timer, and so the process alive, once nothing is set", () => {
    const hostTimers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
    const before = hostTimers()
    const port = timers.attach({ fired: () => {} })
    port.set(0, 1_000_000)
    port.set(1, 2_000_000)
    expect(hostTimers()).toBe(before + 1)
    port.clear(0)
    port.clear(1)
    expect(hostTimers()).toBe(before)
  })

  it("waits for a month without waking in between", async () => {
    const warnings: Array<Error> = []
    const warn = (warning: Error): number => warnings.push(warning)
    process.on("warning", warn)
    const port = timers.attach({ fired: () => {} })
    port.set(0, 31 * 86_400_000_000)
    // A host timer over its bound fires at once, with a warning.
    await new Promise((resolve) => setTimeout(resolve, 20))
    process.off("warning", warn)
    expect(warnings).toEqual([])
  })

  it("fires nothing after close, and takes nothing", async () => {
    const fired: Array<number> = []
    const port = timers.attach({ fired: (ticket) => fired.push(ticket) })
    port.set(0, 1_000)
    timers.close()
    port.set(1, 1_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(fired).toEqual([])
  })

  it("takes a wrong ticket or delay for a defect of its caller", () => {
    const port = timers.attach({ fired: () => {} })
    for (const ticket of [-1, 0.5, Limits.timerTicketsMax]) expect(() => port.set(ticket, 1)).toThrow(AssertionError)
    for (const delay of [-1, NaN, Infinity]) expect(() => port.set(0, delay)).toThrow(AssertionError)
  })
})
