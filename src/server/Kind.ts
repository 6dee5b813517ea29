/**
 * Kind: what a setting's value may be: how it is read from text, how it is shown again, and which values are allowed, in words. Pure.
 *
 * Promises: what `show` writes, `parse` reads as the same value, but for secrets, of which only the hash is ever kept.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import * as Hex from "#base/Hex.ts"
import type { Address } from "#world/Net.ts"

export interface Kind<A> {
  /** Completes "allowed: …". */
  readonly allowed: string
  /** `undefined`: not allowed. */
  readonly parse: (text: string) => A | undefined
  readonly show: (value: A) => string
  /** What is given several times is added up, where otherwise the last one counts. */
  readonly adds?: true
  /** Values are not to be shown, not even wrong ones. */
  readonly isSecret?: true
}

/** Where a door listens. Not every machine has every protocol: an optional one may be missing. */
export interface Bind {
  readonly host: string
  readonly optional: boolean
}

/** A client whose replies wait is cut off above `hardBytes`, or above `softBytes` for longer than `softMillis`; 0: never. */
export interface OutputLimit {
  readonly hardBytes: number
  readonly softBytes: number
  readonly softMillis: number
}

const wholePattern = /^-?\d{1,16}$/

export const whole = (min: number, max: number): Kind<number> => ({
  allowed: `a whole number from ${min} to ${max}`,
  parse: (text) => {
    const value = Number(text)
    return wholePattern.test(text) && value >= min && value <= max ? value : undefined
  },
  show: String
})

const octalPattern = /^0?[0-7]{1,3}$/

/** Rights of a file. */
export const rights: Kind<number> = {
  allowed: "octal digits from 0 to 777",
  parse: (text) => (octalPattern.test(text) ? Number.parseInt(text, 8) : undefined),
  show: (value) => value.toString(8)
}

const units: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1_000,
  kb: 1_024,
  m: 1_000_000,
  mb: 1_048_576,
  g: 1_000_000_000,
  gb: 1_073_741_824
}

/** Bytes, as Redis writes them: `64mb` is 64 × 1,048,576, `64m` is 64 million. */
const bytesOf = (text: string): number | undefined => {
  const match = /^(\d{1,16})([a-z]{0,2})$/.exec(text.toLowerCase())
  const unit = match === null ? undefined : units[match[2]]
  if (match === null || unit === undefined) return undefined
  const value = Number(match[1]) * unit
  return Number.isSafeInteger(value) ? value : undefined
}

export const bytes = (min: number, max: number): Kind<number> => ({
  allowed: `bytes from ${min} to ${max}, also with b, k, kb, m, mb, g, gb`,
  parse: (text) => {
    const value = bytesOf(text)
    return value !== undefined && value >= min && value <= max ? value : undefined
  },
  show: String
})

export const choice = <const A extends string>(...values: ReadonlyArray<A>): Kind<A> => ({
  allowed: `one of ${values.join(", ")}`,
  parse: (text) => values.find((value) => value === text.toLowerCase()),
  show: (value) => value
})

export const yesNo: Kind<boolean> = {
  allowed: "yes or no",
  parse: (text) => {
    const lower = text.toLowerCase()
    if (["yes", "true"].includes(lower)) return true
    return ["no", "false"].includes(lower) ? false : undefined
  },
  show: (value) => (value ? "yes" : "no")
}

const textCharactersMax = 4_096

/** Names of files and the like; none when empty. */
export const text: Kind<string> = {
  allowed: `text of at most ${textCharactersMax} characters`,
  parse: (given) => (given.length <= textCharactersMax && !given.includes("\0") ? given : undefined),
  show: (value) => value
}

/** Empty for none. */
export const url: Kind<string> = {
  allowed: "an address that begins with http:// or https://",
  parse: (given) => (given === "" || /^https?:\/\/[^\s/]+(\/\S*)?$/.test(given) ? given : undefined),
  show: (value) => value
}

const clusterPattern = /^([0-9a-f]{32})?$/

export const cluster: Kind<string> = {
  allowed: "32 hexadecimal digits, the same on all nodes",
  parse: (given) => (clusterPattern.test(given.toLowerCase()) ? given.toLowerCase() : undefined),
  show: (value) => value
}

const words = (given: string): ReadonlyArray<string> => given.split(/[\s,]+/).filter((word) => word !== "")

const hostPattern = /^[0-9A-Za-z._:%-]{1,253}$/
const anywhere: Readonly<Record<string, string>> = { "*": "0.0.0.0", "::*": "::" }

