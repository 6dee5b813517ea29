/** Handlers: of all commands that there are, by their whole names. */
import type { Handler } from "./Call.ts"
import * as BlockingLists from "./commands/BlockingLists.ts"
import * as Lists from "./commands/Lists.ts"

/** Each family is one module of `commands/`. */
const families: ReadonlyArray<Readonly<Record<string, Handler>>> = [Lists.handlers, BlockingLists.handlers]

export const handlers: ReadonlyMap<string, Handler> = new Map(families.flatMap((family) => Object.entries(family)))
