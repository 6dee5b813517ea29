/**
 * Journal: a run's decisions by name, enough to run it again without the generator. `decisions` holds, for each named
 * stream (`net/n0>n1/delay`), pairs of index and value, flat; a decision that is not there has its calm value 0 (no
 * delay beyond the least, no loss, no preemption, first in first out). So a journal survives unrelated changes of the code, and
 * leaving pairs out makes a run calmer: that is how shrinking removes surprises.
 */
import type { Plan } from "./Plan.ts"

export type Decisions = Readonly<Record<string, ReadonlyArray<number>>>

export interface Journal {
  readonly format: 1
  readonly plan: Plan
  readonly decisions: Decisions
  /** The judge that failed, and its sentence; absent when the run passed. */
  readonly failed?: { readonly judge: string; readonly detail: string }
}
