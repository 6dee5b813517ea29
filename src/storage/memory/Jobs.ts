/**
 * Jobs: what an engine does beside its calls, one after the other, in a fiber of its own that lives as long as the engine's scope. A
 * job that has begun ends before the scope does; one that has not is told that it never will.
 */
import * as Effect from "effect/Effect"
import * as Completion from "#world/Completion.ts"

export interface Job {
  readonly run: Effect.Effect<void>
  /** The engine is closed before the job begins. */
  readonly cancel: () => void
}

export class Jobs {
  /** Not begun, in order. */
  private waiting: Array<Job> = []
  private wake: (() => void) | undefined
  private isClosed = false

  post(job: Job): void {
    if (this.isClosed) return job.cancel()
    this.waiting.push(job)
    const { wake } = this
    this.wake = undefined
    wake?.()
  }

  /** Cancels what has not begun. */
  close(): void {
    this.isClosed = true
    const { waiting } = this
    this.waiting = []
    for (const job of waiting) job.cancel()
  }

  /**
   * Runs jobs for ever, forked by `Background`. A job begins in a turn of its own.
   */
  readonly run: Effect.Effect<never> = Effect.forever(
    Effect.andThen(
      Completion.submit<void, never>((done) => {
        if (this.waiting.length > 0) done(undefined, undefined)
        else this.wake = () => done(undefined, undefined)
      }),
      Effect.uninterruptible(
        Effect.andThen(
          Effect.yieldNow,
          Effect.suspend(() => this.waiting.shift()?.run ?? Effect.void)
        )
      )
    )
  )
}
