/** Protocol: what a command and its worker processes say to each other, as JSON. */
import type { Journal } from "#sim/run/Journal.ts"
import type { RunVerdict } from "#sim/run/Result.ts"
import type { Size } from "./Engine.ts"
import type { Overrides } from "./Request.ts"

/** One run to do. `index` is its place in the whole of the work. */
export interface Task {
  readonly index: number
  readonly scenario: string
  readonly seed: string
  /** Instead of those that all runs have. */
  readonly overrides?: Overrides
}

export type ToWorker =
  /** First of all: what will be needed. Answered by `ready` or `broken`. */
  | { readonly type: "load"; readonly scenarios: ReadonlyArray<string>; readonly overrides: Overrides }
  /** Done in this order, after all that was sent before; each answered by `done`. */
  | { readonly type: "run"; readonly tasks: ReadonlyArray<Task> }
  /** Answered by `shrunk` or `broken`. */
  | { readonly type: "shrink"; readonly task: Task; readonly budgetMillis: number }

export type FromWorker =
  | { readonly type: "ready" }
  | { readonly type: "broken"; readonly message: string }
  | { readonly type: "done"; readonly index: number; readonly summary: Summary }
  | { readonly type: "shrunk"; readonly shrunk: Shrunk }

/** What of a run's result travels between processes. */
export interface Summary {
  readonly verdict: RunVerdict
  readonly traceHash: string
  readonly events: number
  readonly virtualMillis: number
  readonly wallMillis: number
  /** The failed checks, the deciding one first. */
  readonly failed: ReadonlyArray<{ readonly judge: string; readonly detail: string }>
}

export interface Shrunk {
  readonly journal: Journal
  readonly before: Size
  readonly after: Size
  readonly runs: number
}
