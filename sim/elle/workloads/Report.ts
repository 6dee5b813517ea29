/** What a workload's own checker says: its verdict, what it counted, and what is wrong. */
import type { Anomaly } from "../Anomaly.ts"

export interface Report {
  readonly valid: boolean | "unknown"
  readonly anomalies: ReadonlyArray<Anomaly>
  readonly counts: Readonly<Record<string, number>>
  /** Why the verdict is unknown. */
  readonly reason?: string
}
