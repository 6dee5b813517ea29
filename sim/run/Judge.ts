/**
 * Judges: what a run must satisfy. A judge sees the run's trace events as they happen, so that an invariant is checked at
 * every event, and the history when the run is over.
 */
import type { Judged } from "#reports/Judged.ts"
import type { Fields, Level } from "#world/Trace.ts"
import type { Operation } from "./History.ts"
import type { OptionValue } from "./Plan.ts"

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

/** A datagram, when it is sent: what a node says, whatever becomes of it. */
export interface Sent {
  readonly atMicros: number
  /** Servers first, then clients. */
  readonly from: number
  readonly to: number
  readonly bytes: Uint8Array
}

/** What a judge is told of its run. */
export interface Sight {
  readonly nodes: number
  readonly clients: number
  readonly options: Readonly<Record<string, OptionValue>>
  /**
   * The bytes of a server's file that power loss at this moment would leave for certain; undefined: no such file. Nobody
   * may change them. Only the simulator knows: elsewhere always undefined.
   */
  readonly durable: (node: number, path: string) => Uint8Array | undefined
  /** Whether a fault may have damaged what is durable of a server's file: rot, a stray write, a sync that lied, a wiped disk. */
  readonly damaged: (node: number, path: string) => boolean
}

export interface Judging<Op, Value> {
  /** Called at every trace event; returns what it breaks, if anything. The first violation decides. */
  readonly observe?: (event: Observed) => Violation | undefined
  /** Called at every datagram that is sent, in the simulator only; otherwise like `observe`. */
  readonly sent?: (datagram: Sent) => Violation | undefined
  /**
   * Called when a client's operation has its outcome, an unknown one too, in the simulator only; otherwise like `observe`.
   * `atMicros`: true time.
   */
  readonly completed?: (operation: Operation<Op, Value>, atMicros: number) => Violation | undefined
  /** Called when the run is over, operations in the order of their invocations. `undefined`: could not decide within its budget. */
  readonly finish?: (history: ReadonlyArray<Operation<Op, Value>>) => Violation | "pass" | "unknown"
}

export interface Judge<Op = any, Value = any> {
  readonly name: string
  /**
   * An invariant of the inside, which may break long before anybody outside can tell: the run goes on, so that what follows
   * from it may show too. Absent: the run ends at its first violation.
   */
  readonly inside?: true
  readonly make: (run: Sight) => Judging<Op, Value>
}
