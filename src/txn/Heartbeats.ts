/**
 * Heartbeats: tells the anchors of transactions that hold locks or intents that their coordinator lives, all of a store's by one fiber. One that
 * was aborted meanwhile cannot go on.
 *
 * Needs of its caller: the time after which ranges take a silent transaction for abandoned is several periods.
 */
import * as Effect from "effect/Effect"
import { Aborted } from "#keyspace/KeyspaceError.ts"
import type { Attempt } from "./Attempt.ts"

const beat = (attempt: Attempt, periodMillis: number): Effect.Effect<void> =>
  Effect.match(attempt.keyspace.heartbeat(attempt.txn(), { timeoutMillis: periodMillis }), {
    // The next one may come through.
    onFailure: () => {},
    onSuccess: (state) => {
      if (state.type === "aborted") attempt.doom(new Aborted({ txn: attempt.id, reason: "pushed" }))
    }
  })

export class Heartbeats {
  /** By when each is due. */
  private readonly attempts = new Map<Attempt, number>()
  private readonly periodMillis: number
  private readonly nowMicros: () => number

  constructor(periodMillis: number, nowMicros: () => number) {
    this.periodMillis = periodMillis
    this.nowMicros = nowMicros
  }

  add(attempt: Attempt): void {
    if (!this.attempts.has(attempt)) this.attempts.set(attempt, this.nowMicros() + this.periodMillis * 500)
  }

  remove(attempt: Attempt): void {
    this.attempts.delete(attempt)
  }

  private readonly round = Effect.suspend(() => {
    const now = this.nowMicros()
    const due = [...this.attempts].filter(([, dueMicros]) => dueMicros <= now)
    return Effect.forEach(due, ([attempt]) => beat(attempt, this.periodMillis), {
      concurrency: "unbounded",
      discard: true
    })
  })

  /** Never ends. */
  readonly run = Effect.suspend(() => Effect.forever(Effect.andThen(Effect.sleep(this.periodMillis), this.round)))
}
