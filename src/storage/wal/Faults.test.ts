import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import type { DiskImage, Inode } from "#sim/world/DiskImage.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { must } from "#world/contract/Claim.ts"
import type { StorageError } from "../StorageError.ts"
import * as Format from "./Format.ts"
import * as Wal from "./Wal.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const plenty = 2_000_000
const options: Wal.Options = { directory: "log", segmentBytesMax: 2_000, aheadBytes: 0, idleMicros: 10_000 }

/** A log on a machine of its own, which a test talks to call by call. */
class Harness {
  readonly bench: TestBench
  log!: Wal.Wal
  /** What became of each call: its name, and "ok" or the error. */
  readonly outcomes: Array<string> = []
  private readonly given: Wal.Options

  constructor(seed: string, given: Partial<Wal.Options> = {}) {
    this.bench = new TestBench({ seed, atlas: { copiesIntactMin: 0 } })
    this.given = { ...options, ...given }
    this.open()
  }

  get faults() {
    return this.bench.machines[0].faults
  }

  open(): void {
    this.bench.start(
      0,
      Effect.map(Wal.open(this.given), (log) => {
        this.log = log
      })
    )
    this.pass()
    must(this.bench.story.at(-1) === "n0 started", `the log must open: ${this.bench.story.at(-1)}`)
  }

  pass(micros = plenty): void {
    this.bench.pass(micros)
  }

  note(name: string): (error: StorageError | undefined) => void {
    return (error) => {
      const what = error === undefined ? "ok" : error._tag === "Refused" ? error.reason : error._tag
      this.outcomes.push(`${name} ${what}`)
    }
  }

  /** The outcomes since the last look. */
  told(): ReadonlyArray<string> {
    return this.outcomes.splice(0)
  }

  append(position: number, durability: "synced" | "buffered" = "synced", stream = 1): void {
    const bytes = encoder.encode(`record ${position} of ${stream}`)
    this.log.append(stream, position, [bytes], durability, this.note(`${stream}/${position}`))
  }

  read(stream = 1): ReadonlyArray<string> {
    const texts: Array<string> = []
    let ended = false
    this.log.replay(
      stream,
      0,
      {
        record: (_, bytes, from, to) => texts.push(decoder.decode(bytes.subarray(from, to))),
        damaged: (position) => texts.push(`damaged ${position}`)
      },
      (error) => {
        must(error === undefined, "a replay must not fail")
        ended = true
      }
    )
    this.pass()
    must(ended, "a replay must end")
    return texts
  }

  loseEverything(): void {
    const { faults } = this
    faults.heal()
    Object.assign(faults, { losesUnsynced: true, losesEntries: true, losesAll: true })
    this.bench.machines[0].crash({ powerLost: true })
    this.open()
    must(this.log.damage.length === 0, "lost bytes must not be taken for damage")
  }
}

const records = (from: number, to: number, stream = 1): ReadonlyArray<string> =>
  Array.from({ length: to - from }, (_, index) => `record ${from + index} of ${stream}`)

const seeds = ["1", "2", "3", "4", "5", "6", "7", "8"]

