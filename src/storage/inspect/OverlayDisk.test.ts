import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { outcomeOf } from "#sim/world/TestBench.ts"
import { bytesOf, type Claim, mustEqual, textOf } from "#world/contract/Claim.ts"
import * as DiskContract from "#world/contract/DiskContract.ts"
import * as Disk from "#world/Disk.ts"
import * as OverlayDisk from "./OverlayDisk.ts"

const withinMicros = 600_000_000
const courses = [{}, { seed: "2", policy: "uniform", preemptionOneIn: 8 }] as const

/** The program's disk is an overlay of the machine's. */
const overlaid = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const disk = yield* OverlayDisk.make(yield* Disk.Disk)
    return yield* Effect.provideService(program, Disk.Disk, disk)
  })

const outcomesOf = (test: Claim["test"]): ReadonlyArray<string> =>
  courses.map((course) => outcomeOf(Effect.scoped(test), course, withinMicros))

const kept = courses.map(() => "kept")

const write = Effect.fnUntraced(function* (path: string, text: string) {
  const file = yield* (yield* Disk.Disk).open(path, { create: true })
  yield* file.append(bytesOf(text))
}, Effect.scoped)

const read = Effect.fnUntraced(function* (path: string) {
  const file = yield* (yield* Disk.Disk).open(path)
  return textOf(yield* file.readAt(0, yield* file.size))
}, Effect.scoped)

const namesIn = (directory: string) => Effect.flatMap(Disk.Disk, (disk) => disk.list(directory))

/** Below the overlays of these tests. */
const below = Effect.gen(function* () {
  const disk = yield* Disk.Disk
  yield* disk.makeDirectory("d")
  yield* disk.makeDirectory("d/inner")
  yield* write("d/a", "abcdef")
  yield* write("d/b", "b")
  yield* write("d/inner/c", "c")
})

const mustBeAsItWas = Effect.gen(function* () {
  mustEqual("the directory below", yield* namesIn("d"), ["a", "b", "inner"])
  mustEqual("the inner one", yield* namesIn("d/inner"), ["c"])
  mustEqual("the file below", yield* read("d/a"), "abcdef")
})

describe("an overlay keeps the contract of Disk", () => {
  it.each(DiskContract.claims)("$name", ({ test }) => expect(outcomesOf(overlaid(test))).toEqual(kept))
})

describe("an overlay", () => {
  it("shows what is below, as it was changed, and leaves what is below as it was", () => {
    const change = Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const file = yield* disk.open("d/a")
      yield* file.writeAt(2, bytesOf("XX"))
      mustEqual("after a write", yield* read("d/a"), "abXXef")
      yield* file.truncate(3)
      yield* file.truncate(5)
      mustEqual("after a cut, and beyond", [...(yield* file.readAt(0, 9))], [97, 98, 88, 0, 0])
      yield* file.append(bytesOf("end"))
      mustEqual("the end", textOf(yield* file.readAt(5, 9)), "end")
      yield* disk.remove("d/b")
      yield* disk.rename("d/a", "d/b")
      yield* write("d/new", "new")
      mustEqual("the names", yield* namesIn("d"), ["b", "inner", "new"])
      mustEqual("the renamed file's end", (yield* read("d/b")).slice(-3), "end")
    })
    expect(outcomesOf(Effect.andThen(below, Effect.andThen(overlaid(change), mustBeAsItWas)))).toEqual(kept)
  })

  it("moves directories with what is below in them, and what is removed does not show through", () => {
    const change = Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* disk.rename("d", "e")
      mustEqual("the root", yield* namesIn(""), ["e"])
      mustEqual("a file in it", yield* read("e/inner/c"), "c")
      yield* disk.makeDirectory("d")
      mustEqual("a new directory of the old name", yield* namesIn("d"), [])
      yield* disk.remove("e/inner/c")
      yield* disk.remove("e/inner")
      mustEqual("what is left", yield* namesIn("e"), ["a", "b"])
    })
    expect(outcomesOf(Effect.andThen(below, Effect.andThen(overlaid(change), mustBeAsItWas)))).toEqual(kept)
  })
})
