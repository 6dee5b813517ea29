import { describe, expect, it } from "vitest"
import type { Operation } from "#sim/run/History.ts"
import * as History from "./History.ts"
import { ranks } from "./linear/Entries.ts"

describe("a history", () => {
  it("leaves an operation that did not end with an unknown outcome", () => {
    const builder = new History.Builder()
    builder.invoke(0, "write", 1)
    builder.invoke(1, "read", null)
    builder.complete(1, "ok", 1)
    expect(History.operations(builder.build())).toMatchObject([
      { process: 0, outcome: "unknown", call: 0, return: Infinity },
      { process: 1, outcome: "ok", call: 1, return: 2, output: 1 }
    ])
  })

  it("tells its events in their order, an unknown outcome where its process goes on", () => {
    const builder = new History.Builder()
    builder.invoke(0, "write", 1)
    builder.invoke(1, "read", null)
    builder.complete(0, "unknown", null)
    builder.complete(1, "ok", 1)
    builder.invoke(0, "write", 2)
    builder.complete(0, "failed", null)
    const events = [...History.events(builder.build())]
    expect(events.map(({ row, type }) => `${row} ${type}`)).toEqual([
      "0 invoke",
      "1 invoke",
      "1 ok",
      "0 unknown",
      "2 invoke",
      "2 failed"
    ])
  })

  it("of a scenario keeps outcomes, and says nothing of when an unknown one ended", () => {
    const run = (client: number, invokedAt: number, completedAt: number, outcome: Operation["outcome"]): Operation => ({
      process: client,
      client,
      operation: "w",
      invokedAt,
      completedAt,
      outcome,
      final: false
    })
    const history = History.fromScenario(
      [
        run(0, 0, 10, { type: "ok", value: 7 }),
        run(1, 5, 20, { type: "unknown", reason: "timeout" }),
        run(0, 30, 40, { type: "failed", reason: "refused" })
      ],
      (operation, outcome) => ({
        function: operation,
        input: null,
        output: outcome.type === "ok" ? outcome.value : null
      })
    )
    expect(History.operations(history)).toMatchObject([
      { function: "w", outcome: "ok", output: 7, call: 0, return: 2 },
      { outcome: "unknown", call: 1, return: Infinity },
      { outcome: "failed", call: 3, return: 4 }
    ])
  })
})

describe("ranks of events", () => {
  const order = (...times: ReadonlyArray<readonly [process: number, invoked: number, completed: number]>) => {
    const { calls, returns } = ranks({
      count: times.length,
      processes: times.map(([process]) => process),
      invokedAt: times.map(([, invoked]) => invoked),
      completedAt: times.map(([, , completed]) => completed)
    })
    return times.map((_, row) => [calls[row], returns[row]])
  }

  it("take events at one moment as concurrent", () => {
    const [first, second] = order([0, 0, 10], [1, 10, 20])
    expect(second![0]).toBeLessThan(first![1]!)
  })

  it("keep the operations of one process in their order, even at one moment", () => {
    const [first, second, third] = order([0, 0, 10], [0, 10, 10], [0, 10, 10])
    expect(first![1]).toBeLessThan(second![0]!)
    expect(second![1]).toBeLessThan(third![0]!)
  })

  it("do not order other processes by that", () => {
    const [first, , other] = order([0, 0, 10], [0, 10, 20], [1, 10, 30])
    // The other one was invoked after the first had ended, in the order of the invocations; the reverse is not known.
    expect(first![1]).toBeLessThan(other![0]!)
    const [before, , after] = order([0, 0, 10], [1, 10, 30], [0, 10, 20])
    expect(before![1]).toBeGreaterThan(1)
    expect(after![0]).toBeGreaterThan(before![1]!)
  })
})
