/** Handlers: of all commands that there are, by their whole names. */
import type { Handler } from "./Call.ts"

/** Each family is one module of `commands/`. */
const families: ReadonlyArray<Readonly<Record<string, Handler>>> = []

export const handlers: ReadonlyMap<string, Handler> = new Map(families.flatMap((family) => Object.entries(family)))
