/**
 * Arbitraries: whole scenarios for fast-check. A workload, the shape of a cluster and a schedule of faults are arbitraries, and
 * together they give a `Plan`, the same that a seed draws and a journal stores. So a counterexample is run by `run`, its
 * journal is replayed and shrunk like any other, and fast-check's own shrinking leaves out faults and operations and
 * takes nodes, clients and amounts down.
 *
 * What a plan needs beyond lists and sizes is drawn by the same functions as the swarm's, from choices instead of a
 * generator: a choice of 0 is the least that can be drawn, so shrinking goes there.
 */
import * as fc from "fast-check"
import { driftPpmMax, type Fault, type Kind } from "#sim/faults/Fault.ts"
import { applies, drawFault, type Shape } from "#sim/faults/Schedule.ts"
import { Draw, type Source } from "#sim/kernel/Draw.ts"
import { policies, type PolicyName } from "#sim/kernel/PolicyName.ts"
import type { Journal } from "./Journal.ts"
import type { OptionValue, Plan, PlannedOperation } from "./Plan.ts"
import { run } from "./Run.ts"
import type { Scenario } from "./Scenario.ts"
import { drawEnvironment } from "./Swarm.ts"

/** Draws what was chosen, one choice after the other, and then always the least. */
class Choices implements Source {
  private readonly choices: ReadonlyArray<number>
  private next = 0

  constructor(choices: ReadonlyArray<number>) {
    this.choices = choices
  }

  below(bound: number): number {
    return Math.floor(((this.choices[this.next++] ?? 0) * bound) / 4294967296)
  }
}

const choice = fc.integer({ min: 0, max: 4294967295 })

/** Draws of whatever kind: `count` is how many of them are not the least. */
const draw = (count: number): fc.Arbitrary<() => Draw> =>
  fc.array(choice, { minLength: count, maxLength: count }).map((choices) => () => new Draw(new Choices(choices)))

/** Enough for an operation, for a fault (a partition draws each of its nodes), and for the environment. */
const operationDraws = 6
const faultDraws = 10
const environmentDraws = 6

export interface Bounds {
  /** Default: the scenario's. */
  readonly durationMicros?: number
  /** Default: the kinds that the scenario declares to survive. */
  readonly kinds?: ReadonlyArray<Kind>
  /** Default: 20. */
  readonly faultsMax?: number
  /** Of all clients together. Default: 100. */
  readonly operationsMax?: number
}

/** How large a cluster is. */
export const shape = (scenario: Scenario): fc.Arbitrary<{ readonly nodes: number; readonly clients: number }> =>
  fc.record({
    nodes: fc.integer({ min: scenario.nodes.min, max: scenario.nodes.max }),
    clients: fc.integer({ min: scenario.clients.min, max: scenario.clients.max })
  })

/** What clients do. A client that the cluster does not have gives its operations to one that it has. */
const operationsFor = (
  scenario: Scenario,
  bounds: Bounds
): fc.Arbitrary<(clients: number) => ReadonlyArray<PlannedOperation>> => {
  const { durationMicros = scenario.durationMicros, operationsMax = 100 } = bounds
  // Few operations are spread over the run.
  const gapMicrosMax = Math.max(
    2 * scenario.workload.gapMicros,
    Math.floor((2 * durationMicros * scenario.clients.max) / operationsMax)
  )
  return fc
    .array(
      fc.record({
        client: fc.nat(scenario.clients.max - 1),
        gapMicros: fc.nat(gapMicrosMax),
        draw: draw(operationDraws)
      }),
      { maxLength: operationsMax }
    )
    .map((operations) => (clients) => {
      const turns = Array.from({ length: clients }, () => 0)
      return operations.map(({ draw, gapMicros, ...rest }) => {
        const client = rest.client % clients
        return { client, gapMicros, operation: scenario.workload.draw(draw(), { client, index: turns[client]++ }) }
      })
    })
}

/** The operations of a given number of clients. */
export const workload = (
  scenario: Scenario,
  clients: number,
  bounds: Bounds = {}
): fc.Arbitrary<ReadonlyArray<PlannedOperation>> =>
  operationsFor(scenario, bounds).map((operations) => operations(clients))

/** What strikes, for whatever cluster it turns out to be: faults that make no sense there are left out. */
const faultsFor = (scenario: Scenario, bounds: Bounds): fc.Arbitrary<(of: Shape) => ReadonlyArray<Fault>> => {
  const kinds = bounds.kinds ?? scenario.faults
  if (kinds.length === 0) return fc.constant(() => [])
  const durationMicros = bounds.durationMicros ?? scenario.durationMicros
  return fc
    .array(
      fc.record({ kind: fc.constantFrom(...kinds), atMicros: fc.nat(durationMicros - 1), draw: draw(faultDraws) }),
      {
        maxLength: bounds.faultsMax ?? 20
      }
    )
    .map((faults) => (of) => {
      const fitting = faults.filter(({ kind }) => applies(kind, of))
      const drawn = fitting.map(({ atMicros, draw, kind }) => drawFault(draw(), of, { kind, atMicros }))
      return drawn.sort((left, right) => left.atMicros - right.atMicros)
    })
}

/** The faults of a cluster of a given number of nodes. */
export const schedule = (scenario: Scenario, nodes: number, bounds: Bounds = {}): fc.Arbitrary<ReadonlyArray<Fault>> =>
  faultsFor(scenario, bounds).map((faults) =>
    faults({
      nodes,
      durationMicros: bounds.durationMicros ?? scenario.durationMicros,
      versions: scenario.versions ?? 1,
      driftPpmMax
    })
  )

const policyNames = Object.keys(policies) as ReadonlyArray<PolicyName>

/** Of the scenario's own options, one value each. */
const optionsOf = (scenario: Scenario): fc.Arbitrary<Readonly<Record<string, OptionValue>>> =>
  fc.record(
    Object.fromEntries(
      Object.entries(scenario.options ?? {}).map(([name, values]) => [name, fc.constantFrom(...values)])
    )
  )

/** A whole run of a scenario. */
export const plan = (scenario: Scenario, bounds: Bounds = {}): fc.Arbitrary<Plan> =>
  fc
    .record({
      shape: shape(scenario),
      faults: faultsFor(scenario, bounds),
      operations: operationsFor(scenario, bounds),
      options: optionsOf(scenario),
      environment: draw(environmentDraws),
      policy: fc.constantFrom(...(scenario.policies ?? policyNames)),
      preemptionOneIn: fc.constantFrom(0, 16, 12, 8),
      buggify: fc.boolean(),
      // Another seed is another run, not a smaller one.
      seed: fc.noShrink(fc.nat())
    })
    .map(({ environment, faults, operations, options, seed, shape: { clients, nodes }, ...rest }) => {
      const durationMicros = bounds.durationMicros ?? scenario.durationMicros
      const drawn = drawEnvironment(environment())
      const of = {
        nodes,
        durationMicros,
        versions: scenario.versions ?? 1,
        driftPpmMax: Number(drawn["clock.driftPpmMax"])
      }
      return {
        scenario: scenario.name,
        seed: String(seed),
        nodes,
        clients,
        durationMicros,
        ...rest,
        options: { ...drawn, ...options },
        faults: faults(of),
        operations: operations(clients)
      }
    })

/** The journal of a plan's run: what `sim replay` and `shrink` take. */
export const journalOf = (scenario: Scenario, of: Plan): Journal => run(scenario, of, { journal: true }).journal!
