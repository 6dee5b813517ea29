/**
 * User: what somebody may do: which commands, on which keys and channels, and by which passwords it is known. Passwords are kept as SHA-256 only.
 *
 * A selector is one set of rights; a command is allowed if one selector of the user allows all of it. Rules about commands are kept in the order in
 * which they were given, and the last one that fits a command decides.
 *
 * Source: acl.c of Redis 7.0; the words of its rules.
 */
import * as CommandKeys from "./CommandKeys.ts"
import { type Command, commands } from "./CommandTable.ts"
import * as Glob from "./Glob.ts"

export interface KeyPattern {
  readonly pattern: string
  readonly mayRead: boolean
  readonly mayWrite: boolean
}

/** `+get`, `-config|set`, `+@read`, `+select|0`. */
export interface CommandRule {
  readonly isAllowed: boolean
  /** A category behind `@`, `@all`, or a whole name; behind a bar perhaps the first argument of a command without subcommands. */
  readonly subject: string
}

export interface Selector {
  readonly rules: ReadonlyArray<CommandRule>
  readonly keys: ReadonlyArray<KeyPattern>
  readonly channels: ReadonlyArray<string>
}

export const noRights: Selector = { rules: [{ isAllowed: false, subject: "@all" }], keys: [], channels: [] }

export const allRights: Selector = {
  rules: [{ isAllowed: true, subject: "@all" }],
  keys: [{ pattern: "*", mayRead: true, mayWrite: true }],
  channels: ["*"]
}

export interface Description {
  readonly name: string
  readonly isOn: boolean
  /** Any password will do. */
  readonly isOpen: boolean
  /** SHA-256 in hexadecimal. */
  readonly passwords: ReadonlyArray<string>
  /** Whether what it restores is looked through, as it was said; it always is. */
  readonly sanitizing: "" | "sanitize-payload" | "skip-sanitize-payload"
  /** The first is the user's own. */
  readonly selectors: ReadonlyArray<Selector>
}

/** What a user may not do. */
export interface Denial {
  readonly reason: "command" | "key" | "channel"
  /** The command's whole name, the key, the channel. */
  readonly object: string
  /** Which argument that is. */
  readonly at: number
}

/** Whether a rule is about a command with this first argument. */
const concerns = (subject: string, command: Command, first: string | undefined): boolean => {
  if (subject === "@all") return true
  if (subject.startsWith("@")) return command.categories.includes(subject.slice(1))
  if (subject === command.name) return true
  const bar = subject.indexOf("|")
  if (bar === -1) return command.name.startsWith(`${subject}|`)
  return subject.slice(0, bar) === command.name && first?.toLowerCase() === subject.slice(bar + 1)
}

export const allowsCommand = ({ rules }: Selector, command: Command, first: string | undefined): boolean =>
  rules.findLast(({ subject }) => concerns(subject, command, first))?.isAllowed ?? false

/** What a command does with what a key holds. That a key is there, or how large it is, may be known to whoever has any right to it. */
const reading = new Set(["access"])
const writing = new Set(["insert", "update", "delete"])

/** Every key pattern fits any key. */
export const allowsAllKeys = ({ keys }: Selector): boolean =>
  keys.some(({ mayRead, mayWrite, pattern }) => pattern === "*" && mayRead && mayWrite)

export const allowsAllChannels = ({ channels }: Selector): boolean => channels.includes("*")

export const allowsAllCommands = ({ rules }: Selector): boolean =>
  rules.length === 1 && rules[0].subject === "@all" && rules[0].isAllowed

const allowsKey = ({ keys }: Selector, key: string, flags: ReadonlyArray<string>): boolean => {
  const reads = flags.some((flag) => reading.has(flag))
  const writes = flags.some((flag) => writing.has(flag))
  return keys.some(
    ({ mayRead, mayWrite, pattern }) => (mayRead || !reads) && (mayWrite || !writes) && Glob.matches(pattern, key)
  )
}

/** Every key may be read, whatever else. */
const readsAllKeys = ({ keys }: Selector): boolean => keys.some(({ mayRead, pattern }) => mayRead && pattern === "*")

