import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import type { Port } from "#world/Timers.ts"
import * as Completion from "#world/Completion.ts"
import { Batch } from "../Batch.ts"
import { numbered } from "../contract/EngineClaim.ts"
import type { StorageError } from "../StorageError.ts"
import * as Wal from "../wal/Wal.ts"
import * as LsmEngine from "./LsmEngine.ts"
import { Pacing } from "./Pacing.ts"

/** A clock that a test moves. */
class Clock implements Port {
  now = 0
  /** When the timer fires; `Infinity`: it is not set. */
  at = Infinity
  nowMicros(): number {
    return this.now
  }
  set(_ticket: number, delayMicros: number): void {
    this.at = this.now + delayMicros
  }
  clear(): void {
    this.at = Infinity
  }
}

/** How many bytes a second go, of as many as want to, at a share of the room. */
const rateAt = (used: number, sizeBytes = 1_000): number => {
  const clock = new Clock()
  let gone = 0
  const offer = (): void => {
    while (pacing.letsGo(sizeBytes, used)) gone += sizeBytes
  }
  const pacing: Pacing = new Pacing({ attach: () => clock, due: offer })
  offer()
  while (clock.at <= 1_000_000) {
    clock.now = clock.at
    clock.at = Infinity
    pacing.fired()
  }
  return gone
}

/** Milliseconds that the slowest of some puts takes while all of them come as fast as they can, where a sync takes 50. */
const latencies = (memtableBytes: number): { readonly longest: number; readonly flushes: number } => {
  const diskTimes = { callMicrosMin: 10, callMicrosMax: 20, syncMicrosMin: 50_000, syncMicrosMax: 50_001 }
  const bench = new TestBench({ diskTimes })
  let longest = 0
  let flushes = 0
  const value = new Uint8Array(4_000)
  const put = (port: Effect.Success<ReturnType<typeof LsmEngine.open>>, index: number) =>
    Effect.suspend(() => {
      const before = bench.kernel.now
      const batch = new Batch().put(new TextEncoder().encode(numbered(index)), value)
      const written = Completion.submit<void, StorageError>((done) => port.write(batch, "buffered", done))
      return Effect.map(written, () => {
        longest = Math.max(longest, (bench.kernel.now - before) / 1_000)
      })
    })
  const program = Effect.gen(function* () {
    const log = yield* Wal.open({ directory: "store-log", aheadBytes: 0 })
    const port = yield* LsmEngine.open({ directory: "store", log, stream: 1, memtableBytes, cacheBytes: 0 })
    const indexes = Array.from({ length: 3_000 }, (_, index) => index)
    yield* Effect.forEach(indexes, (index) => put(port, index), { concurrency: 4, discard: true })
    flushes = port.stats().details["flushes"] ?? 0
  })
  bench.startOnce(0, Effect.scoped(program))
  while (bench.machines[0].isUp) bench.pass(1_000_000)
  expect(bench.story).toEqual(["n0 started", "n0 exited"])
  return { longest, flushes }
}

describe("pacing", () => {
  it("holds nothing back while there is room", () => {
    const clock = new Clock()
    const pacing = new Pacing({ attach: () => clock, due: () => {} })
    for (let i = 0; i < 1_000; i++) expect(pacing.letsGo(1_000_000, 0)).toBe(true)
    expect(clock.at).toBe(Infinity)
  })

  it("lets go less and less as the room is used up, and never nothing", () => {
    const rates = [0.25, 0.5, 0.75, 0.9, 1].map((used) => rateAt(used))
    expect(rates.map((rate) => Math.round(rate / 1_000_000))).toEqual([96, 32, 11, 4, 1])
  })

  it("forgets what was due when there is room again", () => {
    const clock = new Clock()
    const pacing = new Pacing({ attach: () => clock, due: () => {} })
    expect(pacing.letsGo(50_000_000, 0.9)).toBe(true)
    expect(pacing.letsGo(1, 0.9)).toBe(false)
    expect(pacing.letsGo(1, 0)).toBe(true)
    expect(pacing.letsGo(1, 0.1)).toBe(true)
  })

  it("has a put wait for its share, not for a whole flush", () => {
    const { flushes, longest } = latencies(1_000_000)
    expect(flushes).toBeGreaterThan(5)
    // Two syncs of the log, behind which a record is complete, and its share. Not held back, the slowest waits 350.
    expect(longest).toBeLessThan(150)
  })
})
