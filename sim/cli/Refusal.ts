/** Refusal: what the parser of the command line complains of, in sentences that say what to type instead. */
import type * as CliError from "effect/cli/CliError"
import * as Suggest from "./Suggest.ts"

const meant = (typed: string, known: ReadonlyArray<string>): string => {
  const found = Suggest.nearest(typed, known) ?? known[0]
  return found === undefined ? "" : ` Did you mean ${JSON.stringify(found)}?`
}

/** One sentence a mistake. A value left behind by an unknown flag is no mistake of its own. */
export const sentences = (
  errors: ReadonlyArray<CliError.NonShowHelpErrors>,
  args: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const flag = errors.some((error) => error._tag === "UnrecognizedOption")
  const own = errors.filter(
    (error) => !flag || (error._tag !== "UnknownSubcommand" && error._tag !== "UnexpectedArgument")
  )
  return [...new Set(own.map((error) => sentence(error, args)))]
}

const sentence = (error: CliError.NonShowHelpErrors, args: ReadonlyArray<string>): string => {
  switch (error._tag) {
    case "UnrecognizedOption": {
      const command = error.command?.at(-1) ?? ""
      const before = args.findIndex((arg) => arg === error.option || arg.startsWith(`${error.option}=`))
      if (before >= 0 && before < args.indexOf(command))
        return `${error.option} stands before "${command}": flags come after the command.`
      return `Unknown flag ${error.option}.${meant(error.option, error.suggestions)}`
    }
    case "UnknownSubcommand":
      return `Unknown command ${JSON.stringify(error.subcommand)}.${Suggest.sentence(error.subcommand, commands)}`
    case "InvalidValue": {
      const name = error.kind === "flag" ? `--${error.option}` : error.option
      const wanted = error.expected
        .replace(/^Expected:? /, "")
        .replace(/^(a string representing a finite number|an integer)$/, "a whole number")
      const times = /^(\d+) occurrences$/.exec(error.value)
      if (times !== null) return `${name} is given ${times[1]} times; once is enough.`
      return error.value === "" ? `${name} needs a value: ${wanted}.` : `${name} ${error.value}: must be ${wanted}.`
    }
    case "MissingArgument":
      return `${error.argument} is missing.`
    case "UnexpectedArgument":
      return `Nothing is known to do with ${error.arguments.map((argument) => JSON.stringify(argument)).join(", ")}.`
    default:
      return error.message
  }
}

const commands = [
  "list",
  "swarm",
  "smoke",
  "replay",
  "shrink",
  "explain",
  "conform",
  "mutants",
  "determinism",
  "versions"
]