/** How many arguments are channels, from the first on; patterns have to be allowed as they stand. */
const channelsOf = (
  { name }: Command,
  argv: ReadonlyArray<string>
): { readonly count: number; readonly isPattern: boolean } => {
  if (name === "publish" || name === "spublish") return { count: 1, isPattern: false }
  const isPattern = name === "psubscribe"
  const subscribes = isPattern || name === "subscribe" || name === "ssubscribe"
  return { count: subscribes ? argv.length - 1 : 0, isPattern }
}

export const allowsChannel = ({ channels }: Selector, name: string, isPattern: boolean): boolean =>
  channels.some((allowed) => allowed === "*" || (isPattern ? allowed === name : Glob.matches(allowed, name)))

const denialOf = (selector: Selector, command: Command, argv: ReadonlyArray<string>): Denial | undefined => {
  if (!allowsCommand(selector, command, argv[1])) return { reason: "command", object: command.name, at: 0 }
  if (!allowsAllKeys(selector) && CommandKeys.hasKeys(command)) {
    for (const { at, flags } of CommandKeys.uses(command, argv)) {
      if (!allowsKey(selector, argv[at], flags)) return { reason: "key", object: argv[at], at }
    }
  }
  const { count, isPattern } = channelsOf(command, argv)
  for (let at = 1; at <= count; at++) {
    if (!allowsChannel(selector, argv[at], isPattern)) return { reason: "channel", object: argv[at], at }
  }
  return undefined
}

const ranks = { command: 0, key: 1, channel: 2 }

const cameFurther = (left: Denial, right: Denial): boolean =>
  left.reason === right.reason ? left.at > right.at : ranks[left.reason] > ranks[right.reason]

export class User {
  readonly name: string
  readonly isOn: boolean
  readonly isOpen: boolean
  readonly passwords: ReadonlyArray<string>
  readonly sanitizing: Description["sanitizing"]
  readonly selectors: ReadonlyArray<Selector>
  /** Nothing has to be looked at. */
  readonly isUnlimited: boolean

  constructor({ isOn, isOpen, name, passwords, sanitizing, selectors }: Description) {
    this.name = name
    this.isOn = isOn
    this.isOpen = isOpen
    this.passwords = passwords
    this.sanitizing = sanitizing
    this.selectors = selectors
    this.isUnlimited = selectors.some(
      (selector) => allowsAllCommands(selector) && allowsAllKeys(selector) && allowsAllChannels(selector)
    )
  }

  /** Why the command may not be run; undefined: it may. Of several selectors the one that came furthest tells. */
  denial(command: Command, argv: ReadonlyArray<string>): Denial | undefined {
    let found: Denial | undefined
    for (const selector of this.selectors) {
      const denial = denialOf(selector, command, argv)
      if (denial === undefined) return undefined
      if (found === undefined || cameFurther(denial, found)) found = denial
    }
    return found
  }

  /** It may run the command, and read any key whatever its name: SORT finds out names as it goes. */
  mayReadAll(command: Command, argv: ReadonlyArray<string>): boolean {
    return this.selectors.some((selector) => readsAllKeys(selector) && denialOf(selector, command, argv) === undefined)
  }

  /** It may listen there, by some selector. */
  mayListen(name: string, isPattern: boolean): boolean {
    return this.selectors.some((selector) => allowsChannel(selector, name, isPattern))
  }

  with(change: Partial<Description>): User {
    const { isOn, isOpen, name, passwords, sanitizing, selectors } = this
    return new User({ name, isOn, isOpen, passwords, sanitizing, selectors, ...change })
  }
}

/** Who may do everything, without a password: the default user of a server that was not told otherwise. */
export const unlimited = new User({
  name: "default",
  isOn: true,
  isOpen: true,
  passwords: [],
  sanitizing: "",
  selectors: [allRights]
})

/** Whoever comes in by the node's own socket, whoever the users are: whose the process's files are, its data is. No client can become it by a name. */
export const administrator = unlimited.with({ name: "administrator" })

/** Another node, which has looked itself what its client may. A value of its own: nobody changes it. */
export const relayed = unlimited.with({ name: "relayed" })

/** All commands, subcommands among them, but for their containers. */
export const everyCommand: ReadonlyArray<Command> = [...commands.values()].flatMap((command) =>
  command.subcommands.size === 0 ? [command] : [...command.subcommands.values()]
)
