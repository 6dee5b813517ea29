/** One disk call after the other fails, or is the last one that a machine makes, under a memory engine with its log. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import { bytesOf, textOf } from "#world/contract/Claim.ts"
import type { DiskErrorCode } from "#world/WorldError.ts"
import { Batch } from "../Batch.ts"
import * as Engine from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"
import * as Wal from "../wal/Wal.ts"
import * as MemoryEngine from "./MemoryEngine.ts"

type Service = Engine.Engine["Service"]

const opened = Effect.gen(function* () {
  const log = yield* Wal.open({ directory: "log", segmentBytesMax: 300, aheadBytes: 0, bufferedBytesMax: 100_000 })
  return Engine.make(
    yield* MemoryEngine.open({ directory: "store", log, stream: 1, blockBytes: 20, fanOut: 4, logBytesMax: 150 })
  )
})

const keysOf = Effect.fnUntraced(function* (engine: Service) {
  const found: Array<string> = []
  yield* engine.scan({}, (key) => {
    found.push(textOf(key))
  })
  return found
})

/** What became of each put, by its key. */
type Outcomes = Map<string, "ok" | StorageError["_tag"] | "none">

const steps = 24
/** From here on puts do not wait for the disk: a checkpoint comes while they are in memory only. */
const bufferedFrom = 18
const isBuffered = (step: number): boolean => step >= bufferedFrom || step % 3 === 1

/** Puts, one key after the other; some wait for the disk, some do not, and every sixth comes before a flush, but the last. */
const work = Effect.fnUntraced(function* (engine: Service, outcomes: Outcomes) {
  for (let step = 0; step < steps; step++) {
    const key = String.fromCharCode(97 + step)
    outcomes.set(key, "none")
    const value = `value ${step}`.padEnd(step < bufferedFrom ? 0 : 300)
    const batch = new Batch().put(bytesOf(key), bytesOf(value))
    outcomes.set(key, yield* ended(engine.write(batch, isBuffered(step) ? "buffered" : "synced")))
    if (step % 6 === 5 && step < bufferedFrom) yield* ended(engine.flush)
  }
  yield* Effect.sleep(30)
  return yield* ended(engine.sync)
})

const ended = (effect: Effect.Effect<void, StorageError>): Effect.Effect<"ok" | StorageError["_tag"]> =>
  Effect.match(effect, { onFailure: (error) => error._tag, onSuccess: () => "ok" as const })

/** `dies`: the machine loses its power; `exits`: the process ends, and the power goes when it has been opened again. */
type Failure = DiskErrorCode | "dies" | "exits"

interface Course {
  readonly keys: ReadonlyArray<string>
  readonly outcomes: Outcomes
  /** The disk's calls in order. */
  readonly calls: ReadonlyArray<string>
  readonly synced: string | undefined
  readonly shown: ReadonlyArray<string> | undefined
}

/** Runs the work with something wrong at one disk call, cuts the power, and reads what is there on a sound disk. */
const course = (seed: string, at: number, fails: Failure): Course => {
  const bench = new TestBench({ seed })
  const [machine] = bench.machines
  const outcomes: Outcomes = new Map()
  const calls: Array<string> = []
  let synced: string | undefined
  let shown: ReadonlyArray<string> | undefined
  const losing = (loses: boolean): void => {
    machine.faults.losesUnsynced = machine.faults.losesEntries = machine.faults.tearsWrites = loses
  }
  losing(fails !== "exits")
  machine.faults.onCall = (operation) => {
    calls.push(operation)
    return calls.length === at && fails !== "dies" && fails !== "exits" ? fails : undefined
  }
  if (fails === "dies" || fails === "exits") machine.faults.killAtCall = at
  bench.start(
    0,
    Effect.gen(function* () {
      const engine = yield* opened
      synced = yield* work(engine, outcomes)
      shown = yield* keysOf(engine)
    })
  )
  bench.pass(60_000_000)
  machine.faults.onCall = undefined
  bench.watched(() => machine.crash({ powerLost: true }))
  machine.faults.heal()
  let keys: ReadonlyArray<string> = []
  if (fails === "exits") {
    bench.start(
      0,
      Effect.gen(function* () {
        shown = yield* Effect.flatMap(opened, keysOf)
      })
    )
    bench.pass(10_000)
    losing(true)
    bench.watched(() => machine.crash({ powerLost: true }))
  }
  bench.start(
    0,
    Effect.gen(function* () {
      const engine = yield* opened
      keys = yield* keysOf(engine)
      yield* engine.write(new Batch().put(bytesOf("z"), bytesOf("later")))
      yield* engine.flush
      expect(yield* keysOf(engine)).toEqual([...keys, "z"])
    })
  )
  bench.pass(60_000_000)
  expect(bench.notes.at(-1)).toMatchObject({ what: "started", error: undefined })
  return { keys, outcomes, calls, synced, shown }
}

