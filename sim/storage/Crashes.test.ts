/** Crash points and failures of short sequences, on every engine; and the runners find what they are for. */
import * as Effect from "effect/Effect"
import { describe, expect, it, vi } from "vitest"
import type * as Engine from "#storage/Engine.ts"
import * as Disk from "#world/Disk.ts"
import * as Crashes from "./Crashes.ts"
import * as Failures from "./Failures.ts"
import * as ReferenceEngine from "./ReferenceEngine.ts"
import type { OptionSet } from "./Subject.ts"
import * as Subjects from "./Subjects.ts"

// Thousands of runs a test, on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000 })

const reference: OptionSet = { name: "reference", open: (directory) => ReferenceEngine.open(directory) }

/** All short sequences, and some of the longer ones. */
const sequences = (lengthMax: number, longOneIn: number): ReadonlyArray<Crashes.Sequence> =>
  [...Crashes.sequences(lengthMax)].filter(({ length }, index) => length === 1 || index % longOneIn === 0)

/** How much of what there is to look at a test takes. */
interface Share {
  readonly lengthMax: number
  /** One in so many sequences of more than one operation. */
  readonly longOneIn: number
  /** One in so many crash points, or calls that may fail. */
  readonly oneIn: number
  readonly rotPlaces: number
}

const everything: Share = { lengthMax: 2, longOneIn: 1, oneIn: 1, rotPlaces: 30 }

const crashesOf = (set: OptionSet, { lengthMax, longOneIn, oneIn }: Share): string | undefined => {
  const seen = new Set<string>()
  for (const sequence of sequences(lengthMax, longOneIn)) {
    const { found } = Crashes.explore(sequence, { set, draws: 2, oneIn }, seen)
    if (found !== undefined) return Crashes.report(set, found)
  }
  return undefined
}

const failuresOf = (set: OptionSet, failure: Failures.Failure, { oneIn }: Share): string | undefined => {
  for (const [index, sequence] of sequences(1, 1).entries()) {
    // Each sequence has the first of its calls elsewhere, so that all kinds of them have their turn.
    const stride = { first: 1 + (index % oneIn), step: oneIn }
    const { found } = Failures.explore(sequence, set, { failure, stride })
    if (found !== undefined) return Crashes.report(set, found)
  }
  return undefined
}

const rotOf = (set: OptionSet, { rotPlaces }: Share): string | undefined => {
  for (const sequence of sequences(1, 1)) {
    const { found } = Failures.exploreRot(sequence, set, rotPlaces)
    if (found !== undefined) return Crashes.report(set, found)
  }
  return undefined
}

/** The reference engine on a disk that does not do all that it is asked to. */
const withDisk = (name: string, change: (disk: Disk.Port) => Partial<Disk.Port>): OptionSet => ({
  name,
  open: (directory) =>
    Effect.flatMap(Disk.Disk, (disk) => {
      const changed = Disk.make({ ...disk.port, ...change(disk.port) })
      return Effect.provideService(ReferenceEngine.open(directory), Disk.Disk, changed)
    })
})

const withPort = (name: string, change: (port: Engine.Port) => Partial<Engine.Port>): OptionSet => ({
  name,
  open: (directory) => Effect.map(ReferenceEngine.open(directory), (port) => ({ ...port, ...change(port) }))
})

/** Files whose calls `change` may take another way. */
const withFiles = (name: string, change: (file: Disk.File, sink: Disk.Sink) => Partial<Disk.File>): OptionSet =>
  withDisk(name, (disk) => ({
    open: (path, options, sink, done) =>
      disk.open(path, options, sink, (error, file) => {
        if (file === undefined) return done(error, file)
        const plain: Disk.File = {
          path: file.path,
          readAt: (ticket, offset, length) => file.readAt(ticket, offset, length),
          writeAt: (ticket, offset, bytes) => file.writeAt(ticket, offset, bytes),
          append: (ticket, bytes) => file.append(ticket, bytes),
          truncate: (ticket, size) => file.truncate(ticket, size),
          sync: (ticket) => file.sync(ticket),
          size: (ticket) => file.size(ticket),
          close: () => file.close()
        }
        done(error, { ...plain, ...change(file, sink) })
      })
  }))

