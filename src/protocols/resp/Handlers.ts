/** Handlers: of all commands that there are, by their whole names. */
import type { Handler } from "./Call.ts"
import * as Bitfields from "./commands/Bitfields.ts"
import * as Bitmaps from "./commands/Bitmaps.ts"
import * as BlockingLists from "./commands/BlockingLists.ts"
import * as HyperLogLogs from "./commands/HyperLogLogs.ts"
import * as Lists from "./commands/Lists.ts"
import * as StringCounters from "./commands/StringCounters.ts"
import * as StringRanges from "./commands/StringRanges.ts"
import * as Strings from "./commands/Strings.ts"

/** Each family is one module of `commands/`. */
const families: ReadonlyArray<Readonly<Record<string, Handler>>> = [
  Lists.handlers,
  BlockingLists.handlers,
  Bitfields.handlers,
  Bitmaps.handlers,
  HyperLogLogs.handlers,
  StringCounters.handlers,
  StringRanges.handlers,
  Strings.handlers
]

export const handlers: ReadonlyMap<string, Handler> = new Map(families.flatMap((family) => Object.entries(family)))
