/**
 * OwnCommands: what Orbit's server knows and Redis's does not. COMMAND does not tell of them: tools compare its list.
 *
 * `CLIENT DURABILITY [quorum|local|stored|async]`: what a reply has behind it, for this connection: `async` does not wait until what it tells of
 * is stored; the others do, as durably as the node stores anything. Without a word, which it is.
 *
 * The others are what nodes say among each other (`commands/Partakings`).
 */
import { type Command, Flag } from "./CommandTable.ts"

const commandOf = (name: string): Command => ({
  name,
  arity: -2,
  flags: Flag.noscript | Flag.loading | Flag.stale,
  flagNames: ["noscript", "loading", "stale"],
  firstKey: 0,
  lastKey: 0,
  keyStep: 0,
  categories: ["slow", "connection"],
  tips: [],
  keySpecs: [],
  subcommands: new Map()
})

/** By whole names. */
export const subcommands: ReadonlyMap<string, Command> = new Map(
  ["durability", "await", "conclude", "empty", "look", "partake", "relay"]
    .map((word) => `client|${word}`)
    .map((name) => [name, commandOf(name)])
)
