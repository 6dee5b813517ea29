import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import * as Completion from "#world/Completion.ts"
import type { World } from "#world/World.ts"
import type { Durability } from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"
import * as Wal from "./Wal.ts"

/** Choices in an order that is enumerated: one run takes one path, `next` moves on to the path beside it. */
class Tape {
  private choices: Array<number> = []
  private bounds: Array<number> = []
  private at = 0

  below(bound: number): number {
    // Of the four outcomes for a sector three keep it: two are enough.
    const choices = Math.min(bound, 2)
    const choice = this.at < this.choices.length ? this.choices[this.at] : 0
    this.choices[this.at] = choice
    this.bounds[this.at] = choices
    this.at++
    return choice === 0 ? 0 : bound - 1
  }

  chance(): boolean {
    return this.below(2) === 1
  }

  /** False: all paths were taken. */
  next(): boolean {
    this.choices.length = this.at
    this.at = 0
    while (this.choices.length > 0) {
      const last = this.choices.length - 1
      if (++this.choices[last] < this.bounds[last]) return true
      this.choices.pop()
    }
    return false
  }
}

type Operation =
  | {
      readonly type: "append"
      readonly stream: number
      readonly position: number
      readonly text: string
      readonly durability: Durability
    }
  | { readonly type: "cut-head"; readonly stream: number; readonly position: number }
  | { readonly type: "cut-tail"; readonly stream: number; readonly position: number }
  | { readonly type: "sync" }

const put = (
  stream: number,
  position: number,
  text: string,
  durability: Durability = "synced"
): ReadonlyArray<Operation> => [{ type: "append", stream, position, text, durability }]
const cut = (type: "cut-head" | "cut-tail", stream: number, position: number): ReadonlyArray<Operation> => [
  { type, stream, position }
]

interface Contents {
  readonly first: number
  readonly texts: ReadonlyArray<string>
}

/** The streams after the first `count` operations. */
const modelOf = (operations: ReadonlyArray<Operation>, count: number): ReadonlyMap<number, Contents> => {
  const streams = new Map<number, Contents>()
  for (const operation of operations.slice(0, count)) {
    if (operation.type === "sync") continue
    const { position, stream } = operation
    const { first, texts } = streams.get(stream) ?? { first: position, texts: [] }
    if (operation.type === "append") streams.set(stream, { first, texts: [...texts, operation.text] })
    else if (operation.type === "cut-head") {
      streams.set(stream, { first: Math.max(first, position), texts: texts.slice(Math.max(0, position - first)) })
    } else
      streams.set(stream, { first: Math.min(first, position), texts: texts.slice(0, Math.max(0, position - first)) })
  }
  return streams
}

const textOf = (streams: ReadonlyMap<number, Contents>): string =>
  JSON.stringify([...streams].sort(([left], [right]) => left - right))

const encoder = new TextEncoder()
const decoder = new TextDecoder()

interface Report {
  /** Operations that were submitted, and the last one that was confirmed as durable. */
  submitted: number
  durable: number
  contents: ReadonlyMap<number, Contents>
  damage: number
}

const newReport = (): Report => ({ submitted: 0, durable: 0, contents: new Map(), damage: 0 })

/** More than a sector. */
const long = "x".repeat(600)

const streamNumbers = [1, 2, 3]

const contentsOf = Effect.fnUntraced(function* (log: Wal.Wal) {
  const contents = new Map<number, Contents>()
  for (const stream of streamNumbers) {
    const texts: Array<string> = []
    const { end, first } = log.extent(stream)
    if (end === 0) continue
    const replay = {
      record: (_: number, bytes: Uint8Array, from: number, to: number) =>
        texts.push(decoder.decode(bytes.subarray(from, to))),
      damaged: () => texts.push("damaged")
    }
    yield* Completion.submit<void, StorageError>((done) => log.replay(stream, 0, replay, done))
    contents.set(stream, { first, texts })
  }
  return contents
})

const options: Wal.Options = {
  directory: "log",
  segmentBytesMax: 1_300,
  groupBytesMax: 2_000,
  aheadBytes: 300,
  idleMicros: 1_000
}

/** Opens, reports what is there, then submits the operations one turn after the other. */
const program = (report: Report, operations: ReadonlyArray<ReadonlyArray<Operation>>, given: Wal.Options = options) =>
  Effect.gen(function* () {
    const log = yield* Wal.open(given)
    report.contents = yield* contentsOf(log)
    report.damage = log.damage.length
    for (const together of operations) {
      for (const operation of together) {
        const index = ++report.submitted
        const confirmed = (error: unknown): void => {
          if (error === undefined) report.durable = Math.max(report.durable, index)
        }
        if (operation.type === "sync") log.sync(confirmed)
        else if (operation.type === "cut-head") log.cutHead(operation.stream, operation.position)
        else if (operation.type === "cut-tail") log.cutTail(operation.stream, operation.position)
        else {
          const { durability, position, stream, text } = operation
          const done = durability === "synced" ? confirmed : () => {}
          log.append(stream, position, [encoder.encode(text)], durability, done)
        }
      }
      yield* Effect.sleep(2)
    }
  }) as Effect.Effect<void, unknown, World | Scope.Scope>

const plenty = 1_000_000

/** Runs a program on the bench's machine until it has died or waits for nothing more; true: it died. */
const run = (bench: TestBench, body: Effect.Effect<void, unknown, World | Scope.Scope>): boolean => {
  bench.start(0, body)
  bench.pass(plenty)
  const died = bench.notes.at(-1)!
  if (died.what === "killed") return true
  expect(bench.story.at(-1)).toBe("n0 started")
  return false
}

