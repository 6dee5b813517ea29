/** History: what the clients did and saw, the input of every judge. */
/** How an operation ended. `failed`: it certainly did not happen. `unknown`: it may have, or may still. */
export type Outcome<Value> =
  | { readonly type: "ok"; readonly value: Value }
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "unknown"; readonly reason: string }

export interface Operation<Op = any, Value = any> {
  /** A sequential process: a client's number, moved on by the number of clients after each unknown outcome (the Jepsen way). */
  readonly process: number
  readonly client: number
  readonly operation: Op
  /** True time of the invocation, in virtual microseconds. */
  readonly invokedAt: number
  /** True time of the completion; `Infinity` when the outcome is unknown or never came. */
  readonly completedAt: number
  readonly outcome: Outcome<Value>
  /** Performed in the liveness phase. */
  readonly final: boolean
}
