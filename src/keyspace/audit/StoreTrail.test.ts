/** What a store says of its trail while that is on its way. */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { emptyState } from "#consensus/Configuration.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { Batch } from "#storage/Batch.ts"
import * as Engine from "#storage/Engine.ts"
import * as MemoryEngine from "#storage/memory/MemoryEngine.ts"
import * as Key from "../Key.ts"
import * as RangeState from "../RangeState.ts"
import type { Head } from "./AuditChain.ts"
import * as StoreTrail from "./StoreTrail.ts"

const range = 1
const hash = new Uint8Array(32)

const state: RangeState.RangeState = {
  ...RangeState.founding({ range, from: Uint8Array.of(0), to: Uint8Array.of(8), generation: 1 }, []),
  phase: "ready",
  applied: { index: 9, term: 1, configuration: { ...emptyState, voters: [1] } },
  trail: { sequence: 3, hash, atMicros: 0 }
}

const headsOf = (own: RangeState.RangeState): ReadonlyArray<Head> => {
  const bench = new TestBench({ machines: 1 })
  let heads: ReadonlyArray<Head> = []
  const program = Effect.gen(function* () {
    const port = yield* MemoryEngine.openVolatile()
    yield* Engine.make(port).write(new Batch().put(Key.state(range), RangeState.encode(own)), "buffered")
    heads = yield* StoreTrail.visit(port, () => {})
  })
  bench.startOnce(0, program)
  bench.pass(1_000_000)
  return heads
}

it("a range says how far its chain goes, and one whose snapshot is being put in place does not say so yet", () => {
  expect(headsOf(state)).toEqual([{ chain: range, sequence: 3, hash }])
  expect(headsOf({ ...state, phase: "restoring", before: state.descriptor })).toEqual([])
})
