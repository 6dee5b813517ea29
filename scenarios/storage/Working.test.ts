import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import * as Working from "./Working.ts"

const storyOf = (program: Effect.Effect<void>): ReadonlyArray<string> => {
  const bench = new TestBench()
  bench.startOnce(0, program)
  bench.pass(1_000_000)
  return bench.story
}

describe("Working", () => {
  it("a server dies of what one of its workers throws", () => {
    const work = Effect.andThen(Effect.sleep(5), Effect.die(new Error("a failed assertion")))
    expect(storyOf(Working.until(Effect.sleep(100), work, 3))).toEqual([
      "n0 started",
      "n0 defect: Error: a failed assertion"
    ])
  })

  it("workers repeat their work until the server's life ends", () => {
    let turns = 0
    const work = Effect.map(Effect.sleep(10), () => void turns++)
    expect(storyOf(Working.until(Effect.sleep(35), work, 2))).toEqual(["n0 started", "n0 exited"])
    expect(turns).toBe(6)
  })
})
