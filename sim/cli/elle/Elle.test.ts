import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const main = join(import.meta.dirname, "main.ts")
let folder = ""

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "orbit-elle-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const command = (input: string, ...args: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [main, ...args], { encoding: "utf8", input })
  return { status, stderr, stdout }
}

const elle = (contents: string, ...flags: ReadonlyArray<string>) => {
  const file = join(folder, "history.edn")
  writeFileSync(file, contents)
  return command("", ...flags, file)
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

  it("judges each of several files, one JSON object a line, whatever is wrong with the others", () => {
    const files = ["fresh.edn", "empty.edn", "stale.edn"].map((name) => join(folder, name))
    for (const [index, contents] of [fresh, " \n", stale].entries()) writeFileSync(files[index]!, contents)
    const { status, stderr, stdout } = command("", "--model", "register", "--json", ...files, folder)
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
    expect(lines.map(({ error, file, valid }) => [file, valid ?? error.message])).toEqual([
      [files[0], true],
      [files[1], "is empty: a history without operations is written []"],
      [files[2], false],
      [folder, "is a directory: name the files in it"]
    ])
    expect(stderr).toContain("empty.edn: is empty")
    expect(status).toBe(2)
  })

  it("reads from a pipe, and has nothing against a history without operations", () => {
    expect(command(stale, "--model", "register", "-")).toMatchObject({ status: 1, stderr: "" })
    expect(command("[]", "--model", "register", "-")).toMatchObject({ status: 0 })
  })

  it("refuses a workload's history that has none of its operations, with exit code 2", () => {
    const { status, stderr } = elle(fresh, "--model", "unique-ids")
    expect([status, stderr.slice(folder.length)]).toEqual([
      2,
      "/history.edn: operation 1: the model unique-ids has no operation write, but generate\n"
    ])
  })

  it.each([
    ["register", stale, "read -&gt; 1 by process 1 fits nowhere"],
    ["register", fresh, "✓ VALID"],
    ["list-append", lostUpdate, 'aria-label="G-single: T1 rw T2, T2 ww T1"'],
    ["list-append", fresh.replace(/:value \S+\}/g, ":value [[:append 1 1]]}").replaceAll("read", "write"), "UNKNOWN"]
  ])("writes a page for %s that shows the verdict and why", (model, contents, shown) => {
    const page = join(folder, "page.html")
    const { stdout } = elle(contents, "--model", model, "--html", page)
    expect(stdout).toContain(`page ${page}`)
    expect(readFileSync(page, "utf8")).toContain(shown)
  })

  it("shows one history on a page, in a folder that exists, or else ends with exit code 2", () => {
    const file = join(folder, "fresh.edn")
    writeFileSync(file, fresh)
    const page = join(folder, "none", "page.html")
    expect(command("", "--model", "register", "--html", page, file)).toMatchObject({
      status: 2,
      stderr: `${page}: there is no such folder\n`
    })
    expect(command("", "--model", "register", "--html", page, file, file).status).toBe(2)
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
