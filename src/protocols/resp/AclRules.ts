/**
 * AclRules: users in the words of ACL SETUSER and back: each word changes a user into another.
 *
 * Source: acl.c of Redis 7.0. We differ in one: rules about commands are printed as they were given, less those that changed nothing, where Redis
 * finds the shortest rules that amount to the same.
 */
import * as Latin1 from "#base/Latin1.ts"
import * as CommandTable from "./CommandTable.ts"
import { Refusal } from "./Refusal.ts"
import * as User from "./User.ts"
import * as Users from "./Users.ts"

/** In the order in which Redis names them. */
export const categories = [
  "keyspace",
  "read",
  "write",
  "set",
  "sortedset",
  "list",
  "hash",
  "string",
  "bitmap",
  "hyperloglog",
  "geo",
  "stream",
  "pubsub",
  "admin",
  "fast",
  "slow",
  "blocking",
  "dangerous",
  "connection",
  "transaction",
  "scripting"
]

const failed = (word: string, reason: string): Refusal =>
  new Refusal(`ERR Error in ACL SETUSER modifier '${word}': ${reason}`)

const firstOfSubcommand = "Allowing first-arg of a subcommand is not supported"
const unknownCommand = "Unknown command or category name in ACL"
const wrongHash = "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
const noSuchPassword = "The password you are trying to remove from the user does not exist"
const afterAllKeys =
  "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
const afterAllChannels =
  "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels"

const everything = { isAllowed: true, subject: "@all" }
const nothing = { isAllowed: false, subject: "@all" }

const isHash = /^[0-9a-f]{64}$/

/** What a rule may be about; undefined: nothing that there is. */
const subjectOf = (word: string): string | undefined => {
  const subject = word.slice(1).toLowerCase()
  if (subject.startsWith("@")) return subject === "@all" || categories.includes(subject.slice(1)) ? subject : undefined
  if (CommandTable.named(subject) !== undefined) return subject
  const bar = subject.lastIndexOf("|")
  const command = bar === -1 ? undefined : CommandTable.commands.get(subject.slice(0, bar))
  // The first argument of a command without subcommands can be allowed, never forbidden.
  return command !== undefined && command.subcommands.size === 0 && word[0] === "+" ? subject : undefined
}

const rights = (rules: ReadonlyArray<User.CommandRule>): string =>
  User.everyCommand
    .map((command) => (User.allowsCommand({ ...User.noRights, rules }, command, undefined) ? "1" : "0"))
    .join("")

const isFirstArgument = (subject: string): boolean => CommandTable.named(subject) === undefined && subject[0] !== "@"

/** `said`: the word that `word` is of, a whole selector perhaps. */
const addRule = (selector: User.Selector, word: string, said: string): User.Selector => {
  const subject = subjectOf(word)
  if (subject === undefined) {
    const before = word.slice(1, word.lastIndexOf("|")).toLowerCase()
    const isFirst = word[0] === "+" && before.includes("|") && CommandTable.named(before) !== undefined
    throw failed(said, isFirst ? firstOfSubcommand : unknownCommand)
  }
  const rule = { isAllowed: word[0] === "+", subject }
  if (subject === "@all") return { ...selector, rules: [rule] }
  // What is said of the same thing anew, or of all of it, stands no more.
  const others = selector.rules.filter((each) => each.subject !== subject && !each.subject.startsWith(`${subject}|`))
  if (!isFirstArgument(subject) && rights(others) === rights([...others, rule])) return { ...selector, rules: others }
  return { ...selector, rules: [...others, rule] }
}

const addKeys = (selector: User.Selector, word: string, said: string): User.Selector => {
  const match = /^(?:~|%([RWrw]{1,2})~)([^]*)$/.exec(word)
  if (match === null || /[\s\0]/.test(match[2])) throw failed(said, "Syntax error")
  const letters = (match[1] ?? "RW").toUpperCase()
  const added = { pattern: match[2], mayRead: letters.includes("R"), mayWrite: letters.includes("W") }
  if (User.allowsAllKeys(selector)) throw failed(said, afterAllKeys)
  if (added.pattern === "*" && added.mayRead && added.mayWrite) return { ...selector, keys: [added] }
  const same = selector.keys.find(({ pattern }) => pattern === added.pattern)
  if (same === undefined) return { ...selector, keys: [...selector.keys, added] }
  const both = {
    pattern: same.pattern,
    mayRead: same.mayRead || added.mayRead,
    mayWrite: same.mayWrite || added.mayWrite
  }
  return { ...selector, keys: selector.keys.map((each) => (each === same ? both : each)) }
}

const addChannel = (selector: User.Selector, word: string, said: string): User.Selector => {
  const pattern = word.slice(1)
  if (/[\s\0]/.test(pattern)) throw failed(said, "Syntax error")
  if (User.allowsAllChannels(selector)) throw failed(said, afterAllChannels)
  if (pattern === "*") return { ...selector, channels: ["*"] }
  return selector.channels.includes(pattern) ? selector : { ...selector, channels: [...selector.channels, pattern] }
}

/** What may be said of one selector; undefined: nothing with this word. */
const changeSelector = (selector: User.Selector, word: string, said = word): User.Selector | undefined => {
  switch (word.toLowerCase()) {
    case "allkeys":
    case "~*":
      return { ...selector, keys: User.allRights.keys }
    case "resetkeys":
      return { ...selector, keys: [] }
    case "allchannels":
    case "&*":
      return { ...selector, channels: User.allRights.channels }
    case "resetchannels":
      return { ...selector, channels: [] }
    case "allcommands":
    case "+@all":
      return { ...selector, rules: [everything] }
    case "nocommands":
    case "-@all":
      return { ...selector, rules: [nothing] }
  }
  if (word[0] === "+" || word[0] === "-") return addRule(selector, word, said)
  if (word[0] === "~" || word[0] === "%") return addKeys(selector, word, said)
  return word[0] === "&" ? addChannel(selector, word, said) : undefined
}

