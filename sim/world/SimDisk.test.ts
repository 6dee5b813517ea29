import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Disk from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import { TestBench, type BenchOptions } from "./TestBench.ts"

const sector = 512
/** Long enough for anything that does not hang. */
const plenty = 1_000_000

/** The disk of a machine as its present incarnation has it. */
const boot = (bench: TestBench, machine = 0): Disk.Port => {
  let port: Disk.Port | undefined
  bench.start(
    machine,
    Effect.map(Disk.Disk, (disk) => {
      port = disk.port
    })
  )
  return port!
}

class Log implements Disk.Sink {
  /** By ticket, in the order of completion: "ok", or the code of the error. */
  readonly results: Array<readonly [ticket: number, result: string]> = []
  readonly values = new Map<number, number>()
  readonly reads = new Map<number, Uint8Array>()

  done(ticket: number, value: number): void {
    this.results.push([ticket, "ok"])
    this.values.set(ticket, value)
  }
  bytes(ticket: number, bytes: Uint8Array): void {
    this.results.push([ticket, "ok"])
    this.reads.set(ticket, bytes)
  }
  failed(ticket: number, error: DiskError): void {
    this.results.push([ticket, error.code])
  }
}

/** Calls and waits: "ok" with the value, or the code of the error. */
const ask = <A>(
  bench: TestBench,
  call: (done: Disk.Done<A>) => void
): { readonly code: string; readonly value: A | undefined } => {
  const answers: Array<{ readonly code: string; readonly value: A | undefined }> = []
  call((error, value) => answers.push({ code: error?.code ?? "ok", value }))
  bench.pass(plenty)
  expect(answers.length).toBe(1)
  return answers[0]
}

const openFile = (bench: TestBench, port: Disk.Port, path: string, options: Disk.OpenOptions = { create: true }) => {
  const log = new Log()
  const { code, value } = ask<Disk.File | undefined>(bench, (done) => port.open(path, options, log, done))
  expect(code).toBe("ok")
  return { file: value!, log }
}

const filled = (byte: number, length = sector): Uint8Array => new Uint8Array(length).fill(byte)

/** What a file holds, by a new incarnation if need be; undefined: it is not there. */
const contentsOf = (bench: TestBench, port: Disk.Port, path: string): Uint8Array | undefined => {
  const log = new Log()
  const { value } = ask<Disk.File | undefined>(bench, (done) => port.open(path, {}, log, done))
  if (value === undefined) return undefined
  value.readAt(0, 0, 1_000_000)
  bench.pass(plenty)
  return log.reads.get(0)
}

/** A bench whose disk has `path` with these bytes, all of it durable. */
const withDurable = (path: string, bytes: Uint8Array, options: BenchOptions = {}) => {
  const bench = new TestBench(options)
  const port = boot(bench)
  const { file, log } = openFile(bench, port, path)
  file.append(0, bytes)
  file.sync(1)
  expect(ask<void>(bench, (done) => port.syncDirectory("", done)).code).toBe("ok")
  log.results.length = 0
  return { bench, file, log, port }
}

const seeds = Array.from({ length: 60 }, (_, index) => `disk ${index}`)

describe("a crash without power loss", () => {
  it("keeps all that completed, synced or not, and carries out what was under way in order up to some point", () => {
    const lengths = new Set<number>()
    for (const seed of seeds) {
      const bench = new TestBench({ seed })
      const { file } = openFile(bench, boot(bench), "log")
      file.append(0, filled(1, 3))
      bench.pass(plenty)
      for (let ticket = 1; ticket <= 5; ticket++) file.append(ticket, Uint8Array.of(10 + ticket))
      bench.machines[0].crash({ powerLost: false })
      const left = [...contentsOf(bench, boot(bench), "log")!]
      expect(left).toEqual([1, 1, 1, 11, 12, 13, 14, 15].slice(0, left.length))
      expect(left.length).toBeGreaterThanOrEqual(3)
      lengths.add(left.length)
    }
    expect(lengths.size).toBeGreaterThan(3)
  })

  it("tells nobody of the dead incarnation what became of its operations, and takes none from it any more", () => {
    const bench = new TestBench()
    const port = boot(bench)
    const { file, log } = openFile(bench, port, "log")
    let answers = 0
    file.append(0, filled(1))
    port.rename("log", "gol", () => answers++)
    bench.machines[0].crash({ powerLost: false })
    file.append(1, filled(2))
    port.remove("log", () => answers++)
    bench.pass(plenty)
    expect([log.results, answers]).toEqual([[], 0])
    const left = contentsOf(bench, boot(bench), "log")!
    expect([0, sector]).toContain(left.length)
  })
})

