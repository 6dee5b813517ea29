import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import * as Subjects from "#sim/storage/Subjects.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { bytesOf, textOf } from "#world/contract/Claim.ts"
import { Disk } from "#world/Disk.ts"
import type { World } from "#world/World.ts"
import { Batch } from "../Batch.ts"
import * as BtreeEngine from "../btree/BtreeEngine.ts"
import { listed } from "../contract/EngineClaim.ts"
import * as Engine from "../Engine.ts"
import * as LsmEngine from "../lsm/LsmEngine.ts"
import * as MemoryEngine from "../memory/MemoryEngine.ts"
import type { StorageError } from "../StorageError.ts"
import * as Wal from "../wal/Wal.ts"
import * as Opened from "./Opened.ts"
import * as OverlayDisk from "./OverlayDisk.ts"
import { fileKind, kindsOf, type StoreKind } from "./StoreKind.ts"
import type { Unit } from "./Unit.ts"
import * as Verification from "./Verification.ts"

const values = new Map(
  Array.from({ length: 40 }, (_, index) => [`key ${String(index).padStart(3, "0")}`, `value ${index} `.repeat(5)])
)

const fill = Effect.fnUntraced(function* (engine: Engine.Engine["Service"]) {
  yield* engine.write(new Batch().put(bytesOf("key 005x"), bytesOf("gone")))
  yield* engine.flush
  for (const [key, value] of values) yield* engine.write(new Batch().put(bytesOf(key), bytesOf(value)))
  yield* engine.write(new Batch().deleteRange(bytesOf("key 005x"), bytesOf("key 006")))
})

type Make = Effect.Effect<void, StorageError, World | Scope.Scope>

/** Makes a small store in the directory `store`, and closes it. */
const makers: Readonly<Record<StoreKind, Make>> = {
  memory: Effect.gen(function* () {
    const log = yield* Wal.open({ directory: "log" })
    const engine = Engine.make(yield* MemoryEngine.open({ directory: "store", log, stream: 1, blockBytes: 300 }))
    yield* fill(engine)
    yield* engine.flush
  }),
  lsm: Effect.gen(function* () {
    const log = yield* Wal.open({ directory: "log" })
    const sizes = { blockBytes: 200, tableBytes: 1_500, level0Tables: 20 } as const
    const port = yield* LsmEngine.open({ directory: "store", log, stream: 1, ...sizes, compression: "lz4" })
    const engine = Engine.make(port)
    yield* fill(engine)
    yield* engine.flush
  }),
  btree: Effect.gen(function* () {
    const engine = Engine.make(yield* BtreeEngine.open({ directory: "store", pageBytes: 512 }))
    yield* fill(engine)
    yield* engine.write(new Batch().put(bytesOf("large"), bytesOf("large ".repeat(300))))
    yield* engine.write(new Batch().delete(bytesOf("large")))
    yield* engine.write(new Batch().put(bytesOf("large"), bytesOf("large ".repeat(300))))
  }),
  log: Effect.gen(function* () {
    const log = yield* Wal.open({ directory: "store", segmentBytesMax: 2_000, aheadBytes: 0 })
    yield* fill(Engine.make(yield* MemoryEngine.open({ directory: "other", log, stream: 1 })))
  })
}

/** A machine with such a store on its disk, on which programs run one after the other. */
class Machine {
  private readonly bench = new TestBench()

  constructor(make: Make) {
    this.run(make)
  }

  run<A>(program: Effect.Effect<A, unknown, World | Scope.Scope>): A {
    const results: Array<A> = []
    this.bench.startOnce(
      0,
      Effect.map(Effect.scoped(program), (result) => results.push(result))
    )
    while (this.bench.machines[0].isUp) this.bench.pass(1_000_000)
    const error = this.bench.notes.at(-1)?.error
    if (error !== undefined) throw new Error(error)
    return results[0]
  }

  verify(kind: StoreKind, directory = "store"): Verification.Report {
    return this.run(Verification.verify(directory, kind))
  }

  names(directory = "store"): ReadonlyArray<string> {
    return this.run(Effect.flatMap(Disk, (disk) => disk.list(directory)))
  }