const addPassword = (user: User.User, hash: string): User.User =>
  user.with({ isOpen: false, passwords: user.passwords.includes(hash) ? user.passwords : [...user.passwords, hash] })

const removePassword = (user: User.User, word: string, hash: string): User.User => {
  if (!user.passwords.includes(hash)) throw failed(word, noSuchPassword)
  return user.with({ passwords: user.passwords.filter((each) => each !== hash) })
}

/** A user that may do nothing yet. */
export const newcomer = (name: string): User.User =>
  new User.User({ name, isOn: false, isOpen: false, passwords: [], sanitizing: "", selectors: [User.noRights] })

/** What may be said of the user itself; undefined: nothing with this word. */
const changeAccount = (user: User.User, word: string): User.User | undefined => {
  switch (word.toLowerCase()) {
    case "on":
      return user.with({ isOn: true })
    case "off":
      return user.with({ isOn: false })
    case "nopass":
      return user.with({ isOpen: true, passwords: [] })
    case "resetpass":
      return user.with({ isOpen: false, passwords: [] })
    case "sanitize-payload":
      return user.with({ sanitizing: "sanitize-payload" })
    case "skip-sanitize-payload":
      return user.with({ sanitizing: "skip-sanitize-payload" })
    case "clearselectors":
      return user.with({ selectors: user.selectors.slice(0, 1) })
    case "reset":
      return newcomer(user.name).with({ sanitizing: "sanitize-payload" })
  }
  const rest = word.slice(1)
  if (word[0] === ">") return addPassword(user, Users.digest(rest))
  if (word[0] === "<") return removePassword(user, word, Users.digest(rest))
  if (word[0] !== "#" && word[0] !== "!") return undefined
  if (!isHash.test(rest)) throw failed(word, wrongHash)
  return word[0] === "#" ? addPassword(user, rest) : removePassword(user, word, rest)
}

const addSelector = (user: User.User, word: string): User.User => {
  const words = word
    .slice(1, -1)
    .split(" ")
    .filter((each) => each !== "")
  const selector = words.reduce((found, each) => {
    const changed = changeSelector(found, each, word)
    if (changed === undefined) throw failed(word, "Syntax error")
    return changed
  }, User.noRights)
  return user.with({ selectors: [...user.selectors, selector] })
}

/** Selectors in parentheses are one word, however many arguments they came in. */
const joined = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const found: Array<string> = []
  let open: Array<string> | undefined
  for (const word of words) {
    if (open === undefined && word.startsWith("(")) open = []
    if (open === undefined) found.push(word)
    else {
      open.push(word)
      if (!word.endsWith(")")) continue
      found.push(open.join(" "))
      open = undefined
    }
  }
  if (open !== undefined) throw new Refusal(`ERR Unmatched parenthesis in acl selector starting at '${open[0]}'.`)
  return found
}

/** The user after all of the words, or a refusal. */
export const apply = (user: User.User, words: ReadonlyArray<string>): User.User =>
  joined(words).reduce((found, word) => {
    if (word.startsWith("(")) return addSelector(found, word)
    const account = changeAccount(found, word)
    if (account !== undefined) return account
    const own = changeSelector(found.selectors[0], word)
    if (own === undefined) throw failed(word, "Syntax error")
    return found.with({ selectors: [own, ...found.selectors.slice(1)] })
  }, user)

export const commandsOf = ({ rules }: User.Selector): string =>
  rules.map(({ isAllowed, subject }) => `${isAllowed ? "+" : "-"}${subject}`).join(" ")

export const keysOf = ({ keys }: User.Selector): string =>
  keys
    .map(({ mayRead, mayWrite, pattern }) => `${mayRead && mayWrite ? "" : mayRead ? "%R" : "%W"}~${pattern}`)
    .join(" ")

export const channelsOf = ({ channels }: User.Selector): string => channels.map((pattern) => `&${pattern}`).join(" ")

/** Rights as ACL LIST has them. */
const rightsOf = (selector: User.Selector): string => {
  const channels = User.allowsAllChannels(selector) ? "&*" : `resetchannels ${channelsOf(selector)}`.trim()
  return [keysOf(selector), channels, commandsOf(selector)].filter((part) => part !== "").join(" ")
}

export const flagsOf = (user: User.User): ReadonlyArray<string> => [
  user.isOn ? "on" : "off",
  ...(user.isOpen ? ["nopass"] : []),
  ...(user.sanitizing === "" ? [] : [user.sanitizing])
]

/** A user in the words that make it. */
export const print = (user: User.User): string =>
  [
    `user ${user.name}`,
    ...flagsOf(user),
    ...user.passwords.map((hash) => `#${hash}`),
    rightsOf(user.selectors[0]),
    ...user.selectors.slice(1).map((selector) => `(${rightsOf(selector)})`)
  ].join(" ")

/** Random bytes as digits, so many bits of them. `random` gives numbers in [0, 1). */
export const password = (bits: number, random: () => number): string => {
  const digits = Math.ceil(bits / 4)
  return Latin1.decode(Uint8Array.from({ length: digits }, () => "0123456789abcdef".charCodeAt(random() * 16)))
}
