/**
 * Script: what is done to an engine, one line an operation, as text that a test can keep. Keys and values are words (`Token.ts`).
 *
 * | line                                    | does                                                                     |
 * | --------------------------------------- | ------------------------------------------------------------------------ |
 * | `write synced put a 1 ; delete b ; range a c` | one batch; `buffered` instead of `synced`; `write! ...` does not wait for it |
 * | `get a @1`, `fetch a`                   | reads, of snapshot 1 or of now                                           |
 * | `scan a c back @1`                      | reads all in the bounds; `-` is no bound                                 |
 * | `snapshot 1`, `release 1`               | takes and releases one                                                   |
 * | `cursor 1 a c back @1`, `next 1 5`, `close 1` | opens a cursor, takes up to 5 steps, closes it                     |
 * | `sync`, `flush`, `compact` (and `sync!` …) | the engine's own                                                      |
 * | `verify`                                | reads all of its files; nothing may be found                             |
 * | `ingest a 1 ; b 2`                      | puts all at once                                                         |
 * | `checkpoint`                            | makes one, opens it and looks at it                                      |
 * | `reopen 3`                              | closes the engine and opens it with the options 3 further on             |
 * | `crash some 3`                          | power loss that keeps `nothing`, `some` or `everything` of what is not durable, or of the `process` alone |
 * | `kill 7 some`                           | the same inside the 7th disk call from here                              |
 * | `full`, `room`                          | the disk is full; there is room again                                    |
 * | `wait 200`                              | lets microseconds pass                                                   |
 *
 * What speaks of a snapshot or cursor that is not there does nothing, so that lines may be left out.
 */

export type Kept = "nothing" | "some" | "everything" | "process"

export interface Bounded {
  readonly from?: string
  readonly to?: string
  readonly back: boolean
  readonly at?: number
}

/** A change of one batch, its keys and values as words. */
export type WordChange =
  | { readonly type: "put"; readonly key: string; readonly value: string }
  | { readonly type: "delete"; readonly key: string }
  | { readonly type: "range"; readonly from: string; readonly to: string }

export type Operation =
  | {
      readonly type: "write"
      readonly durability: "synced" | "buffered"
      readonly waits: boolean
      readonly changes: ReadonlyArray<WordChange>
    }
  | { readonly type: "get"; readonly key: string; readonly at?: number }
  | { readonly type: "fetch"; readonly key: string; readonly at?: number }
  | ({ readonly type: "scan" } & Bounded)
  | { readonly type: "snapshot"; readonly name: number }
  | { readonly type: "release"; readonly name: number }
  | { readonly type: "close"; readonly name: number }
  | ({ readonly type: "cursor"; readonly name: number } & Bounded)
  | { readonly type: "next"; readonly name: number; readonly count: number }
  | { readonly type: "sync"; readonly waits: boolean }
  | { readonly type: "flush"; readonly waits: boolean }
  | { readonly type: "compact"; readonly waits: boolean }
  | { readonly type: "verify" }
  | { readonly type: "checkpoint" }
  | { readonly type: "full" }
  | { readonly type: "room" }
  | { readonly type: "ingest"; readonly entries: ReadonlyArray<readonly [key: string, value: string]> }
  | { readonly type: "reopen"; readonly options: number }
  | { readonly type: "crash"; readonly kept: Kept; readonly options: number }
  | { readonly type: "kill"; readonly call: number; readonly kept: Kept }
  | { readonly type: "wait"; readonly micros: number }

export type Script = ReadonlyArray<Operation>

const boundedText = ({ at, back, from = "-", to = "-" }: Bounded): string =>
  `${from} ${to}${back ? " back" : ""}${at === undefined ? "" : ` @${at}`}`

const changeText = (change: WordChange): string =>
  change.type === "put"
    ? `put ${change.key} ${change.value}`
    : change.type === "delete"
      ? `delete ${change.key}`
      : `range ${change.from} ${change.to}`