/** The process dies, and the system still has what it was given. */
const processDies = (bench: TestBench): void => {
  const [machine] = bench.machines
  const diesInCall = (): void => {
    machine.crash({ powerLost: false })
    bench.notes.push({ atMicros: bench.kernel.now, machine: 0, what: "killed", error: undefined })
  }
  Object.assign(machine, { diesInCall })
}

const loses = { losesUnsynced: true, tearsWrites: true, losesEntries: true, losesAll: false }
type Death = "power-lost" | "process-died" | "both-in-turn"

/** What the log holds must be the effect of the first n operations, for some n from what was durable to what was submitted. */
const judge = (report: Report, operations: ReadonlyArray<Operation>, found: Report): void => {
  const allowed = new Set<string>()
  for (let count = report.durable; count <= report.submitted; count++) allowed.add(textOf(modelOf(operations, count)))
  expect(found.damage).toBe(0)
  expect([...allowed]).toContain(textOf(found.contents))
}

/**
 * Kills the machine in its n-th call to the disk, for every n, and takes every path of what the loss of power may leave. What
 * is found then must be right, and must still be there after another loss, of everything that is not durable.
 */
const everyCrash = (script: ReadonlyArray<ReadonlyArray<Operation>>, death: Death): number => {
  const operations = script.flat()
  let paths = 0
  const twice = death === "both-in-turn"
  // The calls of the first opening are no matter for a second crash.
  for (let call = twice ? 12 : 1, alive = true; alive; call++) {
    alive = false
    for (let recoveryCall = twice ? 1 : 0, again = true; again; recoveryCall++) {
      again = false
      const tape = new Tape()
      do {
        const bench = new TestBench()
        const [machine] = bench.machines
        Object.assign(machine.faults, loses, { crash: tape, kill: tape, killAtCall: call })
        if (death !== "power-lost") processDies(bench)
        const report = newReport()
        if (!run(bench, program(report, script))) break
        alive = true
        paths++
        if (recoveryCall > 0) {
          Reflect.deleteProperty(machine, "diesInCall")
          Object.assign(machine.faults, { losesEntries: false, tearsWrites: false, killAtCall: recoveryCall })
          if (run(bench, program(newReport(), []))) again = true
          else machine.crash({ powerLost: true })
          Object.assign(machine.faults, { losesEntries: true, killAtCall: 0 })
        }
        const found = newReport()
        // As long as what may have been torn: what is left of that would stand right behind it.
        expect(run(bench, program(found, [put(3, 0, long)]))).toBe(false)
        judge(report, operations, found)
        expect(found.durable).toBe(1)
        machine.faults.losesAll = true
        machine.crash({ powerLost: true })
        const later = newReport()
        run(bench, program(later, []))
        expect(later.damage).toBe(0)
        expect(textOf(later.contents)).toBe(textOf(new Map([...found.contents, [3, { first: 0, texts: [long] }]])))
      } while (tape.next())
    }
  }
  return paths
}

const scripts: Readonly<Record<string, ReadonlyArray<ReadonlyArray<Operation>>>> = {
  "single records": [put(1, 0, "a"), put(1, 1, "b"), put(1, 2, "c")],
  "a group over several sectors": [
    put(1, 0, "a"),
    [...put(1, 1, long), ...put(2, 5, "b"), ...put(1, 2, "c")],
    put(1, 3, "d")
  ],
  "a group after another without a pause": [
    [...put(1, 0, long), ...put(1, 1, "b")],
    [...put(1, 2, "c"), ...put(2, 0, long)]
  ],
  "segments that come and go": [
    put(1, 0, long),
    put(1, 1, long),
    [...cut("cut-head", 1, 1), ...put(1, 2, "c")],
    put(1, 3, long),
    [...cut("cut-head", 1, 4), ...put(2, 0, "d")],
    put(2, 1, long)
  ],
  "a tail that is cut and written again": [
    [...put(1, 0, "a"), ...put(1, 1, "b"), ...put(1, 2, "c")],
    [...cut("cut-tail", 1, 1), ...put(1, 1, "B")],
    [...put(1, 2, long), ...cut("cut-tail", 1, 0), ...put(1, 0, "A")]
  ],
  "buffered records": [
    put(1, 0, "a", "buffered"),
    [...put(1, 1, "b", "buffered"), ...put(2, 0, "c", "buffered")],
    [{ type: "sync" }],
    [...put(2, 1, long, "buffered"), ...put(1, 2, "d")]
  ]
}

describe("after a crash in any call to the disk, with any part of the unsynced bytes torn or lost", () => {
  it.each(Object.entries(scripts))("the log holds what was durable and nothing invented: %s", (_, script) => {
    expect(everyCrash(script, "power-lost")).toBeGreaterThan(50)
  })
})

describe("after the death of the process alone", () => {
  it.each(Object.entries(scripts))(
    "what the log shows stays, whatever the next loss of power takes: %s",
    (_, script) => {
      expect(everyCrash(script, "process-died")).toBeGreaterThan(15)
    }
  )
})

describe("after a second crash, in any call of the recovery", () => {
  it("the log holds the same", () => {
    const script = [[...put(1, 0, "a"), ...put(1, 1, long)]]
    expect(everyCrash(script, "both-in-turn")).toBeGreaterThan(100)
  }, 120_000)
})
