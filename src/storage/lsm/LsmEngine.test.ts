/** The LSM engine beyond the contract that all engines keep (`storage/contract/Engines.test.ts` runs that on it). */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Incarnations from "#sim/storage/Incarnations.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import * as Completion from "#world/Completion.ts"
import * as Disk from "#world/Disk.ts"
import { Batch } from "../Batch.ts"
import { numbered, type Subject } from "../contract/EngineClaim.ts"
import * as EngineContract from "../contract/EngineContract.ts"
import * as Engine from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"
import * as Wal from "../wal/Wal.ts"
import * as LsmEngine from "./LsmEngine.ts"
import type * as LsmOptions from "./LsmOptions.ts"

type Tuning = Omit<LsmOptions.Options, "directory" | "log" | "stream">

/** Several levels after some kilobytes. */
const small: Tuning = {
  memtableBytes: 4_000,
  cacheBytes: 3_000,
  blockBytes: 256,
  restartInterval: 4,
  compression: "lz4",
  tableBytes: 2_000,
  level0Tables: 2,
  level1Bytes: 4_000,
  levelFactor: 3
}

const openPort = Effect.fnUntraced(function* (tuning: Tuning, directory = "store") {
  const log = yield* Wal.open({ directory: `${directory}-log`, aheadBytes: 0 })
  return yield* LsmEngine.open({ ...tuning, directory, log, stream: 7 })
})

const subject: Subject = { open: (directory) => openPort(small, directory) }

describe("the LSM engine with small compressed tables keeps the contract", () => {
  const course: Incarnations.Course = { seed: "1", policy: "uniform", preemptionOneIn: 8, keeps: "some" }
  it.each(EngineContract.claims)("$name", (claim) => {
    expect(Incarnations.outcomeOf(claim, subject, course)).toBe("kept")
  })
})

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Runs programs on one machine, one after the other; its traces, and what the last one gave. */
const play = <A>(...programs: ReadonlyArray<Effect.Effect<A, unknown, any>>) => {
  const bench = new TestBench({ seed: "lsm", policy: "uniform" })
  const results: Array<A> = []
  for (const program of programs) {
    const { length } = results
    const scoped: Effect.Effect<void, unknown, any> = Effect.scoped(
      Effect.map(program, (result) => {
        results.push(result)
      })
    )
    bench.startOnce(0, scoped)
    while (results.length === length && bench.machines[0].isUp) bench.pass(1_000_000)
    expect(bench.story.at(-1)).toBe("n0 exited")
  }
  return { bench, result: results.at(-1)! }
}

const putting = (index: number, valueBytes = 100): Batch =>
  new Batch().put(bytesOf(numbered((index * 7_919) % 10_007)), new Uint8Array(valueBytes).fill(index))

/** Submits all at once. */
const writeAll = (port: Engine.Port, count: number, valueBytes?: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => index),
    (index) =>
      Completion.submit<void, StorageError>((done) => port.write(putting(index, valueBytes), "buffered", done)),
    { concurrency: "unbounded", discard: true }
  )

const call = (ask: (done: Engine.Done<void>) => void) => Completion.submit<void, StorageError>(ask)

const outcome = <A, R>(effect: Effect.Effect<A, StorageError, R>) =>
  Effect.match(effect, {
    onSuccess: () => "ok",
    onFailure: (error) => (error._tag === "Corrupt" ? `Corrupt: ${error.path} at ${error.offsetBytes}` : error._tag)
  })

