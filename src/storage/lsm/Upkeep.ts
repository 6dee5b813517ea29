/**
 * Upkeep: one kind of work that a store does for itself, step by step in a fiber, whenever it is due. After a failure it waits until
 * somebody asks for it again; whoever asked while the failing step was under way gets another try before hearing of it.
 */
import * as Effect from "effect/Effect"
import type { StorageError } from "../StorageError.ts"
import { Signal } from "./Signal.ts"

export interface UpkeepOptions<E> {
  /** False: there is nothing to do. */
  readonly step: () => Effect.Effect<boolean, E>
  /** What a failure means for those who wait. */
  readonly judge: (failure: E) => StorageError
  /** Nothing is done until somebody asks, and after `Stopped` never. */
  readonly failed: (error: StorageError) => void
}

export class Upkeep<E> {
  /** Why nothing is done. */
  trouble: StorageError | undefined
  private readonly due = new Signal()
  private readonly options: UpkeepOptions<E>
  private asks = 0

  constructor(options: UpkeepOptions<E>) {
    this.options = options
  }

  /** There is something to do. */
  raise(): void {
    this.due.raise()
  }

  /** There is, and what has failed is to be tried again. */
  ask(): void {
    this.asks++
    if (this.trouble?._tag !== "Stopped") this.trouble = undefined
    this.due.raise()
  }

  readonly run: Effect.Effect<never> = Effect.forever(
    Effect.flatMap(
      Effect.suspend(() => this.attempt()),
      (isDone) => (isDone ? Effect.yieldNow : this.due.wait)
    )
  )

  private attempt(): Effect.Effect<boolean> {
    if (this.trouble !== undefined) return Effect.succeed(false)
    const { asks } = this
    return Effect.catch(this.options.step(), (failure) =>
      Effect.sync(() => {
        const error = this.options.judge(failure)
        if (this.asks > asks && error._tag !== "Stopped") return true
        this.trouble = error
        this.options.failed(error)
        return false
      })
    )
  }
}
