/**
 * `sim determinism`: the promise on which all else stands. Many seeds, each in two processes and in opposite orders,
 * give equal trace hashes; different seeds give different ones; and a seed gives the same again after many other runs in
 * one process.
 */
import * as Registry from "./Registry.ts"
import { exitCodes } from "./CliError.ts"
import * as Format from "./Format.ts"
import * as Parse from "./Parse.ts"
import type { Task } from "./Protocol.ts"
import * as Request from "./Request.ts"
import * as Seeds from "./Seeds.ts"
import * as Terminal from "./Terminal.ts"
import * as Twice from "./Twice.ts"

export interface Input {
  readonly scenario: string | undefined
  readonly seeds: number
  readonly from: string
  readonly json: boolean
}

const seedsMax = 1_000_000
/** Runs between the two runs of one seed in one process. */
const companyRuns = 50

export const main = async (input: Input): Promise<number> => {
  const count = Parse.count("--seeds", input.seeds, { min: 1, max: seedsMax })
  const from = Parse.seed("--from", input.from)
  const tasks = spread(names(input.scenario), from, count)
  const startedAt = performance.now()
  const pairs = await Twice.twice(tasks, {
    onProgress: (runs) => Terminal.progress(() => `determinism: ${runs} of ${tasks.length * 2} runs`)
  })
  Terminal.progressDone()
  const afterCompany = await companions(tasks)
  const findings = { ...check(pairs), afterOthers: afterCompany }
  const good = findings.differing.length === 0 && findings.colliding.length === 0 && afterCompany.length === 0
  const wallMillis = Math.round(performance.now() - startedAt)
  if (input.json) {
    Terminal.print(JSON.stringify({ verdict: good ? "pass" : "fail", seeds: tasks.length, wallMillis, ...findings }))
  } else {
    Terminal.print(text({ ...findings, runs: tasks.length, wallMillis }))
  }
  return good ? exitCodes.pass : exitCodes.fail
}

/** The scenarios that take part: those named, or all that are no canaries. */
export const names = (list: string | undefined): ReadonlyArray<string> =>
  list === undefined ? Registry.namesWithoutCanaries() : Parse.list(list).map(Request.scenarioName)

/** `count` seeds dealt out over the scenarios. */
export const spread = (scenarios: ReadonlyArray<string>, from: string, count: number): ReadonlyArray<Task> =>
  Array.from({ length: count }, (_, index) => ({
    index,
    scenario: scenarios[index % scenarios.length],
    seed: Seeds.at(from, index)
  }))

interface Findings {
  /** Runs whose two hashes differ, or that broke. */
  readonly differing: ReadonlyArray<string>
  /** Different seeds with one hash. */
  readonly colliding: ReadonlyArray<string>
}

/** What is wrong with the pairs. */
export const check = (pairs: ReadonlyArray<Twice.Pair>): Findings => {
  const byHash = new Map<string, string>()
  const differing: Array<string> = []
  const colliding: Array<string> = []
  for (const pair of pairs) {
    const name = `${pair.task.scenario} ${pair.task.seed}`
    if (!Twice.agree(pair)) {
      differing.push(`${name}: ${told(pair.first)}, ${told(pair.second)}`)
      continue
    }
    const hash = pair.first?.traceHash ?? ""
    const other = byHash.get(hash)
    if (other !== undefined) colliding.push(`${other} and ${name}: ${hash}`)
    byHash.set(hash, name)
  }
  return { differing, colliding }
}

const told = (summary: Twice.Pair["first"]): string =>
  summary === undefined
    ? "died"
    : summary.verdict === "error"
      ? `error (${summary.failed[0]?.detail.split("\n")[0]})`
      : `${summary.verdict} ${summary.traceHash}`

/** The first seed of each scenario, then other runs, then the first again, in one process; those whose hash moved. */
const companions = async (tasks: ReadonlyArray<Task>): Promise<ReadonlyArray<string>> => {
  const firsts = tasks.filter(
    (task, position) => tasks.findIndex((other) => other.scenario === task.scenario) === position
  )
  const others = Array.from({ length: companyRuns }, (_, index) => tasks[(index + firsts.length) % tasks.length])
  const order = [...firsts, ...others, ...firsts].map((task, index): Task => ({ ...task, index }))
  const { summaries } = await Twice.once(order, {})
  return firsts.flatMap((task, position) => {
    const fresh = summaries.get(position)
    const later = summaries.get(position + firsts.length + others.length)
    return Twice.agree({ task, first: fresh, second: later })
      ? []
      : [`${task.scenario} ${task.seed}: ${told(fresh)}, ${told(later)} after ${others.length} others`]
  })
}

const text = (
  found: Findings & { readonly afterOthers: ReadonlyArray<string>; readonly runs: number; readonly wallMillis: number }
): string => {
  const { green, red } = Terminal.paint
  const line = (bad: ReadonlyArray<string>, claim: string): string =>
    [`${bad.length === 0 ? green("✓") : red("✗")} ${claim}`, ...bad.slice(0, 10).map((one) => `    ${one}`)].join("\n")
  return [
    line(
      found.differing,
      `${Format.counted(found.runs, "seed")}, each in two processes and in opposite orders: equal trace hashes`
    ),
    line(found.colliding, "different seeds give different trace hashes"),
    line(found.afterOthers, `a seed after ${companyRuns} other runs in one process gives its hash again`),
    Format.duration(found.wallMillis)
  ].join("\n")
}
