/** ReadClaims: order, bounds, directions, and what one snapshot or cursor sees. */
import * as Effect from "effect/Effect"
import * as Completion from "#world/Completion.ts"
import { bytesOf, must, mustEqual, mustEqualBytes, pattern, textOf } from "#world/contract/Claim.ts"
import { Batch } from "../Batch.ts"
import * as Engine from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"
import {
  bounds,
  claim,
  deleting,
  deletingRange,
  entries,
  type EngineClaim,
  mustHold,
  numbered,
  outcome,
  putting,
  puttingAll,
  read
} from "./EngineClaim.ts"

type Service = Engine.Engine["Service"]

/** The next step of a cursor that is not `wait`. */
const step = Effect.fnUntraced(function* (cursor: Engine.Cursor) {
  for (;;) {
    const next = cursor.next()
    if (next !== "wait") return next
    yield* Completion.submit<void, StorageError>((done) => cursor.fill(done))
  }
})

/** Up to `count` entries of a cursor, as texts. */
const take = Effect.fnUntraced(function* (cursor: Engine.Cursor, count: number) {
  const found: Array<string> = []
  while (found.length < count && (yield* step(cursor)) === "entry") {
    found.push(`${textOf(cursor.key())}=${textOf(cursor.value())}`)
  }
  return found
})

/** Keys that sort by their bytes and by nothing else, in order. */
const hardKeys: ReadonlyArray<ReadonlyArray<number>> = [
  [],
  [0],
  [0, 0],
  [0, 1],
  [0, 255],
  [1],
  [97],
  [97, 0],
  [97, 97, 97, 97, 97, 97],
  [97, 97, 97, 97, 97, 97, 0],
  [97, 97, 97, 97, 97, 97, 97, 97, 97],
  [97, 97, 97, 97, 97, 97, 98],
  [97, 98],
  [127],
  [128],
  [128, 0],
  [254, 255],
  [255],
  [255, 255, 255, 255, 255, 255, 255],
  [255, 255, 255, 255, 255, 255, 255, 255, 0]
]

const keysOf = Effect.fnUntraced(function* (engine: Service, options: Engine.ScanOptions) {
  const keys: Array<ReadonlyArray<number>> = []
  yield* engine.scan(options, (key) => {
    keys.push([...key])
  })
  return keys
})

/** Sixty entries, half of them in the engine's own files. */
const sixty = Effect.fnUntraced(function* (engine: Service) {
  const list = Array.from({ length: 60 }, (_, index) => [numbered(2 * index), `v${index}`] as const)
  yield* engine.write(puttingAll(list.filter((_, index) => index % 2 === 0)))
  yield* engine.flush
  yield* engine.write(puttingAll(list.filter((_, index) => index % 2 === 1)))
  return list
})