  /** All files as they are. */
  contents(): ReadonlyMap<string, Uint8Array> {
    const read = (name: string) =>
      Effect.gen(function* () {
        const file = yield* (yield* Disk).open(`store/${name}`)
        return yield* file.readAt(0, yield* file.size)
      })
    return new Map(this.names().map((name) => [name, this.run(read(name))]))
  }

  flip(name: string, offset: number): void {
    this.run(
      Effect.gen(function* () {
        const file = yield* (yield* Disk).open(`store/${name}`)
        const [byte] = yield* file.readAt(offset, 1)
        yield* file.writeAt(offset, Uint8Array.of(byte ^ 0x10))
      })
    )
  }

  units(name: string): ReadonlyArray<Unit> {
    const units: Array<Unit> = []
    this.run(
      Effect.gen(function* () {
        const path = `store/${name}`
        const handle = yield* (yield* Disk).open(path)
        const { number, walk } = fileKind(name)!
        const source = { path, number, handle, sizeBytes: yield* handle.size }
        yield* walk(source, { unit: (unit) => units.push(unit), wantsEntries: true })
      })
    )
    return units
  }
}

const kinds = Object.keys(makers) as ReadonlyArray<StoreKind>
const known = (names: ReadonlyArray<string>) => names.filter((name) => fileKind(name) !== undefined)

describe.each(kinds)("a sound store of the kind %s", (kind) => {
  it("is known by its files", () => {
    expect(kindsOf(new Machine(makers[kind]).names())).toEqual([kind])
  })

  it("has nothing wrong with it, and is as it was when that is known", () => {
    const machine = new Machine(makers[kind])
    const before = machine.contents()
    const { bytes, files, rot, units } = machine.verify(kind)
    expect([rot, files > 0, units > 5, bytes > 1_500]).toEqual([[], true, true, true])
    expect(machine.contents()).toEqual(before)
  })

  it("is made of units that follow each other without a gap, from the begin to the end of each file", () => {
    const machine = new Machine(makers[kind])
    for (const [name, contents] of machine.contents()) {
      if (fileKind(name) === undefined) continue
      const units = machine.units(name).toSorted((a, b) => a.offsetBytes - b.offsetBytes)
      let end = 0
      for (const { offsetBytes, problem, sizeBytes, what } of units) {
        expect({ name, what, offsetBytes, problem }).toEqual({ name, what, offsetBytes: end, problem: undefined })
        end += sizeBytes
      }
      // A tree's last pages need not be in the file when they are free.
      const sizeBytes = kind === "btree" ? Math.max(end, contents.length) : contents.length
      expect(end).toBe(sizeBytes)
    }
  })

  it("shows what was written in the units' entries", () => {
    const machine = new Machine(makers[kind])
    const found = new Map<string, string>()
    for (const name of known(machine.names())) {
      for (const { entries = [] } of machine.units(name)) {
        for (const { key, value } of entries) if (value !== undefined) found.set(textOf(key), textOf(value))
      }
    }
    for (const [key, value] of values) expect([key, found.get(key)]).toEqual([key, value])
  })
})

/** Versions that snapshots hold, deletes, ranges, an ingestion, large values; some of it in the log only. */
const work = Effect.fnUntraced(function* (engine: Engine.Engine["Service"]) {
  for (let step = 0; step < 90; step++) {
    const key = bytesOf(`key ${(step * 7) % 25}`)
    const batch = new Batch().put(key, bytesOf(`${step} `.repeat(step % 30 === 0 ? 2_000 : step)))
    if (step % 5 === 0) batch.delete(bytesOf(`key ${step % 25}`))
    if (step % 11 === 0) batch.deleteRange(bytesOf("key 1"), bytesOf("key 15"))
    yield* engine.write(batch, step % 3 === 0 ? "synced" : "buffered")
    if (step % 4 === 0) yield* engine.snapshot
    if (step % 20 === 0) yield* engine.flush
    if (step === 50) {
      const entries = Array.from({ length: 20 }, (_, index) => [`key ${100 + index}`, "ingested"] as const)
      yield* engine.ingest(listed(entries))
    }
    if (step === 70) yield* engine.compact
  }
})

