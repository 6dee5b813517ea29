import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { describe, expect, it } from "vitest"
import * as RealLogger from "./RealLogger.ts"
import { type Options, RealTrace } from "./RealTrace.ts"

/** A trace, and what it writes: an entry a write. */
const start = (options: Options = {}) => {
  const writes: Array<string> = []
  const trace = new RealTrace("n1", { format: "json", write: (lines) => writes.push(lines), ...options })
  const events = () =>
    writes
      .join("")
      .trimEnd()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line))
  return { trace, emit: trace.service.emit, writes, events }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe("RealTrace", () => {
  it("writes an event as one line of JSON, with its time, level, node, name and fields", () => {
    const { trace, emit, events } = start()
    emit("info", "lease/granted", { holder: 2, text: "two\nlines", ok: true })
    emit("warn", "lease/late")
    trace.close()
    expect(events()).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        level: "info",
        node: "n1",
        event: "lease/granted",
        fields: { holder: 2, text: "two\nlines", ok: true }
      },
      { time: expect.any(String), level: "warn", node: "n1", event: "lease/late" }
    ])
  })

  it("writes the events of a turn together, but an error at once with all before it", async () => {
    const { trace, emit, writes } = start()
    emit("info", "a/one")
    emit("info", "a/two")
    expect(writes).toEqual([])
    await turn()
    expect(writes).toHaveLength(1)
    emit("info", "a/three")
    emit("error", "a/four")
    expect(writes).toHaveLength(2)
    expect(writes[1].split("\n")).toHaveLength(3)
    for (let index = 0; index < 2_000; index++) emit("info", "a/many", { index })
    expect(writes.length).toBeGreaterThan(2)
    trace.close()
  })

  it("drops what is below its level, info by default", () => {
    for (const [levelMin, expected] of [
      [undefined, ["info", "warn", "error"]],
      ["debug", ["debug", "info", "warn", "error"]],
      ["error", ["error"]]
    ] as const) {
      const { trace, emit, events } = start({ levelMin })
      for (const level of ["debug", "info", "warn", "error"] as const) emit(level, "a/event")
      trace.close()
      expect(events().map(({ level }) => level)).toEqual(expected)
    }
  })

  it("keeps the first of every so many of a name, says how many each stands for, and keeps all warnings", () => {
    const { trace, emit, events } = start({ sampleEvery: 10 })
    for (let index = 0; index < 25; index++) {
      emit("info", "a/often", { index })
      emit("warn", "a/warning")
    }
    emit("info", "a/once")
    trace.close()
    const often = events().filter(({ event }) => event === "a/often")
    expect(often.map(({ count, fields }) => [count, fields.index])).toEqual([
      [undefined, 0],
      [10, 10],
      [10, 20]
    ])
    expect(events().filter(({ event }) => event === "a/warning")).toHaveLength(25)
    expect(events().filter(({ event }) => event === "a/once")).toHaveLength(1)
  })

  it("writes for people a line that no value can break or forge", () => {
    const { trace, emit, writes } = start({ format: "pretty" })
    emit("warn", "lease/lost", { holder: "n2", reason: "a b\nERROR n1 forged=1", count: 3 })
    trace.close()
    expect(writes.join("")).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}n1 lease\/lost holder=n2 reason="a b\\nERROR n1 forged=1" count=3\n$/
    )
  })

  it("counts how often each mark was reached", () => {
    const { trace } = start()
    for (const name of ["a/rare", "a/other", "a/rare"]) trace.service.mark(name)
    expect([...trace.marks]).toEqual([
      ["a/rare", 2],
      ["a/other", 1]
    ])
    trace.close()
  })

  it("says nothing after close, and listens to the end of the process once for all traces", () => {
    const listeners = process.listenerCount("exit")
    const all = Array.from({ length: 20 }, () => start())
    expect(process.listenerCount("exit")).toBe(listeners + 1)
    for (const { trace, emit, writes } of all) {
      trace.close()
      emit("error", "a/late")
      expect(writes).toEqual([])
    }
    expect(process.listenerCount("exit")).toBe(listeners)
  })

  it("takes what is logged through Effect, by level, with causes", () => {
    const { trace, events } = start()
    const program = Effect.gen(function* () {
      yield* Effect.logDebug("unseen")
      yield* Effect.logInfo("served", { requests: 3 })
      yield* Effect.logError("broke", new Error("a reason"))
    })
    Effect.runSync(Effect.provideService(program, Logger.CurrentLoggers, new Set([RealLogger.make(trace.service)])))
    trace.close()
    expect(events().map(({ level, event, fields }) => [level, event, fields.message])).toEqual([
      ["info", "log", 'served {"requests":3}'],
      ["error", "log", "broke Error: a reason"]
    ])
  })
})
