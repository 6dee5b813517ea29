/** `sim replay FILE`: runs a journal again, on today's code. */
import * as Result from "#sim/run/Result.ts"
import * as Engine from "./Engine.ts"
import * as Finish from "./Finish.ts"
import * as Render from "./Render.ts"
import * as Subject from "./Subject.ts"
import * as Terminal from "./Terminal.ts"

export interface Input {
  readonly file: string
  readonly json: boolean
  readonly report: boolean
}

export const main = async (input: Input): Promise<number> => {
  const subject = await Subject.ofFile(input.file)
  const engine = await Engine.load()
  if (!input.json) Terminal.print(Render.heading(subject.plan, { real: false }, Terminal.paint))
  const output = engine.run(subject.scenario, subject.plan, { ...Subject.replaying(subject), record: input.report })
  const result = { ...output.result, reproduce: subject.reproduce }
  const report =
    input.report && output.recording !== undefined
      ? await Finish.writeReport({ ...output.recording, reproduce: subject.reproduce }, ".replay")
      : undefined
  const seen = Result.failedCheck(result)
  if (subject.failed !== undefined && seen?.name !== subject.failed.judge) {
    const now = seen === undefined ? "now it passes" : `now ${seen.name} fails`
    Terminal.note(`note: when this journal was written, ${subject.failed.judge} failed; ${now}.`)
  }
  Finish.show({ result, plan: subject.plan, ...(report === undefined ? {} : { report }) }, input)
  return Finish.exitCode(result.verdict)
}
