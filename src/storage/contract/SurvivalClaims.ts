/** SurvivalClaims: what is there after the end of an incarnation, by power loss, death or closing. */
import * as Effect from "effect/Effect"
import { must, mustEqual } from "#world/contract/Claim.ts"
import * as Completion from "#world/Completion.ts"
import * as Disk from "#world/Disk.ts"
import type { Batch } from "../Batch.ts"
import type * as Engine from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"
import {
  deleting,
  deletingRange,
  directory,
  entries,
  type EngineClaim,
  listed,
  mustHold,
  numbered,
  open,
  outcome,
  putting,
  puttingAll,
  read,
  session,
  survival
} from "./EngineClaim.ts"

type Service = Engine.Engine["Service"]

const durability: ReadonlyArray<EngineClaim> = [
  survival("a synced batch is durable when it completes", [
    (engine) =>
      engine.write(
        puttingAll([
          ["a", "1"],
          ["b", "1"]
        ])
      ),
    (engine) =>
      Effect.andThen(
        mustHold(engine, "the first", [
          ["a", "1"],
          ["b", "1"]
        ]),
        engine.write(deleting("a"))
      ),
    (engine) => Effect.andThen(mustHold(engine, "the second", [["b", "1"]]), engine.write(putting("c", "3"))),
    (engine) =>
      mustHold(engine, "the third", [
        ["b", "1"],
        ["c", "3"]
      ])
  ]),
  survival("buffered batches are durable with the next synced one", [
    (engine) =>
      Effect.gen(function* () {
        yield* engine.write(putting("a", "1"), "buffered")
        yield* engine.write(putting("b", "1"), "buffered")
        yield* engine.write(putting("c", "1"), "synced")
      }),
    (engine) =>
      mustHold(engine, "all three", [
        ["a", "1"],
        ["b", "1"],
        ["c", "1"]
      ])
  ]),
  survival("buffered batches are durable after a sync", [
    (engine) =>
      Effect.gen(function* () {
        for (let i = 0; i < 5; i++) yield* engine.write(putting(numbered(i), "1"), "buffered")
        yield* engine.write(deletingRange(numbered(1), numbered(3)), "buffered")
        yield* engine.sync
      }),
    (engine) =>
      mustHold(
        engine,
        "what is left",
        [0, 3, 4].map((index) => [numbered(index), "1"])
      )
  ]),
  survival("flushed and compacted entries are durable, and so is what was written between and behind", [
    (engine) =>
      Effect.gen(function* () {
        yield* engine.write(putting("a", "1"), "buffered")
        yield* engine.flush
      }),
    (engine) =>
      Effect.gen(function* () {
        yield* mustHold(engine, "after a flush", [["a", "1"]])
        yield* engine.write(
          puttingAll([
            ["b", "2"],
            ["c", "2"]
          ])
        )
        yield* engine.flush
        yield* engine.write(deleting("b"))
        yield* engine.compact
        yield* engine.write(putting("d", "3"))
      }),
    (engine) =>
      mustHold(engine, "after a compaction", [
        ["a", "1"],
        ["c", "2"],
        ["d", "3"]
      ]),
    (engine) =>
      mustHold(engine, "and once more", [
        ["a", "1"],
        ["c", "2"],
        ["d", "3"]
      ])
  ]),
  survival("an ingestion is durable when it completes, in its place among the batches", [
    (engine) =>
      Effect.gen(function* () {
        yield* engine.write(
          puttingAll([
            ["a", "1"],
            ["b", "1"]
          ]),
          "buffered"
        )
        yield* engine.ingest(
          listed([
            ["b", "2"],
            ["c", "2"]
          ])
        )
        yield* engine.write(putting("c", "3"))
      }),
    (engine) =>
      mustHold(engine, "all of it", [
        ["a", "1"],
        ["b", "2"],
        ["c", "3"]
      ])
  ])
]

/** The number of batches of `stream` that an engine holds; fails unless they are the first ones, each whole. */
const heldPrefix = Effect.fnUntraced(function* (engine: Service, batches: number) {
  const found = yield* entries(engine)
  const count = found.length / 2
  mustEqual(
    "what is there",
    found,
    ["a", "b"].flatMap((part) => Array.from({ length: count }, (_, index) => `${part}${numbered(index)}=${index}`))
  )
  must(count <= batches, `${batches} batches were submitted, ${count} are there`)
  return count
})

/** A batch of two keys that are far from each other. */
const pair = (index: number): Batch =>
  puttingAll([
    [`a${numbered(index)}`, `${index}`],
    [`b${numbered(index)}`, `${index}`]
  ])