export const line = (operation: Operation): string => {
  switch (operation.type) {
    case "write":
      return `write${operation.waits ? "" : "!"} ${operation.durability} ${operation.changes.map(changeText).join(" ; ")}`.trimEnd()
    case "get":
    case "fetch":
      return `${operation.type} ${operation.key}${operation.at === undefined ? "" : ` @${operation.at}`}`
    case "scan":
      return `scan ${boundedText(operation)}`
    case "snapshot":
    case "release":
    case "close":
      return `${operation.type} ${operation.name}`
    case "cursor":
      return `cursor ${operation.name} ${boundedText(operation)}`
    case "next":
      return `next ${operation.name} ${operation.count}`
    case "sync":
    case "flush":
    case "compact":
      return `${operation.type}${operation.waits ? "" : "!"}`
    case "ingest":
      return `ingest ${operation.entries.map(([key, value]) => `${key} ${value}`).join(" ; ")}`.trimEnd()
    case "reopen":
      return `reopen ${operation.options}`
    case "crash":
      return `crash ${operation.kept} ${operation.options}`
    case "kill":
      return `kill ${operation.call} ${operation.kept}`
    case "wait":
      return `wait ${operation.micros}`
    default:
      return operation.type
  }
}

export const text = (script: Script): string => script.map((operation) => `${line(operation)}\n`).join("")

const boundedOf = (words: ReadonlyArray<string>): Bounded => {
  const [from, to, ...rest] = words
  const at = rest.find((word) => word.startsWith("@"))
  return {
    ...(from === "-" ? {} : { from }),
    ...(to === "-" ? {} : { to }),
    back: rest.includes("back"),
    ...(at === undefined ? {} : { at: Number(at.slice(1)) })
  }
}

const changeOf = ([type, first, second]: ReadonlyArray<string>): WordChange => {
  switch (type) {
    case "put":
      return { type, key: first, value: second }
    case "delete":
      return { type, key: first }
    case "range":
      return { type, from: first, to: second }
    default:
      throw new Error(`${type} is no change: put, delete or range`)
  }
}

/** Lists between semicolons, each as its words. */
const listOf = (words: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  words.length === 0
    ? []
    : words
        .join(" ")
        .split(" ; ")
        .map((part) => part.split(" "))

const operationOf = (words: ReadonlyArray<string>): Operation => {
  const [verb, ...rest] = words
  const waits = !verb.endsWith("!")
  const type = waits ? verb : verb.slice(0, -1)
  switch (type) {
    case "write":
      return { type, waits, durability: rest[0] as "synced", changes: listOf(rest.slice(1)).map(changeOf) }
    case "get":
    case "fetch":
      return { type, key: rest[0], ...(rest.length > 1 && { at: Number(rest[1].slice(1)) }) }
    case "scan":
      return { type, ...boundedOf(rest) }
    case "snapshot":
    case "release":
    case "close":
      return { type, name: Number(rest[0]) }
    case "cursor":
      return { type, name: Number(rest[0]), ...boundedOf(rest.slice(1)) }
    case "next":
      return { type, name: Number(rest[0]), count: Number(rest[1]) }
    case "sync":
    case "flush":
    case "compact":
      return { type, waits }
    case "verify":
    case "checkpoint":
    case "full":
    case "room":
      return { type }
    case "ingest":
      return { type, entries: listOf(rest).map(([key, value]) => [key, value]) }
    case "reopen":
      return { type, options: Number(rest[0]) }
    case "crash":
      return { type, kept: rest[0] as Kept, options: Number(rest[1]) }
    case "kill":
      return { type, call: Number(rest[0]), kept: rest[1] as Kept }
    case "wait":
      return { type, micros: Number(rest[0]) }
    default:
      throw new Error(`${type} is no operation`)
  }
}

/** Reads what `text` wrote; empty lines and lines that begin with `#` say nothing. */
export const parse = (source: string): Script =>
  source
    .split("\n")
    .map((one) => one.trim())
    .filter((one) => one !== "" && !one.startsWith("#"))
    .map((one) => operationOf(one.split(" ")))
