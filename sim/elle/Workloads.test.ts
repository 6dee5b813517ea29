/** The checkers of workloads give the verdicts of Jepsen's. */
import { describe, expect, it } from "vitest"
import * as Jepsen from "#sim/judges/formats/Jepsen.ts"
import * as Elle from "./Elle.ts"

/** Events `process type f value`. */
const check = (model: Elle.Model, events: ReadonlyArray<string>, options: Partial<Elle.Options> = {}) => {
  const edn = events.map((event) => {
    const [, process, type, name, value] = /^(\d+) (\w+) ([\w-]+) ?(.*)$/.exec(event)!
    return `{:process ${process}, :type :${type}, :f :${name}, :value ${value === "" ? "nil" : value}}`
  })
  return Elle.check(Jepsen.read(edn.join("\n")), { model, ...options })
}

const once = (process: number, name: string, asked: string, seen = asked): ReadonlyArray<string> => [
  `${process} invoke ${name} ${asked}`,
  `${process} ok ${name} ${seen}`
]

describe("the bank", () => {
  it("keeps its total, over all its accounts, and never falls below zero", () => {
    const first = once(0, "read", "nil", "{0 10, 1 0}")
    const then = (read: string) => check("bank", [...first, ...once(0, "read", "nil", read)])
    expect(then("{0 4, 1 6}").valid).toBe(true)
    expect(then("{0 4, 1 7}").counts).toMatchObject({ "wrong-total": 1 })
    expect(then("{0 12, 1 -2}").counts).toMatchObject({ "negative-value": 1 })
    expect(then("{0 4, 1 6, 2 0}").counts).toMatchObject({ "unexpected-key": 1 })
    expect(then("{0 10, 1 nil}").counts).toMatchObject({ "nil-balance": 1 })
    const negative = check("bank", [...first, ...once(0, "read", "nil", "{0 12, 1 -2}")], {
      bank: { negativeBalances: true }
    })
    expect(negative.valid).toBe(true)
  })
})

describe("a long fork", () => {
  const writes = [...once(0, "txn", "[[:w 0 1]]"), ...once(1, "txn", "[[:w 1 1]]")]
  const read = (process: number, x: string, y: string) =>
    once(process, "txn", "[[:r 0 nil] [:r 1 nil]]", `[[:r 0 ${x}] [:r 1 ${y}]]`)

  it("is found where two reads saw two writes in two orders", () => {
    expect(check("long-fork", [...writes, ...read(2, "1", "nil"), ...read(3, "nil", "1")]).valid).toBe(false)
    expect(check("long-fork", [...writes, ...read(2, "1", "nil"), ...read(3, "1", "1")]).valid).toBe(true)
  })

  it("is not judged in a history of another kind", () => {
    const again = once(0, "txn", "[[:w 0 2]]")
    expect(check("long-fork", [...writes, ...again]).valid).toBe("unknown")
    expect(check("long-fork", [...read(2, "1", "nil"), ...once(3, "txn", "[[:r 0 nil]]")]).valid).toBe("unknown")
  })
})

describe("a set", () => {
  const added = [...once(0, "add", "1"), "1 invoke add 2", "1 info add 2"]

  it("has in its last read all that was added, perhaps what may have been, and nothing else", () => {
    const last = (read: string) => check("set", [...added, ...once(0, "read", "nil", read)])
    expect(last("[1]").valid).toBe(true)
    expect(last("[1 2]").counts).toMatchObject({ "recovered-count": 1 })
    expect(last("[2]").counts).toMatchObject({ lost: 1 })
    expect(last("[1 9]").counts).toMatchObject({ unexpected: 1 })
    expect(check("set", added).valid).toBe("unknown")
  })

  it("loses no element for good, as full reads tell, and may be late with it unless it is linearizable", () => {
    const reads = (...list: ReadonlyArray<string>) => [
      ...added,
      ...list.flatMap((read) => once(0, "read", "nil", read))
    ]
    expect(check("set-full", reads("[1]", "[1]")).valid).toBe(true)
    expect(check("set-full", reads("[]", "[1]")).valid).toBe(true)
    expect(check("set-full", reads("[]", "[1]"), { set: { linearizable: true } }).counts).toMatchObject({ stale: 1 })
    expect(check("set-full", reads("[1]", "[]")).counts).toMatchObject({ lost: 1 })
    expect(check("set-full", reads("[1 1]")).counts).toMatchObject({ duplicated: 1 })
    expect(check("set-full", added).valid).toBe("unknown")
  })
})

describe("a queue", () => {
  const enqueued = once(0, "enqueue", "1")

  it("gives out what was put in, once", () => {
    const take = (...values: ReadonlyArray<string>) =>
      check("queue", [...enqueued, ...values.flatMap((value) => once(1, "dequeue", "nil", value))])
    expect(take("1").valid).toBe(true)
    expect(take().valid).toBe(true)
    expect(take("2").counts).toMatchObject({ unexpected: 1 })
    expect(take("1", "1").counts).toMatchObject({ duplicated: 1 })
  })

  it("has given out everything once it was drained, or where that is asked", () => {
    expect(check("queue", [...enqueued, ...once(1, "drain", "nil", "[1]")]).valid).toBe(true)
    expect(check("queue", [...enqueued, ...once(1, "drain", "nil", "[]")]).counts).toMatchObject({ lost: 1 })
    expect(check("total-queue", enqueued).valid).toBe(false)
  })
})

describe("a counter", () => {
  it("shows no less than was surely added and no more than may have been", () => {
    const events = [...once(0, "add", "2"), "1 invoke add 5", "1 info add 5", "2 invoke add 9", "2 fail add 9"]
    const read = (value: string) => check("counter", [...events, ...once(3, "read", "nil", value)]).valid
    expect(["1", "2", "7", "8"].map(read)).toEqual([false, true, true, false])
  })

  it("goes down as well", () => {
    const events = [...once(0, "add", "-2"), "1 invoke add -5", "1 info add -5"]
    const read = (value: string) => check("counter", [...events, ...once(3, "read", "nil", value)]).valid
    expect(["-1", "-2", "-7", "-8"].map(read)).toEqual([false, true, true, false])
  })
})

describe("unique identifiers", () => {
  it("do not come twice", () => {
    const ids = (...list: ReadonlyArray<string>) => list.flatMap((id) => once(0, "generate", "nil", id))
    expect(check("unique-ids", ids("1", "2")).valid).toBe(true)
    expect(check("unique-ids", ids("1", "2", "1")).counts).toMatchObject({ duplicated: 1 })
  })
})

describe("monotonic registers", () => {
  it("never go back, for one process, in real time, or as two of them tell together", () => {
    const reads = (...list: ReadonlyArray<string>) => list.flatMap((read, at) => once(at, "read", "nil", read))
    expect(check("monotonic", reads("1", "1", "2")).valid).toBe(true)
    expect(check("monotonic", reads("2", "1")).valid).toBe(false)
    expect(check("monotonic", reads("2", "1"), { consistency: "serializable" }).valid).toBe(true)
    const skewed = check("monotonic", reads("{:x 1, :y 2}", "{:x 2, :y 1}"), { consistency: "serializable" })
    expect(skewed.valid).toBe(false)
    expect(skewed.anomalies[0]!.transactions.length).toBe(2)
  })
})