const prefixes: ReadonlyArray<EngineClaim> = [
  {
    name: "after a crash there is a prefix of what was submitted, each batch whole, and it stays",
    incarnations: (subject) => {
      let acknowledged = 0
      let held = 0
      const write = (durability: Engine.Durability, flushes: boolean) =>
        Effect.gen(function* () {
          const engine = yield* open(subject)
          held = yield* heldPrefix(engine, 1_000)
          must(held >= acknowledged, `${acknowledged} batches were acknowledged, ${held} are there`)
          acknowledged = held
          for (let i = held; i < held + 20; i++) {
            engine.port.write(pair(i), durability, () => {
              if (durability === "synced") acknowledged = i + 1
            })
            if (flushes && i % 6 === 5) engine.port.flush(() => {})
          }
          // The end comes at one moment or another.
          yield* Effect.sleep(acknowledged % 3)
        })
      const check = Effect.gen(function* () {
        const engine = yield* open(subject)
        const found = yield* heldPrefix(engine, 1_000)
        must(found >= acknowledged, `${acknowledged} batches were acknowledged, ${found} are there`)
        // What is written now must not land behind a torn tail.
        yield* engine.write(pair(found))
        held = found + 1
        acknowledged = held
      })
      const checkAgain = Effect.gen(function* () {
        const engine = yield* open(subject)
        mustEqual("what was seen after one crash is there after the next", yield* heldPrefix(engine, 1_000), held)
      })
      return [
        write("synced", false),
        check,
        checkAgain,
        write("buffered", false),
        check,
        checkAgain,
        write("synced", true),
        check,
        checkAgain,
        write("buffered", true),
        check,
        checkAgain
      ]
    }
  },
  {
    name: "closing and opening again, many times, loses nothing and leaves no files behind",
    incarnations: (subject) => [
      Effect.gen(function* () {
        const disk = yield* Disk.Disk
        let files = 0
        for (let round = 0; round < 12; round++) {
          yield* session(subject, (engine) =>
            Effect.gen(function* () {
              // The same few keys again and again: what is live stays as much.
              const held = new Map(Array.from({ length: round }, (_, past) => [numbered(past % 3), `${past}`] as const))
              yield* mustHold(engine, `round ${round}`, [...held])
              yield* engine.write(putting(numbered(round % 3), `${round}`))
              if (round % 3 === 1) yield* engine.flush
              if (round % 3 === 2) yield* engine.compact
            })
          )
          const count = (yield* disk.list(directory)).length
          if (round === 5) files = count
          must(round <= 5 || count <= files + 4, `${files} files after round 5, ${count} after round ${round}`)
        }
      })
    ]
  }
]

const checkpoints: ReadonlyArray<EngineClaim> = [
  {
    name: "a checkpoint is an engine of its own with what was visible, and is durable",
    incarnations: (subject) => {
      const early = [
        ["a", "1"],
        ["b", "1"],
        ["c", "1"]
      ] as const
      return [
        Effect.gen(function* () {
          const engine = yield* open(subject)
          yield* engine.write(puttingAll([...early, ["d", "1"]]))
          yield* engine.flush
          yield* engine.write(deleting("d"), "buffered")
          // Both in one turn: between two steps of this fiber the write might complete, and show.
          yield* Completion.submit<void, StorageError>((done) => {
            engine.port.write(putting("e", "under way"), "synced", () => {})
            engine.port.checkpoint("copy", done)
          })
          yield* engine.write(
            puttingAll([
              ["a", "2"],
              ["f", "2"]
            ])
          )
          yield* engine.compact
          yield* session(subject, (copy) => mustHold(copy, "the copy", early), "copy")
          yield* mustHold(engine, "the original", [
            ["a", "2"],
            ["b", "1"],
            ["c", "1"],
            ["e", "under way"],
            ["f", "2"]
          ])
        }),
        Effect.gen(function* () {
          const copy = yield* open(subject, "copy")
          yield* mustHold(copy, "the copy after a crash", early)
          yield* copy.write(putting("g", "3"))
          const engine = yield* open(subject)
          mustEqual("the original", yield* read(engine, "a"), "2")
          mustEqual("the original has nothing of the copy", yield* read(engine, "g"), undefined)
        }),
        Effect.gen(function* () {
          yield* mustHold(yield* open(subject, "copy"), "the copy's own write", [...early, ["g", "3"]])
        })
      ]
    }
  },
  {
    name: "a checkpoint into a directory that holds something is refused, and the directory stays as it was",
    incarnations: (subject) => [
      Effect.gen(function* () {
        const engine = yield* open(subject)
        yield* engine.write(putting("a", "1"))
        yield* engine.checkpoint("copy")
        yield* engine.write(putting("a", "2"))
        mustEqual("a second one", yield* outcome(engine.checkpoint("copy")), "exists")
        yield* session(subject, (copy) => mustHold(copy, "the copy", [["a", "1"]]), "copy")
        const disk = yield* Disk.Disk
        yield* disk.makeDirectory("empty")
        yield* engine.checkpoint("empty")
        yield* session(subject, (copy) => mustHold(copy, "a copy in an empty directory", [["a", "2"]]), "empty")
      })
    ]
  }
]

export const claims: ReadonlyArray<EngineClaim> = [...durability, ...prefixes, ...checkpoints]
