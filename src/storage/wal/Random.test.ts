import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { type Stream as Draws, Streams } from "#sim/kernel/Stream.ts"
import type { DiskImage } from "#sim/world/DiskImage.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import type { StorageError } from "../StorageError.ts"
import * as Wal from "./Wal.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

type Operation =
  | { readonly type: "append"; readonly stream: number; readonly position: number; readonly text: string }
  | { readonly type: "cut-head"; readonly stream: number; readonly position: number }
  | { readonly type: "cut-tail"; readonly stream: number; readonly position: number }

interface Contents {
  readonly first: number
  readonly texts: ReadonlyArray<string>
}
type Model = ReadonlyMap<number, Contents>

const apply = (model: Model, operation: Operation): Model => {
  const { position, stream } = operation
  const { first, texts } = model.get(stream) ?? { first: position, texts: [] }
  const kept = position - first
  // What was to be cut may have been refused meanwhile.
  if (operation.type === "cut-tail" && kept >= texts.length) return model
  const after: Contents =
    operation.type === "append"
      ? { first, texts: [...texts, operation.text] }
      : operation.type === "cut-head"
        ? { first: Math.max(first, position), texts: texts.slice(Math.max(0, kept)) }
        : { first: Math.min(first, position), texts: texts.slice(0, Math.max(0, kept)) }
  return new Map([...model, [stream, after]])
}

/** A stream that was cut to nothing at 0 looks like one that never was. */
const textOf = (model: Model): string =>
  JSON.stringify(
    [...model].filter(([, { first, texts }]) => first + texts.length > 0).sort(([left], [right]) => left - right)
  )

const streamNumbers = [1, 2, 3]

/** A log on a machine of its own, driven by draws, with a model of what it may hold. */
class Course {
  readonly bench: TestBench
  readonly draws: Draws
  readonly options: Wal.Options
  log!: Wal.Wal
  /** What the log held when it was opened, and what was submitted since; refused operations are gone. */
  base: Model = new Map()
  submitted: Array<{ readonly operation: Operation; durable: boolean }> = []
  crashes = 0
  private serial = 0

  constructor(seed: string) {
    const streams = new Streams({ seed })
    const buggify = streams.get("test/buggify")
    this.draws = streams.get("test/draws")
    this.bench = new TestBench({ seed, policy: "uniform", buggify: () => buggify.chance(1, 20) })
    this.options = {
      directory: "log",
      segmentBytesMax: this.among([100, 400, 1_500, 20_000]),
      groupBytesMax: this.among([100, 600, 100_000]),
      bufferedBytesMax: this.among([0, 500, 100_000]),
      aheadBytes: this.among([0, 100, 3_000, 20_000]),
      idleMicros: this.among([100, 10_000, 10_000_000]),
      carryAboveBytes: this.among([500, 3_000, 1_000_000])
    }
    this.open()
  }

  get machine() {
    return this.bench.machines[0]
  }

  among<A>(choices: ReadonlyArray<A>): A {
    return choices[this.draws.below(choices.length)]
  }

  /** What is wrong with opening; undefined: it is open. */
  open(): string | undefined {
    let failure: string | undefined
    const program = Effect.matchEffect(Wal.open(this.options), {
      onFailure: (error) => Effect.sync(() => (failure = error._tag)),
      onSuccess: (log) => Effect.sync(() => (this.log = log))
    })
    this.bench.start(0, program)
    this.bench.pass(1_000_000)
    return failure ?? (this.bench.story.at(-1) === "n0 started" ? undefined : this.bench.story.at(-1))
  }

  get model(): Model {
    return this.submitted.reduce((model, { operation }) => apply(model, operation), this.base)
  }

  /** One drawn operation. */
  step(): void {
    const stream = this.among(streamNumbers)
    const { end, first } = this.log.extent(stream)
    const what = this.draws.below(20)
    if (what === 0)
      return this.submit({ type: "cut-head", stream, position: first + this.draws.below(end - first + 2) })
    if (what === 1 && end > 0) return this.submit({ type: "cut-tail", stream, position: end - this.draws.below(3) })
    if (what === 2) return this.log.sync(() => {})
    if (what < 6) return this.bench.pass(this.draws.below(2_000))
    const text = `${this.serial++}`.repeat(1 + this.draws.below(this.among([2, 20, 400])))
    this.submit({ type: "append", stream, position: end, text })
  }

  private submit(operation: Operation): void {
    const { position, stream } = operation
    if (position < 0) return
    const { end, first } = this.log.extent(stream)
    // Calls that change nothing are no operations.
    if (operation.type === "cut-head" && position <= first && end > 0) return
    if (operation.type === "cut-tail" && position >= end) return
    const entry = { operation, durable: false }
    this.submitted.push(entry)
    if (operation.type === "cut-head") return this.log.cutHead(stream, position)
    if (operation.type === "cut-tail") return this.log.cutTail(stream, position)
    const durability = this.among(["synced", "synced", "buffered"] as const)
    this.log.append(stream, position, [encoder.encode(operation.text)], durability, (error) => {
      if (error?._tag === "Refused") this.submitted.splice(this.submitted.indexOf(entry), 1)
      else if (error === undefined && durability === "synced") entry.durable = true
    })
  }

