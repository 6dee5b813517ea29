/**
 * Judges: what a run must satisfy. A judge sees the run's trace events as they happen, so that an invariant is checked at
 * every event, and the history when the run is over.
 */
import type { Judged } from "#reports/Judged.ts"
import type { Fields, Level } from "#world/Trace.ts"
import type { Operation } from "./History.ts"

/** A trace event of a server or a client. */
export interface Observed {
  /** True time, which no node knows: virtual microseconds from the start of the run. */
  readonly atMicros: number
  /** Servers first, then clients. */
  readonly node: number
  readonly level: Level
  readonly name: string
  readonly fields: Fields
}

export interface Violation {
  readonly detail: string
  readonly atMicros?: number
  readonly node?: number
  /** The history as a page shows it, made when somebody looks; `title` is the run's. */
  readonly picture?: (title: string) => Judged
}

export interface Judging<Op, Value> {
  /** Called at every trace event; returns what it breaks, if anything. The first violation decides. */
  readonly observe?: (event: Observed) => Violation | undefined
  /** Called when the run is over, operations in the order of their invocations. `undefined`: could not decide within its budget. */
  readonly finish?: (history: ReadonlyArray<Operation<Op, Value>>) => Violation | "pass" | "unknown"
}

export interface Judge<Op = any, Value = any> {
  readonly name: string
  readonly make: (run: { readonly nodes: number; readonly clients: number }) => Judging<Op, Value>
}
