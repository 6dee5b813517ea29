/** The command line as its users meet it: a process, its two outputs and its exit code. */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import * as Registry from "./Registry.ts"
import * as Tree from "./Tree.ts"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "orbit-cli-"))
afterAll(() => Tree.remove(folder))

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const sim = (...args: ReadonlyArray<string>): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(Tree.root, "sim/main.ts"), ...args], {
      cwd: folder,
      env: { ...process.env, NO_COLOR: "1", INIT_CWD: folder },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let out = ""
    let err = ""
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (out += chunk))
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (err += chunk))
    child.on("error", reject)
    child.on("close", (code) => resolve({ code, out, err }))
  })

const lastJson = (out: string): any => JSON.parse(out.trimEnd().split("\n").at(-1) ?? "")

describe.concurrent("refusals are one sentence that says what to do, with exit code 2", () => {
  test.each([
    [
      "an unknown scenario",
      ["--scenario", "register/leese"],
      'Unknown scenario "register/leese". Did you mean "register/lease"?'
    ],
    ["an unknown fault", ["--faults", "partion"], 'Unknown fault "partion". Did you mean "partition"?'],
    ["an unknown flag", ["--sead", "4"], 'Unknown flag --sead. Did you mean "--seed"?'],
    ["an unknown flag of a command", ["swarm", "--sedes", "4"], 'Unknown flag --sedes. Did you mean "--seeds"?'],
    ["an unknown command", ["swarn"], 'Unknown command "swarn". Did you mean "swarm"?'],
    ["a flag before its command", ["--json", "list"], '--json stands before "list"'],
    ["a flag without its value", ["--seed"], "--seed needs a value"],
    ["nodes that are no number", ["--nodes", "many"], "--nodes many: must be a whole number"],
    [
      "nodes that the scenario does not run with",
      ["--scenario", "counter/durable", "--nodes", "7"],
      "counter/durable runs with exactly 1 node."
    ],
    ["a port without the real machine", ["--port", "7000"], "add --real"],
    ["a journal that is not there", ["replay", "nowhere.json"], "nowhere.json: there is no such file"],
    ["a file that is no journal", ["replay", path.join(Tree.root, "package.json")], "not the journal of a run"],
    ["both a journal and a seed", ["explain", "x.json", "--seed", "4"], "not both"],
    ["an unknown topic", ["list", "fault"], 'Did you mean "faults"?'],
    ["a patch that is none", ["mutants", "--patch", path.join(Tree.root, "package.json")], "not a patch"]
  ])("%s", async (_, args, sentence) => {
    const { code, out, err } = await sim(...args)
    expect(err).toContain(sentence)
    expect(out).toBe("")
    expect(code).toBe(2)
  })
})

describe.concurrent("help", () => {
  const commands = ["list", "swarm", "smoke", "replay", "shrink", "explain", "mutants", "determinism", "versions"]

  test("shows every command, flags and examples, with exit code 0", async () => {
    const { code, out } = await sim("--help")
    expect(code).toBe(0)
    for (const word of [...commands, "--scenario", "--seed", "--real", "EXAMPLES", "npm run sim -- --seed 42"])
      expect(out).toContain(word)
  })

  test.each(["swarm", "replay", "mutants"])(
    "of %s has a description and an example that can be typed",
    async (command) => {
      const { code, out } = await sim(command, "--help")
      expect(code).toBe(0)
      expect(out).toMatch(/^DESCRIPTION\n {2}\w/)
      expect(out).toContain(`EXAMPLES`)
      expect(out).toContain(`npm run sim -- ${command}`)
    }
  )
})

test("list names every scenario, and as JSON with what it is", async () => {
  const { code, out } = await sim("list")
  expect(code).toBe(0)
  for (const name of Registry.names()) expect(out).toContain(name)
  const { scenarios, faults, policies } = lastJson((await sim("list", "--json")).out)
  expect(scenarios.map((one: { name: string }) => one.name)).toEqual(Registry.names())
  expect(faults).toContainEqual(expect.objectContaining({ name: "crash", group: "process" }))
  expect(policies.map((one: { name: string }) => one.name)).toEqual(["fifo", "uniform", "pct", "starve"])
})

