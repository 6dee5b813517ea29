/** What is wrong on disk is found, by file and page: whatever it is that went wrong, nothing else than what was written is returned. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { outcomeOf, type TestBench } from "#sim/world/TestBench.ts"
import * as Completion from "#world/Completion.ts"
import { must, mustEqualBytes } from "#world/contract/Claim.ts"
import * as Disk from "#world/Disk.ts"
import { Batch } from "../Batch.ts"
import * as Engine from "../Engine.ts"
import { Corrupt, type StorageError } from "../StorageError.ts"
import * as BtreeEngine from "./BtreeEngine.ts"
import { metaAreaBytes } from "./PageFormat.ts"

const pageBytes = 512
const path = "tree/data.btree"
const withinMicros = 3_600_000_000
const memoryBytesMax = 20_000

const keyOf = (index: number): Uint8Array => new TextEncoder().encode(`key ${String(index).padStart(4, "0")}`)

/** Some are large values. */
const valueOf = (index: number, round: number): Uint8Array =>
  new Uint8Array(index % 10 === 0 ? 1_500 : 20).fill((index + round) % 251)

const count = 120

const open = Effect.map(BtreeEngine.open({ directory: "tree", pageBytes, memoryBytesMax }), Engine.make)

const fill = Effect.fnUntraced(function* (engine: Engine.Engine["Service"], round: number) {
  for (let from = 0; from < count; from += 20) {
    const batch = new Batch()
    for (let index = from; index < from + 20; index++) batch.put(keyOf(index), valueOf(index, round))
    yield* engine.write(batch)
  }
})

const readFile = Effect.gen(function* () {
  const disk = yield* Disk.Disk
  const file = yield* disk.open(path)
  return yield* file.readAt(0, yield* file.size)
}).pipe(Effect.scoped)

const writeFile = (offset: number, bytes: Uint8Array) =>
  Effect.gen(function* () {
    const disk = yield* Disk.Disk
    const file = yield* disk.open(path)
    yield* file.writeAt(offset, bytes)
    yield* file.sync
  }).pipe(Effect.scoped)

const rotOf = Effect.fnUntraced(function* (engine: Engine.Engine["Service"]) {
  const rot: Array<Corrupt> = []
  let position = 0
  do {
    const verified = yield* Completion.submit<Engine.Verified | undefined, StorageError>((done) =>
      engine.port.verify(position, done)
    )
    rot.push(...verified!.rot)
    position = verified!.position
  } while (position !== 0)
  return rot
})

/** Reads all that is there: the pages named by what was `Corrupt`. Throws when anything else than `round` is returned. */
const read = Effect.fnUntraced(function* (round: number) {
  const named = new Set<number>()
  const note = (error: StorageError): void => {
    if (!(error instanceof Corrupt) || error.path !== path) throw error
    named.add(error.offsetBytes / pageBytes)
  }
  const engine = yield* Effect.option(Effect.tapError(open, (error) => Effect.sync(() => note(error as StorageError))))
  if (engine._tag === "None") return named
  for (let index = 0; index < count; index++) {
    yield* Effect.match(engine.value.get(keyOf(index)), {
      onSuccess: (value) => mustEqualBytes("a value", value!, valueOf(index, round)),
      onFailure: note
    })
  }
  const rot = yield* rotOf(engine.value)
  const places = rot.map((one) => one.offsetBytes / pageBytes)
  for (const page of named) must(places.includes(page), `a read met page ${page}, verification did not`)
  for (const one of rot) note(one)
  return named
}, Effect.scoped)

const kept = (program: Effect.Effect<void, unknown, any>, prepare?: (bench: TestBench) => void): void => {
  expect(outcomeOf(program, prepare === undefined ? {} : { prepare }, withinMicros)).toBe("kept")
}

