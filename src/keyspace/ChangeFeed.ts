/**
 * ChangeFeed: the committed changes of a span, as they come, in the order of their timestamps: from a timestamp on, without a gap, none twice. A
 * subscriber that keeps the `upTo` of the last batch that it has dealt with goes on from there after anything.
 *
 * Changes of one transaction have one timestamp, and come in one batch, as far as they are in the span.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Completion from "#world/Completion.ts"
import type { CallOptions } from "./Keyspace.ts"
import type { KeyspaceError, TooOld } from "./KeyspaceError.ts"
import type { Change, Span, Timestamp } from "./Request.ts"
import type { Router } from "./Router.ts"
import * as RouterDriver from "./RouterDriver.ts"

export interface Look {
  readonly span: Span
  readonly after: Timestamp
  /** Of one range, give or take what has one timestamp. Default: 1,000. */
  readonly entriesMax?: number
  /** Default: 1 MiB. */
  readonly sizeBytesMax?: number
}

export interface Changed {
  /** In the order of their timestamps, those of one in the order of their keys. */
  readonly changes: ReadonlyArray<Change>
  /** Nothing else was committed after the timestamp that was asked for, and up to this. */
  readonly upTo: Timestamp
}

export interface Subscription {
  readonly span: Span
  /** Default: what is committed from now on. */
  readonly after?: Timestamp
  /** Between two looks, when one has found nothing. Default: 100. */
  readonly pauseMillis?: number
}

export class ChangeFeed extends Context.Service<
  ChangeFeed,
  {
    /** What was committed since, as far as it can be told now; to be asked again from `upTo`. */
    readonly look: (look: Look, options?: CallOptions) => Effect.Effect<Changed, KeyspaceError>
    /**
     * Batches without end; some may be empty, and say only how far all is told. `TooOld`: versions since `after` are no longer kept; the
     * subscriber has to begin with a scan. Everything else is tried again.
     */
    readonly subscribe: (subscription: Subscription) => Stream.Stream<Changed, TooOld>
  }
>()("orbit/keyspace/ChangeFeed") {}

export const make = (router: Router): ChangeFeed["Service"] => {
  const look = (
    { after, entriesMax = RouterDriver.entriesMaxDefault, sizeBytesMax = RouterDriver.sizeBytesMaxDefault, span }: Look,
    options?: CallOptions
  ): Effect.Effect<Changed, KeyspaceError> =>
    Completion.submit((done) =>
      router.changes({ span, after, entriesMax, sizeBytesMax }, RouterDriver.asked(options), done)
    )
  const now = (): Effect.Effect<Changed, KeyspaceError> =>
    Completion.submit((done) =>
      router.timestamp(RouterDriver.asked(undefined).timeoutMicros, (error, upTo) => done(error, { changes: [], upTo }))
    )
  const batchAfter = (
    { pauseMillis = 100, span }: Subscription,
    after: Timestamp | undefined
  ): Effect.Effect<Changed, TooOld> =>
    Effect.catch(after === undefined ? now() : look({ span, after }), (error) =>
      error._tag === "TooOld"
        ? Effect.fail(error)
        : Effect.andThen(Effect.sleep(pauseMillis), batchAfter({ pauseMillis, span }, after))
    )
  return {
    look,
    subscribe: (subscription) =>
      Stream.paginate(
        subscription.after,
        Effect.fnUntraced(function* (after: Timestamp | undefined) {
          const batch = yield* batchAfter(subscription, after)
          // What is full is followed by the next at once.
          if (batch.changes.length === 0) yield* Effect.sleep(subscription.pauseMillis ?? 100)
          return [[batch], Option.some<Timestamp | undefined>(batch.upTo)] as const
        })
      )
  }
}
