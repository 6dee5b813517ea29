/** Placing: what is asked of ranges that have not said yet where they are. */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import { Batch } from "#storage/Batch.ts"
import * as MemoryEngine from "#storage/memory/MemoryEngine.ts"
import { Trace } from "#world/Trace.ts"
import type { Location } from "./Descriptor.ts"
import * as Key from "./Key.ts"
import * as Meta from "./Meta.ts"
import * as Placing from "./Placing.ts"
import * as Records from "./Records.ts"

const ranges = [11, 12, 13, 14]

const location = (range: number): Location => ({
  descriptor: { range, from: Uint8Array.of(range), to: Uint8Array.of(range + 1), generation: 1 },
  stores: [1, 2, 3],
  leaseholder: 1 + (range % 3),
  isSettled: true
})

it("what ranges were asked for counts before they have said where they are", () => {
  const bench = new TestBench({ machines: 1 })
  const asked: Array<string> = []
  const program = Effect.gen(function* () {
    const port = yield* MemoryEngine.openVolatile()
    const batch = new Batch()
    for (const range of ranges) {
      const value = Meta.encodeLocation(location(range))
      batch.put(Key.head(Meta.locationKey(Uint8Array.of(range))), Records.headFrame({ value, at: 0 }), value)
    }
    port.write(batch, "buffered", () => {})
    let now = 0
    const placing = new Placing.Placing(
      {
        port,
        trace: yield* Trace,
        nowMicros: () => now,
        defer: (then) => then(),
        stores: () => [1, 2, 3, 4],
        isLive: () => true,
        at: (_, request, done) => {
          asked.push(request.type === "members" ? `${request.range}: ${request.of.join(" ")}` : request.type)
          done(undefined)
        }
      },
      { ...Placing.defaults, everyMicros: 100_000 }
    )
    for (; now < 2_000_000; now += 100_000) {
      placing.tend()
      yield* Effect.sleep(100)
    }
  })
  bench.start(0, program)
  bench.pass(10_000_000)
  // Twelve replicas on four stores: three each, so that three move.
  expect(asked).toEqual(["12: 1 2 3", "11: 1 2 3", "13: 1 2 3"])
})