/** As Redis has it: `*` and `::*` for all of IPv4 and IPv6, `-` before one that may be missing. */
export const binds: Kind<ReadonlyArray<Bind>> = {
  allowed:
    "host names or addresses, with spaces or commas between, each with - in front when it may be missing; * is all of IPv4, ::* of IPv6",
  parse: (given) => {
    const parsed = words(given).map((word) => {
      const optional = word.startsWith("-")
      const name = optional ? word.slice(1) : word
      return { host: anywhere[name] ?? name, optional }
    })
    return parsed.length > 0 && parsed.every(({ host }) => hostPattern.test(host)) ? parsed : undefined
  },
  show: (value) => value.map(({ host, optional }) => `${optional ? "-" : ""}${host}`).join(" ")
}

const portMax = 65_535

/** `host:port`, or `[host]:port` for a host with colons in it. */
const addressOf = (given: string): Address | undefined => {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(given)
  if (match === null) return undefined
  const host = match[1] ?? match[2]
  const port = Number(match[3])
  return hostPattern.test(host) && port <= portMax ? { host, port } : undefined
}

const shownAddress = ({ host, port }: Address): string => `${host.includes(":") ? `[${host}]` : host}:${port}`

export const address: Kind<Address | undefined> = {
  allowed: "host:port, [host]:port for IPv6",
  parse: addressOf,
  show: (value) => (value === undefined ? "" : shownAddress(value))
}

const storeMax = 65_535

/** Node numbers and where their stores listen to each other. */
export const nodes: Kind<ReadonlyMap<number, Address>> = {
  allowed: `number=host:port of each node, with spaces or commas between, numbers from 1 to ${storeMax}, each once`,
  parse: (given) => {
    const parsed = new Map<number, Address>()
    for (const word of words(given)) {
      const [number, place, ...more] = word.split("=")
      const store = Number(number)
      const at = addressOf(place ?? "")
      const isNumber = /^\d{1,5}$/.test(number) && store >= 1 && store <= storeMax
      if (!isNumber || at === undefined || at.port === 0 || more.length > 0 || parsed.has(store)) return undefined
      parsed.set(store, at)
    }
    return parsed
  },
  show: (value) => [...value].map(([store, at]) => `${store}=${shownAddress(at)}`).join(" "),
  adds: true
}

export const numbers: Kind<ReadonlyArray<number>> = {
  allowed: `node numbers from 1 to ${storeMax}, with spaces or commas between`,
  parse: (given) => {
    const parsed = words(given).map(Number)
    return parsed.every((each) => Number.isInteger(each) && each >= 1 && each <= storeMax) ? parsed : undefined
  },
  show: (value) => value.join(" ")
}

export const outputLimit: Kind<OutputLimit> = {
  allowed: "hard limit in bytes, soft limit in bytes, seconds; 0: no limit",
  parse: (given) => {
    const [hard, soft, seconds, ...more] = words(given)
    const hardBytes = bytesOf(hard ?? "")
    const softBytes = bytesOf(soft ?? "")
    if (hardBytes === undefined || softBytes === undefined || more.length > 0) return undefined
    return /^\d{1,9}$/.test(seconds ?? "") ? { hardBytes, softBytes, softMillis: Number(seconds) * 1_000 } : undefined
  },
  show: ({ hardBytes, softBytes, softMillis }) => `${hardBytes} ${softBytes} ${softMillis / 1_000}`
}

const encoder = new TextEncoder()

/** How secrets are kept: SHA-256 in hexadecimal digits, as in Redis's access lists. */
export const hashOf = (secret: string): string => Hex.of(sha256(encoder.encode(secret)))

const hashPattern = /^#[0-9a-f]{64}$/

/** The hash, or empty for none. Given as the secret itself, or as `#` and its hash. */
export const password: Kind<string> = {
  allowed: `a password of at most ${textCharactersMax} characters, or # and its SHA-256 in hexadecimal digits`,
  parse: (given) => {
    if (given === "" || given.length > textCharactersMax) return given === "" ? "" : undefined
    return hashPattern.test(given) ? given.slice(1) : hashOf(given)
  },
  show: (value) => (value === "" ? "" : "<secret>"),
  isSecret: true
}

/** A line of an access list with its passwords hashed: `>secret` becomes `#hash`, and `<secret`, which takes one away, `!hash`. */
const hashedLine = (line: string): string =>
  line
    .split(/\s+/)
    .map((rule) => {
      if (rule.startsWith(">")) return `#${hashOf(rule.slice(1))}`
      return rule.startsWith("<") ? `!${hashOf(rule.slice(1))}` : rule
    })
    .join(" ")

/** Redis's users: a line `name rule rule …` each. The rules themselves are the door's to understand. */
export const users: Kind<ReadonlyArray<string>> = {
  allowed: "lines of a name and Redis's access rules, such as: alice on >password ~app:* +@all",
  parse: (given) => {
    const lines = given.split("\n").map((line) => line.trim())
    return lines.filter((line) => line !== "").map(hashedLine)
  },
  show: (value) => value.map((line) => line.replaceAll(/[#!][0-9a-f]{64}/g, "<secret>")).join("\n"),
  adds: true,
  isSecret: true
}