describe("lose-unsynced", () => {
  it("keeps or loses each unsynced write on its own, never what was synced", () => {
    const outcomes = new Set<string>()
    for (const seed of seeds) {
      const { bench, file } = withDurable("log", filled(1), { seed })
      file.writeAt(0, sector, filled(2))
      file.writeAt(1, 2 * sector, filled(3))
      bench.pass(plenty)
      bench.machines[0].faults.losesUnsynced = true
      bench.machines[0].crash({ powerLost: true })
      const left = contentsOf(bench, boot(bench), "log")!
      expect(left.slice(0, sector)).toEqual(filled(1))
      outcomes.add([left[sector], left[2 * sector]].join())
    }
    // Lost and lost, kept and lost, lost and kept, kept and kept.
    expect([...outcomes].sort((left, right) => (left < right ? -1 : 1))).toEqual([",", "0,3", "2,", "2,3"])
  })

  it("takes nothing when it is not asked for, not even at a loss of power", () => {
    for (const seed of seeds.slice(0, 10)) {
      const { bench, file } = withDurable("log", filled(1), { seed })
      file.writeAt(0, 0, filled(2, 3 * sector))
      bench.pass(plenty)
      bench.machines[0].crash({ powerLost: true })
      expect(contentsOf(bench, boot(bench), "log")).toEqual(filled(2, 3 * sector))
    }
  })
})

describe("torn-write", () => {
  it("cuts an unsynced write at the boundaries of sectors only", () => {
    let torn = 0
    for (const seed of seeds) {
      const { bench, file } = withDurable("log", filled(1, 6 * sector), { seed })
      file.writeAt(0, 100, filled(2, 4 * sector))
      bench.pass(plenty)
      Object.assign(bench.machines[0].faults, { losesUnsynced: true, tearsWrites: true })
      bench.machines[0].crash({ powerLost: true })
      const left = contentsOf(bench, boot(bench), "log")!
      const kept = [100, sector, 2 * sector, 3 * sector, 4 * sector].map((at) => left[at] === 2)
      const expected = filled(1, 6 * sector)
      kept.forEach((each, index) => {
        if (each) expected.fill(2, Math.max(100, index * sector), Math.min(100 + 4 * sector, (index + 1) * sector))
      })
      expect(left).toEqual(expected)
      if (new Set(kept).size === 2) torn++
    }
    expect(torn).toBeGreaterThan(10)
  })
})

describe("lose-directory-entry", () => {
  it("keeps or loses a new name until its directory is synced, and with it the file", () => {
    const outcomes = new Set<boolean>()
    for (const seed of seeds.slice(0, 20)) {
      const { bench, port } = withDurable("log", filled(1), { seed })
      const { file } = openFile(bench, port, "new")
      file.append(0, filled(2))
      file.sync(1)
      bench.pass(plenty)
      bench.machines[0].faults.losesEntries = true
      bench.machines[0].crash({ powerLost: true })
      const next = boot(bench)
      expect(contentsOf(bench, next, "log")).toEqual(filled(1))
      const left = contentsOf(bench, next, "new")
      expect(left ?? filled(2)).toEqual(filled(2))
      outcomes.add(left !== undefined)
    }
    expect(outcomes.size).toBe(2)
  })
})

