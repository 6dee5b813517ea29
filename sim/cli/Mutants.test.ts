/** Planted bugs: those of this tree, as far as can be told without running them, and the grading of one made here. */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import * as Mutant from "./Mutant.ts"
import * as Tree from "./Tree.ts"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "orbit-mutants-"))
afterAll(() => Tree.remove(folder))

test("every patch of sim/mutants says what it plants, where and for which judge, and applies to today's code", () => {
  const patches = path.join(Tree.root, "sim/mutants")
  const copy = Tree.copy()
  try {
    for (const name of fs.readdirSync(patches).filter((file) => file.endsWith(".patch"))) {
      const file = path.join(patches, name)
      const mutant = Mutant.parse(file, fs.readFileSync(file, "utf8"))
      expect(mutant.bug, `${name} has no bug: line`).not.toBe("")
      expect(mutant.scenarios, `${name} has no scenarios: line`).not.toEqual([])
      expect(mutant.judges, `${name} has no judge: line`).not.toEqual([])
      const check = spawnSync("git", ["apply", "--check", file], { cwd: copy, encoding: "utf8" })
      expect(check.stderr, `${name} does not apply`).toBe("")
    }
  } finally {
    Tree.remove(copy)
  }
})

/** A patch of a file as it stands today, with a header. */
const plant = (name: string, file: string, edit: (text: string) => string): string => {
  const before = path.join(Tree.root, file)
  const after = path.join(folder, `${name}.ts`)
  fs.writeFileSync(after, edit(fs.readFileSync(before, "utf8")))
  const { stdout } = spawnSync("git", ["diff", "--no-index", "--no-color", before, after], { encoding: "utf8" })
  const hunks = stdout.slice(stdout.indexOf("@@"))
  const patch = path.join(folder, `${name}.patch`)
  const header = "bug: made for a test\nscenarios: counter/durable\njudge: ambient\n\n"
  fs.writeFileSync(patch, `${header}--- a/${file}\n+++ b/${file}\n${hunks}`)
  return patch
}

const grade = (patch: string): { readonly code: number | null; readonly err: string; readonly mutant: any } => {
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    [path.join(Tree.root, "sim/main.ts"), "mutants", "--patch", patch, "--budget", "15s", "--json"],
    { cwd: folder, encoding: "utf8" }
  )
  const line = stdout.trimEnd().split("\n").at(-1) ?? ""
  return { code: status, err: stderr, mutant: line === "" ? undefined : JSON.parse(line).mutants[0] }
}

const scenario = "scenarios/counter/Durable.ts"

describe("a planted bug", () => {
  test("that reads the host's clock is found by its judge, shrinks, and its seed passes without it", () => {
    const patch = plant("clock", scenario, (text) =>
      text.replace(
        "server: (spec) => ",
        "server: (spec) => Effect.andThen(Effect.sync(() => Date.now()), Effect.never) ?? "
      )
    )
    const { code, mutant } = grade(patch)
    expect(mutant).toMatchObject({
      name: "clock",
      bug: "made for a test",
      verdict: "found",
      judge: "ambient",
      judgeAsExpected: true,
      scenario: "counter/durable",
      shrunk: { faults: 0, operations: 0, nodes: 1 },
      breakdowns: 0,
      control: { verdict: "pass" }
    })
    expect(mutant.seeds).toBeGreaterThan(0)
    expect(code).toBe(0)
  })

  test("whose code does not load is told apart from one that is found", () => {
    const { code, mutant } = grade(plant("broken", scenario, (text) => `${text}\nconst = 1\n`))
    expect(mutant).toMatchObject({ verdict: "does not load", judge: null, runs: 0 })
    expect(code).toBe(1)
  })

  test("against other code is refused", () => {
    const patch = plant("other", scenario, (text) => text.replace("counter/durable", "counter/other"))
    fs.writeFileSync(patch, fs.readFileSync(patch, "utf8").replace(/^-(?!-)/gm, "-x"))
    const { code, err } = grade(patch)
    expect(err).toContain("does not apply to today's code")
    expect(code).toBe(2)
  })
})
