/** Request: one run as typed on the command line, checked, with its scenario loaded. */
import type { Kind } from "#sim/faults/Fault.ts"
import type { PolicyName } from "#sim/kernel/PolicyName.ts"
import * as Registry from "./Registry.ts"
import type { Scenario } from "#sim/run/Scenario.ts"
import { UsageError } from "./CliError.ts"
import { counted, shell } from "./Format.ts"
import * as Parse from "./Parse.ts"
import * as Seeds from "./Seeds.ts"
import * as Suggest from "./Suggest.ts"

export const defaultScenario = "register/lease"

const nodesMax = 1_000

/** The flags that shape a run; what is absent is drawn from the seed, or is the scenario's own. */
export interface RunFlags {
  readonly scenario: string | undefined
  readonly seed: string | undefined
  readonly nodes: number | undefined
  readonly for: string | undefined
  readonly faults: string | undefined
  readonly policy: string | undefined
}

/** What a run's plan is drawn with; plain data, so that it travels to another process. */
export interface Overrides {
  readonly nodes?: number
  readonly durationMicros?: number
  readonly faults?: ReadonlyArray<Kind>
  readonly policy?: PolicyName
}

export interface Request {
  readonly scenario: Scenario
  readonly seed: string
  /** Nobody named the seed. */
  readonly drawn: boolean
  readonly overrides: Overrides
  /** The flags that give this run again, seed included. */
  readonly flags: string
}

/** Checks a scenario's name without loading it. */
export const scenarioName = (name: string): string => {
  if (Registry.entry(name) !== undefined) return name
  throw new UsageError({
    message: `Unknown scenario ${JSON.stringify(name)}.${Suggest.sentence(name, Registry.names())} "npm run sim -- list" shows all of them.`
  })
}

/** Checks the flags that need no scenario to be checked. */
export const overridesOf = (flags: Omit<RunFlags, "scenario" | "seed">): Overrides => ({
  ...(flags.nodes === undefined ? {} : { nodes: Parse.count("--nodes", flags.nodes, { min: 1, max: nodesMax }) }),
  ...(flags.for === undefined ? {} : { durationMicros: Parse.durationMicros("--for", flags.for) }),
  ...(flags.faults === undefined ? {} : { faults: Parse.faults(flags.faults) }),
  ...(flags.policy === undefined ? {} : { policy: Parse.policy(flags.policy) })
})

/** Refuses a number of nodes that the scenario does not run with. */
export const checkNodes = ({ name, nodes }: Scenario, asked: number | undefined): void => {
  if (asked === undefined || (asked >= nodes.min && asked <= nodes.max)) return
  const range = nodes.min === nodes.max ? `exactly ${counted(nodes.min, "node")}` : `${nodes.min} to ${nodes.max} nodes`
  throw new UsageError({ message: `--nodes ${asked}: ${name} runs with ${range}.` })
}

/** Checks and loads; throws `UsageError` for the first thing that cannot be. */
export const resolve = async (flags: RunFlags): Promise<Request> => {
  const name = scenarioName(flags.scenario ?? defaultScenario)
  const overrides = overridesOf(flags)
  const seed = flags.seed === undefined ? Seeds.draw() : Parse.seed("--seed", flags.seed)
  const scenario = await Registry.load(name)
  checkNodes(scenario, overrides.nodes)
  return { scenario, seed, drawn: flags.seed === undefined, overrides, flags: written(name, seed, flags) }
}

/** The faults asked for that the scenario does not declare: its failures under them may be no bug of it. */
export const undeclared = (request: Request): ReadonlyArray<Kind> =>
  (request.overrides.faults ?? []).filter((kind) => !request.scenario.faults.includes(kind))

/** The flags of a run as they are typed. */
export const written = (scenario: string, seed: string, flags: Omit<RunFlags, "scenario" | "seed">): string =>
  [
    `--scenario ${shell(scenario)}`,
    seed.startsWith("-") ? `--seed=${shell(seed)}` : `--seed ${shell(seed)}`,
    ...(flags.nodes === undefined ? [] : [`--nodes ${flags.nodes}`]),
    ...(flags.for === undefined ? [] : [`--for ${shell(flags.for)}`]),
    ...(flags.faults === undefined ? [] : [`--faults ${shell(flags.faults)}`]),
    ...(flags.policy === undefined ? [] : [`--policy ${shell(flags.policy)}`])
  ].join(" ")
