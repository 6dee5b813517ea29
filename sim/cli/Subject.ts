/** Subject: the one run that `replay`, `shrink` and `explain` are about: a journal on disk, or a scenario and a seed. */
import type { Decisions, Journal } from "#sim/run/Journal.ts"
import type { Plan } from "#sim/run/Plan.ts"
import * as Registry from "./Registry.ts"
import type { Scenario } from "#sim/run/Scenario.ts"
import { UsageError } from "./CliError.ts"
import type { Engine } from "./Engine.ts"
import { shell } from "./Format.ts"
import * as JournalFile from "./JournalFile.ts"
import * as Request from "./Request.ts"

export interface Subject {
  readonly scenario: Scenario
  readonly plan: Plan
  /** Present for a journal: the run is replayed, nothing is drawn. */
  readonly decisions: Decisions | undefined
  /** What failed when the journal was written. */
  readonly failed: Journal["failed"]
  /** The command that runs it again. */
  readonly reproduce: string
}

/** The subject of a journal. */
export const ofFile = async (file: string): Promise<Subject> => {
  const journal = JournalFile.read(file)
  const scenario = await Registry.load(journal.plan.scenario)
  return {
    scenario,
    plan: journal.plan,
    decisions: journal.decisions,
    failed: journal.failed,
    reproduce: `npm run sim -- replay ${shell(file)}`
  }
}

/** The subject of a file, or of flags; not of both, and not of none. */
export const resolve = async (engine: Engine, file: string | undefined, flags: Request.RunFlags): Promise<Subject> => {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined)
  if (file !== undefined) {
    if (given.length === 0) return ofFile(file)
    throw new UsageError({
      message: `A journal says all of its run: give ${file}, or --${given[0][0]} and --seed, not both.`
    })
  }
  if (flags.seed === undefined) {
    throw new UsageError({ message: "Which run? Give a journal's FILE, or --scenario NAME and --seed N." })
  }
  const request = await Request.resolve(flags)
  return {
    scenario: request.scenario,
    plan: engine.draw(request.scenario, request.seed, request.overrides),
    decisions: undefined,
    failed: undefined,
    reproduce: `npm run sim -- ${request.flags}`
  }
}

/** The part of the run's options that replays a journal's decisions. */
export const replaying = (subject: Subject): { readonly decisions?: Decisions } =>
  subject.decisions === undefined ? {} : { decisions: subject.decisions }