const order: ReadonlyArray<EngineClaim> = [
  claim("a new engine is empty, and a cursor stays at its end", (engine) =>
    Effect.gen(function* () {
      mustEqual("a get", yield* read(engine, "a"), undefined)
      mustEqual("a get of the empty key", yield* read(engine, ""), undefined)
      for (const reverse of [false, true]) {
        const cursor = engine.port.scan({ reverse })
        for (let i = 0; i < 3; i++) mustEqual("a step", yield* step(cursor), "end")
        cursor.close()
      }
    })
  ),
  claim("keys sort by their bytes, unsigned, a prefix before what it begins, wherever they are", (engine) =>
    Effect.gen(function* () {
      // Written out of order, one by one, and read before and after they move into files.
      for (let i = 0; i < hardKeys.length; i++) {
        const key = hardKeys[(i * 7) % hardKeys.length]
        yield* engine.write(new Batch().put(new Uint8Array(key), new Uint8Array([i])), "buffered")
      }
      for (const action of [Effect.void, engine.flush, engine.compact]) {
        yield* action
        mustEqual("forward", yield* keysOf(engine, {}), hardKeys)
        mustEqual("back", yield* keysOf(engine, { reverse: true }), [...hardKeys].reverse())
        for (let i = 0; i < hardKeys.length; i++) {
          const value = yield* engine.get(new Uint8Array(hardKeys[(i * 7) % hardKeys.length]))
          mustEqual("a value", value && [...value], [i])
        }
        mustEqual("a key between", yield* engine.get(new Uint8Array([97, 1])), undefined)
      }
    })
  ),
  claim("bounds include their beginning and exclude their end, both ways, on keys and between them", (engine) =>
    Effect.gen(function* () {
      const list = yield* sixty(engine)
      const limits = [undefined, "", "k", numbered(0), numbered(1), numbered(40), numbered(41), numbered(118), "l"]
      for (const from of limits) {
        for (const to of limits) {
          const expected = list
            .filter(([key]) => (from === undefined || key >= from) && (to === undefined || key < to))
            .map(([key, value]) => `${key}=${value}`)
          const within = bounds(from, to)
          mustEqual(`[${from}, ${to}) forward`, yield* entries(engine, { bounds: within }), expected)
          const back = yield* entries(engine, { bounds: within, reverse: true })
          mustEqual(`[${from}, ${to}) back`, back, expected.reverse())
        }
      }
    })
  ),
  claim("an empty value is a value", (engine) =>
    Effect.gen(function* () {
      yield* engine.write(putting("a", ""))
      for (const action of [Effect.void, engine.flush]) {
        yield* action
        mustEqual("the value", yield* read(engine, "a"), "")
        mustEqual("the entries", yield* entries(engine), ["a="])
      }
    })
  ),
  claim("keys of the largest size and values of megabytes come back whole", (engine) =>
    Effect.gen(function* () {
      const longKeys = [pattern(1, 0, 8_192), pattern(1, 0, 8_191), pattern(2, 0, 8_192)]
      const values = [pattern(3, 0, 3_000_001), pattern(4, 0, 70_000), pattern(5, 0, 4_097)]
      for (let i = 0; i < longKeys.length; i++) yield* engine.write(new Batch().put(longKeys[i], values[i]))
      for (const action of [Effect.void, engine.flush, engine.compact]) {
        yield* action
        for (let i = 0; i < longKeys.length; i++) {
          const value = yield* engine.get(longKeys[i])
          must(value !== undefined, "a value must be there")
          mustEqualBytes("a value", value, values[i])
        }
      }
      let found = 0
      yield* engine.scan({ reverse: true }, (key, value) => {
        const at = longKeys.findIndex((other) => other.length === key.length && other[0] === key[0])
        mustEqualBytes("a key", key, longKeys[at])
        mustEqualBytes("its value", value, values[at])
        found++
      })
      mustEqual("entries", found, 3)
    })
  ),
  claim("getMany answers in the order of its keys, as of one moment", (engine) =>
    Effect.gen(function* () {
      yield* sixty(engine)
      const keys = [numbered(6), "nothing", numbered(0), numbered(6), numbered(118)]
      const values = yield* engine.getMany(keys.map(bytesOf))
      mustEqual(
        "the values",
        values.map((value) => (value === undefined ? null : textOf(value))),
        ["v3", null, "v0", "v3", "v59"]
      )
    })
  ),
  claim("what get has not in memory, fetch brings", (engine) =>
    Effect.gen(function* () {
      const list = yield* sixty(engine)
      yield* engine.compact
      for (const [key, value] of list) {
        const near = engine.port.get(bytesOf(key))
        if (near !== Engine.elsewhere) mustEqual("what is near", near && textOf(near), value)
        const far = yield* Completion.submit<Uint8Array | undefined, StorageError>((done) =>
          engine.port.fetch(bytesOf(key), undefined, done)
        )
        mustEqual("what was fetched", far && textOf(far), value)
      }
    })
  )
]