test("the table of scenarios says the same as their files", async () => {
  for (const name of Registry.names()) {
    const scenario = await Registry.load(name)
    expect(Registry.entry(name)).toMatchObject({ summary: scenario.summary, canary: scenario.canary !== undefined })
  }
})

describe("one run", () => {
  const short = ["--scenario", "counter/durable", "--for", "300ms", "--faults", "none"]

  test("without a seed draws one and prints it first; the command that it gives repeats the run", async () => {
    const { code, out } = await sim(...short)
    expect(code).toBe(0)
    const seed = /^seed (\d+)\n/.exec(out)?.[1] ?? ""
    expect(seed).not.toBe("")
    const trace = /trace +([0-9a-f]{16})/.exec(out)?.[1]
    const result = lastJson((await sim(...short, "--seed", seed, "--json")).out)
    expect(result.traceHash).toBe(trace)
    expect(result.reproduce).toBe(`npm run sim -- --scenario counter/durable --seed ${seed} --for 300ms --faults none`)
  })

  test("as JSON is one object on the last line, in the promised form", async () => {
    const { code, out } = await sim(...short, "--seed", "18dd63e", "--json")
    expect(code).toBe(0)
    expect(out.trimEnd().split("\n")).toHaveLength(1)
    expect(lastJson(out)).toMatchObject({
      scenario: "counter/durable",
      seed: "18dd63e",
      verdict: "pass",
      traceHash: expect.stringMatching(/^[0-9a-f]{16}$/),
      events: expect.any(Number),
      virtualMillis: expect.any(Number),
      wallMillis: expect.any(Number),
      eventsPerSecond: expect.any(Number),
      faults: {},
      operations: { ok: expect.any(Number), failed: 0, unknown: 0 },
      checks: expect.arrayContaining([{ name: "linearizability", verdict: "pass", detail: expect.any(String) }]),
      reproduce: expect.stringContaining("npm run sim -- ")
    })
  })

  test("has no colour where there is no terminal", async () => {
    expect((await sim(...short, "--seed", "1")).out).not.toContain("\u001b")
  })

  test("that fails exits with 1, names the check, and its journal replays to the same trace", async () => {
    const { code, out } = await sim("--scenario", "canary/host-clock", "--seed", "1")
    expect(code).toBe(1)
    expect(out).toMatch(/✗ ambient/)
    const file = ".orbit/journals/canary-host-clock-1.json"
    for (const line of [
      "--scenario canary/host-clock --seed 1",
      `replay ${file}`,
      `shrink ${file}`,
      `explain ${file}`
    ]) {
      expect(out).toContain(`npm run sim -- ${line}`)
    }
    const replayed = await sim("replay", file, "--json")
    expect(replayed.code).toBe(1)
    expect(lastJson(replayed.out)).toMatchObject({ verdict: "fail", reproduce: `npm run sim -- replay ${file}` })
    expect(out).toContain(lastJson(replayed.out).traceHash)
  })

  test("leaves a page when it is asked to", async () => {
    const { out } = await sim(...short, "--seed", "1", "--report", "--json")
    const { report } = lastJson(out)
    expect(report).toBe(".orbit/reports/counter-durable-1.html")
    expect(fs.readFileSync(path.join(folder, report), "utf8")).toContain("</html>")
  })
})

test("swarm runs the seeds that it says, and passes", async () => {
  const { code, out, err } = await sim(
    "swarm",
    "--scenario",
    "counter/durable",
    "--for",
    "300ms",
    "--seeds",
    "6",
    "--from",
    "1",
    "--json"
  )
  expect(code).toBe(0)
  expect(err).toContain("6 seeds from 1")
  expect(lastJson(out)).toMatchObject({ verdict: "pass", end: "finished", seeds: 6, runs: 6, failures: [] })
})

test("a canary that a swarm catches is expected, once, with its first seed", async () => {
  const { code, out } = await sim("swarm", "--scenario", "canary/host-clock", "--seeds", "3", "--from", "5", "--json")
  expect(code).toBe(0)
  expect(lastJson(out).failures).toEqual([
    expect.objectContaining({
      judge: "ambient",
      seed: "5",
      count: 3,
      expected: true,
      reproduce: "npm run sim -- --scenario canary/host-clock --seed 5"
    })
  ])
})
