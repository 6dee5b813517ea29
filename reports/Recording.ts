/**
 * Recording: everything that a person may want to see of one run, as plain data. The simulator makes it
 * (`sim/run/Recorder.ts`), the pages show it. Times are virtual microseconds; nodes are indexes into `lanes`.
 */
import type { Judged } from "./Judged.ts"

export interface Lane {
  readonly name: string
  readonly kind: "server" | "client"
}

export interface MessageEvent {
  readonly type: "message"
  readonly channel: "datagram" | "stream"
  readonly from: number
  readonly to: number
  readonly sentAt: number
  /** When it arrived, or when it was lost. */
  readonly at: number
  /** `lost`: by a loss fault; `cut`: by a partition; `dead`: nobody lived or listened there. */
  readonly fate: "delivered" | "duplicate" | "lost" | "cut" | "dead"
  readonly sizeBytes: number
  /** The scenario's own words for the bytes, or their first bytes in hexadecimal. */
  readonly label: string
}

export interface NodeEvent {
  readonly type: "node"
  readonly at: number
  readonly node: number
  readonly change: "start" | "stop" | "crash" | "pause" | "resume" | "wipe" | "exit"
  readonly detail: string
}

export interface FaultEvent {
  readonly type: "fault"
  readonly at: number
  readonly until: number
  readonly kind: string
  readonly group: "network" | "disk" | "clock" | "process"
  readonly nodes: ReadonlyArray<number>
  readonly detail: string
}

export interface DiskEvent {
  readonly type: "disk"
  readonly node: number
  readonly submittedAt: number
  readonly at: number
  readonly operation: string
  readonly path: string
  readonly sizeBytes: number
  /** `ok`, or the error's code. */
  readonly result: string
}

export interface TraceEvent {
  readonly type: "trace"
  readonly at: number
  readonly node: number
  readonly level: "debug" | "info" | "warn" | "error"
  readonly name: string
  readonly fields: Readonly<Record<string, string | number | boolean>>
}

export interface OperationEvent {
  readonly type: "operation"
  /** The client's lane. */
  readonly node: number
  readonly at: number
  /** When it completed; absent when it never did. */
  readonly until?: number
  readonly label: string
  readonly outcome: "ok" | "failed" | "unknown"
  readonly result: string
}

export interface PhaseEvent {
  readonly type: "phase"
  readonly at: number
  readonly name: "safety" | "liveness" | "end"
}

export type RecordedEvent = MessageEvent | NodeEvent | FaultEvent | DiskEvent | TraceEvent | OperationEvent | PhaseEvent

export interface RecordedCheck {
  readonly name: string
  readonly verdict: "pass" | "fail" | "unknown"
  readonly detail: string
  readonly atMicros?: number
  readonly node?: number
  /** The name of a page beside this one, which shows the history as this check judged it. */
  readonly page?: string
}

export interface Recording {
  readonly scenario: string
  readonly seed: string
  readonly verdict: "pass" | "fail" | "error"
  readonly traceHash: string
  readonly reproduce: string
  readonly virtualMicros: number
  readonly lanes: ReadonlyArray<Lane>
  /** The options drawn, policy and shape of the cluster: shown as a table. */
  readonly options: Readonly<Record<string, string | number | boolean>>
  readonly checks: ReadonlyArray<RecordedCheck>
  /** Sorted by `at`. */
  readonly events: ReadonlyArray<RecordedEvent>
  /** True when the recorder's bound was reached and later events are missing. */
  readonly truncated: boolean
  /** Histories as checks judged them, each for a page of its own; absent: none. */
  readonly histories?: ReadonlyArray<{ readonly check: string; readonly judged: Judged }>
}