const withOutcome = (outcomes: Outcomes, wanted: string): ReadonlyArray<string> =>
  [...outcomes].filter(([, outcome]) => outcome === wanted).map(([key]) => key)

const soundCalls = course("none", 0, "io").calls
const callsOfWork = soundCalls.length

describe("a memory engine under faults", () => {
  it("makes as many disk calls as these tests fail one by one", () => {
    expect(callsOfWork).toBeGreaterThan(40)
  })

  it("has all that was durable, in order, wherever power is lost", () => {
    for (let at = 1; at <= callsOfWork; at++) {
      const { keys, outcomes } = course(`dies ${at}`, at, "dies")
      const tried = [...outcomes.keys()]
      // A prefix of what was submitted, with every synced batch that was acknowledged.
      expect(keys).toEqual(tried.slice(0, keys.length))
      const synced = withOutcome(outcomes, "ok").filter((key) => !isBuffered(key.charCodeAt(0) - 97))
      expect(keys).toEqual(expect.arrayContaining(synced))
    }
  })

  it("stops at a device that fails, shows what was visible, and has all that was durable when it is opened again", () => {
    for (let at = 1; at <= callsOfWork; at++) {
      const { keys, outcomes, shown, synced } = course(`io ${at}`, at, "io")
      const tried = [...outcomes.keys()]
      expect(keys).toEqual(tried.slice(0, keys.length))
      // Opening it may have failed.
      expect(shown ?? []).toEqual(withOutcome(outcomes, "ok"))
      expect(keys).toEqual(expect.arrayContaining(synced === "ok" ? [...tried] : []))
      // Whatever comes after the stop is refused for the same reason.
      const firstStopped = tried.findIndex((key) => outcomes.get(key) === "Stopped")
      const behind = firstStopped < 0 ? [] : tried.slice(firstStopped)
      expect(behind.every((key) => outcomes.get(key) === "Stopped")).toBe(true)
    }
  })

  it("shows nothing that it could still lose, when it is opened after the end of a process", () => {
    // Where names change, what is kept of them is drawn more than once.
    const points = soundCalls.flatMap((call, index) =>
      Array.from({ length: call === "sync-directory" ? 6 : 1 }, (_, draw) => ({ at: index + 1, draw }))
    )
    for (const { at, draw } of points) {
      const { keys, outcomes, shown } = course(`exits ${at} ${draw}`, at, "exits")
      expect(keys).toEqual(shown)
      expect(keys).toEqual([...outcomes.keys()].slice(0, keys.length))
    }
  })

  it("refuses what a full disk has no room for, and goes on when there is room", () => {
    let refusals = 0
    for (let at = 1; at <= callsOfWork; at++) {
      const { keys, outcomes, shown, synced } = course(`full ${at}`, at, "no-space")
      const taken = withOutcome(outcomes, "ok")
      const refused = withOutcome(outcomes, "Refused")
      refusals += refused.length
      // Opening it may have failed.
      expect(taken.length + refused.length).toBe(shown === undefined ? 0 : steps)
      expect(shown ?? []).toEqual(taken)
      expect(synced ?? "ok").toMatch(/^(ok|Refused)$/)
      expect(keys).toEqual(expect.arrayContaining(synced === "ok" ? [...taken] : []))
      expect(taken).toEqual(expect.arrayContaining([...keys]))
    }
    expect(refusals).toBeGreaterThan(5)
  })
})