describe.each(Subjects.all)("a store of the engine $name with much in it", ({ name, sets }) => {
  it("has nothing wrong with it, nor has its log, under any options", () => {
    for (const set of sets.filter((_, index) => index < 4 || index % 5 === 0)) {
      const made = Effect.flatMap(set.open("store"), (port) => work(Engine.make(port)))
      const machine = new Machine(made)
      const [kind] = kindsOf(machine.names())
      expect([set.name, kind, machine.verify(kind).rot]).toEqual([set.name, name, []])
      const hasLog = machine.names("").includes("store-log")
      expect([set.name, hasLog && machine.verify("log", "store-log").rot]).toEqual([set.name, hasLog && []])
    }
  })
})

describe("a directory", () => {
  it.each([
    [[], []],
    [["CURRENT", "LOCK", "LOG", "MANIFEST-000004", "000005.ldb"], []],
    [["data.mdb", "lock.mdb"], []],
    [["00000001.new", "data.btree.new", "1.table", "00000001.table.bak"], []],
    [["CURRENT"], ["lsm"]],
    [
      ["00000001.checkpoint", "00000002.wal", "data.btree"],
      ["memory", "log", "btree"]
    ]
  ])("with %j holds %j", (names, kinds) => {
    expect(kindsOf(names)).toEqual(kinds)
  })
})

/** Bytes that mean nothing: pages that nobody uses. */
const isFree = (units: ReadonlyArray<Unit>, offset: number): boolean =>
  units.some(
    ({ offsetBytes, sizeBytes, what }) => what === "free" && offset >= offsetBytes && offset < offsetBytes + sizeBytes
  )

const strides: Readonly<Record<StoreKind, number>> = { memory: 17, lsm: 23, btree: 67, log: 29 }

describe.each(kinds)("a flipped bit in a store of the kind %s", (kind) => {
  it("is found, wherever it is, in its file and not behind it", () => {
    const machine = new Machine(makers[kind])
    let flipped = 0
    for (const [name, contents] of machine.contents()) {
      if (fileKind(name) === undefined) continue
      const units = machine.units(name)
      for (let offset = flipped % strides[kind]; offset < contents.length; offset += strides[kind]) {
        if (isFree(units, offset)) continue
        machine.flip(name, offset)
        const { isTorn, rot } = machine.verify(kind)
        machine.flip(name, offset)
        const places = rot.filter(({ offsetBytes, path }) => path === `store/${name}` && offsetBytes <= offset)
        const what = rot.map(({ message, offsetBytes, path }) => `${path}:${offsetBytes} ${message}`)
        // What was written last, and nothing behind it, may be torn off as well.
        expect({ name, offset, what, isFound: places.length > 0 || isTorn }).toMatchObject({ isFound: true })
        flipped++
      }
    }
    expect(flipped).toBeGreaterThan(80)
    expect(machine.verify(kind).rot).toEqual([])
  })
})

describe("between the files of an LSM store", () => {
  const broken = (change: (names: ReadonlyArray<string>) => Effect.Effect<void, unknown, World | Scope.Scope>) => {
    const machine = new Machine(makers.lsm)
    const names = machine.names()
    machine.run(change(names))
    return machine.verify("lsm").rot.map(({ message, path }) => `${path}: ${message}`)
  }
  const tables = (names: ReadonlyArray<string>) => names.filter((name) => name.endsWith(".table"))
  const gone = (path: string) => `${path}: the file is gone: repair it from a replica or a backup`

  it.each(["table", "manifest", "CURRENT"])("a %s that is gone is missed", (ending) => {
    let removed = ""
    const rot = broken((names) => {
      removed = `store/${names.findLast((name) => name.endsWith(ending))}`
      return Effect.flatMap(Disk, (disk) => disk.remove(removed))
    })
    expect(rot).toEqual([gone(removed)])
  })

  it("a table under the name of another is not taken for it", () => {
    let other = ""
    const rot = broken((names) => {
      const [first, second] = tables(names)
      other = second
      return Effect.flatMap(Disk, (disk) => disk.rename(`store/${first}`, `store/${second}`))
    })
    expect(rot.some((text) => text.startsWith(`store/${other}: footer: its footer is not what was written`))).toBe(true)
  })

  it("what nobody names is left over, and not rot", () => {
    const machine = new Machine(makers.lsm)
    const leave = Effect.fnUntraced(function* (name: string) {
      yield* (yield* Disk).open(`store/${name}`, { create: true })
    })
    machine.run(Effect.andThen(leave("00009999.table"), leave("CURRENT.next")))
    const { leftOver, rot } = machine.verify("lsm")
    expect([leftOver, rot]).toEqual([["00009999.table", "CURRENT.next"], []])
  })
})

