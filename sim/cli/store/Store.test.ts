import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest"
import { Batch } from "#storage/Batch.ts"
import * as BtreeEngine from "#storage/btree/BtreeEngine.ts"
import * as Engine from "#storage/Engine.ts"
import * as LsmEngine from "#storage/lsm/LsmEngine.ts"
import * as MemoryEngine from "#storage/memory/MemoryEngine.ts"
import * as Wal from "#storage/wal/Wal.ts"
import * as RealWorld from "#world/real/RealWorld.ts"
import * as Command from "./Command.ts"
import * as Escape from "./Escape.ts"

const main = join(import.meta.dirname, "main.ts")
const encoder = new TextEncoder()
let folder = ""
/** Where each test finds a node's data: `memory`, `lsm`, `btree`, `fresh` and `log`. */
let data = ""

const key = (index: number): string => `key ${String(index).padStart(3, "0")}`

const fill = Effect.fnUntraced(function* (port: Engine.Port) {
  const engine = Engine.make(port)
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 200; index += 50) {
      const batch = new Batch()
      for (let i = index; i < index + 50; i++) batch.put(encoder.encode(key(i)), encoder.encode(`${round} `.repeat(40)))
      yield* engine.write(batch)
    }
    yield* engine.flush
  }
  yield* engine.write(new Batch().put(encoder.encode("late\\\t"), Uint8Array.of(0, 255)))
})

const make = Effect.gen(function* () {
  const log = yield* Wal.open({ directory: "log", aheadBytes: 0 })
  yield* fill(yield* MemoryEngine.open({ directory: "memory", log, stream: 1, blockBytes: 1_000 }))
  yield* fill(yield* LsmEngine.open({ directory: "lsm", log, stream: 2 }))
  yield* fill(yield* BtreeEngine.open({ directory: "btree" }))
  const fresh = Engine.make(yield* MemoryEngine.open({ directory: "fresh", log, stream: 3 }))
  yield* fresh.write(new Batch().put(encoder.encode("only"), encoder.encode("in the log")))
}).pipe(Effect.scoped)

interface Run {
  readonly status: number | null
  readonly stderr: string
  readonly lines: ReadonlyArray<string>
}

/** In a process of its own. */
const spawned = (...args: ReadonlyArray<string>): Run => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [main, ...args], { encoding: "utf8", cwd: data })
  return { status, stderr, lines: stdout.split("\n").slice(0, -1) }
}

/** In this process, which takes a tenth of the time. */
const store = async (...args: ReadonlyArray<string>): Promise<Run> => {
  const written = { stdout: "", stderr: "" }
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += String(text)
      return true
    })
  )
  process.chdir(data)
  try {
    const status = await Command.main(args)
    return { status, stderr: written.stderr, lines: written.stdout.split("\n").slice(0, -1) }
  } finally {
    process.chdir(folder)
    for (const spy of spies) spy.mockRestore()
  }
}

const json = async (...args: ReadonlyArray<string>) => {
  const { lines, status } = await store(...args, "--json")
  return { status, objects: lines.map((line) => JSON.parse(line)) }
}

const damage = (file: string, offset: number): void => {
  const path = join(data, file)
  const bytes = fs.readFileSync(path)
  bytes[offset] ^= 4
  fs.writeFileSync(path, bytes)
}

const tableIn = (directory: string): string =>
  `${directory}/${fs.readdirSync(join(data, directory)).find((name) => name.endsWith(".table"))}`

/** Every file with its bytes. */
const contents = (): ReadonlyMap<string, string> =>
  new Map(
    fs
      .readdirSync(data, { recursive: true, encoding: "utf8" })
      .filter((name) => fs.statSync(join(data, name)).isFile())
      .map((name) => [name, fs.readFileSync(join(data, name), "latin1")])
  )

