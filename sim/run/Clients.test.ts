import { describe, expect, it } from "vitest"
import { Clients } from "./Clients.ts"
import type { Outcome } from "./History.ts"
import type { PlannedOperation } from "./Plan.ts"
import type { Perform, Workload } from "./Scenario.ts"

const workload: Workload<string, string> = {
  draw: () => "op",
  gapMicros: 0,
  client: () => {
    throw new Error("sessions are given to the clients here")
  },
  final: (client) => [`last of ${client}`],
  label: (operation) => operation
}

/** A stage whose time a test moves, and a server whose answers it gives. */
const stage = (count: number, planned: ReadonlyArray<PlannedOperation>, of: Workload<string, string> = workload) => {
  let now = 0
  let finished = 0
  let queue: Array<{ readonly at: number; readonly call: () => void }> = []
  const asked: Array<{
    readonly client: number
    readonly operation: string
    readonly done: (outcome: Outcome<string>) => void
  }> = []
  const clients = new Clients(of, count, planned, {
    now: () => now,
    after: (_, delayMicros, call) => queue.push({ at: now + delayMicros, call }),
    finished: () => finished++
  })
  const pass = (micros: number): void => {
    now += micros
    const due = queue.filter(({ at }) => at <= now)
    queue = queue.filter(({ at }) => at > now)
    for (const { call } of due) call()
  }
  const perform =
    (client: number): Perform<string, string> =>
    (operation, done) =>
      asked.push({ client, operation, done })
  const last = () => asked.at(-1)!
  return {
    clients,
    asked,
    pass,
    last,
    ready: (client: number) => clients.ready(client, perform(client)),
    finished: () => finished
  }
}

const plan = (client: number, gapMicros: number, operation: string, atMicros?: number): PlannedOperation => ({
  client,
  gapMicros,
  operation,
  ...(atMicros === undefined ? {} : { atMicros })
})
const ok: Outcome<string> = { type: "ok", value: "yes" }
const unknown: Outcome<string> = { type: "unknown", reason: "no answer" }

describe("a client", () => {
  it("performs its operations one after the other, each after its gap, and those of no other client", () => {
    const { asked, last, pass, ready } = stage(2, [plan(0, 10, "a"), plan(1, 5, "x"), plan(0, 20, "b")])
    ready(0)
    pass(9)
    expect(asked).toEqual([])
    pass(1)
    expect(asked.map(({ operation }) => operation)).toEqual(["a"])
    pass(100)
    expect(asked.length).toBe(1)
    last().done(ok)
    pass(19)
    expect(asked.length).toBe(1)
    pass(1)
    expect(asked.map(({ operation }) => operation)).toEqual(["a", "b"])
  })

  it("does not begin an operation before the time that a journal gave it", () => {
    const { asked, pass, ready } = stage(1, [plan(0, 10, "a", 500)])
    ready(0)
    pass(499)
    expect(asked).toEqual([])
    pass(1)
    expect(asked.length).toBe(1)
  })

  it("is another process after an unknown outcome, whose operation never completes", () => {
    const { clients, last, pass, ready } = stage(3, [plan(1, 0, "a"), plan(1, 0, "b")])
    ready(1)
    pass(7)
    last().done(unknown)
    pass(3)
    last().done(ok)
    expect(
      clients.history.map(({ client, completedAt, invokedAt, process }) => ({
        client,
        completedAt,
        invokedAt,
        process
      }))
    ).toEqual([
      { client: 1, process: 1, invokedAt: 7, completedAt: Infinity },
      { client: 1, process: 4, invokedAt: 10, completedAt: 10 }
    ])
    expect(clients.counts).toEqual({ ok: 1, failed: 0, unknown: 1 })
  })

  it("that answers twice, or after its time, changes nothing", () => {
    const { asked, clients, last, pass, ready } = stage(1, [plan(0, 0, "a"), plan(0, 0, "b")])
    ready(0)
    pass(1)
    const first = last()
    first.done(unknown)
    first.done(ok)
    pass(1)
    first.done(ok)
    expect([asked.length, clients.history.map(({ outcome }) => outcome.type)]).toEqual([2, ["unknown", "unknown"]])
  })
})

describe("the liveness phase", () => {
  it("has each client perform its final operations until they are ok, and is over when all are", () => {
    const { asked, clients, finished, last, pass, ready } = stage(2, [plan(0, 1_000, "never begun")])
    ready(0)
    ready(1)
    clients.finish()
    pass(0)
    expect(asked.map(({ operation }) => operation)).toEqual(["last of 0", "last of 1"])
    asked[0].done(ok)
    asked[1].done({ type: "failed", reason: "not yet" })
    expect([finished(), clients.unfinishedOperations()]).toEqual([0, ["client 1: last of 1 was failed: not yet"]])
    pass(1_000_000)
    last().done(unknown)
    pass(1_000_000)
    last().done(ok)
    expect([finished(), clients.unfinishedOperations(), asked.length]).toEqual([1, [], 4])
    expect(clients.history.every(({ final }) => final)).toBe(true)
  })

  it("waits for an operation that is under way, and begins those of a late session", () => {
    const { asked, clients, finished, last, pass, ready } = stage(2, [plan(0, 0, "slow")])
    ready(0)
    pass(1)
    clients.finish()
    pass(1_000)
    expect(asked.length).toBe(1)
    last().done(ok)
    pass(1)
    expect(last().operation).toBe("last of 0")
    last().done(ok)
    ready(1)
    pass(1)
    last().done(ok)
    expect(finished()).toBe(1)
  })

  it("is over at once for clients that have nothing final to do", () => {
    const { clients, finished } = stage(2, [], { ...workload, final: () => [] })
    clients.finish()
    expect(finished()).toBe(1)
  })
})

describe("what a journal keeps", () => {
  it("is what was begun, with its times, and the one operation whose time had not come", () => {
    const { clients, last, pass, ready } = stage(1, [plan(0, 5, "a"), plan(0, 50, "b"), plan(0, 5, "c")])
    ready(0)
    pass(6)
    last().done(ok)
    pass(1)
    expect(clients.reached()).toEqual([plan(0, 5, "a", 6), plan(0, 50, "b")])
  })
})