const entriesOf = Effect.fnUntraced(function* (options: Omit<Opened.Options, "directory">) {
  const engine = Engine.make(yield* Opened.open({ directory: "store", ...options }))
  const found: Array<readonly [string, string]> = []
  yield* engine.scan({}, (key, value) => {
    found.push([textOf(key), textOf(value)])
  })
  return found
})

/** On a disk that keeps nothing. */
const overlaid = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Disk, (disk) =>
    Effect.flatMap(OverlayDisk.make(disk), (overlay) => Effect.provideService(program, Disk, overlay))
  )

const written = [...values]
const late = ["late", "only the log has it"] as const

/** Leaves a batch that the engine's own files do not have. */
const writeLate = (kind: "memory" | "lsm") =>
  Effect.gen(function* () {
    const log = yield* Wal.open({ directory: "log" })
    const port = yield* Opened.open({ directory: "store", kind, log: { log, stream: 1 }, isReading: true })
    yield* Engine.make(port).write(new Batch().put(bytesOf(late[0]), bytesOf(late[1])))
  })

describe.each(["memory", "lsm"] as const)("an engine of the kind %s that is opened from outside", (kind) => {
  const withLog = Effect.fnUntraced(function* (isReading: boolean) {
    const log = yield* Wal.open({ directory: "log" })
    return yield* entriesOf({ kind, log: { log, stream: 1 }, isReading })
  })
  const withoutLog = entriesOf({ kind, log: undefined, isReading: true })

  it("shows what its own files have and, with its log, everything, without a trace on the disk", () => {
    const machine = new Machine(makers[kind])
    machine.run(writeLate(kind))
    const before = machine.contents()
    expect(machine.run(overlaid(withoutLog))).toEqual(written)
    expect(machine.run(overlaid(withLog(true)))).toEqual([...written, late])
    expect(machine.contents()).toEqual(before)
  })

  it("loses nothing that only the log has when it is compacted without it", () => {
    const machine = new Machine(makers[kind])
    machine.run(writeLate(kind))
    const compact = Effect.flatMap(
      Opened.open({ directory: "store", kind, log: undefined, isReading: false }),
      (port) => Engine.make(port).compact
    )
    machine.run(compact)
    expect(machine.verify(kind).rot).toEqual([])
    expect(machine.run(overlaid(withoutLog))).toEqual(written)
    expect(machine.run(withLog(false))).toEqual([...written, late])
  })
})

describe("an LSM store that is compacted from outside", () => {
  it("keeps the compression of its tables", () => {
    const machine = new Machine(makers.lsm)
    const isCompressed = () =>
      machine
        .names()
        .filter((name) => name.endsWith(".table"))
        .flatMap((name) => machine.units(name))
        .some(({ fields }) => fields.isCompressed === true)
    const compact = Effect.flatMap(
      Opened.open({ directory: "store", kind: "lsm", log: undefined, isReading: false }),
      (port) => Engine.make(port).compact
    )
    const [before, after] = [isCompressed(), (machine.run(compact), isCompressed())]
    expect([before, after]).toEqual([true, true])
  })
})

describe("a log whose last group was torn", () => {
  it("is torn, and not rotten", () => {
    const machine = new Machine(makers.log)
    const names = machine.names()
    machine.run(
      Effect.gen(function* () {
        const file = yield* (yield* Disk).open(`store/${names.at(-1)}`)
        yield* file.truncate((yield* file.size) - 3)
      })
    )
    expect(machine.verify("log")).toMatchObject({ rot: [], isTorn: true })
  })
})
