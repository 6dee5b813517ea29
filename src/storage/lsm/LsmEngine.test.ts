import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Incarnations from "#sim/storage/Incarnations.ts"
import type { Subject } from "../contract/EngineClaim.ts"
import * as EngineContract from "../contract/EngineContract.ts"
import * as Wal from "../wal/Wal.ts"
import * as LsmEngine from "./LsmEngine.ts"
import type * as LsmOptions from "./LsmOptions.ts"

type Tuning = Omit<LsmOptions.Options, "directory" | "log" | "stream">

/** The engine with a log of its own beside its directory. */
const subject = (tuning: Tuning, wal: Partial<Wal.Options> = {}): Subject => ({
  open: Effect.fnUntraced(function* (directory) {
    const log = yield* Wal.open({ ...wal, directory: `${directory}-log` })
    return yield* LsmEngine.open({ ...tuning, directory, log, stream: 7 })
  })
})

const subjects: Readonly<Record<string, Subject>> = {
  "as it comes": subject({}),
  "with everything tiny": subject(
    {
      memtableBytes: 200,
      cacheBytes: 0,
      blockBytes: 1,
      restartInterval: 1,
      tableBytes: 300,
      level0Tables: 1,
      level1Bytes: 600,
      levelFactor: 2,
      manifestBytesMax: 600,
      readAheadBytes: 1
    },
    { segmentBytesMax: 1_024, aheadBytes: 0, groupBytesMax: 300, bufferedBytesMax: 100 }
  ),
  "with small compressed tables": subject({
    memtableBytes: 4_000,
    cacheBytes: 3_000,
    blockBytes: 256,
    restartInterval: 4,
    bloomBitsPerKey: 0,
    compression: "lz4",
    tableBytes: 2_000,
    level0Tables: 2,
    level1Bytes: 4_000,
    levelFactor: 3
  })
}

const courses: ReadonlyArray<Incarnations.Course> = [
  { seed: "1", policy: "fifo", preemptionOneIn: 0, keeps: "nothing" },
  { seed: "2", policy: "uniform", preemptionOneIn: 8, keeps: "some" },
  { seed: "3", policy: "pct", preemptionOneIn: 16, keeps: "everything" }
]

describe.each(Object.keys(subjects))("the LSM engine %s keeps the contract", (name) => {
  it.each(EngineContract.claims)("$name", (claim) => {
    for (const course of courses) expect(Incarnations.outcomeOf(claim, subjects[name], course)).toBe("kept")
  })
})
