/** What a compaction does side by side; that what it gives is right is the engines' contract's. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import * as Completion from "#world/Completion.ts"
import { Batch } from "../Batch.ts"
import { numbered } from "../contract/EngineClaim.ts"
import type { Done } from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"
import * as Wal from "../wal/Wal.ts"
import * as LsmEngine from "./LsmEngine.ts"

const batchOf = (indexes: ReadonlyArray<number>): Batch => {
  const batch = new Batch()
  for (const index of indexes) batch.put(new TextEncoder().encode(numbered(index)), new Uint8Array(200).fill(index))
  return batch
}

interface DiskTimes {
  readonly callMicrosMin: number
  readonly callMicrosMax: number
  readonly syncMicrosMin: number
  readonly syncMicrosMax: number
}

/** Virtual milliseconds that two tables take to become one level of tables of so many bytes, and this one with a third again. */
const mergeMillis = (tableBytes: number, diskTimes: DiskTimes): ReadonlyArray<number> => {
  const bench = new TestBench({ diskTimes })
  const millis: Array<number> = []
  const program = Effect.gen(function* () {
    const log = yield* Wal.open({ directory: "store-log", aheadBytes: 0 })
    const port = yield* LsmEngine.open({ directory: "store", log, stream: 1, cacheBytes: 0, tableBytes })
    const call = (ask: (done: Done<void>) => void) => Completion.submit<void, StorageError>(ask)
    const put = Effect.fnUntraced(function* (remainder: number) {
      const indexes = Array.from({ length: 100 }, (_, index) => 3 * index + remainder)
      yield* call((done) => port.write(batchOf(indexes), "buffered", done))
      yield* call((done) => port.flush(done))
    })
    yield* put(0)
    for (const remainder of [1, 2]) {
      yield* put(remainder)
      const before = bench.kernel.now
      yield* call((done) => port.compact(done))
      millis.push((bench.kernel.now - before) / 1_000)
    }
  })
  bench.startOnce(0, Effect.scoped(program))
  while (bench.machines[0].isUp) bench.pass(1_000_000)
  return millis
}

describe("a compaction into twenty tables, and of them", () => {
  it("syncs tables while it builds the next", () => {
    const slowSyncs = { callMicrosMin: 10, callMicrosMax: 20, syncMicrosMin: 50_000, syncMicrosMax: 50_001 }
    const [into, of] = mergeMillis(2_000, slowSyncs)
    // They take 900 and 1,150; one sync after the other 1,400 and 1,900; of one table 450.
    expect(into).toBeLessThan(1_150)
    expect(of).toBeLessThan(1_500)
  })

  it("opens tables, reads them and writes them side by side", () => {
    const slowCalls = { callMicrosMin: 10_000, callMicrosMax: 10_001, syncMicrosMin: 10, syncMicrosMax: 20 }
    const [into, of] = mergeMillis(2_000, slowCalls)
    // They take 370 and 850; one call after the other 580 and 1,540; of one table 200. Calls on names are one after the other on any disk.
    expect(into).toBeLessThan(450)
    expect(of).toBeLessThan(1_200)
  })
})
