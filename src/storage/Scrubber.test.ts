import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import { bytesOf } from "#world/contract/Claim.ts"
import { Timers } from "#world/Timers.ts"
import { DiskError } from "#world/WorldError.ts"
import type { World } from "#world/World.ts"
import { Batch } from "./Batch.ts"
import * as BtreeEngine from "./btree/BtreeEngine.ts"
import { Later } from "./btree/Later.ts"
import * as Engine from "./Engine.ts"
import * as LsmEngine from "./lsm/LsmEngine.ts"
import * as MemoryEngine from "./memory/MemoryEngine.ts"
import * as Scrubber from "./Scrubber.ts"
import { Corrupt, Refused, type StorageError } from "./StorageError.ts"
import * as Wal from "./wal/Wal.ts"

const second = 1_000_000
const options = { bytesPerSecond: 100_000, roundMicrosMin: 10 * second }

const fill = Effect.fnUntraced(function* (port: Engine.Port) {
  const engine = Engine.make(port)
  for (let index = 0; index < 60; index++) {
    yield* engine.write(new Batch().put(bytesOf(`key ${index}`), bytesOf(`value ${index} `.repeat(20))))
  }
  yield* engine.flush
  yield* engine.compact
})

type Opened = Effect.Effect<Scrubber.Target, StorageError, World | Scope.Scope>

const targets: Readonly<Record<string, Opened>> = {
  memory: Effect.gen(function* () {
    const log = yield* Wal.open({ directory: "log" })
    const port = yield* MemoryEngine.open({ directory: "store", log, stream: 1, blockBytes: 500 })
    yield* fill(port)
    return port
  }),
  lsm: Effect.gen(function* () {
    const log = yield* Wal.open({ directory: "log" })
    const port = yield* LsmEngine.open({ directory: "store", log, stream: 1, blockBytes: 500, tableBytes: 4_000 })
    yield* fill(port)
    return port
  }),
  btree: Effect.tap(BtreeEngine.open({ directory: "store", pageBytes: 512 }), fill),
  log: Effect.gen(function* () {
    const log = yield* Wal.open({ directory: "store", segmentBytesMax: 4_000, aheadBytes: 0 })
    const port = yield* MemoryEngine.open({ directory: "other", log, stream: 1 })
    for (let index = 0; index < 60; index++) {
      yield* Engine.make(port).write(new Batch().put(bytesOf(`key ${index}`), bytesOf("x".repeat(200))))
    }
    return log
  })
}

const rotEvents = (bench: TestBench) => bench.traced.filter(({ name }) => name === "storage/rot")

/** A machine whose store is scrubbed, after its first round, in which nothing was wrong. */
const scrubbed = (seed: string, opened: Opened) => {
  const atlas = { copiesIntactMin: 0, files: (path: string) => path.startsWith("store/") }
  const bench = new TestBench({ seed, atlas })
  const reported: Array<Corrupt> = []
  let scrubber: Scrubber.Scrubber | undefined
  bench.start(
    0,
    Effect.gen(function* () {
      const target = yield* opened
      scrubber = yield* Scrubber.start({ ...options, targets: [target], onRot: (rot) => reported.push(rot) })
    })
  )
  while ((scrubber?.stats().rounds ?? 0) === 0) bench.pass(second)
  expect([bench.story, rotEvents(bench), scrubber!.rot()]).toEqual([["n0 started"], [], []])
  return { bench, scrubber: scrubber!, reported }
}

describe("bit rot at rest is found within one round, once", () => {
  it.each(Object.keys(targets))("by a scrubber of the kind %s", (name) => {
    for (const seed of ["1", "2", "3", "4", "5", "6"]) {
      const { bench, reported, scrubber } = scrubbed(seed, targets[name])
      let place: string | undefined
      while (place === undefined) place = bench.machines[0].disk.rot()
      const [path, offset] = place.split(" at ")
      const { rounds } = scrubber.stats()
      while (scrubber.stats().rounds === rounds) bench.pass(second)
      const places = reported.map((rot) => [rot.path, rot.offsetBytes <= Number(offset)])
      expect({ seed, offset, places }).toEqual({ seed, offset, places: [[path, true]] })
      // One more round, which says nothing new.
      while (scrubber.stats().rounds === rounds + 1) bench.pass(second)
      expect([rotEvents(bench).length, scrubber.rot().length, rotEvents(bench)[0].level]).toEqual([1, 1, "error"])
      expect(rotEvents(bench)[0].fields).toMatchObject({ path, offsetBytes: reported[0].offsetBytes })
    }
  })
})

