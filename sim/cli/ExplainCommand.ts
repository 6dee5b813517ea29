/** `sim explain`: tells a run as a story in text, up to the event that the judge points at. */
import { exitCodes, SimulatorError } from "./CliError.ts"
import * as Engine from "./Engine.ts"
import * as Finish from "./Finish.ts"
import type { RunFlags } from "./Request.ts"
import * as Subject from "./Subject.ts"
import * as Terminal from "./Terminal.ts"

export interface Input {
  readonly file: string | undefined
  readonly flags: RunFlags
  readonly json: boolean
  readonly report: boolean
}

export const main = async (input: Input): Promise<number> => {
  const engine = await Engine.load()
  const subject = await Subject.resolve(engine, input.file, input.flags)
  const output = engine.run(subject.scenario, subject.plan, { ...Subject.replaying(subject), record: true })
  const result = { ...output.result, reproduce: subject.reproduce }
  if (output.recording === undefined) {
    throw new SimulatorError({
      message: `The run left no recording: ${result.checks.map((check) => check.detail).join("; ")}`
    })
  }
  const recording = { ...output.recording, reproduce: subject.reproduce }
  const { explain } = await import("#reports/Text.ts")
  const explanation = explain(recording)
  const report = input.report ? await Finish.writeReport(recording) : undefined
  if (input.json) {
    Finish.show(
      { result, plan: subject.plan, ...(report === undefined ? {} : { report }), more: { explanation } },
      input
    )
  } else {
    Terminal.print(explanation)
    if (report !== undefined) Terminal.print(`\nreport  ${report}`)
  }
  return result.verdict === "error" ? exitCodes.error : exitCodes.pass
}
