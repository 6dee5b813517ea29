/**
 * Signal: wakes the one fiber that waits for something to do. Raised before it waits, it does not wait. It goes on in a turn of its
 * own, never within the call that raises the signal.
 */
import * as Effect from "effect/Effect"
import * as Completion from "#world/Completion.ts"

export class Signal {
  private isRaised = false
  private wake: (() => void) | undefined

  raise(): void {
    this.isRaised = true
    const { wake } = this
    this.wake = undefined
    wake?.()
  }

  readonly wait: Effect.Effect<void> = Completion.submit<void, never>((done) => {
    if (this.isRaised) done(undefined, undefined)
    else this.wake = () => done(undefined, undefined)
  }).pipe(
    Effect.andThen(Effect.yieldNow),
    Effect.andThen(
      Effect.sync(() => {
        this.isRaised = false
      })
    )
  )
}
