/**
 * CommandTable: the commands of 7.0.15 as values: names, arity, flags, key specifications, ACL categories. Read from `CommandFacts.ts` when
 * this is loaded, in well under a millisecond; documentation is `CommandDocs.ts`, read when it is first asked for.
 */
import { facts } from "./CommandFacts.ts"

/** Flags as bits, under the names that COMMAND INFO has for them. */
export const Flag = {
  write: 1,
  readonly: 1 << 1,
  denyoom: 1 << 2,
  admin: 1 << 3,
  pubsub: 1 << 4,
  noscript: 1 << 5,
  blocking: 1 << 6,
  loading: 1 << 7,
  stale: 1 << 8,
  skip_monitor: 1 << 9,
  skip_slowlog: 1 << 10,
  asking: 1 << 11,
  fast: 1 << 12,
  no_auth: 1 << 13,
  movablekeys: 1 << 14,
  no_mandatory_keys: 1 << 15,
  no_multi: 1 << 16,
  allow_busy: 1 << 17,
  no_async_loading: 1 << 18
} as const

/** Where the keys of a specification begin. */
export type Begin =
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "keyword"; readonly keyword: string; readonly from: number }
  | { readonly kind: "unknown" }

/** How far they go. */
export type Find =
  | { readonly kind: "range"; readonly last: number; readonly step: number; readonly limit: number }
  | { readonly kind: "keynum"; readonly at: number; readonly first: number; readonly step: number }
  | { readonly kind: "unknown" }

export interface KeySpec {
  /** RO, RW, OW, RM; access, update, insert, delete; not_key, incomplete, variable_flags. */
  readonly flags: ReadonlyArray<string>
  readonly begin: Begin
  readonly find: Find
  /** Empty where there are none. */
  readonly notes: string
}

export interface Command {
  /** In small letters; a subcommand's behind its container's and a bar. */
  readonly name: string
  /** How many arguments, the name among them; negative: at least so many. */
  readonly arity: number
  /** Bits of `Flag`. */
  readonly flags: number
  readonly flagNames: ReadonlyArray<string>
  readonly firstKey: number
  /** Negative: counted from the end. */
  readonly lastKey: number
  readonly keyStep: number
  /** Without the `@`. */
  readonly categories: ReadonlyArray<string>
  readonly tips: ReadonlyArray<string>
  readonly keySpecs: ReadonlyArray<KeySpec>
  /** By the subcommand's own name. */
  readonly subcommands: ReadonlyMap<string, Command>
}

const words = (text: string): ReadonlyArray<string> => (text === "" ? [] : text.split(","))

const beginOf = (text: string): Begin => {
  if (text.startsWith("i")) return { kind: "index", index: Number(text.slice(1)) }
  if (text.startsWith("k")) {
    const [keyword, from] = text.slice(1).split(",")
    return { kind: "keyword", keyword, from: Number(from) }
  }
  return { kind: "unknown" }
}

const findOf = (text: string): Find => {
  const [first, second, third] = text.slice(1).split(",").map(Number)
  if (text.startsWith("r")) return { kind: "range", last: first, step: second, limit: third }
  if (text.startsWith("n")) return { kind: "keynum", at: first, first: second, step: third }
  return { kind: "unknown" }
}

const keySpecOf = (text: string): KeySpec => {
  const [flags, begin, find, ...notes] = text.split("/")
  return { flags: words(flags), begin: beginOf(begin), find: findOf(find), notes: notes.join("/") }
}

const commandOf = (line: string): Command => {
  const [name, arity, flags, range, categories, tips, specs] = line.split("\t")
  const [firstKey, lastKey, keyStep] = range.split(",").map(Number)
  const flagNames = words(flags)
  return {
    name,
    arity: Number(arity),
    flags: flagNames.reduce((bits, flag) => bits | Flag[flag as keyof typeof Flag], 0),
    flagNames,
    firstKey,
    lastKey,
    keyStep,
    categories: words(categories),
    tips: words(tips),
    keySpecs: specs === "" ? [] : specs.split(";").map(keySpecOf),
    subcommands: new Map()
  }
}

/** All commands by name, containers of subcommands with these in them. */
export const commands: ReadonlyMap<string, Command> = (() => {
  const found = new Map<string, Command>()
  for (const line of facts.trim().split("\n")) {
    const command = commandOf(line)
    const bar = command.name.indexOf("|")
    if (bar === -1) found.set(command.name, command)
    else {
      const container = found.get(command.name.slice(0, bar))
      const subcommands = container?.subcommands as Map<string, Command> | undefined
      subcommands?.set(command.name.slice(bar + 1), command)
    }
  }
  return found
})()

/** The command that a whole name means, `xgroup|create` too, in any case. */
export const named = (name: string): Command | undefined => {
  const lower = name.toLowerCase()
  const bar = lower.indexOf("|")
  return bar === -1 ? commands.get(lower) : commands.get(lower.slice(0, bar))?.subcommands.get(lower.slice(bar + 1))
}

/** The command that arguments ask for; a container without such a subcommand is none. `argv[at]` is its name. */
export const asked = (argv: ReadonlyArray<string>, at = 0): Command | undefined => {
  const command = commands.get(argv[at].toLowerCase())
  if (command === undefined || command.subcommands.size === 0 || argv.length < at + 2) return command
  return command.subcommands.get(argv[at + 1].toLowerCase())
}

/** Whether so many arguments are right, the name among them. */
export const fits = (command: Command, count: number): boolean =>
  command.arity < 0 ? count >= -command.arity : count === command.arity