/** A target that answers as the list says, again and again. */
class Scripted implements Scrubber.Target {
  readonly asked: Array<number> = []
  private readonly answers: ReadonlyArray<Engine.Verified | StorageError>
  private readonly defer: (answer: () => void) => void
  private next = 0

  constructor(answers: ReadonlyArray<Engine.Verified | StorageError>, defer: (answer: () => void) => void) {
    this.answers = answers
    this.defer = defer
  }

  verify(position: number, done: Engine.Done<Engine.Verified | undefined>): void {
    this.asked.push(position)
    const answer = this.answers[this.next++ % this.answers.length]
    this.defer(() => ("position" in answer ? done(undefined, answer) : done(answer, undefined)))
  }
}

const rotten = (path: string): Corrupt => new Corrupt({ path, offsetBytes: 7, message: "rotten" })
const read = (position: number, bytesRead: number, rot: ReadonlyArray<Corrupt> = []): Engine.Verified => ({
  position,
  bytesRead,
  rot
})

/** Scrubs targets that answer as these lists say; `micros` of time pass. */
const script = (answers: ReadonlyArray<ReadonlyArray<Engine.Verified | StorageError>>, micros: number) => {
  const bench = new TestBench()
  let scripted: ReadonlyArray<Scripted> = []
  let scrubber: Scrubber.Scrubber | undefined
  bench.start(
    0,
    Effect.gen(function* () {
      const later = new Later((yield* Timers).attach)
      scripted = answers.map((list) => new Scripted(list, later.call))
      scrubber = yield* Scrubber.start({ ...options, targets: scripted })
    })
  )
  bench.pass(micros)
  return { bench, scripted, scrubber: scrubber! }
}

describe("a scrubber", () => {
  it("reads at the rate that it is given", () => {
    const { scrubber } = script([[read(1, 50_000), read(2, 50_000), read(3, 50_000)]], 9 * second)
    const { bytesRead } = scrubber.stats()
    expect([bytesRead > 800_000, bytesRead <= 950_000]).toEqual([true, true])
  })

  it("begins a round when the one before is over and its time has come, and reads each target in it", () => {
    const { scripted, scrubber } = script([[read(5, 10), read(0, 10)], [read(0, 10)]], 35 * second)
    expect(scrubber.stats()).toEqual({ rounds: 4, bytesRead: 120, failures: 0 })
    expect(scripted.map(({ asked }) => asked)).toEqual([
      [0, 5, 0, 5, 0, 5, 0, 5],
      [0, 0, 0, 0]
    ])
  })

  it("reports a place again only when it was whole in between", () => {
    const rot = read(0, 10, [rotten("a"), rotten("a")])
    const { bench } = script([[rot, rot, read(0, 10), rot, rot]], 45 * second)
    expect(rotEvents(bench).length).toBe(2)
  })

  it("does not take a place for repaired in a round that did not read everything", () => {
    const rot = read(0, 10, [rotten("a")])
    const failed = new DiskError({ code: "io", operation: "read", path: "b", message: "the device failed" })
    const { bench, scrubber } = script([[rot, failed, failed, failed, failed, rot]], 35 * second)
    expect([rotEvents(bench).length, scrubber.rot().length, scrubber.stats().failures]).toEqual([1, 1, 4])
  })

  it("goes on with the same step when one has failed, and with the next target when it fails again and again", () => {
    const failed = new DiskError({ code: "io", operation: "read", path: "a", message: "the device failed" })
    const { scripted } = script([[read(3, 10), failed, read(0, 10)], [failed], [read(0, 10)]], 9 * second)
    const [once, always, never] = scripted.map(({ asked }) => asked)
    expect([once, always.slice(0, 4), never]).toEqual([[0, 3, 3], [0, 0, 0, 0], []])
  })

  it("leaves a target alone that is closed", () => {
    const closed = new Refused({ reason: "closed", message: "the engine is closed" })
    const { scripted, scrubber } = script([[closed], [read(0, 10)]], 25 * second)
    expect([scripted[0].asked, scripted[1].asked, scrubber.stats().failures]).toEqual([[0], [0, 0, 0], 0])
  })

  it("does nothing any more when its scope has ended", () => {
    const bench = new TestBench()
    let target: Scripted | undefined
    const scrubbing = Effect.gen(function* () {
      const later = new Later((yield* Timers).attach)
      target = new Scripted([read(1, 10)], later.call)
      yield* Scrubber.start({ ...options, targets: [target] })
      yield* Effect.sleep("1 second")
    })
    bench.start(0, Effect.scoped(scrubbing))
    bench.pass(second + 100_000)
    const asked = target!.asked.length
    bench.pass(10 * second)
    expect([asked > 100, target!.asked.length, bench.story]).toEqual([true, asked, ["n0 started"]])
  })
})