describe("io-error", () => {
  it("fails what it strikes once each, writes a prefix of what failed, and reads go on when it ends", () => {
    const prefixes = new Set<number>()
    for (const seed of seeds) {
      const { bench, file, log, port } = withDurable("log", filled(1, 10), { seed })
      bench.machines[0].faults.ioErrorPerMille = 1_000
      file.writeAt(0, 0, filled(2, 10))
      file.readAt(1, 0, 10)
      file.truncate(2, 3)
      file.size(3)
      bench.pass(plenty)
      expect(log.results).toEqual([
        [0, "io"],
        [1, "io"],
        [2, "io"],
        [3, "ok"]
      ])
      expect(ask<void>(bench, (done) => port.remove("log", done)).code).toBe("io")
      bench.machines[0].faults.heal()
      const left = contentsOf(bench, port, "log")!
      const prefix = left.indexOf(1)
      expect([...left]).toEqual([...filled(2, prefix), ...filled(1, 10 - prefix)])
      prefixes.add(prefix)
    }
    expect(prefixes.size).toBeGreaterThan(5)
  })

  it("makes a failed sync lose for ever what it was to keep, even if the next one succeeds", () => {
    const { bench, file, log } = withDurable("log", filled(1, 10))
    file.writeAt(0, 0, filled(2, 5))
    bench.pass(plenty)
    bench.machines[0].faults.ioErrorPerMille = 1_000
    file.sync(1)
    bench.pass(plenty)
    bench.machines[0].faults.heal()
    file.sync(2)
    bench.pass(plenty)
    expect(log.results).toEqual([
      [0, "ok"],
      [1, "io"],
      [2, "ok"]
    ])
    bench.machines[0].faults.losesUnsynced = true
    bench.machines[0].crash({ powerLost: true })
    expect(contentsOf(bench, boot(bench), "log")).toEqual(filled(1, 10))
  })

  it("counts a failed write through as a failed sync", () => {
    const { bench, port } = withDurable("log", filled(1, 10))
    const { file, log } = openFile(bench, port, "log", { writeThrough: true })
    file.writeAt(0, 0, filled(2, 10))
    bench.pass(plenty)
    bench.machines[0].faults.ioErrorPerMille = 1_000
    file.writeAt(1, 0, filled(3, 10))
    bench.pass(plenty)
    bench.machines[0].faults.heal()
    file.sync(2)
    bench.pass(plenty)
    expect(log.results).toEqual([
      [0, "ok"],
      [1, "io"],
      [2, "ok"]
    ])
    bench.machines[0].faults.losesUnsynced = true
    bench.machines[0].crash({ powerLost: true })
    expect(contentsOf(bench, boot(bench), "log")).toEqual(filled(2, 10))
  })
})

describe("disk-full", () => {
  it("refuses what grows, and nothing else", () => {
    const { bench, file, log, port } = withDurable("log", filled(1, 10))
    bench.machines[0].faults.full = true
    file.append(0, filled(2, 10))
    file.writeAt(1, 0, filled(3, 10))
    file.readAt(2, 0, 5)
    file.sync(3)
    file.truncate(4, 5)
    bench.pass(plenty)
    expect(log.results).toEqual([
      [0, "no-space"],
      [1, "ok"],
      [2, "ok"],
      [3, "ok"],
      [4, "ok"]
    ])
    expect(log.reads.get(2)).toEqual(filled(3, 5))
    expect(ask<Disk.File | undefined>(bench, (done) => port.open("new", { create: true }, log, done)).code).toBe(
      "no-space"
    )
    expect(ask<void>(bench, (done) => port.makeDirectory("directory", done)).code).toBe("no-space")
    expect(ask<void>(bench, (done) => port.rename("log", "gol", done)).code).toBe("ok")
    bench.machines[0].faults.heal()
    expect(ask<void>(bench, (done) => port.makeDirectory("directory", done)).code).toBe("ok")
  })
})

