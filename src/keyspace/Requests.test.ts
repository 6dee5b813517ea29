/** Two stores whose ranges ask each other: what is asked arrives as it was, and so does what is answered. */
import { beforeEach, describe, expect, it } from "vitest"
import * as Limits from "#base/Limits.ts"
import { Alarms } from "#cluster/Alarms.ts"
import { Calls } from "#cluster/Calls.ts"
import { TestClock } from "#cluster/TestClock.ts"
import type { RequestSink } from "#cluster/transport/Lane.ts"
import { Conflict, Unavailable } from "./KeyspaceError.ts"
import type { Asking, Request, Response } from "./Request.ts"
import { Requests, type Parts } from "./Requests.ts"

const txn = { id: 5, anchor: Uint8Array.of(0x10), age: 4 }
const request: Request = { type: "get", keys: [Uint8Array.of(0x10, 1)], at: 7 }

let clock: TestClock
let calls: ReadonlyArray<Calls>
let came: Array<Asking>
/** Ranges answer when their time is over, and not at once. */
let waits: boolean
let answer: Parameters<Parts["submit"]>[1] extends (...given: infer Given) => void ? Given : never
let stores: ReadonlyArray<Requests>

beforeEach(() => {
  clock = new TestClock()
  waits = false
  const alarms = new Alarms(clock.attach)
  const sinks: Array<RequestSink> = []
  // Stores 1, 2 and 3; what one sends the other has a millisecond later.
  calls = [1, 2, 3].map(
    (store) =>
      new Calls({
        attach: (sink) => {
          sinks[store] = sink
          return {
            send: (to, bytes) => {
              alarms.at(clock.now + 1_000, () => sinks[to].received(store, bytes))
              return "taken"
            }
          }
        },
        alarms,
        trace: { emit: () => {}, mark: () => {} }
      })
  )
  came = []
  const submit: Parts["submit"] = (asking, done) => {
    came.push(asking)
    if (waits) alarms.at(clock.now + asking.timeoutMicros, () => done(...answer))
    else done(...answer)
  }
  stores = calls.slice(0, 2).map((each) => new Requests({ calls: each, submit }))
})

const ask = (asked: Asking): ReadonlyArray<unknown> => {
  const ended: Array<unknown> = []
  stores[0].call(2, asked, (error, response) => ended.push(error ?? response))
  clock.pass(clock.now + 1_000_000)
  return ended
}

describe("a range of another store", () => {
  it("is asked what it would be asked at home, and for how long", () => {
    answer = [undefined, { type: "done" }]
    const asking = { range: 3, timeoutMicros: 250_000, waiter: txn, request }
    expect(ask(asking)).toEqual([{ type: "done" }])
    expect(came).toEqual([asking])
  })

  it("answers with what it has, or with its error", () => {
    const response: Response = { type: "values", values: [{ value: Uint8Array.of(1), at: 6 }] }
    answer = [undefined, response]
    expect(ask({ range: 3, timeoutMicros: 10_000, waiter: undefined, request })).toEqual([response])
    const conflict = new Conflict({ key: Uint8Array.of(0x10), at: 8 })
    answer = [conflict, undefined]
    const [found] = ask({ range: 3, timeoutMicros: 10_000, waiter: undefined, request })
    expect([found, found instanceof Conflict]).toEqual([conflict, true])
  })

  it("is heard when it answers at its deadline that nothing has happened", () => {
    const unavailable = new Unavailable({ message: "waited too long" })
    answer = [unavailable, undefined]
    waits = true
    const ended = ask({ range: 3, timeoutMicros: 250_000, waiter: undefined, request })
    expect(ended).toEqual([unavailable])
  })

  it("is not asked what is too large to be sent, and does not answer so: the caller is told", () => {
    const large = new Uint8Array(Limits.frameBytesMax - 40)
    const mutations = [{ key: Uint8Array.of(0x10), value: large }]
    const prepare: Request = { type: "prepare", txn, snapshot: 1, mutations }
    const [refused] = ask({ range: 3, timeoutMicros: 10_000, waiter: undefined, request: prepare })
    expect([refused, came.length]).toEqual([expect.objectContaining({ _tag: "Refused" }), 0])
    answer = [undefined, { type: "values", values: [{ value: large, at: 6 }] }]
    const [answered] = ask({ range: 3, timeoutMicros: 10_000, waiter: undefined, request })
    expect(answered).toMatchObject({ _tag: "Refused" })
  })

  it("refuses bytes that are no request, definitely, and an answer that is none is as good as lost", () => {
    const replies: Array<unknown> = []
    calls[0].call(2, Uint8Array.of(9, 9), 10_000, (error, bytes) => replies.push(error ?? bytes[1]))
    clock.pass(10_000)
    expect([replies, came.length]).toEqual([[135], 0])
    // Of a version that nobody knows.
    calls[2].serve((_from, _bytes, _timeoutMicros, reply) => reply(Uint8Array.of(2, 200)))
    const ended: Array<unknown> = []
    stores[0].call(3, { range: 3, timeoutMicros: 10_000, waiter: undefined, request }, (error) => ended.push(error))
    clock.pass(clock.now + 10_000)
    expect(ended).toEqual(["lost"])
  })
})
