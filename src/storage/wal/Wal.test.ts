import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { afterAll, describe, expect, it } from "vitest"
import { outcomeOf } from "#sim/world/TestBench.ts"
import * as Completion from "#world/Completion.ts"
import { must, mustEqual, until } from "#world/contract/Claim.ts"
import * as Disk from "#world/Disk.ts"
import type { World } from "#world/World.ts"
import * as RealWorld from "#world/real/RealWorld.ts"
import type { Durability } from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"
import * as Wal from "./Wal.ts"

interface Claim {
  readonly name: string
  readonly test: Effect.Effect<void, unknown, World | Scope.Scope>
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const append = (log: Wal.Wal, stream: number, position: number, text: string, durability: Durability = "synced") =>
  Completion.submit<void, StorageError>((done) =>
    log.append(stream, position, [encoder.encode(text)], durability, done)
  )

const sync = (log: Wal.Wal) => Completion.submit<void, StorageError>((done) => log.sync(done))

/** A stream's records from a position on: texts, or "!" for what is damaged. */
const read = Effect.fnUntraced(function* (log: Wal.Wal, stream: number, position = 0) {
  const found: Array<readonly [number, string]> = []
  yield* Completion.submit<void, StorageError>((done) =>
    log.replay(
      stream,
      position,
      {
        record: (at, bytes, from, to) => found.push([at, decoder.decode(bytes.subarray(from, to))]),
        damaged: (at) => found.push([at, "!"])
      },
      done
    )
  )
  return found
})

const small: Wal.Options = { directory: "log", segmentBytesMax: 400, aheadBytes: 100, groupBytesMax: 200 }

const texts = (from: number, to: number, of = "record"): ReadonlyArray<readonly [number, string]> =>
  Array.from({ length: to - from }, (_, index) => [from + index, `${of} ${from + index}`] as const)

/** Runs with an open log, and closes it. */
const withLog = <A, E, R>(use: (log: Wal.Wal) => Effect.Effect<A, E, R>, options: Wal.Options = small) =>
  Effect.scoped(Effect.flatMap(Wal.open(options), use))

const fill = (log: Wal.Wal, stream: number, from: number, to: number, of = "record") =>
  Effect.forEach(texts(from, to, of), ([position, text]) => append(log, stream, position, text), {
    concurrency: "unbounded"
  })

const claims: ReadonlyArray<Claim> = [
  {
    name: "what was appended is replayed in order, from any position, also after opening again",
    test: Effect.gen(function* () {
      yield* withLog(
        Effect.fnUntraced(function* (log) {
          mustEqual("the extent of a stream that never was", log.extent(7), { first: 0, end: 0 })
          yield* fill(log, 7, 5, 40)
          mustEqual("records", yield* read(log, 7), texts(5, 40))
          mustEqual("records from the middle", yield* read(log, 7, 20), texts(20, 40))
        })
      )
      yield* withLog(
        Effect.fnUntraced(function* (log) {
          mustEqual("the damage", log.damage, [])
          mustEqual("the extent", log.extent(7), { first: 5, end: 40 })
          mustEqual("records", yield* read(log, 7), texts(5, 40))
          mustEqual("records from the middle", yield* read(log, 7, 39), texts(39, 40))
          must(log.stats().segments > 2, "so many records need several segments")
        })
      )
    })
  },
  {
    name: "streams share the log, and each has its own positions",
    test: Effect.gen(function* () {
      yield* withLog(
        Effect.fnUntraced(function* (log) {
          yield* Effect.forEach(
            texts(0, 30),
            ([at]) => Effect.all([append(log, 1, at, `one ${at}`), append(log, 2, 100 + at, `two ${100 + at}`)]),
            { concurrency: "unbounded" }
          )
        })
      )
      yield* withLog(
        Effect.fnUntraced(function* (log) {
          mustEqual("the first", yield* read(log, 1), texts(0, 30, "one"))
          mustEqual("the second", yield* read(log, 2, 110), texts(110, 130, "two"))
        })
      )
    })
  },
  {
    name: "what is cut off a tail never was, and other records take its place",
    test: Effect.gen(function* () {
      yield* withLog(
        Effect.fnUntraced(function* (log) {
          yield* fill(log, 1, 0, 20)
          log.cutTail(1, 12)
          mustEqual("the extent", log.extent(1), { first: 0, end: 12 })
          yield* fill(log, 1, 12, 15, "other")
          mustEqual("records", yield* read(log, 1), [...texts(0, 12), ...texts(12, 15, "other")])
        })
      )
      yield* withLog(
        Effect.fnUntraced(function* (log) {
          mustEqual("records", yield* read(log, 1), [...texts(0, 12), ...texts(12, 15, "other")])
        })
      )
    })
  },
  {
    name: "segments that nobody needs are removed, and what is left opens",
    test: Effect.gen(function* () {
      yield* withLog(
        Effect.fnUntraced(function* (log) {
          yield* fill(log, 1, 0, 100)
          const before = log.stats().segments
          log.cutHead(1, 90)
          yield* sync(log)
          yield* until("most segments are gone", () => log.stats().segments < before / 2)
          mustEqual("records", yield* read(log, 1), texts(90, 100))
        })
      )
      yield* withLog(
        Effect.fnUntraced(function* (log) {
          mustEqual("the damage", log.damage, [])
          mustEqual("the extent", log.extent(1), { first: 90, end: 100 })
          mustEqual("records", yield* read(log, 1), texts(90, 100))
        })
      )
    })
  },
  {
    name: "a stream that is seldom written does not keep the segments of others",
    test: Effect.gen(function* () {
      const options = { ...small, carryAboveBytes: 1_000 }
      yield* withLog(
        Effect.fnUntraced(function* (log) {
          yield* fill(log, 1, 0, 3, "rare")
          for (let position = 0; position < 300; position++) {
            yield* append(log, 2, position, `often ${position}`)
            log.cutHead(2, position - 3)
          }
          // Carrying and removing go on beside the writes, and as fast.
          let position = 300
          for (; position < 2_000 && log.stats().diskBytes >= 3_000; position++) {
            yield* append(log, 2, position, `often ${position}`)
            log.cutHead(2, position - 3)
          }
          must(position < 2_000, `the log is small, not ${log.stats().diskBytes}`)
          mustEqual("the rare records", yield* read(log, 1), texts(0, 3, "rare"))
        }),
        options
      )
      yield* withLog(
        Effect.fnUntraced(function* (log) {
          mustEqual("the damage", log.damage, [])
          mustEqual("the rare records", yield* read(log, 1), texts(0, 3, "rare"))
          const { end, first } = log.extent(2)
          mustEqual("the others", yield* read(log, 2), texts(first, end, "often"))
        }),
        options
      )
    })
  },
  {
    name: "a record may be larger than a segment and than a read",
    test: Effect.gen(function* () {
      const large = "x".repeat(700_000)
      yield* withLog(
        Effect.fnUntraced(function* (log) {
          yield* Effect.all([append(log, 1, 0, "a"), append(log, 1, 1, large), append(log, 1, 2, "b")], {
            concurrency: "unbounded"
          })
        })
      )
      yield* withLog(
        Effect.fnUntraced(function* (log) {
          const found = yield* read(log, 1)
          mustEqual(
            "their lengths",
            found.map(([, text]) => text.length),
            [1, 700_000, 1]
          )
          must(found[1][1] === large, "the large one is as it was")
        })
      )
    })
  },
  {
    name: "buffered records complete in order and without the disk, and are durable after a sync",
    test: Effect.gen(function* () {
      yield* withLog(
        Effect.fnUntraced(function* (log) {
          for (let position = 0; position < 50; position++)
            yield* append(log, 1, position, `record ${position}`, "buffered")
          mustEqual("the syncs so far", log.stats().syncs, 0)
          yield* sync(log)
          must(log.stats().syncs > 0, "a sync syncs")
          mustEqual("records", yield* read(log, 1), texts(0, 50))
        }),
        { directory: "log" }
      )
    })
  },
  {
    name: "verification reads everything once and finds nothing in a sound log",
    test: Effect.gen(function* () {
      yield* withLog(
        Effect.fnUntraced(function* (log) {
          yield* fill(log, 1, 0, 100)
          const sizeBytes = log.stats().diskBytes
          let position = 0
          let bytesRead = 0
          for (let steps = 0; steps < 1_000; steps++) {
            const step = yield* Completion.submit((done: Parameters<Wal.Wal["verify"]>[1]) =>
              log.verify(position, done)
            )
            mustEqual("the rot", step!.rot, [])
            bytesRead += step!.bytesRead
            position = step!.position
            if (position === 0) break
          }
          // The mark of an idle log may come meanwhile.
          must(bytesRead >= sizeBytes, `${bytesRead} bytes were read of ${sizeBytes}`)
        })
      )
    })
  },
  {
    name: "an empty log that is opened again and again stays small",
    test: Effect.gen(function* () {
      for (let times = 0; times < 5; times++) yield* withLog(() => Effect.void)
      const disk = yield* Disk.Disk
      mustEqual("its files", yield* disk.list("log"), ["00000001.wal"])
    })
  }
]

describe("a log on a simulated disk", () => {
  it.each(claims)("$name", ({ test }) => {
    for (const seed of ["1", "2", "3"]) expect(outcomeOf(test, { seed, policy: "uniform" }, 600_000_000)).toBe("kept")
    let visits = 0
    expect(outcomeOf(test, { buggify: () => visits++ % 3 === 0 }, 600_000_000)).toBe("kept")
  })
})

const parent = mkdtempSync(join(tmpdir(), "orbit-wal-"))
afterAll(() => rmSync(parent, { recursive: true }))
let roots = 0

describe("a log on a real disk", () => {
  it("has its place on the device before small groups come", async () => {
    const root = join(parent, String(roots++))
    const aheadBytes = 262_144
    const test = withLog((log) => append(log, 1, 0, "a record"), { directory: "log", aheadBytes })
    await Effect.runPromise(RealWorld.runFork(test, { root, name: "node-0", trace: { write: () => {} } }).ended)
    const log = join(root, "log")
    const placed = readdirSync(log).map((name) => 512 * statSync(join(log, name)).blocks)
    expect(Math.max(...placed)).toBeGreaterThanOrEqual(aheadBytes)
  })

  it.each(claims)("$name", async ({ test }) => {
    const options = { root: join(parent, String(roots++)), name: "node-0", trace: { write: () => {} } }
    const end = await Effect.runPromise(RealWorld.runFork(test, options).ended)
    const outcome =
      end.type !== "finished" ? end.type : Exit.isSuccess(end.exit) ? "kept" : Cause.pretty(end.exit.cause)
    expect(outcome).toBe("kept")
  })
})