describe("slow-sync", () => {
  it("makes syncs take longer, by up to its amount, and other calls not", () => {
    const took = (slowSyncMicros: number, call: (file: Disk.File) => void): number => {
      const { bench, file, log } = withDurable("log", filled(1))
      bench.machines[0].faults.slowSyncMicros = slowSyncMicros
      const from = bench.kernel.now
      let micros = 0
      call(file)
      while (log.results.length === 0) {
        bench.pass(10)
        micros = bench.kernel.now - from
      }
      return micros
    }
    expect(took(0, (file) => file.sync(0))).toBeLessThanOrEqual(210)
    expect(took(900_000, (file) => file.sync(0))).toBeGreaterThan(1_000)
    expect(took(900_000, (file) => file.readAt(0, 0, 1))).toBeLessThanOrEqual(30)
  })
})

describe("stuck-sync", () => {
  it.each(["fifo", "uniform"] as const)(
    "holds syncs, and what comes after them on the same file, in order, under %s",
    (policy) => {
      const { bench, file, log, port } = withDurable("log", filled(1, 10), { policy })
      const other = openFile(bench, port, "other")
      bench.machines[0].faults.stuck = true
      file.writeAt(0, 0, filled(2, 10))
      file.sync(1)
      for (let ticket = 2; ticket < 20; ticket++) file.writeAt(ticket, ticket % 10, Uint8Array.of(ticket))
      file.readAt(20, 0, 10)
      other.file.append(0, filled(3, 3))
      other.file.readAt(1, 0, 3)
      let directory = "silent"
      port.syncDirectory("", (error) => (directory = error?.code ?? "ok"))
      bench.pass(100 * plenty)
      expect([log.results, directory]).toEqual([[[0, "ok"]], "silent"])
      expect(other.log.results).toEqual([
        [0, "ok"],
        [1, "ok"]
      ])
      bench.machines[0].disk.unstick()
      file.size(21)
      bench.pass(plenty)
      expect(log.results.map(([ticket]) => ticket)).toEqual(Array.from({ length: 22 }, (_, ticket) => ticket))
      expect([...log.reads.get(20)!]).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
      expect(directory).toBe("ok")
    }
  )

  it("leaves nothing behind when the machine dies of it", () => {
    const { bench, file, log } = withDurable("log", filled(1, 10))
    bench.machines[0].faults.stuck = true
    file.sync(0)
    bench.machines[0].crash({ powerLost: false })
    const port = boot(bench)
    bench.machines[0].disk.unstick()
    bench.pass(plenty)
    expect(log.results).toEqual([])
    expect(contentsOf(bench, port, "log")).toEqual(filled(1, 10))
  })
})

describe("lying-sync", () => {
  it("answers at once and syncs nothing, neither files nor directories", () => {
    const { bench, file, log, port } = withDurable("log", filled(1, 10))
    bench.machines[0].faults.lying = true
    file.writeAt(0, 0, filled(2, 10))
    file.sync(1)
    const made = openFile(bench, port, "new", { create: true, writeThrough: true })
    made.file.append(0, filled(3, 10))
    expect(ask<void>(bench, (done) => port.syncDirectory("", done)).code).toBe("ok")
    expect([log.results, made.log.results]).toEqual([
      [
        [0, "ok"],
        [1, "ok"]
      ],
      [[0, "ok"]]
    ])
    file.sync(2)
    bench.pass(1)
    expect(log.results.at(-1)).toEqual([2, "ok"])
  })

  it("lets power loss take what it said was durable", () => {
    const left = seeds.slice(0, 20).map((seed) => {
      const { bench, file, port } = withDurable("log", filled(1, 10), { seed })
      openFile(bench, port, "new")
      bench.machines[0].faults.lying = true
      file.writeAt(0, 0, filled(2, 10))
      file.sync(1)
      expect(ask<void>(bench, (done) => port.syncDirectory("", done)).code).toBe("ok")
      Object.assign(bench.machines[0].faults, { losesUnsynced: true, losesEntries: true })
      bench.machines[0].crash({ powerLost: true })
      const next = boot(bench)
      return [contentsOf(bench, next, "log")![0], contentsOf(bench, next, "new")?.length]
    })
    expect(new Set(left.map(([byte]) => byte))).toEqual(new Set([1, 2]))
    expect(new Set(left.map(([, length]) => length))).toEqual(new Set([0, undefined]))
  })
})