describe("a full disk", () => {
  it.each(seeds)(
    "refuses an append and what builds on it, keeps the rest, and takes records again later: seed %s",
    (seed) => {
      const harness = new Harness(seed)
      harness.append(0)
      harness.pass()
      harness.append(1, "buffered")
      harness.pass(100)
      expect(harness.told()).toEqual(["1/0 ok", "1/1 ok"])
      harness.faults.full = true
      harness.append(2)
      harness.append(3)
      harness.append(70, "synced", 2)
      harness.append(4, "buffered")
      harness.pass()
      expect(harness.told()).toEqual(["1/2 no-space", "1/3 no-space", "2/70 no-space", "1/4 no-space"])
      expect(harness.log.extent(1)).toEqual({ first: 0, end: 2 })
      expect(harness.log.extent(2)).toEqual({ first: 0, end: 0 })
      expect(harness.read()).toEqual(records(0, 1))
      harness.append(2, "buffered")
      harness.pass()
      expect(harness.told()).toEqual(["1/2 no-space"])
      harness.faults.heal()
      harness.append(2)
      harness.append(5, "synced", 2)
      harness.pass()
      expect(harness.told()).toEqual(["1/2 ok", "2/5 ok"])
      expect(harness.read()).toEqual(records(0, 3))
      harness.loseEverything()
      expect(harness.read()).toEqual(records(0, 3))
      expect(harness.read(2)).toEqual(records(5, 6, 2))
    }
  )

  it.each(seeds)("brings nothing back that it has refused, whatever a crash keeps: seed %s", (seed) => {
    const harness = new Harness(seed)
    harness.append(0)
    harness.pass()
    harness.faults.full = true
    harness.append(1)
    harness.pass()
    expect(harness.told()).toEqual(["1/0 ok", "1/1 no-space"])
    Object.assign(harness.faults, { losesUnsynced: true, tearsWrites: true })
    harness.faults.heal()
    harness.bench.machines[0].crash({ powerLost: true })
    harness.open()
    expect(harness.read()).toEqual(records(0, 1))
  })

  it("refuses what needs a new segment, and makes one when there is room", () => {
    const harness = new Harness("rotation", { segmentBytesMax: 200 })
    for (let position = 0; position < 4; position++) harness.append(position)
    harness.pass()
    harness.told()
    harness.faults.full = true
    for (let position = 4; position < 8; position++) {
      harness.append(4)
      harness.pass()
    }
    expect(new Set(harness.told())).toEqual(new Set(["1/4 no-space"]))
    harness.faults.heal()
    harness.append(4)
    harness.pass()
    expect(harness.told()).toEqual(["1/4 ok"])
    harness.loseEverything()
    expect(harness.read()).toEqual(records(0, 5))
  })

  it("keeps a cut of a tail, and drops what was written on it", () => {
    const harness = new Harness("cut")
    for (let position = 0; position < 5; position++) harness.append(position)
    harness.pass()
    harness.told()
    harness.faults.full = true
    harness.append(5)
    harness.log.cutTail(1, 2)
    harness.append(2)
    harness.pass()
    expect(harness.told()).toEqual(["1/5 no-space", "1/2 no-space"])
    expect(harness.log.extent(1)).toEqual({ first: 0, end: 2 })
    harness.faults.heal()
    harness.append(2)
    harness.pass()
    harness.loseEverything()
    expect(harness.log.extent(1)).toEqual({ first: 0, end: 3 })
    expect(harness.read()).toEqual(records(0, 3))
  })
})

describe("a device that fails", () => {
  it.each(seeds)("stops the log, which believes nothing after that and still reads: seed %s", (seed) => {
    const harness = new Harness(seed)
    harness.append(0)
    harness.pass()
    harness.faults.ioErrorPerMille = 1_000
    harness.append(1)
    harness.append(2, "buffered")
    harness.pass()
    harness.faults.heal()
    harness.append(3)
    harness.log.sync(harness.note("sync"))
    harness.pass()
    expect(harness.told()).toEqual(["1/0 ok", "1/1 Stopped", "1/2 Stopped", "1/3 Stopped", "sync Stopped"])
    expect(harness.bench.traced.map(({ name }) => name)).toContain("storage/log-stopped")
    expect(harness.read()).toEqual(records(0, 1))
    // Started again without loss of power: what it finds, it has made durable.
    harness.bench.machines[0].crash({ powerLost: false })
    harness.open()
    const found = harness.read()
    expect(found).toEqual(records(0, found.length))
    expect(found.length).toBeGreaterThan(0)
    harness.loseEverything()
    expect(harness.read()).toEqual(found)
  })
})

