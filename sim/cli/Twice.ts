/** Twice: every run in two processes, in opposite orders, so that neither its place nor its company can move its trace. */
import { SimulatorError } from "./CliError.ts"
import * as Pool from "./Pool.ts"
import type { Summary, Task } from "./Protocol.ts"

export interface Pair {
  readonly task: Task
  /** `undefined`: the process died at it, or never came to it. */
  readonly first: Summary | undefined
  readonly second: Summary | undefined
}

/** The same hash twice; two runs that broke alike agree on nothing. */
export const agree = ({ first, second }: Pair): boolean =>
  first !== undefined &&
  second !== undefined &&
  first.traceHash !== "" &&
  first.traceHash === second.traceHash &&
  first.verdict === second.verdict

/** Runs all tasks in one process; the summaries by index, and why any is missing. */
export const once = async (
  tasks: ReadonlyArray<Task>,
  place: Pool.Place,
  onProgress: () => void = () => undefined
): Promise<{ readonly summaries: ReadonlyMap<number, Summary>; readonly lost: ReadonlyMap<number, string> }> => {
  const summaries = new Map<number, Summary>()
  const lost = new Map<number, string>()
  const scenarios = [...new Set(tasks.map((task) => task.scenario))]
  const end = await Pool.run(tasks.values(), { ...place, jobs: 1, scenarios, overrides: {} }, (report) => {
    if (report.type === "done") summaries.set(report.task.index, report.summary)
    else lost.set(report.task.index, report.reason)
    onProgress()
  })
  if (end !== "finished") throw new SimulatorError({ message: `The runs ended early: ${end}.` })
  return { summaries, lost }
}

/** Runs all tasks in two processes at once, the second in reverse order. */
export const twice = async (
  tasks: ReadonlyArray<Task>,
  options: {
    readonly first?: Pool.Place
    readonly second?: Pool.Place
    readonly onProgress?: (runs: number) => void
  } = {}
): Promise<ReadonlyArray<Pair>> => {
  let runs = 0
  const count = (): void => options.onProgress?.(++runs)
  const [first, second] = await Promise.all([
    once(tasks, options.first ?? {}, count),
    once(tasks.toReversed(), options.second ?? {}, count)
  ])
  return tasks.map((task) => ({
    task,
    first: first.summaries.get(task.index),
    second: second.summaries.get(task.index)
  }))
}
