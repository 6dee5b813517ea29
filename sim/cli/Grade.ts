/**
 * Grade: whether the simulator finds a planted bug. The patch goes into a copy of the tree; seeds run there on all cores
 * until a run fails or the budget is over; the same seeds run without the patch and must pass; the failure is shrunk.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Affected from "./Affected.ts"
import type { Journal } from "#sim/run/Journal.ts"
import type { Size } from "./Engine.ts"
import type { Mutant } from "./Mutant.ts"
import { failureOf } from "./Failures.ts"
import * as Pool from "./Pool.ts"
import type { Task } from "./Protocol.ts"
import type { Overrides } from "./Request.ts"
import * as Seeds from "./Seeds.ts"
import * as Tree from "./Tree.ts"

/**
 * - `found`: a judge fired under the patch, one of those that the patch expects if the budget allows, and the same runs pass
 *   without it. Where no judge fired within the budget, but
 *   runs broke the simulator, died or hung, the `judge` is `simulator` or `worker`.
 * - `missed`: within the budget every run passed.
 * - `control fails`: a judge fired, and its seed passes without the patch, but not all seeds do that ran before it.
 * - `does not apply`, `does not load`: the patch is not one against today's code, or its code cannot be run.
 */
export type Verdict = "found" | "missed" | "control fails" | "does not apply" | "does not load"

export interface Grade {
  readonly name: string
  readonly file: string
  readonly bug: string
  readonly source: string
  readonly verdict: Verdict
  /** Why it does not apply or load; the judge's sentence; what a lost worker said last. */
  readonly detail: string
  /** Different seeds begun, and runs finished, until the first detection or the end of the budget. */
  readonly seeds: number
  readonly runs: number
  readonly wallSeconds: number
  readonly judge: string | null
  readonly judgesExpected: ReadonlyArray<string>
  readonly judgeAsExpected: boolean | null
  readonly scenario: string | null
  readonly seed: string | null
  readonly shrunk: (Size & { readonly runs: number; readonly from: Size }) | null
  /** Runs in which the worker died, hung, or the simulator broke: no detection, but worth a look. */
  readonly breakdowns: number
  readonly control: { readonly verdict: "pass" | "fail" | "none"; readonly runs: number; readonly detail: string }
}

export interface Options {
  readonly budgetMillis: number
  readonly from: string
  readonly jobs: number
  /** A copy of the tree without any patch, for the control. */
  readonly clean: string
  readonly signal: AbortSignal
  readonly onProgress: (text: string) => void
}

/** A planted bug may make a run endless; a healthy one takes a second or so. */
const hangMillisOf = (budgetMillis: number): number =>
  Math.min(30_000, Math.max(2_000, Math.ceil(budgetMillis / 2_000) * 1_000))
const shrinkMillisMax = 30_000
/** So many say that no judge will have its turn. */
const breakdownsMax = 10

interface Finding {
  readonly task: Task
  readonly judge: string
  readonly detail: string
  /** Runs that were over by then, this one last. */
  readonly done: ReadonlyArray<Task>
  readonly wallMillis: number
}

interface Search {
  readonly done: ReadonlyArray<Task>
  readonly breakdowns: number
  /** By a judge, or the first breakdown where no judge fired. */
  readonly found: Finding | undefined
  readonly wallMillis: number
}

/** Grades one mutant; `journal` is that of its shrunk failure. */
export const grade = async (
  mutant: Mutant,
  options: Options
): Promise<{ readonly grade: Grade; readonly journal?: Journal }> => {
  const tree = Tree.copy(options.clean)
  try {
    const complaint = Tree.apply(tree, mutant.file)
    if (complaint !== undefined) return { grade: { ...blank(mutant), verdict: "does not apply", detail: complaint } }
    const scenarios =
      mutant.scenarios.length > 0
        ? mutant.scenarios
        : Affected.scenarios(options.clean, fs.readFileSync(mutant.file, "utf8"))
    const overrides: Overrides = mutant.faults === undefined ? {} : { faults: mutant.faults }
    return await gradeIn(tree, mutant, scenarios, overrides, options)
  } catch (error) {
    if (!(error instanceof Pool.LoadError)) throw error
    return { grade: { ...blank(mutant), verdict: "does not load", detail: error.message } }
  } finally {
    Tree.remove(tree)
  }
}

const gradeIn = async (
  tree: string,
  mutant: Mutant,
  scenarios: ReadonlyArray<string>,
  overrides: Overrides,
  options: Options
): Promise<{ readonly grade: Grade; readonly journal?: Journal }> => {
  const search = await seek(tree, mutant.judges, scenarios, overrides, options)
  const { found } = search
  const until = found ?? search
  const counted = {
    seeds: new Set(until.done.map((task) => task.seed)).size,
    runs: until.done.length,
    wallSeconds: Number((until.wallMillis / 1_000).toFixed(2)),
    breakdowns: search.breakdowns
  }
  if (found === undefined) return { grade: { ...blank(mutant), ...counted } }
  options.onProgress(`${mutant.name}: ${found.judge} fired on seed ${found.task.seed}; control run`)
  const control = await check(found.done, scenarios, overrides, options)
  options.onProgress(`${mutant.name}: shrinking`)
  const shrinkMillis = Math.min(options.budgetMillis, shrinkMillisMax)
  const shrunk = isBreakdown(found)
    ? undefined
    : await Pool.shrink(found.task, { entry: entry(tree), overrides, budgetMillis: shrinkMillis }).catch(
        () => undefined
      )
  const grade: Grade = {
    ...blank(mutant),
    ...counted,
    verdict: control.verdict === "pass" ? "found" : "control fails",
    detail: found.detail,
    judge: found.judge,
    judgeAsExpected: mutant.judges.length === 0 ? null : mutant.judges.includes(found.judge),
    scenario: found.task.scenario,
    seed: found.task.seed,
    shrunk: shrunk === undefined ? null : { ...shrunk.after, runs: shrunk.runs, from: shrunk.before },
    control
  }
  return shrunk === undefined ? { grade } : { grade, journal: shrunk.journal }
}

