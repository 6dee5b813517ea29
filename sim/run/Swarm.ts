/** Swarm: draws the plan of a run from its seed. Every part is drawn from a stream of its own. */
import { Draw } from "#sim/kernel/Draw.ts"
import { driftPpmMax, type Kind } from "#sim/faults/Fault.ts"
import { drawSchedule } from "#sim/faults/Schedule.ts"
import type { PolicyName } from "#sim/kernel/PolicyName.ts"
import { prngOf } from "#sim/kernel/Stream.ts"
import type { OptionValue, Plan, PlannedOperation } from "./Plan.ts"
import type { Scenario } from "./Scenario.ts"

export interface PlanOptions {
  readonly seed: string
  readonly nodes?: number
  readonly clients?: number
  readonly durationMicros?: number
  /** Exactly these faults, all of them; without it, the swarm draws among the scenario's own. */
  readonly faults?: ReadonlyArray<Kind>
  readonly policy?: PolicyName
}

/** A client draws at most this many operations; a longer run lets it rest. */
const operationsPerClientMax = 200_000

/** The usual size, a smaller one (fewer copies hide less, and run faster), or any. */
const drawClusterSize = (
  draw: Draw,
  bounds: { readonly default: number; readonly min: number; readonly max: number }
): number => {
  const style = draw.below(4)
  if (style === 0) return bounds.default
  return draw.between(bounds.min, style === 1 ? bounds.default : bounds.max)
}

/** Machine, network and clocks, from good to bad. */
export const drawEnvironment = (draw: Draw): Record<string, OptionValue> => {
  const latencyMicrosMin = draw.pick([50, 200, 500, 2_000])
  const syncMicrosMin = draw.pick([50, 200, 1_000])
  return {
    "net.latencyMicrosMin": latencyMicrosMin,
    "net.latencyMicrosMax": latencyMicrosMin * draw.pick([2, 4, 16]),
    "disk.callMicrosMin": 10,
    "disk.callMicrosMax": draw.pick([20, 200]),
    "disk.syncMicrosMin": syncMicrosMin,
    "disk.syncMicrosMax": syncMicrosMin * draw.pick([2, 10]),
    // A margin for drift that is missing shows sooner where clocks are bad.
    "clock.driftPpmMax": draw.pick([driftPpmMax, 10_000, 50_000])
  }
}

const policies: ReadonlyArray<PolicyName> = ["fifo", "uniform", "uniform", "pct", "starve"]

/** Between 1/8 and 1/16, or none: above 1/4 a fiber yields to yield. */
const drawPreemption = (draw: Draw): number => (draw.chance(1, 4) ? 0 : draw.between(8, 16))

const drawOperations = (
  scenario: Scenario,
  draw: Draw,
  shape: { readonly clients: number; readonly durationMicros: number; readonly latencyMicrosMin: number }
): ReadonlyArray<PlannedOperation> => {
  const { workload } = scenario
  const { clients, durationMicros, latencyMicrosMin } = shape
  const operations: Array<PlannedOperation> = []
  for (let client = 0; client < clients; client++) {
    let at = 0
    for (let index = 0; at < durationMicros && index < operationsPerClientMax; index++) {
      const gapMicros = workload.gapMicros === 0 ? 0 : draw.below(2 * workload.gapMicros)
      // An operation takes a way there and back at least.
      at += gapMicros + 2 * latencyMicrosMin
      operations.push({ client, gapMicros, operation: workload.draw(draw, { client, index }) })
    }
  }
  return operations
}

export const drawPlan = (scenario: Scenario, options: PlanOptions): Plan => {
  const { seed } = options
  const draw = (purpose: string): Draw => new Draw(prngOf(seed, `plan/${purpose}`))
  const nodes = options.nodes ?? drawClusterSize(draw("nodes"), scenario.nodes)
  const clients = options.clients ?? drawClusterSize(draw("clients"), scenario.clients)
  const durationMicros = options.durationMicros ?? scenario.durationMicros
  const environment = drawEnvironment(draw("environment"))
  const own: Record<string, OptionValue> = {}
  for (const [name, values] of Object.entries(scenario.options ?? {})) own[name] = draw(`option/${name}`).pick(values)
  return {
    scenario: scenario.name,
    seed,
    nodes,
    clients,
    policy: options.policy ?? draw("policy").pick(scenario.policies ?? policies),
    preemptionOneIn: drawPreemption(draw("preemption")),
    durationMicros,
    options: { ...environment, ...own },
    buggify: draw("buggify").chance(1, 2),
    faults: drawSchedule(
      draw("faults"),
      {
        nodes,
        durationMicros,
        versions: scenario.versions ?? 1,
        driftPpmMax: Number({ ...environment, ...own }["clock.driftPpmMax"])
      },
      {
        allowed: options.faults ?? scenario.faults,
        all: options.faults !== undefined || scenario.canary !== undefined,
        subject: options.faults === undefined ? (scenario.subject ?? []) : []
      }
    ),
    operations: drawOperations(scenario, draw("operations"), {
      clients,
      durationMicros,
      latencyMicrosMin: Number({ ...environment, ...own }["net.latencyMicrosMin"])
    })
  }
}
