/** The default command: one scenario, one seed, in the simulator or on the real machine. */
import type { RunOutput } from "#sim/run/Run.ts"
import { SimulatorError, UsageError } from "./CliError.ts"
import * as Engine from "./Engine.ts"
import * as Finish from "./Finish.ts"
import * as Parse from "./Parse.ts"
import * as Render from "./Render.ts"
import * as Request from "./Request.ts"
import * as Terminal from "./Terminal.ts"

export interface Input extends Request.RunFlags {
  readonly real: boolean
  readonly port: number | undefined
  readonly json: boolean
  readonly report: boolean
}

export const main = async (input: Input): Promise<number> => {
  const port = input.port === undefined ? undefined : Parse.count("--port", input.port, { min: 1, max: 65_535 })
  if (port !== undefined && !input.real) {
    throw new UsageError({ message: "--port is the first port of a run on the real machine: add --real." })
  }
  const request = await Request.resolve(input)
  const say = input.json ? Terminal.note : Terminal.print
  if (request.drawn) say(`seed ${request.seed}`)
  const undeclared = Request.undeclared(request)
  if (undeclared.length > 0) {
    Terminal.note(
      `note: ${request.scenario.name} does not declare that it survives ${undeclared.join(", ")}; a failure under them may be no bug.`
    )
  }
  const engine = await Engine.load()
  const plan = engine.draw(request.scenario, request.seed, request.overrides)
  if (!input.json) Terminal.print(Render.heading(plan, input, Terminal.paint))
  const output = input.real
    ? await runReal(request, plan, port)
    : Engine.runWithJournal(engine, request.scenario, plan, { record: input.report })
  const reproduce = `npm run sim -- ${request.flags}${input.real ? " --real" : ""}${port === undefined ? "" : ` --port ${port}`}`
  const result = { ...output.result, reproduce }
  const report =
    input.report && output.recording !== undefined
      ? await Finish.writeReport({ ...output.recording, reproduce })
      : undefined
  const journal =
    result.verdict !== "pass" && output.journal !== undefined ? Finish.writeJournal(output.journal) : undefined
  Finish.show(
    { result, plan, ...(journal === undefined ? {} : { journal }), ...(report === undefined ? {} : { report }) },
    input
  )
  return Finish.exitCode(result.verdict)
}

const runReal = async (
  request: Request.Request,
  plan: Parameters<Engine.Engine["run"]>[1],
  port: number | undefined
): Promise<RunOutput> => {
  const { runReal } = await import("#sim/run/Real.ts")
  try {
    return await runReal(request.scenario, plan, port === undefined ? {} : { port })
  } catch (error) {
    if (isAddressError(error)) {
      throw new UsageError({
        message: `--port ${port}: ${error.message}. This run takes ${plan.nodes + plan.clients} ports from there on; without --port it takes free ones.`
      })
    }
    throw new SimulatorError({
      message: `The run on the real machine broke: ${error instanceof Error ? error.stack : String(error)}`
    })
  }
}

const isAddressError = (error: unknown): error is { readonly message: string } =>
  typeof error === "object" &&
  error !== null &&
  "code" in error &&
  ["address-in-use", "address-not-available", "EADDRINUSE", "EADDRNOTAVAIL"].includes(String(error.code))
