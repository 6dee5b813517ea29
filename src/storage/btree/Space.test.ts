/** Space and memory: what is used again when, what is never used again too early, and how much of both an engine takes. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { outcomeOf, TestBench, type BenchOptions } from "#sim/world/TestBench.ts"
import * as Completion from "#world/Completion.ts"
import { mustEqual } from "#world/contract/Claim.ts"
import { Batch } from "../Batch.ts"
import * as Engine from "../Engine.ts"
import { Refused, type StorageError } from "../StorageError.ts"
import * as BtreeEngine from "./BtreeEngine.ts"
import type { BtreePort } from "./BtreePort.ts"

const pageBytes = 512
const withinMicros = 3_600_000_000

const keyOf = (index: number): Uint8Array => new TextEncoder().encode(`key ${String(index).padStart(5, "0")}`)
const valueOf = (round: number, length = 40): Uint8Array => new Uint8Array(length).fill(round)

const openWith = (memoryBytesMax: number) =>
  Effect.map(BtreeEngine.open({ directory: "tree", pageBytes, memoryBytesMax }), Engine.make)

type Service = Engine.Engine["Service"]

const fill = Effect.fnUntraced(function* (
  engine: Service,
  round: number,
  count: number,
  durability: Engine.Durability = "synced"
) {
  for (let from = 0; from < count; from += 25) {
    const batch = new Batch()
    for (let index = from; index < from + 25; index++) batch.put(keyOf(index), valueOf(round))
    yield* engine.write(batch, durability)
  }
})

/** The rounds of the values that are there. */
const rounds = Effect.fnUntraced(function* (engine: Service, at?: Engine.Snapshot) {
  const found = new Map<number, number>()
  yield* engine.scan(at === undefined ? {} : { at }, (_, value) => {
    found.set(value[0], (found.get(value[0]) ?? 0) + 1)
  })
  return [...found]
})

const detail = (engine: Service, name: string) => Effect.map(engine.stats, ({ details }) => details[name])

const mustBeWhole = Effect.fnUntraced(function* (engine: Service) {
  let position = 0
  do {
    const verified = yield* Completion.submit<Engine.Verified | undefined, StorageError>((done) =>
      engine.port.verify(position, done)
    )
    mustEqual(
      "rot",
      verified!.rot.map(({ message }) => message),
      []
    )
    position = verified!.position
  } while (position !== 0)
})

const kept = (program: Effect.Effect<void, unknown, any>, options: BenchOptions = {}): void => {
  expect(outcomeOf(program, options, withinMicros)).toBe("kept")
}

describe("pages", () => {
  it("of a snapshot stay as they are while all is overwritten again and again, and are used again after it", () => {
    kept(
      Effect.gen(function* () {
        const engine = yield* openWith(8_000)
        yield* fill(engine, 1, 500)
        const snapshot = engine.port.snapshot()
        for (let round = 2; round < 12; round++) yield* fill(engine, round, 500)
        expect(yield* rounds(engine, snapshot)).toEqual([[1, 500]])
        expect(yield* rounds(engine)).toEqual([[11, 500]])
        yield* mustBeWhole(engine)
        snapshot.release()
        for (let round = 12; round < 20; round++) yield* fill(engine, round, 500)
        const pages = yield* detail(engine, "pages")
        for (let round = 20; round < 40; round++) yield* fill(engine, round, 500)
        expect(yield* detail(engine, "pages")).toBe(pages)
        expect(yield* detail(engine, "pendingExtents")).toBe(0)
        yield* mustBeWhole(engine)
      })
    )
  })

  it("of a cursor that stands still do, too", () => {
    kept(
      Effect.gen(function* () {
        const engine = yield* openWith(4_000)
        yield* fill(engine, 1, 300)
        const cursor = engine.port.scan({})
        expect(cursor.next()).toBe("wait")
        for (let round = 2; round < 8; round++) yield* fill(engine, round, 300)
        let count = 0
        for (let step = cursor.next(); step !== "end"; step = cursor.next()) {
          if (step === "wait") yield* Completion.submit<void, StorageError>((done) => cursor.fill(done))
          else {
            mustEqual("a value", cursor.value()[0], 1)
            count++
          }
        }
        cursor.close()
        expect(count).toBe(300)
      })
    )
  })

  it("that a range delete takes out are freed without reading the leaves", () => {
    kept(
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(openWith(1_000_000), (engine) => fill(engine, 1, 3_000)))
        const engine = yield* openWith(1_000_000)
        yield* engine.write(new Batch().deleteRange(keyOf(100), keyOf(2_900)))
        const reads = yield* detail(engine, "reads")
        const pages = yield* detail(engine, "pages")
        expect(reads * 5).toBeLessThan(pages)
        expect(yield* rounds(engine)).toEqual([[1, 200]])
        yield* mustBeWhole(engine)
      })
    )
  })

  it("of a batch that is refused for want of space are all free again", () => {
    const bench = new TestBench()
    const [{ faults }] = bench.machines
    const program = Effect.gen(function* () {
      const engine = yield* openWith(30_000)
      yield* fill(engine, 1, 300)
      yield* fill(engine, 2, 100, "buffered")
      const free = yield* detail(engine, "freePages")
      faults.full = true
      for (let i = 0; i < 5; i++) {
        const large = new Batch().put(keyOf(7), valueOf(3, 200_000)).put(keyOf(8), valueOf(3))
        const error = yield* Effect.flip(engine.write(large))
        expect((error as Refused).reason).toBe("no-space")
        expect(yield* rounds(engine)).toEqual([
          [2, 100],
          [1, 200]
        ])
      }
      faults.full = false
      yield* engine.sync
      // The file's end may have moved; what is behind it is free.
      expect(yield* detail(engine, "freePages")).toBeGreaterThanOrEqual(free - 200)
      yield* mustBeWhole(engine)
      yield* fill(engine, 4, 300)
      expect(yield* rounds(engine)).toEqual([[4, 300]])
      yield* mustBeWhole(engine)
    })
    bench.startOnce(0, program)
    bench.pass(withinMicros)
    expect(bench.story).toEqual(["n0 started", "n0 exited"])
  })

  it("that nothing refers to, or that are free and in use, are found by verification", () => {
    kept(
      Effect.gen(function* () {
        const engine = yield* openWith(1_000_000)
        yield* fill(engine, 1, 200)
        const { space } = (engine.port as BtreePort)["store"]
        const lost = space.allocate(1)
        yield* fill(engine, 2, 25)
        const messages: Array<string> = []
        const verified = yield* Completion.submit<Engine.Verified | undefined, StorageError>((done) =>
          engine.port.verify(0, done)
        )
        messages.push(...verified!.rot.map(({ message }) => message))
        expect(messages).toEqual([`page ${lost} is used in the map, and nothing refers to it`])
      })
    )
  })
})

