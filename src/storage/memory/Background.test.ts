import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import { Timers } from "#world/Timers.ts"
import type { Source } from "../Engine.ts"
import * as Engine from "../Engine.ts"
import * as Background from "./Background.ts"
import { Deferral } from "./Deferral.ts"
import * as MemoryEngine from "./MemoryEngine.ts"

const broken: Source = {
  next: () => {
    throw new Error("the source is broken")
  },
  key: () => new Uint8Array(0),
  value: () => new Uint8Array(0)
}

const storyOf = (program: Effect.Effect<void, never, Timers>): ReadonlyArray<string> => {
  const bench = new TestBench()
  bench.startOnce(0, program)
  bench.pass(1_000_000)
  return bench.story
}

describe("Background", () => {
  it("the node dies of what a fiber throws that nobody waits for", () => {
    const program = Effect.scoped(
      Effect.gen(function* () {
        const deferral = new Deferral((yield* Timers).attach)
        yield* Background.fork(deferral, [Effect.andThen(Effect.sleep(1), Effect.die(new Error("a broken invariant")))])
        yield* Effect.sleep(10)
      })
    )
    expect(storyOf(program)).toEqual(["n0 started", "n0 defect: Error: a broken invariant"])
  })

  it("its fibers end with the scope, and the node goes on", () => {
    const program = Effect.gen(function* () {
      const deferral = new Deferral((yield* Timers).attach)
      yield* Effect.scoped(Background.fork(deferral, [Effect.never]))
      yield* Effect.sleep(10)
    })
    expect(storyOf(program)).toEqual(["n0 started", "n0 exited"])
  })

  it("an ingestion whose source throws does not leave its caller waiting for ever", () => {
    const program = Effect.scoped(
      Effect.gen(function* () {
        const engine = Engine.make(yield* MemoryEngine.openVolatile())
        yield* Effect.orDie(engine.ingest(broken))
      })
    )
    expect(storyOf(program)).toEqual(["n0 started", "n0 defect: Error: the source is broken"])
  })
})
