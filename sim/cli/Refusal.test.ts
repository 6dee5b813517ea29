import * as CliError from "effect/cli/CliError"
import { expect, test } from "vitest"
import * as Refusal from "./Refusal.ts"

const unknownFlag = new CliError.UnrecognizedOption({
  option: "--sedes",
  command: ["sim", "swarm"],
  suggestions: ["--nodes", "--seeds"]
})

test("an unknown flag is told with the nearest one", () => {
  expect(Refusal.sentences([unknownFlag], ["swarm", "--sedes", "4"])).toEqual([
    'Unknown flag --sedes. Did you mean "--seeds"?'
  ])
})

test("the value that an unknown flag leaves behind is no mistake of its own", () => {
  const left = new CliError.UnexpectedArgument({ arguments: ["4"] })
  expect(Refusal.sentences([unknownFlag, left], [])).toHaveLength(1)
  expect(Refusal.sentences([left], [])).toEqual(['Nothing is known to do with "4".'])
})

test("a flag before its command is told to come after", () => {
  const early = new CliError.UnrecognizedOption({ option: "--json", command: ["sim", "list"], suggestions: [] })
  expect(Refusal.sentences([early], ["--json", "list"])).toEqual([
    '--json stands before "list": flags come after the command.'
  ])
})

test("an unknown command is told with the nearest one", () => {
  const unknown = new CliError.UnknownSubcommand({ subcommand: "explian", suggestions: [] })
  expect(Refusal.sentences([unknown], [])).toEqual(['Unknown command "explian". Did you mean "explain"?'])
})

test.each([
  [{ option: "seed", value: "", expected: "SEED" }, "--seed needs a value: SEED."],
  [{ option: "nodes", value: "1.5", expected: "Expected an integer" }, "--nodes 1.5: must be a whole number."],
  [{ option: "seed", value: "2 occurrences", expected: "at most 1 value" }, "--seed is given 2 times; once is enough."]
])("a wrong value is told with what is wanted: %j", (error, sentence) => {
  expect(Refusal.sentences([new CliError.InvalidValue({ ...error, kind: "flag" })], [])).toEqual([sentence])
})
