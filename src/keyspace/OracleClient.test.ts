/** Timestamps for everybody on a store: who goes with which request, and gets what. */
import * as fc from "fast-check"
import { beforeEach, describe, expect, it } from "vitest"
import * as Limits from "#base/Limits.ts"
import { Alarms } from "#cluster/Alarms.ts"
import { TestClock } from "#cluster/TestClock.ts"
import type { Done } from "#world/Completion.ts"
import { Unavailable, type KeyspaceError } from "./KeyspaceError.ts"
import { OracleClient } from "./OracleClient.ts"

interface Asked {
  readonly count: number
  readonly timeoutMicros: number
  readonly done: Done<number, KeyspaceError>
}

let clock: TestClock
let asked: Array<Asked>
let client: OracleClient
let ended: Array<string>
beforeEach(() => {
  clock = new TestClock()
  asked = []
  ended = []
  client = new OracleClient(new Alarms(clock.attach), (count, timeoutMicros, done) => {
    asked.push({ count, timeoutMicros, done })
  })
})

const call = (name: string, timeoutMicros = 1_000_000): void =>
  client.timestamp(timeoutMicros, (error, at) => ended.push(`${name}: ${error?._tag ?? at}`))

const unavailable = new Unavailable({ message: "" })

describe("callers", () => {
  it("who come while a request is under way go with the next one, together, and get theirs in order", () => {
    call("a")
    for (const name of ["b", "c", "d"]) call(name)
    expect(asked.map(({ count }) => count)).toEqual([1])
    asked[0].done(undefined, 10)
    expect([ended, asked.map(({ count }) => count)]).toEqual([["a: 10"], [1, 3]])
    asked[1].done(undefined, 20)
    expect(ended).toEqual(["a: 10", "b: 18", "c: 19", "d: 20"])
    expect(asked.length).toBe(2)
  })

  it("who call from within an answer go with the next request, together", () => {
    client.timestamp(1_000_000, () => {
      call("b")
      call("c")
    })
    asked[0].done(undefined, 1)
    expect(asked.map(({ count }) => count)).toEqual([1, 2])
  })

  it("are answered when their own time is over, and those who have more go on waiting", () => {
    call("a", 100)
    call("b", 100)
    call("c", 200)
    clock.pass(100)
    expect(ended).toEqual(["a: Unavailable", "b: Unavailable"])
    asked[0].done(undefined, 10)
    expect(asked.map(({ count, timeoutMicros }) => [count, timeoutMicros])).toEqual([
      [1, 100],
      [1, 100]
    ])
    asked[1].done(undefined, 11)
    expect(ended.at(-1)).toBe("c: 11")
  })

  it("go with another request, before those who came later, when theirs has failed", () => {
    call("a")
    call("b")
    asked[0].done(unavailable, 0)
    expect(asked.length).toBe(1)
    clock.pass(30_000)
    expect(asked.map(({ count }) => count)).toEqual([1, 2])
    asked[1].done(undefined, 12)
    expect(ended).toEqual(["a: 11", "b: 12"])
  })

  it("of whom there are more than one request may ask for go with several, one after the other", () => {
    call("first")
    for (let each = 0; each < Limits.timestampsMax + 3; each++) call(`${each}`)
    asked[0].done(undefined, 1)
    asked[1].done(undefined, 100_000)
    asked[2].done(undefined, 200_000)
    expect(asked.map(({ count }) => count)).toEqual([1, Limits.timestampsMax, 3])
    expect([ended.length, ended.at(-1)]).toEqual([Limits.timestampsMax + 4, `${Limits.timestampsMax + 2}: 200000`])
  })

  it("wait for none when all of them have given up", () => {
    call("a", 100)
    clock.pass(100)
    asked[0].done(unavailable, 0)
    clock.pass(1_000_000)
    expect(asked.length).toBe(1)
    call("b")
    expect(asked.length).toBe(2)
  })

  it("get timestamps above all that the oracle had given before their call, each once", () => {
    const step = fc.constantFrom("call", "call", "answer", "fail", "give elsewhere", "wait")
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const time = new TestClock()
        const open: Array<Asked> = []
        let given = 0
        const got: Array<readonly [before: number, at: number]> = []
        const under = new OracleClient(new Alarms(time.attach), (count, timeoutMicros, done) => {
          expect(open.length).toBe(0)
          // Given as early as can be: whoever joined after this would be told.
          given += count
          const last = given
          open.push({ count, timeoutMicros, done: (error) => done(error, last) })
        })
        for (const each of steps) {
          const before = given
          if (each === "call") {
            under.timestamp(50_000, (error, at) => error === undefined && got.push([before, at]))
          } else if (each === "answer") {
            open.pop()?.done(undefined, 0)
          } else if (each === "fail") {
            open.pop()?.done(unavailable, 0)
          } else if (each === "give elsewhere") given += 7
          else time.pass(time.now + 20_000)
        }
        for (const [before, at] of got) expect(at).toBeGreaterThan(before)
        expect(got.every(([, at], index) => index === 0 || at > got[index - 1][1])).toBe(true)
      })
    )
  })
})