describe("misdirect", () => {
  const three = (): Uint8Array => Uint8Array.from([...filled(1), ...filled(2), ...filled(3)])

  it("puts the next write one sector off, over its neighbour, and only that one", () => {
    const { bench, file, port } = withDurable("log", three(), { atlas: { copiesIntactMin: 0 } })
    bench.machines[0].faults.misdirectNext = true
    file.writeAt(0, sector, filled(9))
    file.writeAt(1, 2 * sector, filled(8))
    bench.pass(plenty)
    expect([...contentsOf(bench, port, "log")!]).toEqual([...filled(9), ...filled(2), ...filled(8)])
  })

  it("hits the sector after it when there is none before", () => {
    const { bench, file, port } = withDurable("log", three(), { atlas: { copiesIntactMin: 0 } })
    bench.machines[0].faults.misdirectNext = true
    file.writeAt(0, 0, filled(9))
    bench.pass(plenty)
    expect([...contentsOf(bench, port, "log")!]).toEqual([...filled(1), ...filled(9), ...filled(3)])
  })

  it("does not happen where the atlas forbids it, and waits for a write that it may strike", () => {
    const { bench, file, port } = withDurable("log", three(), {
      atlas: { copiesIntactMin: 0, files: (path) => path === "other" }
    })
    bench.machines[0].faults.misdirectNext = true
    file.writeAt(0, sector, filled(9))
    const other = openFile(bench, port, "other")
    other.file.append(0, filled(7))
    bench.pass(plenty)
    expect([...contentsOf(bench, port, "log")!]).toEqual([...filled(1), ...filled(9), ...filled(3)])
    expect([...contentsOf(bench, port, "other")!]).toEqual([...filled(0), ...filled(7)])
  })

  it("counts as damage wherever it missed or hit, until that is written anew and synced", () => {
    const { bench, file } = withDurable("log", filled(1, 6 * sector), { machines: 2, atlas: { copiesIntactMin: 1 } })
    const damagedOn0 = (): ReadonlyArray<number> =>
      [0, 1, 2, 3, 4, 5].filter((first) => !bench.atlas.claim(1, "log", { first, end: first + 1 }) || !released(first))
    // A claim that was granted is given back at once.
    const released = (first: number): boolean => {
      bench.atlas.renewed(1, "log", [first])
      return true
    }
    expect(damagedOn0()).toEqual([])
    bench.machines[0].faults.misdirectNext = true
    file.writeAt(0, 2 * sector, filled(9, 2 * sector))
    bench.pass(plenty)
    expect(damagedOn0()).toEqual([1, 2, 3])
    file.sync(1)
    bench.pass(plenty)
    expect(damagedOn0()).toEqual([1, 2, 3])
    file.writeAt(2, 2 * sector, filled(9, 2 * sector))
    bench.pass(plenty)
    expect(damagedOn0()).toEqual([1, 2, 3])
    file.sync(3)
    bench.pass(plenty)
    expect(damagedOn0()).toEqual([1])
  })

  it("is claimed for the name that the file has now", () => {
    const { bench, file, port } = withDurable("next", filled(1, 2 * sector), {
      atlas: { copiesIntactMin: 0, files: (path) => path === "log" }
    })
    expect(ask<void>(bench, (done) => port.rename("next", "log", done)).code).toBe("ok")
    bench.machines[0].faults.misdirectNext = true
    file.writeAt(0, 0, filled(9))
    bench.pass(plenty)
    expect([...contentsOf(bench, port, "log")!]).toEqual([...filled(1), ...filled(9)])
  })
})