beforeAll(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), "orbit-store-"))
  const running = RealWorld.runFork(make, { root: join(folder, "made"), name: "n0", trace: { levelMin: "warn" } })
  const end = await Effect.runPromise(running.ended)
  if (end.type !== "finished" || Exit.isFailure(end.exit)) throw new Error("the stores could not be made")
})
beforeEach(() => {
  data = fs.mkdtempSync(join(folder, "data-"))
  fs.cpSync(join(folder, "made"), data, { recursive: true })
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

describe("npm run store -- verify", () => {
  it("does all stores below a directory, changes nothing, and exits with 0 when nothing is wrong", async () => {
    const before = contents()
    const { objects, status } = await json("verify", ".")
    expect(status).toBe(0)
    expect(objects.map(({ clean, kind, path }) => [path, kind, clean])).toEqual([
      ["btree", "btree", true],
      ["log", "log", true],
      ["lsm", "lsm", true],
      ["memory", "memory", true]
    ])
    expect(contents()).toEqual(before)
  })

  it("names file and offset of what is rotten, and exits with 1", async () => {
    const table = tableIn("lsm")
    damage(table, 50)
    damage("memory/00000003.checkpoint", 40)
    const { lines, status } = await store("verify", ".")
    expect(status).toBe(1)
    expect(lines.filter((line) => line.startsWith("ROT")).length).toBe(2)
    expect(lines.some((line) => line.startsWith(`  ${table}:0  block: its bytes are not what was written`))).toBe(true)
    expect(lines.some((line) => line.startsWith("  memory/00000003.checkpoint:32  block: "))).toBe(true)
  })

  it("sees with --log that the log has what the store needs", async () => {
    expect((await store("verify", "lsm", "--log", "log", "--stream", "2")).status).toBe(0)
    const segment = fs.readdirSync(join(data, "log"))[0]
    // The header of the log's only segment.
    damage(`log/${segment}`, 3)
    expect((await store("verify", "lsm")).status).toBe(0)
    const { lines, status } = await store("verify", "lsm", "--log", "log", "--stream", "2")
    expect([status, lines.some((line) => line.startsWith(`  log/${segment}:0  `))]).toEqual([1, true])
  })

  it("exits with 3 when a file cannot be read", async () => {
    fs.rmSync(join(data, "memory/00000003.checkpoint"))
    fs.symlinkSync("00000003.checkpoint", join(data, "memory/00000003.checkpoint"))
    const { status, stderr } = await store("verify", "memory")
    expect([status, stderr.includes("memory/00000003.checkpoint")]).toEqual([3, true])
  })
})

describe("npm run store -- dump", () => {
  it.each(["memory", "lsm", "btree"])("prints the entries of %s in the order of their keys", async (name) => {
    const { lines, status } = await store("dump", name, "--to", "late")
    expect(status).toBe(0)
    expect(lines).toEqual(Array.from({ length: 200 }, (_, index) => `${key(index)}\t${"2 ".repeat(40)}`))
  })

  it("shows with --log what only the log has, and says so without it", async () => {
    const without = await store("dump", "lsm", "--from", "late")
    expect([without.lines, without.stderr]).toEqual([[], "Without --log: what only the log has is left out.\n"])
    const before = contents()
    expect((await store("dump", "lsm", "--from", "late", "--log", "log", "--stream", "2")).lines).toEqual([
      "late\\\\\\x09\t\\x00\\xff"
    ])
    expect((await store("dump", "fresh", "--log", "log", "--stream", "3")).lines).toEqual(["only\tin the log"])
    expect(contents()).toEqual(before)
  })

  it("takes keys as it prints them, in both styles, and ends where it is told to", async () => {
    const { objects } = await json("dump", "btree", "--from", "late\\\\\\x09")
    expect(objects).toEqual([{ key: "late\\\\\\x09", value: "\\x00\\xff" }])
    expect((await store("dump", "btree", "--hex", "--from", "6c617465")).lines).toEqual(["6c6174655c09\t00ff"])
    expect((await store("dump", "btree", "--limit", "2")).lines.length).toBe(2)
  })

  it("prints the records of a log with their operations", async () => {
    const { objects } = await json("dump", "log", "--stream", "3")
    const operations = [{ kind: "put", key: "only", value: "in the log" }]
    expect(objects).toEqual([{ stream: 3, position: 1, sizeBytes: 17, operations }])
  })

  it("prints with --format what a file is made of, sound or not", async () => {
    const checkpoint = "memory/00000003.checkpoint"
    const sound = await json("dump", "--format", checkpoint, "--entries")
    const kinds = sound.objects.map(({ what }) => what)
    expect([sound.status, kinds[0], kinds[1], kinds.at(-1)]).toEqual([0, "header", "block", "end"])
    expect(sound.objects[1].entries[0]).toEqual({ kind: "put", key: key(0), value: "2 ".repeat(40) })
    damage(checkpoint, 60)
    const damaged = await json("dump", "--format", checkpoint)
    const problems = damaged.objects.map(({ problem }) => problem)
    expect([damaged.status, problems.length, problems[1]]).toEqual([
      1,
      sound.objects.length,
      "a block does not match its checksum"
    ])
  })

  it("ends at rot with file and offset, and exits with 1", () => {
    const table = tableIn("lsm")
    damage(table, 50)
    const { status, stderr } = spawned("dump", "lsm")
    expect([status, stderr.includes(`${table}:0: `)]).toEqual([1, true])
  })
})

describe("npm run store -- stats", () => {
  it("tells of every store what its files and its engine say", async () => {
    const { objects, status } = await json("stats", ".")
    expect(status).toBe(0)
    const [btree, log, lsm, memory] = objects
    expect(btree.details.pageBytes).toBe(4_096)
    expect(log.streams.map(({ end, stream }: Readonly<Record<string, number>>) => [stream, end])).toEqual([
      [1, 14],
      [2, 14],
      [3, 2]
    ])
    expect([lsm.files.table.count, lsm.details.level0Tables]).toEqual([3, 3])
    expect(memory.details.keys).toBe(200)
  })
})

describe("npm run store -- compact", () => {
  it.each(["lsm", "btree"])("makes the files of %s smaller and keeps the entries", async (name) => {
    const before = (await store("dump", name)).lines
    const { objects, status } = await json("compact", name)
    expect([status, objects[0].afterBytes < 0.7 * objects[0].beforeBytes]).toEqual([0, true])
    expect((await store("dump", name)).lines).toEqual(before)
    expect((await store("verify", name)).status).toBe(0)
  })

  it("moves what only the log has into the files when the log is named", async () => {
    expect((await store("compact", "fresh", "--log", "log", "--stream", "3")).status).toBe(0)
    expect((await store("dump", "fresh")).lines).toEqual(["only\tin the log"])
  })

  it("does not take the log's records of another store for this one's", async () => {
    const { status, stderr } = await store("compact", "lsm", "--log", "log", "--stream", "3")
    expect([status, stderr.startsWith("Stream 3 is another store's: ")]).toEqual([2, true])
  })

  it("leaves a store alone that a process has open, where the system tells", () => {
    const descriptor = fs.openSync(join(data, "btree/data.btree"), "r")
    const looked = spawned("verify", "btree")
    const { status, stderr } = spawned("compact", "btree")
    fs.closeSync(descriptor)
    const who = `Process ${process.pid} has ${data}/btree/data.btree open: `
    const isTold = process.platform === "linux"
    expect([looked.status, looked.stderr.startsWith(who)]).toEqual([0, isTold])
    expect([status, stderr]).toEqual(isTold ? [2, `${who}stop it first.\n`] : [0, ""])
  })
})

describe("npm run store", () => {
  it.each([
    [["verfy", "lsm"], 'Did you mean "verify"?'],
    [["verify"], "Which store?"],
    [["verify", "missing"], "missing: there is no such file or directory"],
    [["verify", "fresh"], "fresh: holds no store."],
    [["verify", "btree/data.btree"], "is a file: name the directory that it is in."],
    [["dump", "."], "holds no store, but these directories do: btree, log, lsm, memory."],
    [["dump", "lsm", "--log", "log"], "Which stream of the log? --stream is one of 1 (records"],
    [["dump", "lsm", "--from", "\\q"], "behind a backslash comes another one"],
    [["dump", "lsm", "--limit", "-1"], ""],
    [["stats", "lsm", "--hex"], "--hex goes with dump only."],
    [["compact", "log"], "is a log, which gets smaller when its stores are compacted"]
  ])("refuses %s with exit code 2 and a sentence", async (args, sentence) => {
    const { lines, status, stderr } = await store(...args)
    expect([status, lines, stderr.includes(sentence)]).toEqual([2, [], true])
  })

  it("says what it can do when it is asked to, and exits with 0", () => {
    const { lines, status } = spawned("--help")
    expect([status, lines.includes("EXIT CODES")]).toEqual([0, true])
  })
})

describe("keys as text", () => {
  it("mean the bytes that they were made of, in both styles", async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
    for (const hex of [false, true]) expect(Escape.bytesOf(Escape.textOf(bytes, { hex }), { hex })).toEqual(bytes)
    expect(Escape.bytesOf("ä\\x00", { hex: false })).toEqual(Uint8Array.of(0xc3, 0xa4, 0))
    for (const text of ["\\", "\\x1", "\\n"]) expect(Escape.bytesOf(text, { hex: false })).toBeUndefined()
  })
})
