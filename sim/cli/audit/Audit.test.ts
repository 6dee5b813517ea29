import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest"
import { Keyspace } from "#keyspace/Keyspace.ts"
import * as KeyspaceNode from "#keyspace/KeyspaceNode.ts"
import * as Transactions from "#txn/Transactions.ts"
import * as Completion from "#world/Completion.ts"
import * as Running from "../store/Running.ts"
import * as Spaces from "#keyspace/Spaces.ts"
import * as AuditChain from "#keyspace/audit/AuditChain.ts"
import * as AuditEntry from "#keyspace/audit/AuditEntry.ts"
import * as TestTrail from "#keyspace/audit/TestTrail.ts"
import * as Command from "./Command.ts"

const main = join(import.meta.dirname, "main.ts")
const written = [...TestTrail.chain(7, 20), ...TestTrail.chain(8, 5)]
let folder = ""
/** Where each test finds `trail`. */
let data = ""

interface Run {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** In this process, which takes a tenth of the time. */
const audit = async (...args: ReadonlyArray<string>): Promise<Run> => {
  const output = { stdout: "", stderr: "" }
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      output[name] += String(text)
      return true
    })
  )
  process.chdir(data)
  try {
    const status = await Command.main(args)
    return { status, ...output }
  } finally {
    process.chdir(folder)
    for (const spy of spies) spy.mockRestore()
  }
}

const json = async (...args: ReadonlyArray<string>) => {
  const { status, stdout } = await audit(...args, "--json")
  return { status, ...JSON.parse(stdout) }
}

const write = (entries: ReadonlyArray<TestTrail.Written>, name = "trail"): void =>
  fs.writeFileSync(join(data, name), TestTrail.streamOf(entries))

const rows = (name: string, query: string): ReadonlyArray<Record<string, unknown>> => {
  const database = new DatabaseSync(join(data, name), { readOnly: true })
  try {
    return database
      .prepare(query)
      .all()
      .map((row) => ({ ...row }))
  } finally {
    database.close()
  }
}

