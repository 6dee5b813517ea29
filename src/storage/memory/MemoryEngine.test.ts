import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Incarnations from "#sim/storage/Incarnations.ts"
import type { Subject } from "../contract/EngineClaim.ts"
import * as EngineContract from "../contract/EngineContract.ts"
import * as Wal from "../wal/Wal.ts"
import * as MemoryEngine from "./MemoryEngine.ts"

type Tuning = Omit<MemoryEngine.Options, "directory" | "log" | "stream">

/** The engine with a log of its own beside its directory. */
const subject = (tuning: Tuning, wal: Partial<Wal.Options> = {}): Subject => ({
  open: Effect.fnUntraced(function* (directory) {
    const log = yield* Wal.open({ ...wal, directory: `${directory}-log` })
    return yield* MemoryEngine.open({ ...tuning, directory, log, stream: 7 })
  })
})

const subjects: Readonly<Record<string, Subject>> = {
  "as it comes": subject({}),
  "with everything tiny": subject(
    { logBytesMax: 100, blockBytes: 1, fanOut: 4, slabBytes: 4_096, partBytes: 60 },
    { segmentBytesMax: 1_024, aheadBytes: 0, groupBytesMax: 300, bufferedBytesMax: 100 }
  )
}

const courses: ReadonlyArray<Incarnations.Course> = [
  { seed: "1", policy: "fifo", preemptionOneIn: 0, keeps: "nothing" },
  { seed: "2", policy: "uniform", preemptionOneIn: 8, keeps: "some" },
  { seed: "3", policy: "pct", preemptionOneIn: 16, keeps: "everything" }
]

describe.each(Object.keys(subjects))("the memory engine %s keeps the contract", (name) => {
  it.each(EngineContract.claims)("$name", (claim) => {
    for (const course of courses) expect(Incarnations.outcomeOf(claim, subjects[name], course)).toBe("kept")
  })
})
