/**
 * `npm test`: everything that must hold before a change lands, one step after the other, all of them even when one
 * fails. Prints what each took; the last line is `N passed, N failed`. Exit 0: all passed; 1: something failed; 2: there
 * is no such step. `npm test -- lint types` runs only the steps named.
 */
import { spawn } from "node:child_process"
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { delimiter, join } from "node:path"
import { performance } from "node:perf_hooks"
import { root } from "./Source.ts"

interface Count {
  readonly passed: number
  readonly failed: number
}

interface Step {
  readonly name: string
  /** Counts as one check, unless its last line is `N passed, N failed`, or it writes a report. */
  readonly command: string
  readonly report?: () => Count
}

const unitReport = join(root, ".orbit", "test", "unit.json")

/** What vitest counted. A suite that broke before its tests has failed as one. */
const unitTally = (): Count => {
  const report = JSON.parse(readFileSync(unitReport, "utf8"))
  const broken = report.testResults.filter(
    (suite: { readonly status: string; readonly assertionResults: ReadonlyArray<unknown> }) =>
      suite.status === "failed" && suite.assertionResults.length === 0
  )
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken.length }
}

const steps: ReadonlyArray<Step> = [
  { name: "lint", command: "oxlint --deny-warnings" },
  { name: "format", command: "oxfmt --check" },
  { name: "types", command: "tsc --noEmit" },
  {
    name: "effect",
    command: "effect-tsgo diagnostics --strict --severity error,warning --format text --project tsconfig.json"
  },
  { name: "knip", command: "knip --no-progress --treat-config-hints-as-errors" },
  {
    name: "unit",
    command: `vitest run --reporter=default --reporter=json --outputFile.json="${unitReport}"`,
    report: unitTally
  },
  { name: "smoke", command: "node sim/main.ts smoke" },
  { name: "models", command: "node sim/cli/models/main.ts" }
]

const environment = {
  ...process.env,
  PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH}`,
  ...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : {})
}

/** Runs a command to its end, passing on and keeping what it writes. */
const run = (command: string): Promise<{ readonly code: number; readonly output: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, { cwd: root, env: environment, shell: true, stdio: ["ignore", "pipe", "inherit"] })
    let output = ""
    child.stdout.on("data", (bytes: Buffer) => {
      process.stdout.write(bytes)
      output += bytes
    })
    child.on("error", reject)
    child.on("close", (code) => resolve({ code: code ?? 1, output }))
  })

/** What a step counted: by its own report, by its last line, or as one. A step that failed has failed at least once. */
const counted = (step: Step, code: number, output: string): Count => {
  const last = /(\d+) passed, (\d+) failed\s*$/.exec(output)
  let count: Count | undefined
  try {
    if (step.report !== undefined) count = step.report()
    else if (last !== null) count = { passed: Number(last[1]), failed: Number(last[2]) }
  } catch {
    // It ended before it could write its report.
  }
  if (code !== 0) return { passed: count?.passed ?? 0, failed: Math.max(1, count?.failed ?? 0) }
  return count ?? { passed: 1, failed: 0 }
}

const names = process.argv.slice(2)
const unknown = names.find((name) => !steps.some((step) => step.name === name))
if (unknown !== undefined) {
  console.error(`There is no step "${unknown}": choose among ${steps.map((step) => step.name).join(", ")}.`)
  process.exit(2)
}

mkdirSync(join(root, ".orbit", "test"), { recursive: true })
rmSync(unitReport, { force: true })

const lines: Array<string> = []
let passed = 0
let failed = 0
for (const step of steps) {
  if (names.length > 0 && !names.includes(step.name)) continue
  console.log(`\n> ${step.name}`)
  const startedAt = performance.now()
  const { code, output } = await run(step.command)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const count = counted(step, code, output)
  passed += count.passed
  failed += count.failed
  const detail = count.passed + count.failed === 1 ? "" : `  ${count.passed} passed, ${count.failed} failed`
  lines.push(`${step.name.padEnd(8)} ${count.failed === 0 ? "ok    " : "FAILED"} ${seconds.padStart(6)} s${detail}`)
}
console.log(`\nNode ${process.version}\n${lines.join("\n")}\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