describe("memory", () => {
  it.each([4_000, 20_000, 100_000])("stays within %i bytes and what one operation needs", (memoryBytesMax) => {
    kept(
      Effect.gen(function* () {
        const engine = yield* openWith(memoryBytesMax)
        let most = 0
        for (let round = 1; round < 6; round++) {
          yield* fill(engine, round, 1_000, round % 2 === 0 ? "buffered" : "synced")
          most = Math.max(most, (yield* engine.stats).memoryBytes)
          yield* rounds(engine)
          most = Math.max(most, (yield* engine.stats).memoryBytes)
        }
        // A batch of 25 entries changes at most so many leaves, and the way to each.
        const operation = 30 * 4 * (pageBytes + 256)
        expect(most).toBeLessThan(memoryBytesMax + operation)
      })
    )
  })

  it("is not filled by a batch that is larger than it", () => {
    kept(
      Effect.gen(function* () {
        const memoryBytesMax = 40_000
        const engine = yield* openWith(memoryBytesMax)
        const batch = new Batch()
        for (let index = 0; index < 2_000; index++) batch.put(keyOf((index * 7_919) % 2_000), valueOf(1))
        yield* engine.write(batch)
        expect((yield* engine.stats).memoryBytes).toBeLessThan(2 * memoryBytesMax)
        expect(yield* rounds(engine)).toEqual([[1, 2_000]])
        yield* mustBeWhole(engine)
      })
    )
  })
})

describe("a group", () => {
  it("of all that arrived while a commit was under way is one commit", () => {
    kept(
      Effect.gen(function* () {
        const engine = yield* openWith(1_000_000)
        const commits = yield* detail(engine, "commits")
        yield* Effect.forEach(
          Array.from({ length: 200 }, (_, index) => index),
          (index) => engine.write(new Batch().put(keyOf(index), valueOf(1))),
          { concurrency: "unbounded" }
        )
        expect((yield* detail(engine, "commits")) - commits).toBeLessThanOrEqual(3)
        expect(yield* rounds(engine)).toEqual([[1, 200]])
      })
    )
  })

  it("of buffered batches alone needs no disk", () => {
    const calls: Array<string> = []
    kept(
      Effect.gen(function* () {
        const engine = yield* openWith(1_000_000)
        yield* fill(engine, 1, 25)
        calls.length = 0
        for (let round = 2; round < 10; round++) yield* fill(engine, round, 100, "buffered")
        expect(calls).toEqual([])
        yield* engine.sync
        expect(calls).toContain("write")
      }),
      { disk: { disk: ({ operation }) => calls.push(operation) } }
    )
  })
})
