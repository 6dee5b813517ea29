/** What one run says of itself: the object that `--json` prints as its last line. */

/** - `pass`, `fail`: the judges spoke. - `error`: the simulator itself, or the scenario's own code outside of nodes, broke. */
export type RunVerdict = "pass" | "fail" | "error"

export interface Check {
  /** The judge's name. */
  readonly name: string
  readonly verdict: "pass" | "fail" | "unknown"
  /** One sentence; for a failure: what was promised and what was seen. */
  readonly detail: string
  /** Where a judge points: virtual microseconds of the event that broke the promise. */
  readonly atMicros?: number
  /** Index of the node (servers first, then clients) that the judge points at. */
  readonly node?: number
}

export interface RunResult {
  readonly scenario: string
  readonly seed: string
  readonly verdict: RunVerdict
  /** 16 hexadecimal digits over every event of the run: equal for the same seed and commit, on any machine. */
  readonly traceHash: string
  readonly events: number
  readonly virtualMillis: number
  readonly wallMillis: number
  readonly eventsPerSecond: number
  /** How often each kind of fault struck. */
  readonly faults: Readonly<Record<string, number>>
  readonly operations: { readonly ok: number; readonly failed: number; readonly unknown: number }
  readonly checks: ReadonlyArray<Check>
  /** Coverage marks and how often each was reached. */
  readonly marks: Readonly<Record<string, number>>
  /** The command that runs this again. */
  readonly reproduce: string
}

/** The check that decides a failed run: the first failed one. Runs with the same `fingerprint` count as one failure. */
export const failedCheck = (result: RunResult): Check | undefined =>
  result.checks.find((check) => check.verdict === "fail")