describe("a log that has been damaged", () => {
  const damaged = (strike: (image: DiskImage) => void): Harness => {
    const harness = new Harness("damage", { segmentBytesMax: 250 })
    for (let position = 0; position < 20; position++) {
      harness.append(position)
      harness.pass()
    }
    strike(Reflect.get(harness.bench.machines[0].disk, "image") as DiskImage)
    return harness
  }

  const verified = (harness: Harness): ReadonlyArray<string> => {
    const rot: Array<string> = []
    let position = 0
    do {
      harness.log.verify(position, (error, step) => {
        must(error === undefined && step !== undefined, "a verification must not fail")
        rot.push(...step.rot.map(({ offsetBytes, path }) => `${path} ${offsetBytes}`))
        position = step.position
      })
      harness.pass()
    } while (position > 0)
    return rot
  }

  const flip = (image: DiskImage, segment: number, offset: number): void =>
    (image.get(`log/${Format.nameOf(segment)}`) as Inode).flipBit(offset, 3)

  it("tells verification where, by file and offset", () => {
    const harness = damaged((image) => {
      flip(image, 2, 10)
      flip(image, 4, 200)
    })
    const [header, record, ...more] = verified(harness)
    expect([header, more]).toEqual(["log/00000002.wal 0", []])
    expect(record).toMatch(/^log\/00000004.wal 1\d\d$/)
  })

  it("tells verification of a segment that is missing", () => {
    expect(verified(damaged((image) => image.remove("log/00000003.wal")))).toEqual(["log/00000003.wal 0"])
  })

  it.each([1, 3])("knows which records a missing segment had, and goes on behind them: segment %i", (segment) => {
    const harness = damaged((image) => image.remove(`log/${Format.nameOf(segment)}`))
    harness.bench.machines[0].crash({ powerLost: false })
    harness.open()
    const path = `log/${Format.nameOf(segment)}`
    expect(harness.log.damage.length).toBeGreaterThan(0)
    const found = harness.read()
    expect(found.length).toBe(20)
    expect(found.filter((text) => text.startsWith("damaged")).length).toBeGreaterThan(0)
    found.forEach((text, position) => expect([`damaged ${position}`, `record ${position} of 1`]).toContain(text))
    // The oldest one leaves no trace of its name.
    expect(harness.log.damage.map(({ corrupt }) => corrupt.path)).toContain(segment === 1 ? "log" : path)
    harness.append(20)
    harness.pass()
    expect(harness.told().at(-1)).toBe("1/20 ok")
  })
})

describe("waiting bytes", () => {
  it("over the bound are refused, with what builds on them, and taken when others have completed", () => {
    const harness = new Harness("waiting", { waitingBytesMax: 150 })
    for (let position = 0; position < 5; position++) harness.append(position)
    harness.pass()
    expect(harness.told().toSorted()).toEqual(["1/0 ok", "1/1 ok", "1/2 ok", "1/3 overloaded", "1/4 overloaded"])
    harness.append(3)
    harness.append(4)
    harness.pass()
    expect(harness.told()).toEqual(["1/3 ok", "1/4 ok"])
    expect(harness.read()).toEqual(records(0, 5))
  })
})

describe("an idle log", () => {
  it("makes buffered records durable, marks its last group, and then rests", () => {
    const harness = new Harness("idle")
    harness.append(0, "buffered")
    harness.pass()
    expect(harness.told()).toEqual(["1/0 ok"])
    expect(harness.bench.marks).toContain("storage/wal-mark")
    const { syncs } = harness.log.stats()
    harness.pass(60_000_000)
    expect(harness.log.stats().syncs).toBe(syncs)
    harness.loseEverything()
    expect(harness.read()).toEqual(records(0, 1))
  })
})

describe("a group that went astray, over the one before", () => {
  it.each(seeds)(
    "is no torn tail, though nothing was written since, and no stream believes its end: seed %s",
    (seed) => {
      const harness = new Harness(seed, { segmentBytesMax: 100_000 })
      const write = (position: number): void =>
        harness.log.append(2, position, [new Uint8Array(700)], "synced", harness.note(`2/${position}`))
      harness.append(0)
      harness.append(0, "synced", 2)
      harness.pass()
      harness.append(1)
      write(1)
      harness.pass(5_000)
      harness.faults.misdirectNext = true
      write(2)
      harness.pass(5_000)
      expect(harness.told()).toEqual(["1/0 ok", "2/0 ok", "1/1 ok", "2/1 ok", "2/2 ok"])
      expect(harness.faults.misdirectNext).toBe(false)
      for (const _ of ["at once", "and at the next start, too"]) {
        harness.bench.machines[0].crash({ powerLost: true })
        harness.open()
        expect(harness.read()).toEqual([...records(0, 2), "damaged 2"])
        expect(harness.read(2)).toEqual([...records(0, 1, 2), "damaged 1"])
      }
    }
  )
})
