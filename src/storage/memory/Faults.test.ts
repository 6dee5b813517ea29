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
  const log = yield* Wal.open({ directory: "log", segmentBytesMax: 300, aheadBytes: 0, bufferedBytesMax: 50 })
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

const steps = 18

/** Puts, one key after the other; some wait for the disk, some do not, and every sixth comes before a flush. */
const work = Effect.fnUntraced(function* (engine: Service, outcomes: Outcomes) {
  for (let step = 0; step < steps; step++) {
    const key = String.fromCharCode(97 + step)
    outcomes.set(key, "none")
    const batch = new Batch().put(bytesOf(key), bytesOf(`value ${step}`))
    outcomes.set(key, yield* ended(engine.write(batch, step % 3 === 1 ? "buffered" : "synced")))
    if (step % 6 === 5) yield* ended(engine.flush)
  }
  return yield* ended(engine.sync)
})

const ended = (effect: Effect.Effect<void, StorageError>): Effect.Effect<"ok" | StorageError["_tag"]> =>
  Effect.match(effect, { onFailure: (error) => error._tag, onSuccess: () => "ok" as const })

interface Course {
  readonly keys: ReadonlyArray<string>
  readonly outcomes: Outcomes
  readonly calls: number
  readonly synced: string | undefined
  readonly shown: ReadonlyArray<string> | undefined
}

/** Runs the work with something wrong at one disk call, cuts the power, and reads what is there on a sound disk. */
const course = (seed: string, at: number, fails: DiskErrorCode | "dies"): Course => {
  const bench = new TestBench({ seed })
  const [machine] = bench.machines
  const outcomes: Outcomes = new Map()
  let calls = 0
  let synced: string | undefined
  let shown: ReadonlyArray<string> | undefined
  machine.faults.losesUnsynced = machine.faults.losesEntries = machine.faults.tearsWrites = true
  machine.faults.onCall = () => {
    calls++
    if (calls !== at || fails === "dies") return undefined
    return fails
  }
  if (fails === "dies") machine.faults.killAtCall = at
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

const callsOfWork = course("none", 0, "io").calls

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
      const synced = withOutcome(outcomes, "ok").filter((key) => (key.charCodeAt(0) - 97) % 3 !== 1)
      expect(keys).toEqual(expect.arrayContaining(synced))
    }
  })

  it("stops at a device that fails, shows what was visible, and has all that was durable when it is opened again", () => {
    for (let at = 1; at <= callsOfWork; at++) {
      const { keys, outcomes, shown, synced } = course(`io ${at}`, at, "io")
      // Opening it may have failed.
      if (shown === undefined) continue
      const visible = withOutcome(outcomes, "ok")
      expect(shown).toEqual(visible)
      const tried = [...outcomes.keys()]
      expect(keys).toEqual(tried.slice(0, keys.length))
      if (synced === "ok") expect(keys).toEqual(tried)
      // Whatever was refused after the stop has not been written.
      const firstStopped = tried.findIndex((key) => outcomes.get(key) === "Stopped")
      if (firstStopped >= 0)
        expect(tried.slice(firstStopped).every((key) => outcomes.get(key) === "Stopped")).toBe(true)
    }
  })

  it("refuses what a full disk has no room for, and goes on when there is room", () => {
    let refusals = 0
    for (let at = 1; at <= callsOfWork; at++) {
      const { keys, outcomes, shown, synced } = course(`full ${at}`, at, "no-space")
      if (shown === undefined) continue
      const taken = withOutcome(outcomes, "ok")
      const refused = withOutcome(outcomes, "Refused")
      refusals += refused.length
      expect([...outcomes.keys()]).toHaveLength(steps)
      expect(taken.length + refused.length).toBe(steps)
      expect(shown).toEqual(taken)
      expect(synced === "ok" || synced === "Refused").toBe(true)
      if (synced === "ok") expect(keys).toEqual(taken)
    }
    expect(refusals).toBeGreaterThan(5)
  })
})
