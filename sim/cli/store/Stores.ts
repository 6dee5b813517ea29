/** Stores: how the commands open the engine of a place, with its log where that is named. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Engine from "#storage/Engine.ts"
import * as Opened from "#storage/inspect/Opened.ts"
import type { StorageError } from "#storage/StorageError.ts"
import * as Wal from "#storage/wal/Wal.ts"
import type { World } from "#world/World.ts"
import { Mistake } from "./Arguments.ts"
import type { Place } from "./Place.ts"

/** A log's streams in words. */
const described = ({ streams }: Opened.LogContents): string =>
  streams.map(({ end, first, stream }) => `${stream} (records ${first} up to, without, ${end})`).join(", ")

/** The store's number in its log; the only one, when none was named. */
const streamIn = Effect.fnUntraced(function* (
  place: { readonly directory: string; readonly kind: Opened.EngineKind; readonly log: string },
  asked: number | undefined
) {
  const contents = yield* Opened.logContents(place.log)
  const { streams } = contents
  if (streams.length === 0) throw new Mistake("The log has no records: leave --log out.")
  const stream = asked ?? (streams.length === 1 ? streams[0].stream : undefined)
  if (stream === undefined) throw new Mistake(`Which stream of the log? --stream is one of ${described(contents)}.`)
  const found = streams.find((each) => each.stream === stream)
  if (found === undefined) throw new Mistake(`--stream ${stream}: the log has ${described(contents)}.`)
  const position = yield* Opened.positionOf(place.directory, place.kind)
  // Another store's records would be taken for this one's.
  if (position < found.first || position > found.end) {
    const has = `the store goes on with record ${position}, and the log has ${described(contents)}`
    throw new Mistake(`Stream ${stream} is another store's: ${has}.`)
  }
  return stream
})

export interface Options {
  readonly stream: number | undefined
  readonly isReading: boolean
}

/** Opens the engine of a place, which is no log, for the life of the scope. */
export const open = Effect.fnUntraced(function* (
  { directory, kind, log }: Place,
  { isReading, stream }: Options
): Effect.fn.Return<Engine.Port, StorageError, World | Scope.Scope> {
  if (kind === "log") throw new Mistake("A log has no entries of its own.")
  if (log === undefined) return yield* Opened.open({ directory, kind, log: undefined, isReading })
  const number = yield* streamIn({ directory, kind, log }, stream)
  // Little is written, so nothing is prepared for more.
  const opened = yield* Wal.open({ directory: log, aheadBytes: 0 })
  return yield* Opened.open({ directory, kind, log: { log: opened, stream: number }, isReading })
})
