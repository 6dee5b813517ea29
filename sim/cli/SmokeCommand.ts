/**
 * `sim smoke`: every scenario on a few fixed seeds, one of the present commit, and those that were red once, each in two
 * processes whose trace hashes must agree. Every canary must fail on every seed, by its own judge; all others must pass.
 */
import * as Registry from "./Registry.ts"
import { exitCodes } from "./CliError.ts"
import * as Format from "./Format.ts"
import * as Parse from "./Parse.ts"
import type { Task } from "./Protocol.ts"
import * as RedSeeds from "./RedSeeds.ts"
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
  const red = RedSeeds.load()
  const commit = Seeds.commit(Tree.root)
  const seeds = commit === undefined ? fixedSeeds : [...fixedSeeds, commit]
  if (commit === undefined) Terminal.note("note: no commit to derive a seed from; only the fixed seeds run.")
  const runs = names.flatMap((name) => [
    ...seeds.map((seed): RedSeeds.RedSeed => ({ scenario: name, seed, flags: noFlags })),
    ...red.filter((one) => one.scenario === name)
  ])
  const tasks = runs.map((one, index): Task => ({
    index,
    scenario: one.scenario,
    seed: one.seed,
    overrides: Request.overridesOf(one.flags)
  }))
  const pairs = await Twice.twice(tasks, {
    onProgress: (runs) => Terminal.progress(() => `smoke: ${runs} of ${tasks.length * 2} runs`)
  })
  Terminal.progressDone()
  const lines: Array<Line> = []
  for (const name of names) {
    lines.push(
      await judge(
        name,
        pairs.filter((pair) => pair.task.scenario === name),
        runs
      )
    )
  }
  const failed = lines.filter((line) => line.verdict === "fail").length
  if (json) Terminal.print(JSON.stringify({ verdict: failed === 0 ? "pass" : "fail", seeds, scenarios: lines }))
  else Terminal.print(`${text(lines)}\n${lines.length - failed} passed, ${failed} failed`)
  return failed === 0 ? exitCodes.pass : exitCodes.fail
}

/** `runs`: by the index of their task. */
const judge = async (
  name: string,
  pairs: ReadonlyArray<Twice.Pair>,
  runs: ReadonlyArray<RedSeeds.RedSeed>
): Promise<Line> => {
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
    const broken = pairs.find((pair) => pair.first?.verdict !== "pass")
    if (broken === undefined) return line("pass", `${Format.counted(pairs.length, "seed")} twice, hashes agree`)
    const failed = broken.first?.failed[0]
    return line(
      "fail",
      `seed ${broken.task.seed}: ${failed?.judge}: ${failed?.detail} (npm run sim -- ${Request.written(name, broken.task.seed, runs[broken.task.index].flags)})`
    )
  }
  const { judge: expected } = scenario.canary
  const missed = pairs.find(
    ({ first }) => first?.verdict !== "fail" || !first.failed.some((check) => check.judge === expected)
  )
  if (missed === undefined)
    return line("pass", `caught by ${expected} on ${Format.counted(pairs.length, "seed")} twice, hashes agree`)
  const failed = missed.first?.failed[0]
  return line(
    "fail",
    failed === undefined
      ? `${expected} does not fire on seed ${missed.task.seed}: the tester misses what it must find`
      : `seed ${missed.task.seed} fails by ${failed.judge} and not by ${expected}: ${failed.detail}`
  )
}

const noFlags: RedSeeds.Flags = { nodes: undefined, for: undefined, faults: undefined, policy: undefined }

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
