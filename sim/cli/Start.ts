/** Start: runs the command line on Node.js and leaves its exit code with the process. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, exitCodes, UsageError } from "./CliError.ts"
import { sim } from "./Commands.ts"
import * as Refusal from "./Refusal.ts"
import * as Terminal from "./Terminal.ts"

const version = "0.1.0"

/** Help goes to standard output; a refusal is a sentence on standard error, and where to read more, not a page of help. */
const formatter = CliOutput.defaultFormatter({ colors: Terminal.canColor })
const presenter = (args: ReadonlyArray<string>): CliOutput.Presenter => ({
  present: (event) =>
    Effect.sync(() => {
      if (event._tag === "Help")
        Terminal.print(
          formatter.formatHelpDoc({
            ...event.helpDoc,
            usage: event.helpDoc.usage.replace("<subcommand>", "[subcommand]")
          })
        )
      if (event._tag === "Version") Terminal.print(`orbit ${event.version}`)
      if (event._tag === "InvalidInvocation") {
        for (const sentence of Refusal.sentences(event.errors, args)) Terminal.note(sentence)
        Terminal.note(`"${event.commandPath.join(" ")} --help" shows what there is.`)
      }
    })
})

const layerFor = (args: ReadonlyArray<string>) =>
  Layer.mergeAll(
    NodeServices.layer,
    CliOutput.layerPresenter(presenter(args)),
    // A shell completes `npm run`, not us, and nothing here logs.
    CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] })
  )

const exitCodeOf = (cause: Cause.Cause<unknown>): number => {
  if (Cause.hasInterruptsOnly(cause)) return exitCodes.interrupted
  const error = Cause.squash(cause)
  if (error instanceof UsageError) {
    Terminal.note(error.message)
    return exitCodes.usage
  }
  if (CliError.isCliError(error))
    return error._tag === "ShowHelp" && error.errors.length === 0 ? exitCodes.pass : exitCodes.usage
  Terminal.note(`The simulator broke: ${describe(error)}`)
  return exitCodes.error
}

export const start = async (args: ReadonlyArray<string>): Promise<void> => {
  const exit = await Effect.runPromiseExit(Command.runWith(sim, { version })(args).pipe(Effect.provide(layerFor(args))))
  if (Exit.isFailure(exit)) process.exitCode = exitCodeOf(exit.cause)
}
