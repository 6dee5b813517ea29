/** Alarms: what rings when, and in which order, on one timer. */
import { beforeEach, describe, expect, it } from "vitest"
import { Alarm } from "#world/DeadlineHeap.ts"
import { Alarms } from "./Alarms.ts"
import { TestClock } from "./TestClock.ts"

let clock: TestClock
let alarms: Alarms
let rung: Array<string>
beforeEach(() => {
  clock = new TestClock()
  alarms = new Alarms(clock.attach)
  rung = []
})

const alarm = (name: string): Alarm => new Alarm(() => void rung.push(`${name} ${clock.now}`))

describe("alarms", () => {
  it("ring once each when they are due, those of one time in the order in which they were set", () => {
    for (const [name, due] of [["a", 30] as const, ["b", 10] as const, ["c", 30] as const, ["d", 20] as const]) {
      alarms.set(alarm(name), due)
    }
    clock.pass(100)
    expect(rung).toEqual(["b 10", "d 20", "a 30", "c 30"])
  })

  it("ring late together when the timer is late", () => {
    alarms.set(alarm("a"), 10)
    alarms.set(alarm("b"), 20)
    clock.now = 50
    clock.pass(50)
    expect(rung).toEqual(["a 50", "b 50"])
  })

  it("do not ring when they are cleared, and at the later time when they are moved", () => {
    const [a, b] = [alarm("a"), alarm("b")]
    alarms.set(a, 10)
    alarms.set(b, 10)
    alarms.clear(a)
    alarms.set(b, 40)
    clock.pass(39)
    expect(rung).toEqual([])
    clock.pass(40)
    expect(rung).toEqual(["b 40"])
  })

  it("that are set while others ring, ring in a later turn, also when they are due at once", () => {
    let turns = 0
    alarms.at(10, () => {
      alarms.at(0, () => rung.push(`again in turn ${turns}`))
      turns++
    })
    clock.pass(10)
    expect(rung).toEqual(["again in turn 1"])
  })

  it("ask nothing of the world unless they are due first", () => {
    for (let due = 1; due <= 1_000; due++) alarms.set(alarm("later"), 10_000 + due)
    expect(clock.sets).toBe(1)
    alarms.set(alarm("first"), 5)
    expect(clock.sets).toBe(2)
  })

  it("do not ring after their end", () => {
    alarms.set(alarm("a"), 10)
    alarms.close()
    alarms.set(alarm("b"), 10)
    clock.pass(100)
    expect(rung).toEqual([])
  })
})
