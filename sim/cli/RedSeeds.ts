/**
 * RedSeeds: the runs that once failed, one JSON object a line of `scenarios/seeds.jsonl`. Each must pass ever since.
 *
 *     {"scenario":"register/lease","seed":"98","judge":"liveness","story":"What was wrong, and what was done."}
 *
 * `scenario`, `seed`, `judge` (which had fired) and `story` are needed; `nodes`, `for`, `faults` and `policy` are the flags
 * of the run, as they were typed, if there were any.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { SimulatorError, UsageError } from "./CliError.ts"
import * as Parse from "./Parse.ts"
import * as Registry from "./Registry.ts"
import * as Request from "./Request.ts"
import * as Tree from "./Tree.ts"

export type Flags = Omit<Request.RunFlags, "scenario" | "seed">

export interface RedSeed {
  readonly scenario: string
  readonly seed: string
  readonly flags: Flags
}

const needed = ["scenario", "seed", "judge", "story"]
const known = [...needed, "nodes", "for", "faults", "policy"]

const isText = (value: unknown): value is string => typeof value === "string" && value !== ""

/** Reads one line; throws `UsageError` with what is wrong with it. */
const readLine = (line: string): RedSeed => {
  let read: unknown
  try {
    read = JSON.parse(line)
  } catch {
    throw new UsageError({ message: "it is not JSON." })
  }
  if (typeof read !== "object" || read === null || Array.isArray(read))
    throw new UsageError({ message: "it is no object." })
  const fields: Readonly<Record<string, unknown>> = { ...read }
  const missing = needed.find((name) => !isText(fields[name]))
  if (missing !== undefined) throw new UsageError({ message: `it needs a text as ${JSON.stringify(missing)}.` })
  const unknown = Object.keys(fields).find((name) => !known.includes(name))
  if (unknown !== undefined) throw new UsageError({ message: `nothing is known of ${JSON.stringify(unknown)}.` })
  const text = (name: string): string | undefined => {
    const value = fields[name]
    if (value === undefined || isText(value)) return value
    throw new UsageError({ message: `${JSON.stringify(name)} is a text, as it was typed.` })
  }
  const { nodes } = fields
  if (nodes !== undefined && typeof nodes !== "number") throw new UsageError({ message: '"nodes" is a number.' })
  const scenario = Request.scenarioName(String(fields["scenario"]))
  if (Registry.entry(scenario)?.canary === true)
    throw new UsageError({ message: `${scenario} is a canary, which has to fail.` })
  const flags: Flags = { nodes, for: text("for"), faults: text("faults"), policy: text("policy") }
  Request.overridesOf(flags)
  return { scenario, seed: Parse.seed("seed", String(fields["seed"])), flags }
}

/** Reads the lines of a file's text; throws `SimulatorError` that names the line which cannot be used. */
export const parse = (text: string, file: string): ReadonlyArray<RedSeed> =>
  text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return []
    try {
      return [readLine(line)]
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      throw new SimulatorError({ message: `${file}, line ${index + 1}: ${error.message}` })
    }
  })

export const load = (): ReadonlyArray<RedSeed> => {
  const file = "scenarios/seeds.jsonl"
  return parse(fs.readFileSync(path.join(Tree.root, file), "utf8"), file)
}
