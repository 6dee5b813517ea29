/**
 * Resuming: a command that has waited for keys, and is begun anew where these are by now: it waits no longer than it said when it came, and for what has
 * come since then.
 */
import * as Latin1 from "#base/Latin1.ts"
import type { Blocked } from "./Client.ts"
import * as Numbers from "./Numbers.ts"

type Argv = ReadonlyArray<string>

/** Where it says how long it waits, in seconds: at this place, or so far from the end. */
const secondsAt: ReadonlyMap<string, number> = new Map([
  ["blmove", -1],
  ["blmpop", 1],
  ["blpop", -1],
  ["brpop", -1],
  ["brpoplpush", -1],
  ["bzmpop", 1],
  ["bzpopmax", -1],
  ["bzpopmin", -1]
])

/** How many arguments of XREAD and XREADGROUP a word has behind it. */
const optionsOfReads: ReadonlyMap<string, number> = new Map([
  ["count", 1],
  ["group", 2],
  ["noack", 0]
])

/** Where XREAD or XREADGROUP says for how many milliseconds it waits; -1: it does not. */
export const blockAt = (argv: Argv): number => {
  for (let at = 1; at < argv.length; at++) {
    const word = argv[at].toLowerCase()
    if (word === "block") return at + 1
    const following = optionsOfReads.get(word)
    if (following === undefined) return -1
    at += following
  }
  return -1
}

/** Where it says how long it waits, and in what of milliseconds; undefined: it does not. */
const timeoutOf = (argv: Argv): { readonly at: number; readonly unitMillis: number } | undefined => {
  const name = argv[0].toLowerCase()
  const place = secondsAt.get(name)
  if (place !== undefined) return { at: place < 0 ? argv.length + place : place, unitMillis: 1_000 }
  const at = name === "xread" || name === "xreadgroup" ? blockAt(argv) : -1
  return at < 0 ? undefined : { at, unitMillis: 1 }
}

/** Milliseconds of the wall clock until when a command waits that comes now; 0: for ever; undefined: it does not wait, or not as it says. */
export const untilOf = (argv: Argv, nowMillis: number): number | undefined => {
  const timeout = timeoutOf(argv)
  const value = timeout === undefined ? undefined : Numbers.parseFloat(argv[timeout.at] ?? "")
  if (value === undefined || value < 0 || !Number.isFinite(value)) return undefined
  return value === 0 ? 0 : nowMillis + Math.ceil(value * timeout!.unitMillis)
}

/** The same command, as it is to be run now. */
export const shortened = (argv: Argv, until: number, nowMillis: number): Argv => {
  const timeout = timeoutOf(argv)
  if (timeout === undefined || until === 0) return argv
  const left = Math.max(1, Math.ceil(until - nowMillis)) / timeout.unitMillis
  return argv.with(timeout.at, String(left))
}

/** With other last arguments. */
const ending = (argv: Argv, tail: Argv): Argv => [...argv.slice(0, argv.length - tail.length), ...tail]

/** What waited here, for whoever runs it anew. */
export const resumed = ({ argv, tail = [], until }: Blocked, nowMillis: number): Argv =>
  shortened(ending(argv, tail), until, nowMillis)

/** What another node is told of a command that is to be run anew elsewhere: what its last arguments are by now is behind the word. */
export const refusal = (word: string, { tail = [] }: Pick<Blocked, "tail">): string => [word, ...tail].join(" ")

/** The command that was refused so. */
export const refused = (argv: Argv, reply: Uint8Array): Argv => {
  const [, ...tail] = Latin1.decode(reply, 1, reply.length - 2).split(" ")
  return ending(argv, tail)
}