describe("damage", () => {
  it("of any page in use is reported with the page's place, and nothing wrong is returned", () => {
    kept(
      Effect.gen(function* () {
        const { details } = yield* Effect.scoped(
          Effect.flatMap(open, (engine) => Effect.andThen(fill(engine, 1), engine.stats))
        )
        const whole = yield* readFile
        const intact = yield* read(1)
        expect(intact.size).toBe(0)
        let found = 0
        for (let page = metaAreaBytes / pageBytes; page < whole.length / pageBytes; page++) {
          const offset = page * pageBytes + ((page * 61) % pageBytes)
          yield* writeFile(offset, new Uint8Array([whole[offset] ^ 16]))
          const named = yield* read(1)
          // A large value has several pages, and is named by its first.
          expect(named.size).toBeLessThanOrEqual(1)
          for (const one of named) expect(page - one === 0 || (page > one && page - one < 4)).toBe(true)
          found += named.size
          yield* writeFile(offset, new Uint8Array([whole[offset]]))
        }
        expect(found).toBe(details["pages"] - details["freePages"] - metaAreaBytes / pageBytes)
        expect((yield* read(1)).size).toBe(0)
      })
    )
  })

  it("by a write that landed in the place of another page is reported for both places", () => {
    kept(
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(open, (engine) => fill(engine, 1)))
        const whole = yield* readFile
        const first = metaAreaBytes / pageBytes
        const pages = whole.length / pageBytes - first
        let found = 0
        for (let i = 0; i < 60; i++) {
          const from = first + ((i * 7) % pages)
          const to = first + ((i * 13 + 5) % pages)
          if (from === to) continue
          yield* writeFile(to * pageBytes, whole.subarray(from * pageBytes, (from + 1) * pageBytes))
          found += (yield* read(1)).size
          yield* writeFile(to * pageBytes, whole.subarray(to * pageBytes, (to + 1) * pageBytes))
        }
        expect(found).toBeGreaterThan(20)
      })
    )
  })

  it("by a write that was acknowledged and never happened is reported, although the older page is whole", () => {
    kept(
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(open, (engine) => fill(engine, 1)))
        const before = yield* readFile
        yield* Effect.scoped(
          Effect.flatMap(open, (engine) =>
            Effect.gen(function* () {
              for (let round = 2; round <= 6; round++) yield* fill(engine, round)
            })
          )
        )
        const after = yield* readFile
        let found = 0
        for (let page = metaAreaBytes / pageBytes; page < before.length / pageBytes; page++) {
          const [from, to] = [page * pageBytes, (page + 1) * pageBytes]
          if (Buffer.compare(before.subarray(from, to), after.subarray(from, to)) === 0) continue
          yield* writeFile(from, before.subarray(from, to))
          found += (yield* read(6)).size
          yield* writeFile(from, after.subarray(from, to))
        }
        expect(found).toBeGreaterThan(20)
        expect((yield* read(6)).size).toBe(0)
      })
    )
  })

  it("of a whole meta slot is reported, and the other slot's older tree is not shown", () => {
    kept(
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(open, (engine) => fill(engine, 1)))
        const whole = yield* readFile
        for (const slot of [0, metaAreaBytes / 2]) {
          yield* writeFile(slot, new Uint8Array(metaAreaBytes / 2).fill(3))
          expect([...(yield* read(1))]).toEqual([slot / pageBytes])
          yield* writeFile(slot, whole.subarray(slot, slot + metaAreaBytes / 2))
        }
        expect((yield* read(1)).size).toBe(0)
      })
    )
  })

  it("of some copies of a meta is reported, and is gone after the next opening", () => {
    kept(
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(open, (engine) => fill(engine, 1)))
        for (const copy of [0, 5, 8, 15]) {
          const place = copy * 512 + 30
          const rot = yield* Effect.scoped(
            Effect.gen(function* () {
              const engine = yield* open
              yield* writeFile(place, new Uint8Array(3).fill(99))
              return yield* rotOf(engine)
            })
          )
          expect(rot.map(({ offsetBytes }) => offsetBytes)).toEqual([copy * 512])
          expect((yield* read(1)).size).toBe(0)
        }
      })
    )
  })

  it("of a page that writes need stops them, and reads of what is whole go on", () => {
    kept(
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(open, (engine) => fill(engine, 1)))
        const whole = yield* readFile
        let stopped = 0
        for (let page = metaAreaBytes / pageBytes; page < whole.length / pageBytes; page += 2) {
          yield* writeFile(page * pageBytes + 100, new Uint8Array(8).fill(77))
          const outcome = yield* Effect.scoped(
            Effect.gen(function* () {
              const engine = yield* open
              const writes = yield* Effect.exit(fill(engine, 1))
              if (writes._tag === "Success") return "written"
              const again = yield* Effect.flip(engine.write(new Batch().put(keyOf(0), valueOf(0, 1))))
              expect(again._tag).toBe("Stopped")
              for (let index = 0; index < count; index++) {
                const value = yield* Effect.orElseSucceed(engine.get(keyOf(index)), () => valueOf(index, 1))
                expect(value).toEqual(valueOf(index, 1))
              }
              return "stopped"
            })
          ).pipe(Effect.orElseSucceed(() => "not opened"))
          if (outcome === "stopped") stopped++
          yield* writeFile(0, whole)
        }
        expect(stopped).toBeGreaterThan(2)
      })
    )
  })
})