beforeAll(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "orbit-audit-"))
})
beforeEach(() => {
  data = fs.mkdtempSync(join(folder, "data-"))
  write(written)
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

describe("npm run audit -- verify", () => {
  it("says that a trail is sound, and what its heads are", async () => {
    const { status, stdout } = await audit("verify", "trail")
    expect(status).toBe(0)
    expect(stdout).toContain("25 entries · 2 chains")
    expect(AuditChain.allIn(stdout)).toEqual([written[19].head, written[24].head])
    expect(await json("verify", "trail")).toMatchObject({ status: 0, sound: true, entries: 25, findings: [] })
  })

  it.each<[string, (entries: ReadonlyArray<TestTrail.Written>) => ReadonlyArray<TestTrail.Written>]>([
    ["changed: chain 7, entry 4", (all) => all.with(3, { ...all[3], bytes: all[3].bytes.with(70, 1) })],
    ["missing: chain 7, entry 4", (all) => all.toSpliced(3, 1)],
    ["missing: chain 7, entries 4 to 6", (all) => all.toSpliced(3, 3)],
    ["reordered: chain 7, entry 4", (all) => all.toSpliced(3, 2, all[4], all[3])],
    ["repeated: chain 7, entry 4", (all) => all.toSpliced(5, 0, all[3])]
  ])("exits with 1 and says at which entry: %s", async (expected, change) => {
    write(change(written))
    const { status, stdout } = await audit("verify", "trail")
    expect(status).toBe(1)
    expect(stdout.split("\n").filter((line) => line.startsWith("  "))).toHaveLength(1)
    expect(stdout).toContain(expected)
    const { findings } = await json("verify", "trail")
    expect(`${findings[0].type}: chain ${findings[0].chain}`).toBe(expected.slice(0, expected.indexOf(",")))
  })

  it("finds a tail that was left out by a head that it printed before", async () => {
    fs.writeFileSync(join(data, "heads"), (await audit("verify", "trail")).stdout)
    fs.writeFileSync(join(data, "heads.json"), (await audit("verify", "trail", "--json")).stdout)
    write(written.filter(({ head }) => head.chain === 8 || head.sequence <= 17))
    expect((await audit("verify", "trail")).status).toBe(0)
    for (const known of [
      ["--heads", "heads"],
      ["--heads", "heads.json"],
      ["--head", AuditChain.textOf(written[24].head), "--head", AuditChain.textOf(written[19].head)]
    ]) {
      const { status, stdout } = await audit("verify", "trail", ...known)
      expect(status).toBe(1)
      expect(stdout).toContain("truncated: chain 7, entries 18 to 20")
    }
  })

  it("tells of a file that ends too early, or that rots where no entry is", async () => {
    const bytes = fs.readFileSync(join(data, "trail"))
    fs.writeFileSync(join(data, "trail"), bytes.subarray(0, 2_000))
    expect((await audit("verify", "trail")).stdout).toMatch(/^BAD .*\n {2}unreadable: no chain's: it is cut off/)
    bytes[17] ^= 1
    fs.writeFileSync(join(data, "trail"), bytes)
    expect(await json("verify", "trail")).toMatchObject({ status: 1, entries: 0, findings: [{ offsetBytes: 16 }] })
  })

  it("lists no more than can be read", async () => {
    write(Array.from({ length: 1_500 }, () => written[0]))
    const { status, stdout } = await audit("verify", "trail")
    expect(status).toBe(1)
    expect(stdout.split("\n")).toHaveLength(1_003)
    expect(stdout).toContain("and 499 more")
  })
})

describe("npm run audit -- export", () => {
  it("gives every entry to SQLite", async () => {
    const decision: AuditEntry.Decision = {
      ...{ kind: "transaction", outcome: "committed" },
      ...AuditEntry.touched([Spaces.keyOf("sql", ["accounts", 7]) as Uint8Array, Uint8Array.of(0xfe, 1)]),
      atMicros: 1_700_000_000_000_009,
      actor: "Ada",
      subject: "transfer 17"
    }
    const added = AuditChain.append(written[19].head, decision) as TestTrail.Written
    write([...written, added])
    expect(await json("export", "trail")).toMatchObject({ status: 0, sound: true, output: "trail.sqlite" })
    expect(rows("trail.sqlite", "SELECT count(*) AS n, sum(keys_total) AS keys FROM entries")).toEqual([
      { n: 26, keys: 25 }
    ])
    expect(
      rows("trail.sqlite", "SELECT chain, sequence, at, at_micros, kind, outcome FROM entries WHERE actor = 'Ada'")
    ).toEqual([
      {
        chain: 7,
        sequence: 21,
        at: "2023-11-14T22:13:20.000009Z",
        at_micros: 1_700_000_000_000_009,
        kind: "transaction",
        outcome: "committed"
      }
    ])
    const keys =
      "SELECT shown FROM keys JOIN entries USING (offset_bytes) WHERE subject = 'transfer 17' AND sequence = 21"
    expect(rows("trail.sqlite", keys)).toEqual([{ shown: 'sql ("accounts", 7)' }, { shown: "raw 01" }])
    expect(rows("trail.sqlite", "SELECT chain, sequence, hash FROM chains")).toEqual([
      { chain: 7, sequence: 21, hash: added.head.hash },
      { chain: 8, sequence: 5, hash: written[24].head.hash }
    ])
    expect(rows("trail.sqlite", "SELECT * FROM findings")).toEqual([])
    expect(fs.readdirSync(data).sort()).toEqual(["trail", "trail.sqlite"])
  })

  it("of a trail that is not sound has what is, and what was found", async () => {
    write(written.with(3, { ...written[3], bytes: written[3].bytes.with(70, 1) }))
    const { status, stdout } = await audit("export", "trail", "--output", "out.db")
    expect(status).toBe(1)
    expect(stdout).toContain("out.db")
    expect(rows("out.db", "SELECT count(*) AS n FROM entries")).toEqual([{ n: 24 }])
    expect(rows("out.db", "SELECT type, chain, sequence, last FROM findings")).toEqual([
      { type: "changed", chain: 7, sequence: 4, last: 4 }
    ])
  })

  it("writes over nothing, and leaves nothing where it failed", async () => {
    fs.writeFileSync(join(data, "trail.sqlite"), "precious")
    expect(await audit("export", "trail")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("is there already")
    })
    expect(fs.readFileSync(join(data, "trail.sqlite"), "utf8")).toBe("precious")
    expect((await audit("export", "none", "--output", "x.sqlite")).status).toBe(2)
    expect((await audit("export", "trail", "--output", "none/x.sqlite")).status).toBe(3)
    expect(fs.readdirSync(data).sort()).toEqual(["trail", "trail.sqlite"])
  })
})

describe("npm run audit", () => {
  it.each([
    [[], "What is to be done?"],
    [["verfy", "trail"], 'Did you mean "verify"?'],
    [["verify"], "Which trail?"],
    [["verify", "trail", "other"], "One trail at a time"],
    [["verify", "none"], "no such file"],
    [["verify", "."], "not a file"],
    [["verify", "text"], "does not begin like an audit trail"],
    [["verify", "trail", "--output", "x"], "goes with export only"],
    [["verify", "trail", "--head", "7:20"], "CHAIN:SEQUENCE:HASH"],
    [["verify", "trail", "--heads", "none"], "no such file"],
    [["verify", "trail", "--heads", "text"], "no head in it"],
    [["verify", "trail", "--colour"], "--colour"]
  ])("exits with 2 and says what to do instead: %j", async (args, message) => {
    fs.writeFileSync(join(data, "text"), "Nothing that anyone would audit.")
    const { status, stderr, stdout } = await audit(...args)
    expect(status).toBe(2)
    expect(stderr).toContain(message)
    expect(stdout).toBe("")
  })

  it("is a process that helps, and whose exit code tells", () => {
    const run = (...args: ReadonlyArray<string>): Run =>
      spawnSync(process.execPath, [main, ...args], { encoding: "utf8", cwd: data })
    expect(run("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("EXAMPLES"), stderr: "" })
    expect(run("export", "trail")).toMatchObject({ status: 0, stderr: "" })
    fs.truncateSync(join(data, "trail"), 1_000)
    expect(run("verify", "trail").status).toBe(1)
  })
})

/** A node of one store, opened on this machine, that decides some things and stops. */
const node = (engine: "lsm" | "memory" | "btree", audits: boolean): Promise<void> => {
  const program = Effect.gen(function* () {
    const { keyspace, ranges } = yield* KeyspaceNode.open({
      store: 1,
      cluster: "0123456789abcdef0123456789abcdef",
      listen: { host: "127.0.0.1", port: 0 },
      peers: new Map(),
      directory: "store",
      engine,
      founders: [1],
      range: { audits },
      halted: (message) => {
        throw new Error(message)
      }
    })
    const transactions = yield* Effect.provideService(Transactions.make(), Keyspace, keyspace)
    for (let index = 0; index < 5; index++) {
      const key = Uint8Array.of(0xfe, index)
      yield* transactions.run((txn) => txn.put(key, key), { actor: `teller ${index}` })
    }
    yield* Completion.submit((done) => ranges.port.sync(done))
  })
  return Running.onDisk(data, Effect.scoped(program))
}

describe("npm run audit -- --data", () => {
  it.each(["lsm", "memory", "btree"] as const)("reads the trail of a node that has stopped: %s", async (engine) => {
    await node(engine, true)
    const before = fs.readdirSync(data, { recursive: true })
    const verified = await json("verify", "--data", ".")
    expect(verified).toMatchObject({ status: 0, sound: true, findings: [] })
    expect(verified.entries).toBeGreaterThanOrEqual(6)
    await json("export", "--data", ".", "--output", "out.sqlite")
    const found = rows("out.sqlite", "SELECT actor FROM entries WHERE kind = 'transaction' ORDER BY at_micros")
    expect(found.map(({ actor }) => actor)).toEqual([0, 1, 2, 3, 4].map((index) => `teller ${index}`))
    // It has only looked.
    expect(fs.readdirSync(data, { recursive: true })).toHaveLength(before.length + 1)
    const heads = (await audit("verify", "--data", ".")).stdout
    fs.writeFileSync(join(data, "heads"), heads)
    expect((await audit("verify", "--data", "store", "--heads", "heads")).status).toBe(0)
  })

  it("finds nothing where nothing was audited, and says where no node has its data", async () => {
    await node("lsm", false)
    expect(await json("verify", "--data", ".")).toMatchObject({ status: 0, entries: 0, chains: [] })
    expect(await audit("verify", "--data", "store/log")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("no node has its data there")
    })
  })
})
