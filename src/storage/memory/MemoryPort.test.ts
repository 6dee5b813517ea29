/** What the engine contract leaves open, or what is the memory engine's own: budgets, ingestions in parts, no files at all. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import { outcomeOf, type BenchOptions, TestBench } from "#sim/world/TestBench.ts"
import * as Completion from "#world/Completion.ts"
import { bytesOf, must, mustEqual, textOf } from "#world/contract/Claim.ts"
import * as Disk from "#world/Disk.ts"
import type { World } from "#world/World.ts"
import { Batch } from "../Batch.ts"
import { listed, numbered, outcome } from "../contract/EngineClaim.ts"
import * as Engine from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"
import * as Wal from "../wal/Wal.ts"
import * as MemoryEngine from "./MemoryEngine.ts"

type Service = Engine.Engine["Service"]
type Program = Effect.Effect<void, unknown, World | Scope.Scope>
type Tuning = Omit<MemoryEngine.Options, "directory" | "log" | "stream">

const open = Effect.fnUntraced(function* (tuning: Tuning = {}, stream = 1) {
  const log = yield* Wal.open({ directory: "log", aheadBytes: 0 })
  return Engine.make(yield* MemoryEngine.open({ ...tuning, directory: "store", log, stream }))
})

const outcomeIn = (program: Program, options: BenchOptions = {}): string => outcomeOf(program, options, 60_000_000)

const put = (key: string, value: string): Batch => new Batch().put(bytesOf(key), bytesOf(value))

const entries = Effect.fnUntraced(function* (engine: Service) {
  const found: Array<string> = []
  yield* engine.scan({}, (key, value) => {
    found.push(`${textOf(key)}=${textOf(value)}`)
  })
  return found
})

const many = (count: number) =>
  Array.from({ length: count }, (_, index) => [numbered(index), `value ${index}`] as const)

describe("the memory engine", () => {
  it("keeps to its budget: puts over it are refused, deletes pass and make room", () => {
    const budget = 400_000
    const ended = outcomeIn(
      Effect.gen(function* () {
        const engine = yield* open({ memoryBytesMax: budget, slabBytes: 4_096 })
        let written = 0
        let last = "ok"
        for (; last === "ok" && written < 1_000; written++) {
          last = yield* outcome(engine.write(put(numbered(written), "x".repeat(1_000)), "buffered"))
        }
        mustEqual("the one that has no room", last, "overloaded")
        must(written > 250, `so many were taken: ${written}`)
        must((yield* engine.stats).memoryBytes <= budget, "it keeps to the budget")
        mustEqual("a delete", yield* outcome(engine.write(new Batch().delete(bytesOf(numbered(3))))), "ok")
        yield* engine.write(new Batch().deleteRange(bytesOf("k"), bytesOf("l")))
        mustEqual("a put when there is room", yield* outcome(engine.write(put("k", "1"))), "ok")
        mustEqual("what is left", yield* entries(engine), ["k=1"])
        const source = listed(
          Array.from({ length: 1_000 }, (_, index) => [numbered(index), "x".repeat(1_000)] as const)
        )
        mustEqual("an ingestion without room", yield* outcome(engine.ingest(source)), "overloaded")
        mustEqual("what is left", yield* entries(engine), ["k=1"])
      })
    )
    expect(ended).toBe("kept")
  })

  it("applies an ingestion of many parts at once, and what was written meanwhile after it", () => {
    const ended = outcomeIn(
      Effect.gen(function* () {
        const engine = yield* open({ partBytes: 200, fanOut: 4 })
        yield* engine.write(put("k00007", "old"))
        const seen = new Set<number>()
        let isDone = false
        engine.port.ingest(listed(many(500)), () => (isDone = true))
        engine.port.write(put("k00009", "later"), "synced", () => {})
        while (!isDone) {
          seen.add((yield* entries(engine)).length)
          yield* Effect.sleep(1)
        }
        yield* engine.sync
        mustEqual("how many entries were seen before it was done", [...seen], [1])
        const expected = many(500).map(([key, value]) => `${key}=${value}`)
        mustEqual("what is there", yield* entries(engine), expected.with(9, "k00009=later"))
      }),
      { policy: "uniform", preemptionOneIn: 8 }
    )
    expect(ended).toBe("kept")
  })

  it("has an ingestion whole or not at all, wherever the power goes, and the batch behind it only with it", () => {
    const counts = new Set<number>()
    for (let at = 1; at < 60; at++) {
      const bench = new TestBench({ seed: `ingestion ${at}` })
      const [machine] = bench.machines
      machine.faults.losesUnsynced = machine.faults.losesEntries = machine.faults.tearsWrites = true
      machine.faults.killAtCall = at
      const tuning: Tuning = { partBytes: 100, logBytesMax: 300, blockBytes: 100 }
      bench.start(
        0,
        Effect.gen(function* () {
          const engine = yield* open(tuning)
          yield* engine.write(put("a", "before"))
          engine.port.ingest(listed(many(60)), () => {})
          engine.port.write(put("z", "behind"), "synced", () => {})
          yield* engine.sync
          yield* engine.flush
        })
      )
      bench.pass(30_000_000)
      bench.watched(() => machine.crash({ powerLost: true }))
      machine.faults.heal()
      let found: ReadonlyArray<string> = []
      bench.start(
        0,
        Effect.gen(function* () {
          const engine = yield* open(tuning)
          found = yield* entries(engine)
        })
      )
      bench.pass(30_000_000)
      expect([0, 1, 61, 62]).toContain(found.length)
      expect(found.length < 62 || found[61] === "z=behind").toBe(true)
      counts.add(found.length)
    }
    expect([...counts].sort((a, b) => a - b)).toEqual([0, 1, 61, 62])
  })

  it("refuses a log that is not its own, or has lost what it needs", () => {
    const ended = outcomeIn(
      Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.flatMap(open(), (engine) => Effect.andThen(engine.write(put("a", "1")), engine.flush))
        )
        const other = Effect.scoped(Effect.asVoid(open({}, 2)))
        mustEqual("another stream", yield* outcome(other), "Corrupt")
        mustEqual("its own", yield* entries(yield* open()), ["a=1"])
      })
    )
    expect(ended).toBe("kept")
  })

  it("refuses to open on a checkpoint with any byte damaged, and names the place", () => {
    const ended = outcomeIn(
      Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.flatMap(open({ blockBytes: 20 }), (engine) =>
            Effect.andThen(engine.ingest(listed(many(5))), engine.flush)
          )
        )
        const disk = yield* Disk.Disk
        const path = "store/00000001.checkpoint"
        const file = yield* disk.open(path)
        const bytes = yield* file.readAt(0, 10_000)
        for (let at = 0; at < bytes.length; at++) {
          yield* file.writeAt(
            at,
            bytes.slice(at, at + 1).map((byte) => byte ^ 64)
          )
          const error = yield* Effect.flip(Effect.scoped(open()))
          must(error._tag === "Corrupt" && error.path === path, `damage at ${at} ends in ${error.message}`)
          must(
            error.offsetBytes <= at && at - error.offsetBytes < 80,
            `damage at ${at} is reported at ${error.offsetBytes}`
          )
          yield* file.writeAt(at, bytes.slice(at, at + 1))
        }
        mustEqual("sound again", (yield* entries(yield* open())).length, 5)
      })
    )
    expect(ended).toBe("kept")
  })

  it("verifies step by step, also while checkpoints take each other's place", () => {
    const ended = outcomeIn(
      Effect.gen(function* () {
        const engine = yield* open({ blockBytes: 4_000 })
        for (let round = 0; round < 4; round++) {
          yield* engine.write(put(numbered(round), "x".repeat(900_000)))
          yield* engine.flush
          let position = 0
          let bytesRead = 0
          do {
            const verified = yield* Completion.submit<Engine.Verified | undefined, StorageError>((done) =>
              engine.port.verify(position, done)
            )
            mustEqual("rot", verified!.rot, [])
            position = verified!.position
            bytesRead += verified!.bytesRead
            if (round === 2 && bytesRead < 1_500_000) {
              yield* engine.write(put("other", "1"))
              yield* engine.flush
            }
          } while (position !== 0)
          must(bytesRead >= (yield* engine.stats).diskBytes, "it has read all of the file")
        }
      })
    )
    expect(ended).toBe("kept")
  })

  it("closes at once when it was just opened, whatever is preempted", () => {
    for (let seed = 0; seed < 300; seed++) {
      const ended = outcomeIn(Effect.scoped(Effect.asVoid(MemoryEngine.openVolatile())), {
        seed: `${seed}`,
        policy: "uniform",
        preemptionOneIn: seed % 2 === 0 ? 4 : 8
      })
      expect(ended).toBe("kept")
    }
  })

  it("takes every promise but durability without log and files", () => {
    const ended = outcomeIn(
      Effect.gen(function* () {
        const engine = Engine.make(yield* MemoryEngine.openVolatile({ fanOut: 4 }))
        yield* engine.write(put("a", "1"))
        const at = engine.port.snapshot()
        yield* engine.ingest(listed(many(300)))
        yield* engine.write(new Batch().deleteRange(bytesOf("k"), bytesOf("k00299")), "buffered")
        yield* engine.flush
        yield* engine.compact
        mustEqual("now", yield* entries(engine), ["a=1", "k00299=value 299"])
        mustEqual("then", yield* engine.get(bytesOf("k00001"), at), undefined)
        at.release()
        mustEqual("a copy", yield* outcome(engine.checkpoint("copy")), "DiskError")
        const disk = yield* Disk.Disk
        mustEqual("files", yield* disk.list(""), [])
      })
    )
    expect(ended).toBe("kept")
  })
})