describe("bit-rot", () => {
  const bitsChanged = (from: Uint8Array, to: Uint8Array): number =>
    from.reduce((sum, byte, index) => sum + ((byte ^ to[index]).toString(2).match(/1/g)?.length ?? 0), 0)

  it("flips one bit of what is durable, and power loss does not bring it back", () => {
    const places = new Set<string>()
    for (const seed of seeds.slice(0, 20)) {
      const { bench, port } = withDurable("log", filled(7, 3 * sector), { seed, atlas: { copiesIntactMin: 0 } })
      const place = bench.machines[0].disk.rot()
      expect(place).toMatch(/^log at \d+$/)
      places.add(place!)
      expect(bitsChanged(filled(7, 3 * sector), contentsOf(bench, port, "log")!)).toBe(1)
      bench.machines[0].crash({ powerLost: true })
      expect(bitsChanged(filled(7, 3 * sector), contentsOf(bench, boot(bench), "log")!)).toBe(1)
    }
    expect(places.size).toBeGreaterThan(15)
  })

  it("strikes nothing where the atlas forbids it, where nothing is, and where nothing is durable yet", () => {
    expect(withDurable("log", filled(7)).bench.machines[0].disk.rot()).toBeUndefined()
    const options = { atlas: { copiesIntactMin: 0 } }
    expect(new TestBench(options).machines[0].disk.rot()).toBeUndefined()
    const { bench, file } = withDurable("log", filled(7), options)
    file.writeAt(0, 0, filled(8))
    bench.pass(plenty)
    expect(bench.machines[0].disk.rot()).toBeUndefined()
  })
})

describe("kill-at-io", () => {
  it("kills the machine inside the call that it names, which nobody is told of", () => {
    for (const seed of seeds) {
      const { bench, file, log } = withDurable("log", filled(1, 3), { seed })
      bench.machines[0].faults.killAtCall = 3
      for (let ticket = 0; ticket < 5; ticket++) file.append(ticket, Uint8Array.of(10 + ticket))
      bench.pass(plenty)
      expect(bench.machines[0].isUp).toBe(false)
      expect([bench.story.at(-1), log.results]).toEqual(["n0 killed", []])
      const left = [...contentsOf(bench, boot(bench), "log")!]
      expect(left).toEqual([1, 1, 1, 10, 11, 12].slice(0, left.length))
    }
  })

  it("counts calls that change names, too, and dies before or after such a change", () => {
    const outcomes = new Set<string>()
    for (const seed of seeds.slice(0, 20)) {
      const { bench, port } = withDurable("log", filled(1, 3), { seed })
      let answers = 0
      bench.machines[0].faults.killAtCall = 1
      port.rename("log", "gol", () => answers++)
      bench.pass(plenty)
      expect([bench.machines[0].isUp, answers]).toEqual([false, 0])
      const next = boot(bench)
      const { value } = ask<ReadonlyArray<string>>(bench, (done) => next.list("", done))
      outcomes.add(value!.join())
    }
    expect(outcomes).toEqual(new Set(["log", "gol"]))
  })
})

describe("wiping a disk", () => {
  it("leaves nothing at all", () => {
    const { bench } = withDurable("log", filled(1))
    bench.machines[0].crash({ powerLost: true })
    bench.machines[0].disk.wipe()
    const port = boot(bench)
    expect(ask<ReadonlyArray<string>>(bench, (done) => port.list("", done)).value).toEqual([])
  })
})

describe("the disks of two machines", () => {
  it("have nothing in common", () => {
    const bench = new TestBench({ machines: 2 })
    const [one, two] = [boot(bench, 0), boot(bench, 1)]
    openFile(bench, one, "log")
    expect(contentsOf(bench, two, "log")).toBeUndefined()
  })
})

