/**
 * Judged: a judged history as plain data, all that its page shows. The judges make it (`sim/judges/Picture.ts`,
 * `sim/elle/Picture.ts`); it knows neither models nor formats, only words. Operations are named by their place in
 * `operations`, and events by their place in the one order of all events.
 */
export interface JudgedOperation {
  /** Position in `lanes`. */
  readonly lane: number
  /** Who did it: `process 3`, `c3`. */
  readonly who: string
  /** What was done and seen: `read -> 3`. */
  readonly words: string
  readonly call: number
  /** `Infinity` when it is not known to have ended. */
  readonly return: number
  readonly outcome: "ok" | "failed" | "unknown"
  /** Where the source has times: of the call, and of the return if there was one. Microseconds. */
  readonly invokedAt?: number
  readonly completedAt?: number
}

/** An operation's moment in a line of linearization. */
export interface JudgedPoint {
  readonly operation: number
  /** Between its call and its return, increasing along the line. */
  readonly place: number
  /** The state after it, where it is told. */
  readonly state?: string
}

export interface JudgedLine {
  /** Moments before the first of `points` that are left out with their operations. */
  readonly before: number
  readonly points: ReadonlyArray<JudgedPoint>
}

/** What was judged by itself: a key, or the whole. */
export interface JudgedPart {
  /** Empty for the whole. */
  readonly name: string
  readonly verdict: "valid" | "invalid" | "unknown"
  readonly operations: ReadonlyArray<number>
  /** A linearization, or the longest that there are of what cannot be linearized whole. */
  readonly lines: ReadonlyArray<JudgedLine>
  /** Why there is no line, or what the lines are, as a sentence. */
  readonly note: string
  /** The operation whose completion no line reaches: the first point where nothing fits. */
  readonly stuck?: number
  /** Operations that suffice for the refusal. */
  readonly minimal: ReadonlyArray<number>
}

export interface JudgedTransaction {
  /** `T1`, `T2`, ... */
  readonly name: string
  readonly who: string
  /** Micro-operations, one a line. */
  readonly words: ReadonlyArray<string>
  readonly operation: number
}

export interface JudgedEdge {
  /** Positions in `transactions` of the anomaly. */
  readonly from: number
  readonly to: number
  readonly type: "ww" | "wr" | "rw" | "process" | "realtime"
  /** The key and values that justify it: `x: 1 → 2`. */
  readonly label: string
  readonly reason: string
  /** Part of the cycle; otherwise it is a dependency beside it. */
  readonly inCycle: boolean
}

export interface JudgedAnomaly {
  readonly type: string
  /** True when the level that was asked for allows it. */
  readonly allowed: boolean
  readonly explanation: string
  readonly transactions: ReadonlyArray<JudgedTransaction>
  readonly edges: ReadonlyArray<JudgedEdge>
}

export interface JudgedModel {
  readonly name: string
  /** `refuted`: one of the weakest that the history violates; `implied`: violated because a weaker one is. */
  readonly verdict: "refuted" | "implied" | "possible"
  /** The level that the history was judged at. */
  readonly asked: boolean
  /** Names of the next weaker models. */
  readonly implies: ReadonlyArray<string>
}

export interface Judged {
  /** What was judged: a file, or a scenario and its seed. */
  readonly title: string
  readonly verdict: "valid" | "invalid" | "unknown"
  readonly model: string
  /** Empty where the model has no levels. */
  readonly level: string
  /** On the verdict, the most important first. */
  readonly sentences: ReadonlyArray<string>
  /** `process`: the places of events are in order within each lane only. */
  readonly order: "realtime" | "process"
  /** A lane's name; empty when several processes followed each other in it. */
  readonly lanes: ReadonlyArray<string>
  /** In the order of their calls. */
  readonly operations: ReadonlyArray<JudgedOperation>
  /** Operations left out before and after these, because a page has a bound. */
  readonly before: number
  readonly after: number
  readonly parts: ReadonlyArray<JudgedPart>
  /** Parts that have no place on the page. */
  readonly partsLeftOut: number
  readonly anomalies: ReadonlyArray<JudgedAnomaly>
  /** How many there are of each type; only some of each are in `anomalies`. */
  readonly counts: Readonly<Record<string, number>>
  /** Consistency models, stronger ones first; empty where the model has none. */
  readonly models: ReadonlyArray<JudgedModel>
}
