import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import { describe, expect, it } from "vitest"
import { RealScheduler } from "./RealScheduler.ts"

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe("RealScheduler", () => {
  it("runs tasks later, lower priorities first, in order among equals, also across dispatchers", async () => {
    const scheduler = new RealScheduler()
    const [one, two] = [scheduler.makeDispatcher(), scheduler.makeDispatcher()]
    const ran: Array<string> = []
    one.scheduleTask(() => ran.push("normal 1"), 0)
    two.scheduleTask(() => ran.push("late"), 10)
    two.scheduleTask(() => ran.push("normal 2"), 0)
    one.scheduleTask(() => ran.push("early"), -5)
    one.scheduleTask(() => ran.push("middle"), 5)
    expect(ran).toEqual([])
    await turn()
    expect(ran).toEqual(["early", "normal 1", "normal 2", "middle", "late"])
  })

  it("leaves what a batch schedules to the next batch, after I/O had its turn", async () => {
    const scheduler = new RealScheduler()
    const ran: Array<string> = []
    scheduler.scheduleTask(() => {
      ran.push("first")
      scheduler.scheduleTask(() => ran.push("third"), -10)
    }, 0)
    scheduler.scheduleTask(() => ran.push("second"), 10)
    await turn()
    expect(ran).toEqual(["first", "second"])
    await turn()
    expect(ran).toEqual(["first", "second", "third"])
  })

  it("runs everything at once when flushed", () => {
    const scheduler = new RealScheduler()
    const ran: Array<number> = []
    scheduler.scheduleTask(() => {
      ran.push(1)
      scheduler.scheduleTask(() => ran.push(2), 0)
    }, 0)
    scheduler.flush()
    expect(ran).toEqual([1, 2])
  })

  it("gives up nothing behind a task that throws", async () => {
    const scheduler = new RealScheduler()
    const listeners = process.listeners("uncaughtException")
    process.removeAllListeners("uncaughtException")
    const caught = new Promise((resolve) => process.once("uncaughtException", resolve))
    let ran = false
    scheduler.scheduleTask(() => {
      throw new Error("a defect")
    }, 0)
    scheduler.scheduleTask(() => {
      ran = true
    }, 0)
    expect(await caught).toMatchObject({ message: "a defect" })
    for (const listener of listeners) process.on("uncaughtException", listener)
    expect(ran).toBe(true)
  })

  it("runs nothing of an abandoned node: no task, no further operation of a fiber, no finaliser", async () => {
    const scheduler = new RealScheduler()
    const context = Context.make(Scheduler.Scheduler, scheduler)
    const ran: Array<string> = []
    const note = (what: string) => Effect.sync(() => ran.push(what))
    const program = Effect.gen(function* () {
      yield* note("before")
      yield* Effect.sync(() => scheduler.abandon())
      yield* note("after")
    }).pipe(Effect.ensuring(note("finaliser")))
    scheduler.scheduleTask(() => ran.push("task"), 0)
    Effect.runForkWith(context)(program)
    scheduler.scheduleTask(() => ran.push("later task"), 0)
    await turn()
    await turn()
    expect(ran).toEqual(["before"])
  })
})
