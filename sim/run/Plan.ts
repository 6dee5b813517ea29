/**
 * Plan: all that is decided about a run before it starts. A seed draws one (`sim/run/Swarm.ts`), a journal stores one,
 * shrinking makes smaller ones, and tests build their own.
 */
import type { Fault } from "#sim/faults/Fault.ts"
import type { PolicyName } from "#sim/kernel/PolicyName.ts"

export type OptionValue = string | number | boolean

export interface PlannedOperation {
  readonly client: number
  /** Think time before it, from the end of the client's operation before. */
  readonly gapMicros: number
  /** It does not begin before this time of the run: a journal's operations keep their times when others are left out. */
  readonly atMicros?: number
  /** The workload's own JSON value. */
  readonly operation: unknown
}

export interface Plan {
  readonly scenario: string
  /** Text from which the named streams of the run are split. */
  readonly seed: string
  readonly nodes: number
  readonly clients: number
  readonly policy: PolicyName
  /** A fiber is preempted at one in this many of its operations; 0: only when it suspends itself. */
  readonly preemptionOneIn: number
  /** Length of the safety phase. */
  readonly durationMicros: number
  /** The options that the scenario declares, as drawn. */
  readonly options: Readonly<Record<string, OptionValue>>
  /** Whether BUGGIFY sites may be active. */
  readonly buggify: boolean
  /** Sorted by `atMicros`. */
  readonly faults: ReadonlyArray<Fault>
  /** In the order in which each client performs its own. */
  readonly operations: ReadonlyArray<PlannedOperation>
}
