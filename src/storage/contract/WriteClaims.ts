/** WriteClaims: batches, their order, when they show, and how what cannot be done is refused. */
import * as Effect from "effect/Effect"
import * as Limits from "#base/Limits.ts"
import { bytesOf, must, mustEqual, pattern, Reentrancy, until } from "#world/contract/Claim.ts"
import { Batch } from "../Batch.ts"
import type { StorageError } from "../StorageError.ts"
import {
  claim,
  deletingRange,
  directory,
  entries,
  type EngineClaim,
  Listed,
  listed,
  mustHold,
  numbered,
  open,
  outcome,
  putting,
  puttingAll,
  session
} from "./EngineClaim.ts"

const batches: ReadonlyArray<EngineClaim> = [
  claim("the operations of a batch take effect in their order", (engine) =>
    Effect.gen(function* () {
      const [a, b, c, d] = ["a", "b", "c", "d"].map(bytesOf)
      const [one, two] = ["1", "2"].map(bytesOf)
      yield* engine.write(new Batch().put(a, one).put(a, two))
      yield* engine.write(new Batch().put(b, one).delete(b))
      yield* engine.write(new Batch().delete(c).put(c, one))
      yield* mustHold(engine, "puts and deletes", [
        ["a", "2"],
        ["c", "1"]
      ])
      yield* engine.write(new Batch().put(b, one).deleteRange(a, d).put(c, two).put(d, one))
      for (const action of [Effect.void, engine.flush, engine.compact]) {
        yield* action
        yield* mustHold(engine, "a range that is deleted in the middle", [
          ["c", "2"],
          ["d", "1"]
        ])
      }
    })
  ),
  claim(
    "deleting a range deletes its keys, its beginning included, its end not, and nothing that comes later",
    (engine) =>
      Effect.gen(function* () {
        const list = Array.from({ length: 30 }, (_, index) => [numbered(index), "1"] as const)
        const left = (from: number, to: number) => list.filter((_, index) => index < from || index >= to)
        yield* engine.write(puttingAll(list))
        yield* engine.flush
        yield* engine.write(deletingRange(numbered(5), numbered(9)))
        yield* mustHold(engine, "in memory", left(5, 9))
        yield* engine.flush
        yield* mustHold(engine, "in files", left(5, 9))
        yield* engine.write(deletingRange(numbered(20), numbered(20)))
        yield* engine.write(deletingRange(numbered(25), numbered(20)))
        yield* engine.write(deletingRange("x", "z"))
        yield* mustHold(engine, "ranges of nothing", left(5, 9))
        yield* engine.write(putting(numbered(6), "2"))
        for (const action of [Effect.void, engine.flush, engine.compact]) {
          yield* action
          yield* mustHold(engine, "a key that came back", [...list.slice(0, 5), [numbered(6), "2"], ...list.slice(9)])
        }
        yield* engine.write(new Batch().deleteRange(new Uint8Array(0), bytesOf(numbered(29))))
        yield* engine.compact
        yield* mustHold(engine, "all but the last", [list[29]])
      })
  ),
  claim("a deleted key stays deleted, whatever moves between files", (engine) =>
    Effect.gen(function* () {
      for (const round of [1, 2, 3]) {
        yield* engine.write(
          puttingAll([
            ["a", `${round}`],
            ["b", `${round}`],
            ["c", `${round}`]
          ])
        )
        yield* engine.flush
      }
      yield* engine.compact
      yield* engine.write(new Batch().delete(bytesOf("b")).delete(bytesOf("nothing")))
      for (const action of [Effect.void, engine.flush, engine.compact, engine.compact]) {
        yield* action
        yield* mustHold(engine, "without b", [
          ["a", "3"],
          ["c", "3"]
        ])
      }
      yield* engine.write(putting("b", "4"))
      yield* engine.flush
      yield* mustHold(engine, "with b again", [
        ["a", "3"],
        ["b", "4"],
        ["c", "3"]
      ])
    })
  ),
  claim("an empty batch completes and changes nothing", (engine) =>
    Effect.gen(function* () {
      yield* engine.write(new Batch(), "synced")
      yield* engine.write(new Batch(), "buffered")
      yield* mustHold(engine, "nothing", [])
    })
  ),
  claim("many entries, written in any order and overwritten, are all there", (engine) =>
    Effect.gen(function* () {
      const held = new Map<string, string>()
      for (let round = 0; round < 40; round++) {
        const batch = new Batch()
        for (let i = 0; i < 25; i++) {
          const key = numbered((round * 7_919 + i * 104_729) % 400)
          held.set(key, `${round}-${i}-${"x".repeat((round * i) % 90)}`)
          batch.put(bytesOf(key), bytesOf(held.get(key)!))
        }
        if (round % 5 === 4) {
          const from = (round * 31) % 400
          for (let i = from; i < from + 20; i++) held.delete(numbered(i))
          batch.deleteRange(bytesOf(numbered(from)), bytesOf(numbered(from + 20)))
        }
        yield* engine.write(batch, round % 3 === 0 ? "synced" : "buffered")
      }
      const list = [...held].sort(([left], [right]) => (left < right ? -1 : 1))
      for (const action of [Effect.void, engine.flush, engine.compact]) {
        yield* action
        yield* mustHold(engine, "all of them", list)
      }
    })
  )
]

