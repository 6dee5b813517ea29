/** Rounds: a keyspace that notes how long each of the calls takes that transactions make of it. */
import * as Effect from "effect/Effect"
import type { Keyspace } from "#keyspace/Keyspace.ts"

/** How often it was called, and how long it took, in milliseconds. */
export interface Round {
  readonly calls: number
  readonly p50: number
  readonly p99: number
}

const samplesMax = 100_000

export class Rounds {
  private readonly samples = new Map<string, Array<number>>()

  /** As it was, and watched. */
  watch(keyspace: Keyspace["Service"]): Keyspace["Service"] {
    const timed = <Arguments extends ReadonlyArray<unknown>, A, E>(
      name: string,
      call: (...given: Arguments) => Effect.Effect<A, E>
    ): ((...given: Arguments) => Effect.Effect<A, E>) => {
      const taken: Array<number> = []
      this.samples.set(name, taken)
      return (...given) =>
        Effect.suspend(() => {
          const start = performance.now()
          return Effect.tap(call(...given), () =>
            Effect.sync(() => {
              if (taken.length < samplesMax) taken.push(performance.now() - start)
            })
          )
        })
    }
    return {
      ...keyspace,
      timestamp: timed("timestamp", keyspace.timestamp),
      get: timed("get", keyspace.get),
      commitOnce: timed("commit-once", keyspace.commitOnce),
      prepare: timed("prepare", keyspace.prepare),
      validate: timed("validate", keyspace.validate),
      decide: timed("decide", keyspace.decide)
    }
  }

  /** What was noted since the last call. */
  take(): Readonly<Record<string, Round>> {
    const rounds: Record<string, Round> = {}
    for (const [name, taken] of this.samples) {
      const sorted = taken.splice(0).sort((left, right) => left - right)
      const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
      if (sorted.length > 0) rounds[name] = { calls: sorted.length, p50: at(0.5), p99: at(0.99) }
    }
    return rounds
  }
}
