/** Subjects: the engines of `src/storage`, each with the options that testing is about and the values that are hard for it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Draw } from "#sim/kernel/Draw.ts"
import { prngOf } from "#sim/kernel/Stream.ts"
import * as BtreeEngine from "#storage/btree/BtreeEngine.ts"
import type * as Engine from "#storage/Engine.ts"
import * as LsmEngine from "#storage/lsm/LsmEngine.ts"
import * as MemoryEngine from "#storage/memory/MemoryEngine.ts"
import type { StorageError } from "#storage/StorageError.ts"
import * as Wal from "#storage/wal/Wal.ts"
import type { World } from "#world/World.ts"
import type { OptionSet, Subject } from "./Subject.ts"

export type Value = number | string | boolean

/** By option: hard values, the smallest first. */
type Choices = Readonly<Record<string, ReadonlyArray<Value>>>
type Chosen = Readonly<Record<string, Value>>

type Open = (directory: string, chosen: Chosen) => Effect.Effect<Engine.Port, StorageError, World | Scope.Scope>

/** Where a set says nothing: a megabyte of zeros ahead of a log takes more time than all else in a short run. */
const quick: Chosen = { aheadBytes: 4_096 }

/** Sets that are tested each time: what everybody would think of, and some that nobody would. */
const setsMin = 32

const subjectOf = (name: string, choices: Choices, open: Open): Subject => {
  const setOf = (chosen: Chosen, base = quick): OptionSet => ({
    name: Object.entries(chosen)
      .map(([option, value]) => `${option}=${value}`)
      .join(" "),
    open: (directory) => open(directory, { ...base, ...chosen })
  })
  const every = (pick: (values: ReadonlyArray<Value>) => Value): Chosen =>
    Object.fromEntries(Object.entries(choices).map(([option, values]) => [option, pick(values)]))
  const draw = (draw: Draw): OptionSet =>
    setOf(
      Object.fromEntries(
        Object.entries(choices).flatMap(([option, values]) => (draw.chance(1, 4) ? [] : [[option, draw.pick(values)]]))
      )
    )
  const sets = [
    setOf(every((values) => values[0])),
    { ...setOf({}, {}), name: "defaults" },
    setOf(every((values) => values.at(-1)!)),
    ...Object.entries(choices).flatMap(([option, values]) => values.map((value) => setOf({ [option]: value })))
  ]
  const drawing = new Draw(prngOf(name, "option sets"))
  while (sets.length < setsMin) {
    const drawn = draw(drawing)
    if (!sets.some(({ name: other }) => other === drawn.name)) sets.push(drawn)
  }
  return { name, sets, draw }
}

const logChoices: Choices = {
  segmentBytesMax: [1_024, 10_000, 1_048_576],
  groupBytesMax: [1, 1_000, 1_048_576],
  bufferedBytesMax: [1, 500, 1_048_576],
  aheadBytes: [0, 700, 65_536],
  idleMicros: [1, 1_000, 1_000_000],
  carryAboveBytes: [1, 4_000, 1_048_576]
}

/** What was chosen of these options. */
const chosenOf = (choices: Choices, chosen: Chosen): Chosen =>
  Object.fromEntries(Object.entries(chosen).filter(([option]) => Object.hasOwn(choices, option)))

const stream = 1

/** The log of an engine, in a directory beside it. */
const openLog = (directory: string, chosen: Chosen) =>
  Wal.open({ ...chosenOf(logChoices, chosen), directory: `${directory}-log` })

const memoryChoices: Choices = {
  logBytesMax: [1, 600, 20_000],
  blockBytes: [1, 200, 65_536],
  fanOut: [4, 16, 128],
  slabBytes: [4_096, 65_536],
  partBytes: [1, 300]
}

export const memory = subjectOf(
  "memory",
  { ...memoryChoices, ...logChoices },
  Effect.fnUntraced(function* (directory, chosen) {
    const log = yield* openLog(directory, chosen)
    return yield* MemoryEngine.open({ ...chosenOf(memoryChoices, chosen), directory, log, stream })
  })
)

const lsmChoices: Choices = {
  memoryBytesMax: [4_000, 100_000, 4_194_304],
  memtableBytes: [1, 2_000, 60_000],
  frozenMax: [1, 4],
  cacheBytes: [0, 500, 1_048_576],
  blockBytes: [1, 300, 32_768],
  restartInterval: [1, 3, 64],
  bloomBitsPerKey: [0, 1, 20],
  compression: ["none", "lz4"],
  tableBytes: [1, 1_500, 1_048_576],
  level0Tables: [1, 2, 8],
  level1Bytes: [1, 3_000],
  levelFactor: [2, 20],
  manifestBytesMax: [1, 900],
  readAheadBytes: [1, 2_000],
  threadBytesMin: [0, 3_000, 1_048_576]
}

export const lsm = subjectOf(
  "lsm",
  { ...lsmChoices, ...logChoices },
  Effect.fnUntraced(function* (directory, chosen) {
    const log = yield* openLog(directory, chosen)
    return yield* LsmEngine.open({ ...chosenOf(lsmChoices, chosen), directory, log, stream })
  })
)

const btreeChoices: Choices = {
  pageBytes: [512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768],
  memoryBytesMax: [0, 2_000, 10_000, 40_000, 1_048_576],
  sparePercent: [0, 50, 90]
}

export const btree = subjectOf("btree", btreeChoices, (directory, chosen) =>
  BtreeEngine.open({ ...chosenOf(btreeChoices, chosen), directory })
)

export const all: ReadonlyArray<Subject> = [memory, lsm, btree]
