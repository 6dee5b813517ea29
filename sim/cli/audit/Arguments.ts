/** The arguments of `npm run audit`, read by Node.js itself, and what is wrong with them. */
import { parseArgs } from "node:util"
import * as fs from "node:fs"
import * as AuditChain from "#keyspace/audit/AuditChain.ts"
import type { Head } from "#keyspace/audit/AuditChain.ts"
import { Mistake } from "./Mistake.ts"
import * as Suggest from "../Suggest.ts"

export const help = `Verify an audit trail, and give it to SQLite.

USAGE
  npm run audit -- verify PATH [--head HEAD]... [--heads FILE] [--json]
  npm run audit -- export PATH [--output FILE] [--head HEAD]... [--heads FILE] [--json]
  npm run audit -- verify --data DIRECTORY ...
  npm run audit -- export --data DIRECTORY --output FILE ...

COMMANDS
  verify    Recompute every hash: entries that were changed, left out, moved, repeated or cut off, with their numbers
  export    Verify, and write all entries whose own hash is right to a new SQLite database, with what was found

  PATH is a file of entries, as docs/formats.md has it; DIRECTORY is where a node that is stopped has its data. Entries of
  one range are a chain, numbered from 1 on, each with the hash of the one before. A node has the chains of the ranges
  that it has replicas of, as far as they had come when it stopped.

  Whoever can write the file can leave the last entries out, or hash all of them anew from one on: only a HEAD that was
  kept elsewhere tells. verify prints the head of each chain; keep that, and name it the next time.

FLAGS
  --head HEAD     CHAIN:SEQUENCE:HASH, an entry that was there; may be repeated
  --heads FILE    A file with heads in it, for instance what verify has printed
  --data DIR      The data directory of a node, which is not running
  --output FILE   The database; default: PATH.sqlite. It must not be there yet
  --json          One JSON object
  --help          Print this

EXIT CODES
  0 sound, 1 something was found, 2 a mistake on the command line or no trail, 3 the disk failed, or the tool itself

EXAMPLES
  npm run audit -- verify trail.audit
  npm run audit -- verify trail.audit > heads.txt        # and later:
  npm run audit -- verify trail.audit --heads heads.txt
  npm run audit -- export trail.audit --output trail.sqlite
  npm run audit -- verify --data orbit-data
  sqlite3 trail.sqlite "SELECT at, actor, outcome FROM entries WHERE subject = 'transfer 17' ORDER BY at_micros"
`

const commands = ["verify", "export"] as const

export interface Arguments {
  readonly command: (typeof commands)[number]
  readonly path: string
  /** It is a node's data directory, not a file. */
  readonly isData: boolean
  readonly output: string
  /** Heads that were kept elsewhere. */
  readonly known: ReadonlyArray<Head>
  readonly json: boolean
}

const parse = (args: ReadonlyArray<string>) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        data: { type: "string" },
        head: { type: "string", multiple: true, default: [] },
        heads: { type: "string" },
        output: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false }
      }
    })
  } catch (error) {
    throw new Mistake(error instanceof Error ? error.message : String(error))
  }
}

const headOf = (text: string): Head => {
  const [head, ...more] = AuditChain.allIn(text)
  if (head !== undefined && more.length === 0 && AuditChain.textOf(head) === text) return head
  throw new Mistake(`--head ${text}: must be CHAIN:SEQUENCE:HASH, the hash with 64 hexadecimal digits.`)
}

const headsIn = (file: string): ReadonlyArray<Head> => {
  let heads: ReadonlyArray<Head>
  try {
    heads = AuditChain.allIn(fs.readFileSync(file, "utf8"))
  } catch (error) {
    throw new Mistake(`--heads ${file}: ${(error as Error).message}`)
  }
  if (heads.length === 0) throw new Mistake(`--heads ${file}: there is no head in it.`)
  return heads
}

/** The arguments; `undefined` when only help is asked for. Throws `Mistake`. */
export const read = (args: ReadonlyArray<string>): Arguments | undefined => {
  const { positionals, values } = parse(args)
  if (values.help) return undefined
  const [name, file, ...rest] = positionals
  const { data } = values
  const command = commands.find((each) => each === name)
  if (name === undefined) throw new Mistake(`What is to be done? One of ${commands.join(", ")}.`)
  if (command === undefined) throw new Mistake(`There is no command ${name}.${Suggest.sentence(name, commands)}`)
  const path = data ?? file
  if (path === undefined) throw new Mistake(`Which trail? npm run audit -- ${command} PATH`)
  const other = data === undefined ? rest[0] : file
  if (other !== undefined) throw new Mistake(`One trail at a time: ${path}, or ${other}?`)
  if (values.output !== undefined && command !== "export") throw new Mistake("--output goes with export only.")
  const known = [...values.head.map(headOf), ...(values.heads === undefined ? [] : headsIn(values.heads))]
  const output = values.output ?? `${path.replace(/\/+$/, "")}.sqlite`
  return { command, path, isData: data !== undefined, output, known, json: values.json }
}
