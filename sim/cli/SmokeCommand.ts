/**
 * `sim smoke`: every scenario on a few fixed seeds and one of the present commit, each in two processes whose trace
 * hashes must agree. Canaries must fail, by their own judge; all others must pass.
 */
import * as Registry from "./Registry.ts"
import { exitCodes } from "./CliError.ts"
import * as Format from "./Format.ts"
import * as Parse from "./Parse.ts"
import type { Task } from "./Protocol.ts"
import * as Request from "./Request.ts"
import * as Seeds from "./Seeds.ts"
import * as Terminal from "./Terminal.ts"
import * as Tree from "./Tree.ts"
import * as Twice from "./Twice.ts"

export interface Input {
  readonly scenario: string | undefined
  readonly json: boolean
}

const fixedSeeds = ["1", "2", "3", "42"]

interface Line {
  readonly scenario: string
  readonly canary: boolean
  readonly verdict: "pass" | "fail"
  readonly detail: string
  readonly runs: number
  readonly events: number
  readonly wallMillis: number
}

export const main = async ({ scenario, json }: Input): Promise<number> => {
  const names = scenario === undefined ? Registry.names() : Parse.list(scenario).map(Request.scenarioName)
  const commit = Seeds.commit(Tree.root)
  const seeds = commit === undefined ? fixedSeeds : [...fixedSeeds, commit]
  if (commit === undefined) Terminal.note("note: no commit to derive a seed from; only the fixed seeds run.")
  const tasks = names
    .flatMap((name) => seeds.map((seed) => ({ scenario: name, seed })))
    .map((task, index): Task => ({ ...task, index }))
  const pairs = await Twice.twice(tasks, {
    onProgress: (runs) => Terminal.progress(() => `smoke: ${runs} of ${tasks.length * 2} runs`)
  })
  Terminal.progressDone()
  const lines: Array<Line> = []
  for (const name of names) {
    lines.push(
      await judge(
        name,
        pairs.filter((pair) => pair.task.scenario === name)
      )
    )
  }
  const failed = lines.filter((line) => line.verdict === "fail").length
  if (json) Terminal.print(JSON.stringify({ verdict: failed === 0 ? "pass" : "fail", seeds, scenarios: lines }))
  else Terminal.print(`${text(lines)}\n${lines.length - failed} passed, ${failed} failed`)
  return failed === 0 ? exitCodes.pass : exitCodes.fail
}

const judge = async (name: string, pairs: ReadonlyArray<Twice.Pair>): Promise<Line> => {
  const scenario = await Registry.load(name)
  const summaries = pairs.flatMap((pair) => [pair.first, pair.second]).filter((summary) => summary !== undefined)
  const line = (verdict: Line["verdict"], detail: string): Line => ({
    scenario: name,
    canary: scenario.canary !== undefined,
    verdict,
    detail,
    runs: summaries.length,
    events: summaries.reduce((sum, summary) => sum + summary.events, 0),
    wallMillis: Math.round(summaries.reduce((sum, summary) => sum + summary.wallMillis, 0))
  })
  const apart = pairs.find((pair) => !Twice.agree(pair))
  if (apart !== undefined) return line("fail", disagreement(apart))
  if (scenario.canary === undefined) {
    const red = pairs.find((pair) => pair.first?.verdict !== "pass")
    if (red === undefined) return line("pass", `${Format.counted(pairs.length, "seed")} twice, hashes agree`)
    const failed = red.first?.failed[0]
    return line(
      "fail",
      `seed ${red.task.seed}: ${failed?.judge}: ${failed?.detail} (npm run sim -- ${Request.written(name, red.task.seed, noFlags)})`
    )
  }
  const { judge: expected } = scenario.canary
  const caught = pairs.filter(
    (pair) => pair.first?.verdict === "fail" && pair.first.failed.some((check) => check.judge === expected)
  )
  const others = pairs.filter((pair) => pair.first?.verdict !== "pass" && !caught.includes(pair))
  if (others.length > 0) {
    const failed = others[0].first?.failed[0]
    return line(
      "fail",
      `seed ${others[0].task.seed} fails by ${failed?.judge} and not by ${expected}: ${failed?.detail}`
    )
  }
  if (caught.length === 0)
    return line("fail", `${expected} did not fire on any of ${pairs.length} seeds: the tester misses what it must find`)
  return line("pass", `caught by ${expected} on ${caught.length} of ${pairs.length} seeds twice, hashes agree`)
}

const noFlags = { nodes: undefined, for: undefined, faults: undefined, policy: undefined }

const disagreement = ({ task, first, second }: Twice.Pair): string => {
  if (first === undefined || second === undefined) return `seed ${task.seed}: the process died at it`
  if (first.verdict === "error")
    return `seed ${task.seed}: the simulator broke: ${first.failed[0]?.detail.split("\n")[0]}`
  return `seed ${task.seed} is not deterministic: ${first.verdict} ${first.traceHash}, then ${second.verdict} ${second.traceHash}`
}

const text = (lines: ReadonlyArray<Line>): string => {
  const { green, red, dim, bold } = Terminal.paint
  return Format.table(
    lines.map((line) => [
      line.verdict === "pass" ? green("✓") : red("✗"),
      bold(line.scenario),
      dim(`${Format.rate(line.events)} events, ${Format.duration(line.wallMillis)}`),
      line.detail
    ]),
    0
  )
}
