/** `sim mutants`: plants known bugs, one at a time, and tells whether the simulator finds them. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { exitCodes, UsageError } from "./CliError.ts"
import * as Format from "./Format.ts"
import * as Grade from "./Grade.ts"
import * as JournalFile from "./JournalFile.ts"
import * as Mutant from "./Mutant.ts"
import * as Parse from "./Parse.ts"
import * as Suggest from "./Suggest.ts"
import { jobsMax } from "./SwarmCommand.ts"
import * as Terminal from "./Terminal.ts"
import * as Tree from "./Tree.ts"

export interface Input {
  readonly only: string | undefined
  readonly patch: string | undefined
  readonly budget: string
  readonly from: string
  readonly jobs: number | undefined
  readonly json: boolean
}

const folder = path.join(Tree.root, "sim/mutants")

export const main = async (input: Input): Promise<number> => {
  const budgetMillis = Parse.durationMicros("--budget", input.budget) / 1_000
  const from = Parse.seed("--from", input.from)
  const jobs =
    input.jobs === undefined ? os.availableParallelism() : Parse.count("--jobs", input.jobs, { min: 1, max: jobsMax })
  const mutants = choose(input)
  const interrupted = new AbortController()
  const onInterrupt = (): void => interrupted.abort()
  process.once("SIGINT", onInterrupt)
  const grades: Array<Grade.Grade> = []
  const clean = Tree.copy()
  try {
    for (const mutant of mutants) {
      if (interrupted.signal.aborted) break
      const startedAt = performance.now()
      const { grade, journal } = await Grade.grade(mutant, {
        budgetMillis,
        from,
        jobs,
        clean,
        signal: interrupted.signal,
        onProgress: (text) =>
          Terminal.progress(() => `${mutant.name} · ${Format.duration(performance.now() - startedAt)} · ${text}`)
      })
      Terminal.progressDone()
      if (input.patch !== undefined && grade.verdict === "does not apply") {
        throw new UsageError({
          message: `${mutant.file} does not apply to today's code; make it anew against this tree.\n${grade.detail}`
        })
      }
      // Cut short, it says nothing.
      if (interrupted.signal.aborted && grade.verdict !== "found") break
      if (journal !== undefined) JournalFile.write(journalOf(mutant), journal)
      grades.push(grade)
      if (!input.json) Terminal.print(text(grade, journal === undefined ? undefined : journalOf(mutant)))
    }
  } finally {
    Tree.remove(clean)
    process.removeListener("SIGINT", onInterrupt)
  }
  const found = grades.filter((grade) => grade.verdict === "found").length
  const all = found === mutants.length
  if (input.json) {
    Terminal.print(JSON.stringify({ verdict: all ? "pass" : "fail", found, mutants: grades }))
  } else {
    Terminal.print(
      mutants.length === 0
        ? "There are no patches in sim/mutants."
        : `\n${found} of ${Format.counted(mutants.length, "planted bug")} found`
    )
  }
  return all ? exitCodes.pass : interrupted.signal.aborted ? exitCodes.interrupted : exitCodes.fail
}

const journalOf = (mutant: Mutant.Mutant): string => `${JournalFile.folder}/journals/mutant-${mutant.name}.shrunk.json`

const choose = ({ only, patch }: Input): ReadonlyArray<Mutant.Mutant> => {
  if (patch !== undefined) {
    if (only !== undefined)
      throw new UsageError({ message: "--only names a patch of sim/mutants, --patch any file: give one of them." })
    const file = [path.resolve(patch), path.resolve(process.env.INIT_CWD ?? ".", patch)].find((candidate) =>
      fs.existsSync(candidate)
    )
    if (file === undefined || !fs.statSync(file).isFile())
      throw new UsageError({ message: `--patch ${patch}: there is no such file.` })
    return [Mutant.parse(file, fs.readFileSync(file, "utf8"))]
  }
  const known = fs.existsSync(folder)
    ? fs
        .readdirSync(folder)
        .filter((file) => file.endsWith(".patch"))
        .sort()
    : []
  const names = known.map((file) => file.replace(/\.patch$/, ""))
  const wanted = only === undefined ? names : Parse.list(only)
  const unknown = wanted.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw new UsageError({
      message: `No planted bug is named ${JSON.stringify(unknown)}.${Suggest.sentence(unknown, names)} They are the patches in sim/mutants.`
    })
  }
  return wanted.map((name) => {
    const file = path.join(folder, `${name}.patch`)
    return Mutant.parse(file, fs.readFileSync(file, "utf8"))
  })
}

const text = (grade: Grade.Grade, journal: string | undefined): string => {
  const { bold, dim, green, red, yellow } = Terminal.paint
  const verdict =
    grade.verdict === "found"
      ? grade.judgeAsExpected === false
        ? yellow("FOUND")
        : green("FOUND")
      : red(grade.verdict.toUpperCase())
  const lines = [`${verdict}  ${bold(grade.name)}${grade.bug === "" ? "" : `: ${grade.bug}`}`]
  const rows: Array<Array<string>> = []
  if (grade.judge !== null) {
    const expected = grade.judgeAsExpected === false ? yellow(` (expected: ${grade.judgesExpected.join(" or ")})`) : ""
    rows.push(["judge", `${grade.judge}${expected}`], ["saw", grade.detail.split("\n")[0]])
    rows.push([
      "after",
      `${Format.counted(grade.seeds, "seed")}, ${Format.counted(grade.runs, "run")}, ${grade.wallSeconds} s (${grade.scenario}, seed ${grade.seed})`
    ])
  } else if (grade.detail === "") {
    rows.push([
      "tried",
      `${Format.counted(grade.seeds, "seed")}, ${Format.counted(grade.runs, "run")}, ${grade.wallSeconds} s`
    ])
  } else {
    rows.push([
      "because",
      grade.detail
        .split("\n")
        .slice(0, 8)
        .join(`\n${" ".repeat(11)}`)
    ])
  }
  if (grade.breakdowns > 0)
    rows.push(["breakdowns", `${grade.breakdowns} (a worker died or hung, or the simulator broke)`])
  if (grade.shrunk !== null) {
    const { faults, operations, nodes, from } = grade.shrunk
    rows.push([
      "shrunk to",
      `${Format.counted(faults, "fault")}, ${Format.counted(operations, "operation")}, ${Format.counted(nodes, "node")} (from ${from.faults}, ${from.operations}, ${from.nodes})`
    ])
  }
  if (grade.control.verdict !== "none") {
    rows.push([
      "control",
      grade.control.verdict === "pass"
        ? `the same ${Format.counted(grade.control.runs, "run")} pass without it`
        : red(grade.control.detail)
    ])
  }
  if (journal !== undefined) rows.push(["journal", journal])
  return [...lines, Format.table(rows.map(([name, value]) => [dim(name), value]))].join("\n")
}