const visibility: ReadonlyArray<EngineClaim> = [
  claim("a synced batch does not show before it completes, and shows whole when it does", (engine) =>
    Effect.gen(function* () {
      yield* engine.write(
        puttingAll([
          ["a", "0"],
          ["b", "0"]
        ])
      )
      let seen: ReadonlyArray<unknown> | undefined
      const now = () => ["a", "b"].map((key) => engine.port.get(bytesOf(key))).map(textOrOther)
      engine.port.write(
        puttingAll([
          ["a", "1"],
          ["b", "1"]
        ]),
        "synced",
        () => {
          seen = now()
        }
      )
      const early = now()
      must(
        early.every((value) => value === "0" || value === "elsewhere"),
        `just after its submission it shows: ${JSON.stringify(early)}`
      )
      yield* until("the batch is complete", () => seen !== undefined)
      must(
        seen!.every((value) => value === "1" || value === "elsewhere"),
        `at its completion it shows: ${JSON.stringify(seen)}`
      )
      yield* mustHold(engine, "afterwards", [
        ["a", "1"],
        ["b", "1"]
      ])
    })
  ),
  claim("batches take effect in the order of their submission, however many are under way", (engine) =>
    Effect.gen(function* () {
      const completed: Array<number> = []
      for (let i = 0; i < 60; i++) {
        const batch =
          i % 10 === 9
            ? deletingRange("a", "c")
            : puttingAll([
                ["a", `${i}`],
                [`b${i}`, `${i}`]
              ])
        engine.port.write(batch, i % 4 === 1 ? "buffered" : "synced", (error) => {
          completed.push(error === undefined ? i : -1)
        })
      }
      yield* until("all batches are complete", () => completed.length === 60)
      mustEqual("how they ended", completed.filter((index) => index < 0).length, 0)
      yield* mustHold(engine, "nothing", [])
      for (let i = 0; i < 9; i++) engine.port.write(putting("a", `${i}`), i % 3 === 0 ? "synced" : "buffered", () => {})
      yield* engine.write(putting("b", "last"))
      yield* mustHold(engine, "the last ones", [
        ["a", "8"],
        ["b", "last"]
      ])
    })
  ),
  claim("every call completes exactly once, and never from within the call that submits it", (engine) =>
    Effect.gen(function* () {
      yield* engine.write(putting("a", "1"))
      yield* engine.flush
      const calls = new Reentrancy()
      const ended: Array<string> = []
      const done = (name: string) => () => {
        calls.note(name)
        ended.push(name)
      }
      const { port } = engine
      const submissions: ReadonlyArray<readonly [name: string, submit: () => void]> = [
        ["fetch", () => port.fetch(bytesOf("a"), undefined, done("fetch"))],
        ["fetch of nothing", () => port.fetch(bytesOf("b"), undefined, done("fetch of nothing"))],
        ["write", () => port.write(putting("b", "1"), "synced", done("write"))],
        ["buffered write", () => port.write(putting("c", "1"), "buffered", done("buffered write"))],
        ["empty write", () => port.write(new Batch(), "synced", done("empty write"))],
        ["refused write", () => port.write(tooLarge(), "synced", done("refused write"))],
        ["sync", () => port.sync(done("sync"))],
        ["flush", () => port.flush(done("flush"))],
        ["compact", () => port.compact(done("compact"))],
        ["ingest", () => port.ingest(listed([["d", "1"]]), done("ingest"))],
        ["ingest of nothing", () => port.ingest(listed([]), done("ingest of nothing"))],
        ["verify", () => port.verify(0, done("verify"))],
        ["checkpoint", () => port.checkpoint("copy", done("checkpoint"))],
        ["checkpoint again", () => port.checkpoint(directory, done("checkpoint again"))]
      ]
      for (const [name, submit] of submissions) calls.call(name, submit)
      const names = submissions.map(([name]) => name).sort()
      yield* until("everything has completed", () => ended.length >= names.length)
      yield* engine.sync
      mustEqual("what completed", [...ended].sort(), names)
      calls.mustBeNone()
      yield* mustHold(engine, "what was written", [
        ["a", "1"],
        ["b", "1"],
        ["c", "1"],
        ["d", "1"]
      ])
    })
  )
]

const textOrOther = (value: Uint8Array | undefined | symbol): string | undefined =>
  typeof value === "symbol" ? "elsewhere" : value === undefined ? undefined : String.fromCharCode(...value)

const tooLarge = (): Batch => putting("x", "1").put(new Uint8Array(Limits.keyBytesMax + 1), bytesOf("1"))