const snapshots: ReadonlyArray<EngineClaim> = [
  claim("a snapshot sees what was visible when it was taken, through everything that comes later", (engine) =>
    Effect.gen(function* () {
      const taken: Array<{ readonly at: Engine.Snapshot; readonly held: ReadonlyArray<readonly [string, string]> }> = []
      const changes: ReadonlyArray<readonly [Batch, ReadonlyArray<readonly [string, string]>]> = [
        [
          puttingAll([
            ["a", "1"],
            ["b", "1"],
            ["c", "1"],
            ["d", "1"]
          ]),
          [
            ["a", "1"],
            ["b", "1"],
            ["c", "1"],
            ["d", "1"]
          ]
        ],
        [
          putting("b", "2"),
          [
            ["a", "1"],
            ["b", "2"],
            ["c", "1"],
            ["d", "1"]
          ]
        ],
        [
          deleting("a"),
          [
            ["b", "2"],
            ["c", "1"],
            ["d", "1"]
          ]
        ],
        [deletingRange("b", "d"), [["d", "1"]]],
        [
          puttingAll([
            ["c", "3"],
            ["e", "3"]
          ]),
          [
            ["c", "3"],
            ["d", "1"],
            ["e", "3"]
          ]
        ]
      ]
      taken.push({ at: engine.port.snapshot(), held: [] })
      for (const [batch, held] of changes) {
        yield* engine.write(batch)
        taken.push({ at: engine.port.snapshot(), held })
      }
      for (const action of [Effect.void, engine.flush, engine.compact, engine.compact]) {
        yield* action
        for (const { at, held } of taken) yield* mustHold(engine, `snapshot of ${held.length}`, held, at)
      }
      // Out of order, and one twice: the others stay.
      for (const index of [2, 0, 2, 4]) taken[index].at.release()
      yield* engine.write(deletingRange("", "z"))
      yield* engine.compact
      for (const index of [1, 3, 5]) yield* mustHold(engine, "a snapshot", taken[index].held, taken[index].at)
      for (const { at } of taken) at.release()
      yield* mustHold(engine, "the end", [])
    })
  ),
  claim("a snapshot does not see a batch that is still under way", (engine) =>
    Effect.gen(function* () {
      yield* engine.write(putting("a", "1"))
      let done = false
      engine.port.write(putting("a", "2"), "synced", () => {
        done = true
      })
      const at = engine.port.snapshot()
      yield* engine.sync
      yield* engine.flush
      must(done, "a sync completes after the batches before it")
      mustEqual("the snapshot", yield* read(engine, "a", at), "1")
      mustEqual("now", yield* read(engine, "a"), "2")
      at.release()
    })
  ),
  claim("a snapshot that was released is refused", (engine) =>
    Effect.gen(function* () {
      yield* engine.write(putting("a", "1"))
      const at = engine.port.snapshot()
      at.release()
      const fetched = Completion.submit<Uint8Array | undefined, StorageError>((done) =>
        engine.port.fetch(bytesOf("a"), at, done)
      )
      mustEqual("a fetch", yield* outcome(fetched), "snapshot-released")
    })
  )
]

const cursors: ReadonlyArray<EngineClaim> = [
  claim("a cursor sees nothing that was written after it was opened, however long it is held", (engine) =>
    Effect.gen(function* () {
      const list = yield* sixty(engine)
      const texts = list.map(([key, value]) => `${key}=${value}`)
      const forward = engine.port.scan({})
      const back = engine.port.scan({ reverse: true })
      mustEqual("the first", yield* take(forward, 10), texts.slice(0, 10))
      mustEqual("the last", yield* take(back, 10), texts.slice(-10).reverse())
      yield* engine.write(
        puttingAll([
          [numbered(21), "new"],
          [numbered(30), "new"]
        ])
      )
      yield* engine.write(deletingRange(numbered(40), numbered(80)))
      yield* engine.flush
      mustEqual("the next", yield* take(forward, 20), texts.slice(10, 30))
      yield* engine.write(deletingRange("", "z"))
      yield* engine.compact
      mustEqual("the rest", yield* take(forward, 100), texts.slice(30))
      mustEqual("the rest, back", yield* take(back, 100), texts.slice(0, -10).reverse())
      mustEqual("the end", yield* step(forward), "end")
      forward.close()
      back.close()
      mustEqual("a new cursor", yield* entries(engine), [])
    })
  ),
  claim("a cursor of a snapshot sees the snapshot, within its bounds", (engine) =>
    Effect.gen(function* () {
      const list = yield* sixty(engine)
      const at = engine.port.snapshot()
      yield* engine.write(deletingRange(numbered(4), numbered(100)))
      yield* engine.flush
      const expected = list.slice(5, 20).map(([key, value]) => `${key}=${value}`)
      const options = { at, bounds: bounds(numbered(10), numbered(40)) }
      mustEqual("forward", yield* entries(engine, options), expected)
      mustEqual("back", yield* entries(engine, { ...options, reverse: true }), expected.reverse())
      at.release()
    })
  ),
  claim("a cursor may be closed before its end, in the middle, and while it waits", (engine) =>
    Effect.gen(function* () {
      const list = yield* sixty(engine)
      yield* engine.compact
      engine.port.scan({}).close()
      const middle = engine.port.scan({})
      yield* take(middle, 7)
      middle.close()
      const waiting = engine.port.scan({ reverse: true })
      if (waiting.next() === "wait") waiting.fill(() => {})
      waiting.close()
      yield* engine.write(deletingRange("", "z"))
      yield* engine.compact
      yield* engine.write(puttingAll(list))
      yield* mustHold(engine, "what is there", list)
    })
  )
]

export const claims: ReadonlyArray<EngineClaim> = [...order, ...snapshots, ...cursors]
