/**
 * Engine: the simulator as the commands use it. It is loaded when first needed, so that help and lists stay quick, and
 * whatever it throws becomes a result whose verdict is `error`: a broken simulator is a result too.
 */
import type { Journal } from "#sim/run/Journal.ts"
import type { Plan } from "#sim/run/Plan.ts"
import type { RunResult } from "#sim/run/Result.ts"
import type { RunOptions, RunOutput } from "#sim/run/Run.ts"
import type { Scenario } from "#sim/run/Scenario.ts"
import { describe, SimulatorError } from "./CliError.ts"
import type { Overrides } from "./Request.ts"

export interface Engine {
  /** Throws `SimulatorError` when no plan can be drawn. */
  readonly draw: (scenario: Scenario, seed: string, overrides: Overrides) => Plan
  readonly run: (scenario: Scenario, plan: Plan, options: RunOptions) => RunOutput
  /** Both in one; never throws. */
  readonly runSeed: (scenario: Scenario, seed: string, overrides: Overrides) => RunResult
}

/** Loads the simulator. */
export const load = async (): Promise<Engine> => {
  const [swarm, runner] = await Promise.all([import("#sim/run/Swarm.ts"), import("#sim/run/Run.ts")])
  const guarded = (subject: Pick<Plan, "scenario" | "seed">, attempt: () => RunOutput): RunOutput => {
    try {
      return attempt()
    } catch (error) {
      return { result: broken(subject, error) }
    }
  }
  return {
    draw: (scenario, seed, overrides) => {
      try {
        return swarm.drawPlan(scenario, { seed, ...overrides })
      } catch (error) {
        throw new SimulatorError({
          message: `No plan could be drawn for ${scenario.name} from seed ${seed}: ${describe(error)}`
        })
      }
    },
    run: (scenario, plan, options) => guarded(plan, () => runner.run(scenario, plan, options)),
    runSeed: (scenario, seed, overrides) =>
      guarded({ scenario: scenario.name, seed }, () =>
        runner.run(scenario, swarm.drawPlan(scenario, { seed, ...overrides }))
      ).result
  }
}

/** The result of a run that the simulator could not finish. */
export const broken = (plan: Pick<Plan, "scenario" | "seed">, error: unknown): RunResult => ({
  scenario: plan.scenario,
  seed: plan.seed,
  verdict: "error",
  traceHash: "",
  events: 0,
  virtualMillis: 0,
  wallMillis: 0,
  eventsPerSecond: 0,
  faults: {},
  operations: { ok: 0, failed: 0, unknown: 0 },
  checks: [{ name: "simulator", verdict: "fail", detail: describe(error) }],
  marks: {},
  reproduce: ""
})

/**
 * Runs once; when it does not pass, once more with its decisions written down, which costs passing runs nothing. Both
 * must agree: a run that differs from itself is the simulator's error.
 */
export const runWithJournal = (engine: Engine, scenario: Scenario, plan: Plan, options: RunOptions): RunOutput => {
  const first = engine.run(scenario, plan, options)
  if (first.result.verdict === "pass" || options.journal === true) return first
  const again = engine.run(scenario, plan, { ...options, journal: true })
  if (again.result.traceHash !== first.result.traceHash) {
    throw new SimulatorError({
      message: `${scenario.name} with seed ${plan.seed} is not deterministic: run twice, its trace hashes are ${first.result.traceHash} and ${again.result.traceHash}.`
    })
  }
  return again.journal === undefined ? first : { ...first, journal: again.journal }
}

/** How much a journal asks for: what shrinking makes smaller. */
export interface Size {
  readonly faults: number
  readonly operations: number
  readonly nodes: number
  readonly decisions: number
}

export const size = (journal: Journal): Size => ({
  faults: journal.plan.faults.length,
  operations: journal.plan.operations.length,
  nodes: journal.plan.nodes,
  decisions: Object.values(journal.decisions).reduce((sum, pairs) => sum + pairs.length / 2, 0)
})