const refusals: ReadonlyArray<EngineClaim> = [
  claim("a batch over a bound is refused with the bound's name, and nothing of it happens", (engine) =>
    Effect.gen(function* () {
      mustEqual("a long key", yield* outcome(engine.write(tooLarge())), "key-too-large")
      const largeValue = putting("x", "1").put(bytesOf("y"), new Uint8Array(Limits.valueBytesMax + 1))
      mustEqual("a large value", yield* outcome(engine.write(largeValue)), "value-too-large")
      const longBound = putting("x", "1").deleteRange(bytesOf("a"), pattern(0, 0, Limits.keyBytesMax + 1))
      mustEqual("a long bound", yield* outcome(engine.write(longBound)), "key-too-large")
      yield* mustHold(engine, "nothing", [])
      yield* engine.write(putting("x", "2"))
      yield* mustHold(engine, "a batch after it", [["x", "2"]])
    })
  ),
  {
    name: "an engine that was closed refuses, and its directory can be opened again at once",
    incarnations: (subject) => [
      Effect.gen(function* () {
        const old = yield* session(subject, (engine) => Effect.as(engine.write(putting("a", "1")), engine))
        mustEqual("a write", yield* outcome(old.write(putting("a", "2"))), "closed")
        mustEqual("a sync", yield* outcome(old.sync), "closed")
        mustEqual("a flush", yield* outcome(old.flush), "closed")
        const engine = yield* open(subject)
        yield* mustHold(engine, "what was written", [["a", "1"]])
        yield* engine.write(putting("b", "1"))
        yield* mustHold(engine, "and then", [
          ["a", "1"],
          ["b", "1"]
        ])
      })
    ]
  },
  {
    name: "whatever was under way when an engine was closed completes, once",
    incarnations: (subject) => [
      Effect.gen(function* () {
        const ended: Array<StorageError | undefined> = []
        yield* session(subject, (engine) =>
          Effect.sync(() => {
            for (let i = 0; i < 10; i++) engine.port.write(putting(`k${i}`, "1"), "synced", (e) => ended.push(e))
          })
        )
        yield* until("all writes are answered", () => ended.length >= 10)
        // A prefix: what was acknowledged is there, and nothing behind what is not.
        const acknowledged = ended.filter((error) => error === undefined).length
        const engine = yield* open(subject)
        const found = yield* entries(engine)
        must(found.length >= acknowledged, `${acknowledged} were acknowledged, ${found.length} are there`)
        mustEqual(
          "what is there",
          found,
          Array.from({ length: found.length }, (_, index) => `k${index}=1`)
        )
        mustEqual("answers", ended.length, 10)
      })
    ]
  }
]

const ingestion: ReadonlyArray<EngineClaim> = [
  claim("an ingestion puts all its entries, over what was there and under what comes later", (engine) =>
    Effect.gen(function* () {
      yield* engine.write(
        puttingAll([
          ["a", "old"],
          ["b", "old"],
          ["z", "old"]
        ])
      )
      yield* engine.flush
      yield* engine.write(putting("c", "old"))
      const at = engine.port.snapshot()
      yield* engine.ingest(
        listed([
          ["b", "in"],
          ["bb", "in"],
          ["c", "in"],
          ["d", ""]
        ])
      )
      const held = [
        ["a", "old"],
        ["b", "in"],
        ["bb", "in"],
        ["c", "in"],
        ["d", ""],
        ["z", "old"]
      ] as const
      yield* mustHold(engine, "after it", held)
      yield* mustHold(
        engine,
        "before it",
        [
          ["a", "old"],
          ["b", "old"],
          ["c", "old"],
          ["z", "old"]
        ],
        at
      )
      yield* engine.write(new Batch().delete(bytesOf("bb")).put(bytesOf("d"), bytesOf("new")))
      yield* engine.compact
      at.release()
      yield* mustHold(engine, "the end", [
        ["a", "old"],
        ["b", "in"],
        ["c", "in"],
        ["d", "new"],
        ["z", "old"]
      ])
    })
  ),
  claim("an ingestion of many entries, and one of none", (engine) =>
    Effect.gen(function* () {
      const list = Array.from({ length: 1_500 }, (_, index) => [numbered(index), `${index}`.repeat(9)] as const)
      yield* engine.ingest(listed([]))
      yield* engine.ingest(listed(list))
      yield* mustHold(engine, "all of them", list)
    })
  ),
  claim("an ingestion whose keys do not rise is refused, and nothing of it happens", (engine) =>
    Effect.gen(function* () {
      yield* engine.write(putting("a", "1"))
      for (const keys of [
        ["a", "c", "b"],
        ["a", "b", "b"],
        ["b", ""]
      ]) {
        const source = listed(keys.map((key) => [key, "in"] as const))
        mustEqual(`keys ${keys.join()}`, yield* outcome(engine.ingest(source)), "not-sorted")
      }
      const long = [
        [bytesOf("b"), bytesOf("1")],
        [pattern(255, 0, Limits.keyBytesMax + 1), bytesOf("1")]
      ] as const
      const source = new Listed(long)
      mustEqual("a long key", yield* outcome(engine.ingest(source)), "key-too-large")
      yield* mustHold(engine, "what was there", [["a", "1"]])
      yield* engine.ingest(listed([["b", "1"]]))
      yield* mustHold(engine, "and then", [
        ["a", "1"],
        ["b", "1"]
      ])
    })
  )
]

export const claims: ReadonlyArray<EngineClaim> = [...batches, ...visibility, ...refusals, ...ingestion]
