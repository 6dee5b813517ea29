/** ConfigText: whether a text is a value of a setting, and its canonical spelling, by kinds (`ConfigFacts.ts`) and by the rules of some names. */
import * as NotifyFlags from "./NotifyFlags.ts"
import * as Numbers from "./Numbers.ts"

/** Why a text is no value. */
export interface Problem {
  readonly reason: string
}

type Checked = string | Problem

const units: Readonly<Record<string, bigint>> = {
  "": 1n,
  b: 1n,
  k: 1_000n,
  kb: 1_024n,
  m: 1_000_000n,
  mb: 1_048_576n,
  g: 1_000_000_000n,
  gb: 1_073_741_824n
}

/** Bytes as digits; undefined: the text is no such thing. */
export const memoryOf = (text: string): string | undefined => {
  const parts = /^(\d+)([a-z]*)$/i.exec(text)
  const unit = parts === null ? undefined : units[parts[2].toLowerCase()]
  return unit === undefined ? undefined : String(BigInt(parts![1]) * unit)
}

const integer = (text: string, min: bigint, max: bigint): Checked => {
  const value = Numbers.parseBig(text)
  if (value === undefined) return { reason: "argument couldn't be parsed into an integer" }
  return value < min || value > max ? { reason: `argument must be between ${min} and ${max} inclusive` } : String(value)
}

const boolean = (text: string): Checked => {
  const word = text.toLowerCase()
  return word === "yes" || word === "no" ? word : { reason: "argument must be 'yes' or 'no'" }
}

const enumerated = (text: string, words: ReadonlyArray<string>): Checked => {
  const word = text.toLowerCase()
  return words.includes(word) ? word : { reason: `argument(s) must be one of the following: ${words.join(", ")}` }
}

const memory = (text: string): Checked => memoryOf(text) ?? { reason: "argument must be a memory value" }

const percent = (text: string): Checked => {
  const share = /^(\d+)%$/.exec(text)
  if (share !== null) {
    return Number(share[1]) <= 100 ? text : { reason: "percentage argument must be less or equal to 100" }
  }
  return memoryOf(text) ?? { reason: "argument must be a memory or percent value" }
}

const wordsOf = (text: string): ReadonlyArray<string> => text.split(/\s+/).filter((word) => word !== "")

/** Pairs of seconds and changes. */
const save = (text: string): Checked => {
  const numbers = wordsOf(text)
  const isWhole = numbers.every((word, at) => /^\d{1,9}$/.test(word) && (at % 2 === 1 || Number(word) >= 1))
  return isWhole && numbers.length % 2 === 0 ? numbers.join(" ") : { reason: "Invalid save parameters" }
}

const classes = ["normal", "slave", "pubsub"]

/** Groups of a class of clients, a hard and a soft limit, and seconds; classes that are not named stay as they are. */
const outputLimit = (text: string, before: string): Checked => {
  const words = wordsOf(text)
  if (words.length === 0 || words.length % 4 !== 0) {
    return { reason: "Wrong number of arguments in buffer limit configuration." }
  }
  const limits = [...wordsOf(before)]
  for (let at = 0; at < words.length; at += 4) {
    const name = words[at].toLowerCase() === "replica" ? "slave" : words[at].toLowerCase()
    if (!classes.includes(name)) {
      return {
        reason: `Invalid client class specified in buffer limit configuration.`
      }
    }
    const [hard, soft] = [memoryOf(words[at + 1]), memoryOf(words[at + 2])]
    if (hard === undefined || soft === undefined || !/^\d{1,9}$/.test(words[at + 3])) {
      return { reason: "Error in hard, soft or soft_seconds setting in buffer limit configuration." }
    }
    limits.splice(4 * classes.indexOf(name) + 1, 3, hard, soft, words[at + 3])
  }
  return limits.join(" ")
}

const adjustments = (text: string): Checked => {
  const words = wordsOf(text)
  if (words.length !== 3) return { reason: "wrong number of arguments" }
  return words.every((word) => /^-?\d{1,4}$/.test(word) && Number(word) >= -2_000 && Number(word) <= 2_000)
    ? words.join(" ")
    : { reason: "Invalid oom-score-adj-values, elements must be between -2000 and 2000." }
}

const percentiles = (text: string): Checked => {
  const numbers = wordsOf(text).map(Number)
  if (numbers.some(Number.isNaN)) return { reason: "Invalid latency-tracking-info-percentiles parameters" }
  return numbers.every((number) => number >= 0 && number <= 100)
    ? numbers.join(" ")
    : { reason: "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]" }
}

const notifications = (text: string): Checked => {
  const flags = NotifyFlags.parse(text)
  return flags === undefined
    ? { reason: "Invalid event class character. Use 'Ag$lshzxeKEtmdn'." }
    : NotifyFlags.print(flags)
}

const own: Readonly<Record<string, (text: string, before: string) => Checked>> = {
  "client-output-buffer-limit": outputLimit,
  "latency-tracking-info-percentiles": percentiles,
  "notify-keyspace-events": notifications,
  "oom-score-adj-values": adjustments,
  save
}

/** The canonical spelling of a value of this kind, or why it is none. `before`: what the setting stands at. */
export const check = (name: string, kind: string, text: string, before: string): Checked => {
  const [word, ...details] = kind.split(" ")
  switch (word) {
    case "bool":
      return boolean(text)
    case "int":
      return integer(text, BigInt(details[0]), BigInt(details[1]))
    case "enum":
      return enumerated(text, details)
    case "memory":
      return memory(text)
    case "percent":
      return percent(text)
    case "own":
      return own[name](text, before)
    default:
      return text
  }
}