  /** What the log holds: its records, and "damaged" for each that does not read. */
  read(): Model {
    const contents = new Map<number, Contents>()
    for (const stream of streamNumbers) {
      const { end, first } = this.log.extent(stream)
      if (end === 0) continue
      const texts: Array<string> = []
      let ended: StorageError | "no" | undefined = "no"
      const replay = {
        record: (_: number, bytes: Uint8Array, from: number, to: number) =>
          texts.push(decoder.decode(bytes.subarray(from, to))),
        damaged: () => texts.push("damaged")
      }
      this.log.replay(stream, 0, replay, (error) => (ended = error))
      this.bench.pass(1_000_000)
      if (ended !== undefined) throw new Error("a replay ends well")
      contents.set(stream, { first, texts })
    }
    return contents
  }

  /** The machine loses power, or only the process dies; what is there after that becomes the new beginning. */
  crash(): string | undefined {
    this.crashes++
    const { faults } = this.machine
    const power = this.draws.chance(2, 3)
    Object.assign(faults, { losesUnsynced: power, losesEntries: power, tearsWrites: this.draws.chance(1, 2) })
    this.machine.crash({ powerLost: power })
    const failure = this.open()
    if (failure !== undefined) return failure
    if (this.log.damage.length > 0) return `damage: ${this.log.damage[0].corrupt.message}`
    const found = this.read()
    const durable = this.submitted.findLastIndex((entry) => entry.durable) + 1
    let model = this.base
    for (let count = 0; count <= this.submitted.length; count++) {
      if (count >= durable && textOf(model) === textOf(found)) {
        this.base = found
        this.submitted = []
        return undefined
      }
      if (count < this.submitted.length) model = apply(model, this.submitted[count].operation)
    }
    return `found ${textOf(found)}, which is no prefix of ${JSON.stringify(this.submitted)} on ${textOf(this.base)}`
  }
}

const seeds = Array.from({ length: 40 }, (_, index) => `log ${index}`)

describe("a log under random operations", () => {
  it.each(seeds)(
    "holds a prefix with all that was durable after each crash, also on a disk that fills up: %s",
    (seed) => {
      const course = new Course(seed)
      const lives: Array<{ readonly found: string; readonly due: string }> = []
      for (let life = 0; life < 6; life++) {
        for (let steps = course.draws.below(120); steps > 0; steps--) {
          course.step()
          if (course.draws.chance(1, 40)) {
            course.machine.faults.full = !course.machine.faults.full
            course.bench.pass(100_000)
          }
        }
        // What a full disk refuses is told before the crash.
        if (course.machine.faults.full) course.bench.pass(1_000_000)
        course.machine.faults.full = false
        course.bench.pass(life % 2 === 0 ? course.draws.below(1_000) : 1_000_000)
        if (life % 2 === 1) lives.push({ found: textOf(course.read()), due: textOf(course.model) })
        expect(course.crash()).toBeUndefined()
      }
      expect(lives.map(({ found }) => found)).toEqual(lives.map(({ due }) => due))
      expect(course.bench.traced.filter(({ level }) => level === "error")).toEqual([])
    }
  )

  it.each(seeds)("shows every flipped bit of a log at rest, and believes nothing that is not so: %s", (seed) => {
    const course = new Course(seed)
    for (let steps = 0; steps < 150; steps++) course.step()
    // Long enough for the mark behind the last group.
    course.bench.pass(40_000_000)
    const due = course.model
    const image = Reflect.get(course.machine.disk, "image") as DiskImage
    for (let flips = 0; flips < 12; flips++) {
      course.machine.crash({ powerLost: false })
      const files = image.files().filter(([, inode]) => inode.size > 0)
      const [path, inode] = files[course.draws.below(files.length)]
      const [offset, bit] = [course.draws.below(inode.size), course.draws.below(8)]
      inode.flipBit(offset, bit)
      const failure = course.open()
      const wrong = failure === undefined ? misbelieved(course, due, `${path} ${offset}`) : []
      expect([failure ?? "Corrupt", ...wrong]).toEqual(["Corrupt"])
      // Mends it. Opening may have cut what stood behind the damage, never what was due.
      course.machine.crash({ powerLost: false })
      if (offset < inode.size) inode.flipBit(offset, bit)
    }
  })
})

/** Records that are due and neither right nor known to be damaged. */
const misbelieved = (course: Course, due: Model, where: string): ReadonlyArray<string> => {
  const found = course.read()
  const wrong: Array<string> = []
  for (const [stream, { first, texts }] of due) {
    if (texts.length === 0) continue
    const there = found.get(stream)
    // A stream of which nothing was found has nobody who could doubt: the log itself must.
    if (there === undefined) {
      if (course.log.damage.length === 0) wrong.push(`${where}: stream ${stream} is lost`)
      continue
    }
    const inDoubt = there.texts.at(-1) === "damaged"
    texts.forEach((text, index) => {
      const shown = there.texts[first + index - there.first]
      if (shown !== text && shown !== "damaged" && !(shown === undefined && inDoubt)) {
        wrong.push(`${where}: ${first + index} of stream ${stream} is ${shown}`)
      }
    })
  }
  return wrong
}
