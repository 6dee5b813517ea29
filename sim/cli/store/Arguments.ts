/** The arguments of `npm run store`, read by Node.js itself, and what is wrong with them. */
import { parseArgs } from "node:util"
import type * as Engine from "#storage/Engine.ts"
import * as Suggest from "../Suggest.ts"
import * as Escape from "./Escape.ts"

export const help = `Look into the files of a store: verify them, print what they hold, compact them.

USAGE
  npm run store -- verify PATH [--log DIR] [--stream N] [--json]
  npm run store -- dump PATH [--from KEY] [--to KEY] [--limit N] [--hex] [--log DIR] [--stream N] [--json]
  npm run store -- dump --format PATH [--entries] [--limit N] [--hex] [--json]
  npm run store -- stats PATH [--log DIR] [--stream N] [--json]
  npm run store -- compact PATH [--log DIR] [--stream N] [--json]

COMMANDS
  verify    Read every byte that means something and compare it with its checksum, and parts with each other
  dump      Print entries, key and value with a tab between them; of a log, the records with their operations
  stats     Print what a store knows of itself
  compact   Write the files of an engine anew, as small as their entries allow

  PATH is the directory of an engine (memory, lsm, btree) or of a log; verify and stats take a directory above as
  well, and do all stores in it. Only compact changes anything: opening repairs what a crash has left, and the others
  let it do so in memory. No node may be running on a store that is compacted; on one that is only looked at, what
  changes meanwhile may look damaged.

FLAGS
  --log DIR     The log of the store, with what is not in the store's own files yet. Without it, that is left out
                (compact leaves it where it is)
  --stream N    The store's number in the log; default: the only one that is there
  --from KEY    First key
  --to KEY      Key before which to end
  --limit N     Entries, or units of a file, at most
  --format      Print what the file PATH, or each file of the directory PATH, is made of: headers, blocks, records, pages
  --entries     With --format: also what is in them
  --hex         Print and read keys and values as digits. Default: as text, with \\xNN for what is not printable ASCII
  --json        One JSON object a store, entry or unit on a line
  --help        Print this

EXIT CODES
  0 clean, 1 rot was found, 2 a mistake on the command line or no store, 3 the disk failed, or the tool itself

EXAMPLES
  npm run store -- verify data
  npm run store -- dump data/table --from user: --to 'user;' --limit 10
  npm run store -- dump --format data/table/00000007.table
  npm run store -- stats data/table --log data/log --json
  npm run store -- compact data/table --log data/log
`

/** What is wrong with the arguments, as a sentence. */
export class Mistake extends Error {
  readonly _tag = "Mistake"
}

const commands = ["verify", "dump", "stats", "compact"] as const
export type CommandName = (typeof commands)[number]

export interface Arguments {
  readonly command: CommandName
  readonly path: string
  readonly log: string | undefined
  readonly stream: number | undefined
  readonly bounds: Engine.Bounds
  readonly limit: number
  readonly format: boolean
  readonly entries: boolean
  readonly hex: boolean
  readonly json: boolean
}

const options = {
  log: { type: "string" },
  stream: { type: "string" },
  from: { type: "string" },
  to: { type: "string" },
  limit: { type: "string" },
  format: { type: "boolean", default: false },
  entries: { type: "boolean", default: false },
  hex: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  help: { type: "boolean", default: false }
} as const

type Flag = keyof typeof options

/** Flags that only some commands have. */
const belongs: Readonly<Partial<Record<Flag, ReadonlyArray<CommandName>>>> = {
  from: ["dump"],
  to: ["dump"],
  limit: ["dump"],
  format: ["dump"],
  entries: ["dump"],
  hex: ["dump"]
}

const parse = (args: ReadonlyArray<string>) => {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options })
  } catch (error) {
    throw new Mistake(error instanceof Error ? error.message : String(error))
  }
}

const natural = (flag: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new Mistake(`--${flag} ${text}: must be a whole number, 0 or above.`)
  return Number(text)
}

const key = (flag: string, text: string | undefined, style: Escape.Style): Uint8Array | undefined => {
  if (text === undefined) return undefined
  const bytes = Escape.bytesOf(text, style)
  if (bytes !== undefined) return bytes
  throw new Mistake(
    style.hex
      ? `--${flag} ${text}: with --hex, a key is an even number of hexadecimal digits.`
      : `--${flag} ${text}: behind a backslash comes another one, or x and two hexadecimal digits.`
  )
}

/** The arguments; `undefined` when only help is asked for. Throws `Mistake`. */
export const read = (args: ReadonlyArray<string>): Arguments | undefined => {
  const { positionals, values } = parse(args)
  if (values.help) return undefined
  const [name, path, ...rest] = positionals
  const command = commands.find((each) => each === name)
  if (name === undefined) throw new Mistake(`What is to be done? One of ${commands.join(", ")}.`)
  if (command === undefined) throw new Mistake(`There is no command ${name}.${Suggest.sentence(name, commands)}`)
  if (path === undefined) throw new Mistake(`Which store? npm run store -- ${command} PATH`)
  if (rest.length > 0) throw new Mistake(`One store at a time: ${path}, or ${rest[0]}?`)
  for (const [flag, owners] of Object.entries(belongs)) {
    const isGiven = values[flag as Flag] !== undefined && values[flag as Flag] !== false
    if (isGiven && !owners.includes(command)) throw new Mistake(`--${flag} goes with ${owners.join(", ")} only.`)
  }
  const { entries, format, hex, json, log } = values
  if (entries && !format) throw new Mistake("--entries goes with --format; without it, dump prints entries anyway.")
  if (format && (values.from ?? values.to) !== undefined) throw new Mistake("--format goes by files, not by keys.")
  if (values.stream !== undefined && log === undefined && command !== "dump") {
    throw new Mistake("--stream is a number in a log: name it by --log.")
  }
  const from = key("from", values.from, { hex })
  const to = key("to", values.to, { hex })
  return {
    command,
    path,
    log,
    stream: natural("stream", values.stream),
    bounds: { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) },
    limit: natural("limit", values.limit) ?? Infinity,
    format,
    entries,
    hex,
    json
  }
}
