/**
 * CommandKeys: which arguments of a command are keys: by its range of first, last and step, which is a subtraction and a loop; by its key
 * specifications where a number or a word decides; and for SORT, GEORADIUS, MIGRATE, SET and BITFIELD, whose specifications say too
 * little, by what Redis' own functions do (7.0.15, db.c).
 */
import { type Command, Flag, type KeySpec } from "./CommandTable.ts"

/** A key among the arguments, and what the command does with it. */
export interface KeyUse {
  /** Its place among the arguments. */
  readonly at: number
  readonly flags: ReadonlyArray<string>
}

const read = ["RO", "access"]
const changed = ["RW", "access", "update"]
const written = ["OW", "update"]

const is = (argument: string | undefined, word: string): boolean =>
  argument !== undefined && argument.length === word.length && argument.toLowerCase() === word

/** Where the last argument behind any of `words` stands, or 0; so many arguments behind a word of `skips` are passed over. */
const lastBehind = (
  argv: ReadonlyArray<string>,
  from: number,
  words: ReadonlyArray<string>,
  skips: Readonly<Record<string, number>>
): number => {
  let found = 0
  for (let at = from; at < argv.length; at++) {
    const word = argv[at].toLowerCase()
    if (words.includes(word) && at + 1 < argv.length) found = at + 1
    if (Object.hasOwn(skips, word)) at += skips[word]
  }
  return found
}

const sortKeys = (argv: ReadonlyArray<string>): ReadonlyArray<KeyUse> => {
  const stored = lastBehind(argv, 2, ["store"], { limit: 2, get: 1, by: 1 })
  return stored === 0
    ? [{ at: 1, flags: read }]
    : [
        { at: 1, flags: read },
        { at: stored, flags: written }
      ]
}

const radiusKeys = (argv: ReadonlyArray<string>): ReadonlyArray<KeyUse> => {
  const stored = lastBehind(argv, 5, ["store", "storedist"], { store: 1, storedist: 1 })
  return stored === 0
    ? [{ at: 1, flags: read }]
    : [
        { at: 1, flags: read },
        { at: stored, flags: written }
      ]
}

const migrateSkips: Readonly<Record<string, number>> = { auth: 1, auth2: 2 }

const migrateKeys = (argv: ReadonlyArray<string>): ReadonlyArray<KeyUse> => {
  const flags = ["RW", "access", "delete"]
  for (let at = 6; at < argv.length; at++) {
    if (is(argv[at], "keys")) {
      return argv[3] === "" ? argv.slice(at + 1).map((_, index) => ({ at: at + 1 + index, flags })) : []
    }
    at += migrateSkips[argv[at].toLowerCase()] ?? 0
  }
  return [{ at: 3, flags }]
}

const setKeys = (argv: ReadonlyArray<string>): ReadonlyArray<KeyUse> => [
  { at: 1, flags: argv.slice(3).some((argument) => is(argument, "get")) ? changed : written }
]

const bitfieldKeys = (argv: ReadonlyArray<string>): ReadonlyArray<KeyUse> => {
  for (let at = 2; at < argv.length; at++) {
    const left = argv.length - at - 1
    if (is(argv[at], "get") && left >= 2) at += 2
    else if (is(argv[at], "overflow") && left >= 1) at += 1
    else return [{ at: 1, flags: changed }]
  }
  return [{ at: 1, flags: read }]
}

/** What Redis asks instead of, or behind, the specifications. */
const own: Readonly<Record<string, (argv: ReadonlyArray<string>) => ReadonlyArray<KeyUse>>> = {
  set: setKeys,
  bitfield: bitfieldKeys,
  sort: sortKeys,
  sort_ro: sortKeys,
  migrate: migrateKeys,
  georadius: radiusKeys,
  georadiusbymember: radiusKeys
}

const keywordAt = (argv: ReadonlyArray<string>, keyword: string, from: number): number => {
  const word = keyword.toLowerCase()
  if (from > 0) {
    for (let at = from; at < argv.length; at++) if (is(argv[at], word)) return at
  } else {
    for (let at = argv.length + from; at > 0; at--) if (is(argv[at], word)) return at
  }
  return -1
}

/** First, last and step of what a specification covers; `undefined` where it says nothing, or the arguments are wrong. */
const rangeOf = (spec: KeySpec, argv: ReadonlyArray<string>): readonly [number, number, number] | undefined => {
  const { begin, find } = spec
  if (begin.kind === "unknown" || find.kind === "unknown" || spec.flags.includes("incomplete")) return undefined
  const word = begin.kind === "keyword" ? keywordAt(argv, begin.keyword, begin.from) : -1
  if (begin.kind === "keyword" && word === -1) return undefined
  const from = begin.kind === "index" ? begin.index : word + 1
  let [first, last] = [from, from]
  if (find.kind === "keynum") {
    const given = argv[from + find.at] ?? ""
    if (!/^(0|[1-9][0-9]{0,9})$/.test(given)) return undefined
    first = from + find.first
    last = first + Number(given) - 1
  } else if (find.last >= 0) last = from + find.last
  else
    last = find.limit === 0 ? argv.length + find.last : from + Math.trunc((argv.length - from) / find.limit) + find.last
  return first >= argv.length || last >= argv.length || last < first ? undefined : [first, last, find.step]
}

/** Whether a command can have keys at all. */
export const hasKeys = (command: Command): boolean =>
  Object.hasOwn(own, command.name) || command.keySpecs.some(({ flags }) => !flags.includes("not_key"))

/** Every key of a command with what is done to it, in the order in which Redis tells them; none where the arguments are wrong. */
export const uses = (command: Command, argv: ReadonlyArray<string>): ReadonlyArray<KeyUse> => {
  const specs = command.keySpecs.filter(({ flags }) => !flags.includes("not_key"))
  const special = Object.hasOwn(own, command.name) ? own[command.name] : undefined
  if (special !== undefined && specs.some(({ flags }) => flags.includes("variable_flags"))) return special(argv)
  const found: Array<KeyUse> = []
  for (const spec of specs) {
    const range = rangeOf(spec, argv)
    if (range === undefined) return special === undefined ? [] : special(argv)
    const [first, last, step] = range
    const flags = spec.flags.filter((flag) => flag !== "variable_flags")
    for (let at = first; at <= last; at += step) found.push({ at, flags })
  }
  return found
}

const none: ReadonlyArray<number> = []

/** The places of a command's keys: what the executor asks, so without anything that only COMMAND GETKEYSANDFLAGS needs. */
export const places = (command: Command, argv: ReadonlyArray<string>): ReadonlyArray<number> => {
  if ((command.flags & Flag.movablekeys) !== 0) return uses(command, argv).map(({ at }) => at)
  const { firstKey, keyStep, lastKey } = command
  if (firstKey === 0) return none
  if (lastKey === firstKey) return argv.length > firstKey ? [firstKey] : none
  const last = lastKey < 0 ? argv.length + lastKey : Math.min(lastKey, argv.length - 1)
  const found: Array<number> = []
  for (let at = firstKey; at <= last; at += keyStep) found.push(at)
  return found
}