const isBreakdown = (found: Finding): boolean => found.judge === "worker" || found.judge === "simulator"

/**
 * Runs seeds in the patched tree until a judge fires on one that passes without the patch: a tree with a fault of its own
 * must not hide what is looked for. One that nobody expected is kept, and the search goes on for one that was; where no
 * judge fires, the first breakdown is what was found.
 */
const seek = async (
  tree: string,
  judges: ReadonlyArray<string>,
  scenarios: ReadonlyArray<string>,
  overrides: Overrides,
  options: Options
): Promise<Search> => {
  const tasks = endless(scenarios, options.from)
  const done: Array<Task> = []
  const startedAt = performance.now()
  const wallMillis = (): number => performance.now() - startedAt
  const hangMillis = hangMillisOf(options.budgetMillis)
  let breakdowns = 0
  let firstBreakdown: Finding | undefined
  let unexpected: Finding | undefined
  const round = async (): Promise<{ readonly end: Pool.End; readonly finding: Finding | undefined }> => {
    let finding: Finding | undefined
    const budgetMillis = options.budgetMillis - wallMillis()
    const place = { entry: entry(tree), jobs: options.jobs, scenarios, overrides, hangMillis, signal: options.signal }
    const end = await Pool.run(tasks, { ...place, budgetMillis }, (report) => {
      done.push(report.task)
      options.onProgress(`${done.length} runs`)
      const failure = failureOf(report)
      if (failure === undefined) return
      const seen: Finding = { task: report.task, ...failure, done: [...done], wallMillis: wallMillis() }
      if (!isBreakdown(seen)) {
        finding = seen
        return "stop"
      }
      breakdowns += 1
      firstBreakdown ??= seen
      return breakdowns < breakdownsMax ? undefined : "stop"
    })
    return { end, finding }
  }
  while (true) {
    const { end, finding } = await round()
    const ends = { done, breakdowns, wallMillis: wallMillis() }
    if (finding === undefined) return { ...ends, found: unexpected ?? firstBreakdown }
    const isExpected = judges.length === 0 || judges.includes(finding.judge)
    if (isExpected || unexpected === undefined) {
      const { verdict } = await check([finding.task], scenarios, overrides, options)
      if (verdict === "pass" && isExpected) return { ...ends, found: finding }
      if (verdict === "pass") unexpected = finding
    }
    if (end !== "stopped" || wallMillis() >= options.budgetMillis)
      return { ...ends, found: unexpected ?? firstBreakdown }
  }
}

/** Runs the same tasks without the patch. */
const check = async (
  tasks: ReadonlyArray<Task>,
  scenarios: ReadonlyArray<string>,
  overrides: Overrides,
  options: Options
): Promise<Grade["control"]> => {
  let runs = 0
  let failure: string | undefined
  const end = await Pool.run(
    tasks.values(),
    { entry: entry(options.clean), jobs: options.jobs, scenarios, overrides, signal: options.signal },
    (report) => {
      runs += 1
      if (report.type === "done" && report.summary.verdict === "pass") return
      const seen = failureOf(report)
      failure = `${report.task.scenario} with seed ${report.task.seed} fails without the patch too: ${seen?.judge}: ${seen?.detail}`
      return "stop"
    }
  )
  if (failure !== undefined) return { verdict: "fail", runs, detail: failure }
  return end === "finished" ? { verdict: "pass", runs, detail: "" } : { verdict: "none", runs, detail: "interrupted" }
}

function* endless(scenarios: ReadonlyArray<string>, from: string): Generator<Task, void> {
  for (let index = 0; ; index++) {
    yield {
      index,
      scenario: scenarios[index % scenarios.length],
      seed: Seeds.at(from, Math.floor(index / scenarios.length))
    }
  }
}

const entry = (tree: string): string => path.join(tree, "sim/cli/Worker.ts")

const blank = (mutant: Mutant): Grade => ({
  name: mutant.name,
  file: mutant.file,
  bug: mutant.bug,
  source: mutant.source,
  verdict: "missed",
  detail: "",
  seeds: 0,
  runs: 0,
  wallSeconds: 0,
  judge: null,
  judgesExpected: mutant.judges,
  judgeAsExpected: null,
  scenario: null,
  seed: null,
  shrunk: null,
  breakdowns: 0,
  control: { verdict: "none", runs: 0, detail: "" }
})
