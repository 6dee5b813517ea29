/** Finish: what every command does with a run that is over: files, text or JSON, exit code. */
import * as path from "node:path"
import type { Recording } from "#reports/Recording.ts"
import type { Journal } from "#sim/run/Journal.ts"
import type { Plan } from "#sim/run/Plan.ts"
import type { RunResult, RunVerdict } from "#sim/run/Result.ts"
import { exitCodes } from "./CliError.ts"
import * as Format from "./Format.ts"
import * as JournalFile from "./JournalFile.ts"
import * as Render from "./Render.ts"
import * as Terminal from "./Terminal.ts"

export interface Finished {
  /** `reproduce` is the command as it was typed. */
  readonly result: RunResult
  readonly plan: Pick<Plan, "nodes">
  /** Where the journal of a failed run lies. */
  readonly journal?: string
  /** Where the page lies. */
  readonly report?: string
  /** More fields for `--json`. */
  readonly more?: Readonly<Record<string, unknown>>
}

/** Ends the names of what shrinking writes. */
const shrunkSuffix = ".shrunk.json"

export const exitCode = (verdict: RunVerdict): number => exitCodes[verdict]

/** Writes the page of a run, and beside it one for each history that a judge refused; returns the first one's path. */
export const writeReport = async (recording: Recording, suffix = ""): Promise<string> => {
  const { page } = await import("#reports/SpaceTime.ts")
  const pages = new Map<string, string>()
  for (const { check, judged } of recording.histories ?? []) {
    const history = await import("#reports/HistoryPage.ts")
    const name = check.replaceAll(/[^A-Za-z0-9]+/g, "-")
    const file = JournalFile.pathOf(recording, "reports", `${suffix}.${name}.html`)
    JournalFile.writeText(file, history.page(judged))
    pages.set(check, encodeURIComponent(path.basename(file)))
  }
  const checks = recording.checks.map((check) => {
    const linked = pages.get(check.name)
    return linked === undefined ? check : { ...check, page: linked }
  })
  const file = JournalFile.pathOf(recording, "reports", `${suffix}.html`)
  JournalFile.writeText(file, page({ ...recording, checks }))
  return file
}

/** Writes the journal of a run; returns its path. */
export const writeJournal = (journal: Journal, suffix = ""): string => {
  const file = JournalFile.pathOf(journal.plan, "journals", `${suffix}.json`)
  JournalFile.write(file, journal)
  return file
}

/** Prints a finished run: one JSON object as the last line, or text with the commands to go on with. */
export const show = (finished: Finished, options: { readonly json: boolean }): void => {
  const { result, journal, report } = finished
  if (options.json) {
    const files = { ...(journal === undefined ? {} : { journal }), ...(report === undefined ? {} : { report }) }
    Terminal.print(JSON.stringify({ ...result, ...files, ...finished.more }))
    return
  }
  Terminal.print(Render.result(result, finished.plan.nodes, Terminal.paint))
  const hints: Array<readonly [string, string]> = []
  if (result.verdict !== "pass") hints.push(["reproduce", result.reproduce])
  if (journal !== undefined) {
    const shrunk = journal.endsWith(shrunkSuffix)
    hints.push(["journal", journal])
    if (!shrunk) hints.push(["replay", `npm run sim -- replay ${Format.shell(journal)}`])
    if (!shrunk && result.verdict === "fail") hints.push(["shrink", `npm run sim -- shrink ${Format.shell(journal)}`])
    hints.push(["explain", `npm run sim -- explain ${Format.shell(journal)}`])
  }
  if (report !== undefined) hints.push(["report", report])
  if (hints.length > 0) Terminal.print(`\n${Render.hints(hints, Terminal.paint)}`)
}
