/** Parse: what is typed on a command line, to values. Each refusal is a sentence that says what to type instead. */
import { definitions, type Kind, isKind, kinds } from "#sim/faults/Fault.ts"
import { isPolicyName, policies, type PolicyName } from "#sim/kernel/PolicyName.ts"
import { UsageError } from "./CliError.ts"
import * as Suggest from "./Suggest.ts"

const microsPerUnit: Readonly<Record<string, number>> = {
  us: 1,
  ms: 1_000,
  s: 1_000_000,
  m: 60_000_000,
  h: 3_600_000_000
}

/** 30 days: virtual microseconds stay far below 2^53, and no run is that long. */
const durationMicrosMax = 30 * 24 * 3_600_000_000

/** `500ms`, `10s`, `1.5m`, `1h`, `1h30m` to whole microseconds, more than none. */
export const durationMicros = (flag: string, text: string): number => {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h)/g)]
  const whole = parts.length > 0 && parts.map((part) => part[0]).join("") === text
  const micros = whole
    ? Math.round(parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * microsPerUnit[unit], 0))
    : 0
  if (!whole) {
    throw new UsageError({
      message: `${flag} ${text}: not a duration. Write a number and a unit: 500ms, 10s, 10m, 1h or 1h30m.`
    })
  }
  if (micros < 1 || micros > durationMicrosMax) {
    throw new UsageError({ message: `${flag} ${text}: must be more than nothing and at most 720h.` })
  }
  return micros
}

const seedCharactersMax = 200

/** Any text is a seed; it is taken as it stands, so `7` and `07` differ. */
export const seed = (flag: string, text: string): string => {
  if (text.trim() === "")
    throw new UsageError({
      message: `${flag} is empty. Any text or number will do: ${flag} 42, ${flag} a commit hash.`
    })
  if (text.length > seedCharactersMax) {
    throw new UsageError({ message: `${flag} has ${text.length} characters; a seed has at most ${seedCharactersMax}.` })
  }
  if (/\p{Cc}/u.test(text))
    throw new UsageError({ message: `${flag} contains control characters; use printable text or a number.` })
  return text
}

/** A whole number between two bounds, both included. */
export const count = (flag: string, value: number, bounds: { readonly min: number; readonly max: number }): number => {
  if (Number.isInteger(value) && value >= bounds.min && value <= bounds.max) return value
  throw new UsageError({ message: `${flag} ${value}: must be a whole number from ${bounds.min} to ${bounds.max}.` })
}

/** `partition,crash` to kinds of faults; `none` to no faults at all. */
export const faults = (text: string): ReadonlyArray<Kind> => {
  if (text.trim() === "none") return []
  const names = list(text)
  if (names.length === 0)
    throw new UsageError({
      message: "--faults is empty. Name some, as in --faults partition,crash, or write --faults none."
    })
  for (const name of names) {
    if (!isKind(name)) {
      throw new UsageError({
        message: `Unknown fault ${JSON.stringify(name)}.${Suggest.sentence(name, kinds)} "npm run sim -- list faults" shows all ${Object.keys(definitions).length}.`
      })
    }
  }
  return names.filter(isKind)
}

export const policy = (name: string): PolicyName => {
  if (isPolicyName(name)) return name
  const known = Object.keys(policies)
  throw new UsageError({
    message: `Unknown policy ${JSON.stringify(name)}.${Suggest.sentence(name, known)} The policies are ${known.join(", ")}.`
  })
}

/** A list with commas, blanks dropped, each name once. */
export const list = (text: string): ReadonlyArray<string> => [
  ...new Set(
    text
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
  )
]
