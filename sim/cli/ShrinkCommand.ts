/** `sim shrink`: makes a failing run small while the same judge fires; ends with a command and a page. */
import * as Result from "#sim/run/Result.ts"
import { exitCodes, SimulatorError, UsageError } from "./CliError.ts"
import * as Engine from "./Engine.ts"
import * as Finish from "./Finish.ts"
import * as Format from "./Format.ts"
import * as Parse from "./Parse.ts"
import * as Render from "./Render.ts"
import type { RunFlags } from "./Request.ts"
import * as Subject from "./Subject.ts"
import * as Terminal from "./Terminal.ts"

export interface Input {
  readonly file: string | undefined
  readonly flags: RunFlags
  readonly budget: string
  readonly json: boolean
}

export const main = async (input: Input): Promise<number> => {
  const budgetMillis = Parse.durationMicros("--budget", input.budget) / 1_000
  const engine = await Engine.load()
  const subject = await Subject.resolve(engine, input.file, input.flags)
  if (!input.json) Terminal.print(Render.heading(subject.plan, { real: false }, Terminal.paint))
  const before = engine.run(subject.scenario, subject.plan, { ...Subject.replaying(subject), journal: true })
  if (before.result.verdict === "pass") {
    throw new UsageError({
      message: `This run passes on today's code: there is nothing to shrink. Run it again with "${subject.reproduce}".`
    })
  }
  if (before.result.verdict === "error" || before.journal === undefined) {
    Finish.show({ result: { ...before.result, reproduce: subject.reproduce }, plan: subject.plan }, input)
    return exitCodes.error
  }
  const judge = Result.failedCheck(before.result)?.name
  const { shrink } = await import("#sim/run/Shrink.ts")
  const startedAt = performance.now()
  const small = shrink(subject.scenario, before.journal, {
    budgetMillis,
    onProgress: (at) =>
      Terminal.progress(
        () =>
          `shrinking ${at.phase}: ${Format.counted(at.faults, "fault")}, ${Format.counted(at.operations, "operation")}, ` +
          `${Format.counted(at.nodes, "node")}, ${Format.counted(at.decisions, "decision")} (${Format.counted(at.runs, "run")})`
      )
  })
  Terminal.progressDone()
  const wallMillis = performance.now() - startedAt
  const journal = Finish.writeJournal(small.journal, ".shrunk")
  const reproduce = `npm run sim -- replay ${Format.shell(journal)}`
  const after = engine.run(subject.scenario, small.journal.plan, { decisions: small.journal.decisions, record: true })
  const fired = Result.failedCheck(after.result)?.name
  if (fired !== judge) {
    throw new SimulatorError({
      message: `The shrunk journal ${journal} does not fail with ${judge} but with ${fired ?? "nothing"}: a replay differs from the run that it was taken from.`
    })
  }
  const report =
    after.recording === undefined ? undefined : await Finish.writeReport({ ...after.recording, reproduce }, ".shrunk")
  const sizes = {
    before: Engine.size(before.journal),
    after: Engine.size(small.journal),
    runs: small.runs,
    wallMillis: Math.round(wallMillis)
  }
  if (!input.json) Terminal.print(`\n${summary(sizes)}\n`)
  Finish.show(
    {
      result: { ...after.result, reproduce },
      plan: small.journal.plan,
      journal,
      ...(report === undefined ? {} : { report }),
      more: { shrunk: sizes }
    },
    input
  )
  return exitCodes.pass
}

const summary = (sizes: {
  readonly before: Engine.Size
  readonly after: Engine.Size
  readonly runs: number
  readonly wallMillis: number
}): string => {
  const { dim, bold } = Terminal.paint
  const names = ["faults", "operations", "nodes", "decisions"] as const
  const rows = names.map((name) => [
    dim(name),
    Format.whole(sizes.before[name]),
    dim("→"),
    bold(Format.whole(sizes.after[name]))
  ])
  return `shrunk in ${Format.counted(sizes.runs, "run")}, ${Format.duration(sizes.wallMillis)}\n${Format.table(rows)}`
}
