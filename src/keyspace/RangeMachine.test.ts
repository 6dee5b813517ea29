/** One replica of a range on an engine in memory, without a group around it. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { emptyState } from "#consensus/Configuration.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import * as Batch from "#storage/Batch.ts"
import { Deferral } from "#storage/memory/Deferral.ts"
import * as MemoryEngine from "#storage/memory/MemoryEngine.ts"
import { Timers } from "#world/Timers.ts"
import * as Key from "./Key.ts"
import * as RangeCommand from "./RangeCommand.ts"
import { RangeMachine } from "./RangeMachine.ts"
import * as RangeState from "./RangeState.ts"

const range = 2
const key = (index: number): Uint8Array => Uint8Array.of(0x20, index)
const configuration = { ...emptyState, voters: [1] }
const applied = { index: 0, term: 1, configuration }

const state: RangeState.RangeState = {
  ...RangeState.founding({ range, from: Uint8Array.of(8), to: Uint8Array.of(0xff), generation: 1 }, []),
  phase: "ready",
  applied
}

const alone = { founded: () => {}, reserve: () => true, release: () => {}, absorbed: () => false }

const write = (index: number, sizeBytes: number): Uint8Array => {
  const batch = new Batch.Batch().put(Key.head(key(index)), new Uint8Array(sizeBytes))
  const operations = batch.encoded()
  return RangeCommand.encode({
    type: "write",
    term: 1,
    sizeBytes,
    floor: 0,
    closed: 0,
    count: batch.count,
    operations,
    decisions: undefined
  })
}

/** What batches put: latest versions, and up to where their state says that everything is there. */
const putBy = (batch: Batch.Batch): { readonly heads: number; readonly upTo: number | undefined } => {
  const bytes = batch.encoded()
  let heads = 0
  let upTo: number | undefined
  Batch.visit(bytes, 0, bytes.length, {
    put: (_bytes, from, to, valueTo) => {
      if (bytes[from] === Key.tags.data) heads++
      if (bytes[from] === Key.tags.state) upTo = RangeState.decode(bytes.subarray(to, valueTo))?.applied.index
    },
    delete: () => {},
    deleteRange: () => {}
  })
  return { heads, upTo }
}

describe("a replica of a range", () => {
  it("says of itself in each batch what is true of the keys up to there, however large the commands of a turn are", () => {
    const bench = new TestBench({ machines: 1 })
    const batches: Array<ReturnType<typeof putBy>> = []
    let shown: Uint8Array | undefined | symbol
    const program = Effect.gen(function* () {
      const port = yield* MemoryEngine.openVolatile()
      const deferral = new Deferral((yield* Timers).attach)
      const watched: typeof port = Object.assign(Object.create(port) as typeof port, {
        write: (...[batch, ...rest]: Parameters<typeof port.write>) => {
          batches.push(putBy(batch))
          port.write(batch, ...rest)
        }
      })
      const machine = new RangeMachine({ range, port: watched, deferral, neighbours: alone, applied, state })
      for (let index = 1; index <= 7; index++) machine.apply(index, 1, write(index, 400_000))
      machine.whenShown(() => {
        shown = port.get(Key.head(key(7))) as typeof shown
      })
      yield* Effect.sleep(100)
    })
    bench.start(0, program)
    bench.pass(1_000_000)
    let heads = 0
    for (const batch of batches) {
      heads += batch.heads
      expect(batch.upTo).toBe(heads)
    }
    expect(heads).toBe(7)
    expect(batches.length).toBeGreaterThan(1)
    expect(shown).toHaveLength(400_000)
  })

  it("has what a split takes from it until the engine has everything that it wrote there", () => {
    const bench = new TestBench({ machines: 1 })
    const right = { from: key(4), to: Uint8Array.of(0xff) }
    const seen: Array<boolean> = []
    const program = Effect.gen(function* () {
      const port = yield* MemoryEngine.openVolatile()
      const deferral = new Deferral((yield* Timers).attach)
      const held: Array<() => void> = []
      const slow: typeof port = Object.assign(Object.create(port) as typeof port, {
        write: (...given: Parameters<typeof port.write>) => void held.push(() => port.write(...given))
      })
      const machine = new RangeMachine({ range, port: slow, deferral, neighbours: alone, applied, state })
      const look = Effect.andThen(
        Effect.sleep(10),
        Effect.sync(() => seen.push(machine.touches(right)))
      )
      machine.apply(1, 1, write(7, 10))
      yield* look
      machine.apply(2, 1, RangeCommand.encode({ type: "split", term: 1, key: key(4), right: 3, rightSizeBytes: 10 }))
      yield* look
      // What was written before the split, then the split.
      while (held.length > 0) {
        held.shift()!()
        yield* look
      }
    })
    bench.start(0, program)
    bench.pass(1_000_000)
    expect(seen).toEqual([true, true, true, false])
  })
})