describe("the reference engine", () => {
  it("survives every crash point of two operations", () => expect(crashesOf(reference, everything)).toBeUndefined())
  it.each(Failures.failures)("survives %s at every call of an operation", (failure) => {
    expect(failuresOf(reference, failure, everything)).toBeUndefined()
  })
  it("never returns rot", () => expect(rotOf(reference, everything)).toBeUndefined())
})

const brokenInCrashes: ReadonlyArray<OptionSet> = [
  withDisk("the directory is not synced", (disk) => ({
    syncDirectory: (_, done) => disk.list("", (error) => done(error, undefined))
  })),
  withFiles("files are not synced", (file) => ({ sync: (ticket) => file.size(ticket) })),
  withPort("synced batches are only buffered", (port) => ({
    write: (batch, _, done) => port.write(batch, "buffered", done)
  })),
  withPort("a synced batch shows before it is durable", (port) => ({
    write: (batch, durability, done) =>
      port.write(batch, "buffered", (error) =>
        error === undefined && durability === "synced" ? port.sync(done) : done(error, undefined)
      )
  })),
  { name: "a torn tail is kept", open: (directory) => ReferenceEngine.open(directory, { keepsTornTail: true }) },
  { name: "a torn record is believed", open: (directory) => ReferenceEngine.open(directory, { believesDamaged: true }) }
]

describe("crash points refuse an engine where", () => {
  it.each(brokenInCrashes)("$name", (set) => expect(crashesOf(set, everything)).toContain("# in the last operation"))
})

/** The sink's failures become successes. */
const believing = (operation: "sync" | "append"): OptionSet =>
  withDisk(`a failed ${operation} is believed`, (disk) => ({
    open: (path, options, sink, done) => {
      let file: Disk.File | undefined
      const deaf: Disk.Sink = {
        done: (ticket, value) => sink.done(ticket, value),
        bytes: (ticket, bytes) => sink.bytes(ticket, bytes),
        failed: (ticket, error) => {
          if (error.operation === operation) sink.done(ticket, 0)
          else sink.failed(ticket, error)
        }
      }
      disk.open(path, options, deaf, (error, opened) => {
        file = opened
        done(error, file)
      })
    }
  }))

const brokenInFailures: ReadonlyArray<readonly [name: string, failure: Failures.Failure, set: OptionSet]> = [
  ["a failed sync is believed", "io", believing("sync")],
  ["a failed write is believed", "io", believing("append")],
  ["a write without space is believed", "full", believing("append")],
  [
    "what is refused is acknowledged",
    "full",
    withPort("all is well", (port) => ({
      write: (batch, durability, done) => port.write(batch, durability, () => done(undefined, undefined))
    }))
  ]
]

describe("failures refuse an engine where", () => {
  it.each(brokenInFailures)("%s", (_, failure, set) => {
    expect(failuresOf(set, failure, everything)).toContain("# in the last operation")
  })

  it("rot is believed", () => {
    const set: OptionSet = {
      name: "checksums are not looked at",
      open: (directory) => ReferenceEngine.open(directory, { believesDamaged: true })
    }
    expect(rotOf(set, everything)).toContain("rot of store/data")
  })
})

/** The LSM engine makes ten times as many calls as the others, and all of its points take two minutes. */
const shares: Readonly<Record<string, Share>> = {
  lsm: { lengthMax: 1, longOneIn: 1, oneIn: 8, rotPlaces: 6 }
}
const usual: Share = { ...everything, longOneIn: 19 }

describe.each(Subjects.all)("the engine $name, all options at their smallest,", ({ name, sets: [smallest] }) => {
  const share = shares[name] ?? usual
  it("survives crash points of one operation, and of some pairs", () => {
    expect(crashesOf(smallest, share)).toBeUndefined()
  })
  it.each(Failures.failures)("survives %s at calls of an operation", (failure) => {
    expect(failuresOf(smallest, failure, share)).toBeUndefined()
  })
  it("never returns rot", () => expect(rotOf(smallest, share)).toBeUndefined())
})
