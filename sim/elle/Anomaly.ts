/** Anomalies: what a check found, in words for a person and as data for a picture. */
import type { Value } from "#sim/judges/Value.ts"

export type Dependency = "ww" | "wr" | "rw" | "process" | "realtime"

/** Why one transaction comes before another. */
export interface Edge {
  /** Rows of the history. */
  readonly from: number
  readonly to: number
  readonly type: Dependency
  /** The key whose versions tell, and the two versions, where the data tells. */
  readonly key?: Value
  readonly value?: Value
  readonly next?: Value
  /** Such as `T2 observed T1's append of 3 to key 5`. */
  readonly reason: string
}

/** Transactions that each come before the next, and the last before the first. */
export interface Cycle {
  /** Rows of the history; named T1, T2, ... in this order. */
  readonly transactions: ReadonlyArray<number>
  /** Edge i leads from transaction i to the next. */
  readonly edges: ReadonlyArray<Edge>
  /** Other dependencies between the same transactions, where they are known. */
  readonly beside?: ReadonlyArray<Edge>
}

export interface Anomaly {
  /** Elle's name: `G1c`, `lost-update`, ... */
  readonly type: string
  readonly explanation: string
  /** Rows of the history that take part. */
  readonly transactions: ReadonlyArray<number>
  readonly key?: Value
  readonly value?: Value
  readonly cycle?: Cycle
}

/** Of each type this many are kept as examples; all are counted. */
export const examplesMax = 8

export class Findings {
  readonly anomalies: Array<Anomaly> = []
  private readonly byType = new Map<string, number>()

  get types(): ReadonlySet<string> {
    return new Set(this.byType.keys())
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.byType].sort(([left], [right]) => (left < right ? -1 : 1)))
  }

  /** Counts an anomaly, and keeps it if there are few of its type. */
  add(type: string, make: () => Omit<Anomaly, "type">): void {
    const count = this.byType.get(type) ?? 0
    this.byType.set(type, count + 1)
    if (count < examplesMax) this.anomalies.push({ type, ...make() })
  }
}