describe("a disk that a test watches", () => {
  const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : new TextDecoder().decode(bytes))
  const bytes = (letters: string) => new TextEncoder().encode(letters)

  it("tells of each call at its submission, and lets it fail as it is told", () => {
    const bench = new TestBench()
    const calls: Array<string> = []
    bench.machines[0].faults.onCall = (operation, path) => {
      calls.push(`${operation} ${path}`)
      return calls.length === 3 ? "no-space" : calls.length === 5 ? "io" : undefined
    }
    const port = boot(bench)
    const { file, log } = openFile(bench, port, "log")
    file.append(0, bytes("a"))
    file.append(1, bytes(""))
    file.sync(2)
    bench.pass(plenty)
    expect(ask<void>(bench, (done) => port.syncDirectory("", done)).code).toBe("io")
    expect(calls).toEqual(["open log", "append log", "append log", "sync log", "sync-directory "])
    expect(log.results).toEqual([
      [0, "ok"],
      [1, "no-space"],
      [2, "ok"]
    ])
  })

  it("tells what power loss now would leave, and goes on as if nobody had asked", () => {
    const bench = new TestBench()
    const port = boot(bench)
    const { file } = openFile(bench, port, "log")
    expect(ask<void>(bench, (done) => port.syncDirectory("", done)).code).toBe("ok")
    file.append(0, bytes("synced"))
    file.sync(1)
    bench.pass(plenty)
    file.append(2, bytes(" unsynced"))
    bench.pass(plenty)
    file.append(3, bytes(" under way"))
    file.sync(4)
    const { disk } = bench.machines[0]
    type How = "not" | "partly" | "wholly"
    const left = (keeps: boolean, carriesOut: () => How) => {
      const loss = { keepWrite: () => keeps, keepSector: () => true, keepEntry: () => keeps }
      const entry = disk.imageAfter(loss, carriesOut).get("log")
      return typeof entry === "object" ? text(entry.read(0, 100)) : entry
    }
    const first = (how: How) => {
      let calls = 0
      return () => (calls++ === 0 ? how : "not")
    }
    expect(left(false, () => "not")).toBe("synced")
    expect(left(true, () => "not")).toBe("synced unsynced")
    expect(left(true, first("wholly"))).toBe("synced unsynced under way")
    expect(left(false, first("wholly"))).toBe("synced")
    expect(left(false, () => "wholly")).toBe("synced unsynced under way")
    expect(left(false, () => "partly")).toBe("synced")
    bench.pass(plenty)
    expect(left(false, () => "not")).toBe("synced unsynced under way")
  })

  it("goes on from a disk that was put in", () => {
    const bench = new TestBench()
    const { file } = openFile(bench, boot(bench), "log")
    file.append(0, bytes("abc"))
    bench.pass(plenty)
    const loss = { keepWrite: () => true, keepSector: () => true, keepEntry: () => true }
    const image = bench.machines[0].disk.imageAfter(loss, () => "not")
    const other = new TestBench()
    other.machines[0].disk.insert(image)
    const log = openFile(other, boot(other), "log", {})
    log.file.readAt(0, 0, 10)
    other.pass(plenty)
    expect(text(log.log.reads.get(0))).toBe("abc")
  })

  it("loses everything that is not durable where that is wanted", () => {
    const bench = new TestBench()
    const { faults } = bench.machines[0]
    Object.assign(faults, { losesUnsynced: true, losesEntries: true, losesAll: true })
    const port = boot(bench)
    const { file } = openFile(bench, port, "log")
    file.append(0, bytes("abc"))
    file.sync(1)
    bench.pass(plenty)
    expect(ask<void>(bench, (done) => port.syncDirectory("", done)).code).toBe("ok")
    file.append(2, bytes("def"))
    openFile(bench, port, "other")
    file.sync(3)
    bench.watched(() => bench.machines[0].crash({ powerLost: true }))
    const again = boot(bench)
    expect(ask(bench, (done) => again.list("", done)).value).toEqual(["log"])
    const log = openFile(bench, again, "log", {})
    log.file.readAt(0, 0, 10)
    bench.pass(plenty)
    expect(text(log.log.reads.get(0))).toBe("abc")
  })
})