describe("an LSM engine", () => {
  it("keeps to its memory, whatever is written and read at once", () => {
    const memoryBytesMax = 400_000
    const { result } = play(
      Effect.gen(function* () {
        const port = yield* openPort({ memoryBytesMax, blockBytes: 512, tableBytes: 20_000 })
        let highest = 0
        const look = (): void => {
          highest = Math.max(highest, port.stats().memoryBytes)
        }
        yield* Effect.forEach(
          Array.from({ length: 6_000 }, (_, index) => index),
          (index) =>
            Completion.submit<void, StorageError>((done) =>
              port.write(putting(index), "buffered", (error) => {
                look()
                done(error, undefined)
              })
            ),
          { concurrency: 200, discard: true }
        )
        const engine = Engine.make(port)
        for (let index = 0; index < 600; index++) {
          yield* engine.get(bytesOf(numbered((index * 7_919) % 10_007)))
          look()
        }
        yield* engine.scan({}, look)
        return { highest, details: port.stats().details, diskBytes: port.stats().diskBytes }
      })
    )
    expect(result.diskBytes).toBeGreaterThan(memoryBytesMax)
    expect(result.highest).toBeLessThanOrEqual(memoryBytesMax)
    expect(result.details["cacheBytes"]).toBeGreaterThan(0)
  })

  it("makes writes wait while level 0 is full, says so, and takes them all in the end", () => {
    const { bench, result } = play(
      Effect.gen(function* () {
        const port = yield* openPort({ ...small, memtableBytes: 500, frozenMax: 1, level0TablesMax: 2 })
        let deepest = 0
        for (let round = 0; round < 20; round++) {
          yield* writeAll(port, 20)
          deepest = Math.max(deepest, port.stats().details["level0Tables"] ?? 0)
        }
        return { deepest, stalls: port.stats().details["stalls"] }
      })
    )
    // Memtables that were frozen already come on top.
    expect(result.deepest).toBeLessThanOrEqual(2 + 1)
    expect(result.stalls).toBeGreaterThan(0)
    expect(bench.marks).toContain("storage/lsm-stall")
  })

  it("removes what compaction has made useless as soon as no cursor needs it", () => {
    const names = Effect.flatMap(Disk.Disk, (disk) => disk.list("store"))
    const { result } = play(
      Effect.gen(function* () {
        const port = yield* openPort(small)
        yield* writeAll(port, 100)
        yield* call((done) => port.flush(done))
        const before = yield* names
        const cursor = port.scan({})
        yield* call((done) => port.compact(done))
        yield* Effect.sleep(1)
        const during = yield* names
        let found = 0
        for (let step = cursor.next(); step !== "end"; step = cursor.next()) {
          if (step === "entry") found++
          else yield* call((done) => cursor.fill(done))
        }
        cursor.close()
        yield* Effect.sleep(1)
        return { before, during, after: yield* names, found }
      })
    )
    const tablesOf = (names: ReadonlyArray<string>) => names.filter((name) => name.endsWith(".table"))
    const { after, before, during, found } = result
    expect(found).toBe(100)
    expect(tablesOf(during)).toEqual(expect.arrayContaining([...tablesOf(before)]))
    expect(tablesOf(after).some((name) => before.includes(name))).toBe(false)
  })

  it("compacts the same store to the same bytes", () => {
    const dump = Effect.gen(function* () {
      const port = yield* openPort(small)
      yield* writeAll(port, 200)
      yield* call((done) => port.compact(done))
      const disk = yield* Disk.Disk
      const contents: Array<string> = []
      for (const name of yield* disk.list("store")) {
        const file = yield* disk.open(`store/${name}`)
        contents.push(`${name} ${Buffer.from(yield* file.readAt(0, yield* file.size)).toString("hex")}`)
      }
      return contents
    })
    expect(play(dump).result).toEqual(play(dump).result)
  })

  const written = Effect.gen(function* () {
    const port = yield* openPort(small)
    yield* writeAll(port, 200)
    yield* call((done) => port.compact(done))
    return ""
  })

  const opening = outcome(openPort(small))

  it.each([".table", ".manifest", "CURRENT"])("names the file when %s is gone, and does not open", (suffix) => {
    const removal = Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const name = (yield* disk.list("store")).find((name) => name.endsWith(suffix))!
      yield* disk.remove(`store/${name}`)
      return `Corrupt: store/${name} at 0`
    })
    const { result } = play(
      Effect.gen(function* () {
        yield* Effect.scoped(written)
        return [yield* removal, yield* opening]
      })
    )
    expect(result[1]).toBe(result[0])
  })

  it("does not open with a log that no longer has what is not in its tables", () => {
    const { result } = play(
      Effect.gen(function* () {
        yield* Effect.scoped(written)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const log = yield* Wal.open({ directory: "store-log", aheadBytes: 0 })
            const { end } = log.extent(7)
            yield* call((done) => log.append(7, end, [putting(1).encoded()], "synced", done))
            yield* call((done) => log.append(7, end + 1, [putting(2).encoded()], "synced", done))
            log.cutHead(7, end + 1)
            yield* call((done) => log.sync(done))
          })
        )
        return yield* opening
      })
    )
    expect(result).toBe("Corrupt: store at 0")
  })

  it("goes on behind its tables with a log that was lost or is another", () => {
    const { result } = play(
      Effect.gen(function* () {
        yield* Effect.scoped(written)
        return yield* Effect.forEach(["other-log", "other-log"], (directory) =>
          Effect.scoped(
            Effect.gen(function* () {
              const log = yield* Wal.open({ directory, aheadBytes: 0 })
              const engine = Engine.make(yield* LsmEngine.open({ ...small, directory: "store", log, stream: 1 }))
              const before = yield* engine.get(bytesOf("new"))
              yield* engine.write(new Batch().put(bytesOf("new"), bytesOf("value")))
              const old = yield* engine.get(bytesOf(numbered(7_919)))
              return [before?.length, old?.length]
            })
          )
        )
      })
    )
    expect(result).toEqual([
      [undefined, 100],
      [5, 100]
    ])
  })

  it("stops, and reads on, when what compaction has to read is damaged", () => {
    const { bench, result } = play(
      Effect.gen(function* () {
        const port = yield* openPort({ ...small, cacheBytes: 100_000, compression: "none" })
        const engine = Engine.make(port)
        yield* writeAll(port, 40)
        yield* engine.compact
        const disk = yield* Disk.Disk
        const name = (yield* disk.list("store")).find((name) => name.endsWith(".table"))!
        const file = yield* disk.open(`store/${name}`)
        yield* file.writeAt(20, Uint8Array.of(77, 78, 79))
        yield* writeAll(port, 5)
        const compaction = yield* outcome(engine.compact)
        const write = yield* outcome(engine.write(putting(1)))
        const gets = new Map<string, number>()
        for (let index = 0; index < 40; index++) {
          const get = yield* outcome(engine.get(bytesOf(numbered((index * 7_919) % 10_007))))
          gets.set(get, (gets.get(get) ?? 0) + 1)
        }
        return { name, compaction, write, gets }
      })
    )
    expect([result.compaction, result.write]).toEqual(["Stopped", "Stopped"])
    const { gets, name } = result
    expect([...gets.keys()].sort()).toEqual([`Corrupt: store/${name} at 0`, "ok"])
    expect(gets.get("ok")).toBeGreaterThan(5)
    expect(bench.traced.map(({ name }) => name)).toContain("storage/lsm-stopped")
  })
})
