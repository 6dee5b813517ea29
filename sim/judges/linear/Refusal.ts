/** What a refusal of a linearizability judge says: where nothing fits, how far orders go, which operations suffice. */
import type * as Model from "#models/Model.ts"
import type * as Minimal from "./Minimal.ts"

/** A linearization, whole or as far as one goes. */
export interface Linearization {
  /** Rows of the history in the order in which they took effect. */
  readonly rows: Int32Array
  /** The state after it, in the model's words. */
  readonly state: string
}

export interface Refusal {
  readonly part: Model.Key | undefined
  /** The rows of the part. */
  readonly rows: Int32Array
  /** The row whose completion no linearization reaches: the first point where nothing fits. */
  readonly stuck: number
  /**
   * The longest linearizations of what comes before it, each of which fits nothing more. Found when first read; none
   * where that would take too long.
   */
  readonly partials: ReadonlyArray<Linearization>
  /** Rows that cannot be explained, whatever the others did (`linear/Minimal.ts`). Found when first read. */
  readonly minimal: Minimal.Minimal
}
