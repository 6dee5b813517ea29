import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const main = join(import.meta.dirname, "main.ts")
let folder = ""

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "orbit-elle-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const elle = (contents: string, ...flags: ReadonlyArray<string>) => {
  const file = join(folder, "history.edn")
  writeFileSync(file, contents)
  const { status, stderr, stdout } = spawnSync(process.execPath, [main, ...flags, file], { encoding: "utf8" })
  return { status, stderr, stdout }
}

const operation = (process: number, f: string, value: string, output = value): string =>
  `{:type :invoke, :process ${process}, :f :${f}, :value ${value}}\n{:type :ok, :process ${process}, :f :${f}, :value ${output}}\n`

const fresh = operation(0, "write", "1") + operation(1, "read", "nil", "1")
const stale = operation(0, "write", "1") + operation(0, "write", "2") + operation(1, "read", "nil", "1")
const lostUpdate =
  operation(0, "txn", "[[:append 1 1]]") +
  operation(1, "txn", "[[:r 1 nil] [:append 1 2]]", "[[:r 1 []] [:append 1 2]]") +
  operation(2, "txn", "[[:r 1 nil]]", "[[:r 1 [1 2]]]")

describe("npm run elle", () => {
  it("says valid with exit code 0, and prints one JSON object as its last line", () => {
    const { status, stdout } = elle(fresh, "--model", "register", "--json")
    const verdict = JSON.parse(stdout.trim().split("\n").at(-1) ?? "")
    expect([status, verdict.valid, verdict.model, verdict.consistency, verdict.operations]).toEqual([
      0,
      true,
      "register",
      "linearizable",
      2
    ])
  })

  it("says invalid with exit code 1, and which operation fits nowhere", () => {
    const { status, stdout } = elle(stale, "--model", "register")
    expect(status).toBe(1)
    expect(stdout).toContain("read -> 1 by process 1 fits nowhere")
  })

  it("names the anomalies of transactions and the levels that they rule out", () => {
    const { status, stdout } = elle(lostUpdate, "--model", "list-append", "--json")
    const verdict = JSON.parse(stdout)
    expect([status, verdict.valid, verdict.not]).toEqual([1, false, ["consistent-view", "repeatable-read"]])
    expect(verdict.anomalies).toContain("G-single")
  })

  it("judges at the level that is asked for", () => {
    expect(elle(lostUpdate, "--model", "list-append", "--consistency", "read-committed").status).toBe(0)
  })

  it("names line and column of what it cannot read, with exit code 2", () => {
    const { status, stderr } = elle(`${fresh}{:type :invoke, :process`, "--model", "register")
    expect(status).toBe(2)
    expect(stderr).toMatch(/history\.edn:\d+:\d+: /)
  })

  it("suggests the model that was probably meant, with exit code 2", () => {
    const { status, stderr } = elle(fresh, "--model", "registr")
    expect(status).toBe(2)
    expect(stderr).toContain('Did you mean "register"?')
  })

  it("refuses a level that the model is not judged at, with exit code 2", () => {
    expect(elle(fresh, "--model", "register", "--consistency", "serializable").status).toBe(2)
  })
})
