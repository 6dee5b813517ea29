/** The harness as a person runs it: on real processes, a few seconds each. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { exitCodes, UsageError } from "../CliError.ts"
import * as Arguments from "./Arguments.ts"

const main = fileURLToPath(new URL("main.ts", import.meta.url))
const parent = mkdtempSync(join(tmpdir(), "orbit-jepsen-test-"))
const children = new Set<ChildProcess>()
const timeoutMillis = 150_000

afterEach(() => {
  for (const child of children) child.kill("SIGTERM")
  children.clear()
})
afterAll(() => rmSync(parent, { recursive: true, force: true }))

const start = (...argv: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [main, ...argv], { cwd: parent, env: { ...process.env, TMPDIR: parent } })
  children.add(child)
  let output = ""
  let errors = ""
  child.stdout.on("data", (chunk: Buffer) => void (output += chunk.toString()))
  child.stderr.on("data", (chunk: Buffer) => void (errors += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
  return { child, ended, output: () => output, errors: () => errors }
}

/** Processes of servers of runs below the test's own directory, as Linux tells. */
const servers = (): number =>
  readdirSync("/proc").filter((name) => {
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0")
      return words.includes("serve") && words.some((word) => word.startsWith(parent))
    } catch {
      return false
    }
  }).length

const files = (): ReadonlyArray<string> => readdirSync(parent).filter((name) => name.startsWith("orbit-jepsen-"))

describe("npm run jepsen", { timeout: timeoutMillis }, () => {
  it("kills a node under clients, sees a linearizable history, and leaves nothing behind", async () => {
    const argv = ["--for", "2s", "--faults", "crash", "--seed", "10", "--clients", "3", "--json"]
    const { ended, errors, output } = start(...argv)
    expect(await ended, `${output()}${errors()}`).toBe(exitCodes.pass)
    const result = JSON.parse(output())
    expect(result).toMatchObject({ scenario: "redis/cells", seed: "10", verdict: "pass" })
    expect(result.faults.crash).toBeGreaterThan(0)
    expect(result.operations.ok).toBeGreaterThan(6)
    expect(result.checks[0]).toMatchObject({ name: "linearizability", verdict: "pass" })
    expect(result.reproduce).toBe(
      "npm run jepsen -- --scenario redis/cells --seed 10 --for 2s --nodes 3 --clients 3 --faults crash"
    )
    expect([servers(), files()]).toEqual([0, []])
  })

  it("ends all processes at ctrl-C", async () => {
    const { child, ended } = start("--for", "60s", "--faults", "none")
    await expect.poll(servers, { timeout: 30_000 }).toBe(3)
    child.kill("SIGINT")
    expect(await ended).toBe(exitCodes.interrupted)
    await expect.poll(servers).toBe(0)
    expect(files()).toEqual([])
  })

  it("refuses what it cannot do, and says what it can", () => {
    const refusal = (...argv: ReadonlyArray<string>): string => {
      try {
        Arguments.parse(argv)
        return ""
      } catch (error) {
        if (error instanceof UsageError) return error.message
        throw error
      }
    }
    expect(refusal("--scenario", "redis/cell")).toContain("redis/cells")
    expect(refusal("--scenario", "raft/kv")).toContain("no scenario of the server's own clients")
    expect(refusal("--faults", "bit-rot")).toContain("only the simulator can do that")
    expect(refusal("--faults", "crush")).toContain("crash")
    expect(refusal("--nodes", "0")).toContain("from 1 to 9")
    expect(refusal("--for", "soon")).toContain("not a duration")
    expect(refusal("--node", "3")).toContain("--node")
    expect(Arguments.parse(["--help"])).toBeUndefined()
  })
})
