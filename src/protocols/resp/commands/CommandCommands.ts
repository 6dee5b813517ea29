/** COMMAND and its subcommands: what the server says of its own commands (`CommandTable.ts`, `CommandDocs.ts`). */
import type { Call, Handler } from "../Call.ts"
import * as CommandDocs from "../CommandDocs.ts"
import * as CommandKeys from "../CommandKeys.ts"
import * as CommandTable from "../CommandTable.ts"
import * as Glob from "../Glob.ts"
import * as Refusal from "../Refusal.ts"
import type { Reply } from "../Reply.ts"
import * as Help from "./Help.ts"

const words = (out: Reply, all: ReadonlyArray<string>): void => {
  out.set(all.length)
  for (const word of all) out.simple(word)
}

const numbers = (out: Reply, fields: Readonly<Record<string, number>>): void => {
  const entries = Object.entries(fields)
  out.map(entries.length)
  for (const [name, value] of entries) {
    out.bulk(name)
    out.integer(value)
  }
}

/** `type` and `spec` of one side of a key specification. */
const side = (out: Reply, type: string, spec: () => void): void => {
  out.map(2)
  out.bulk("type")
  out.bulk(type)
  out.bulk("spec")
  spec()
}

const begin = (out: Reply, begins: CommandTable.Begin): void =>
  side(out, begins.kind, () => {
    if (begins.kind === "index") numbers(out, { index: begins.index })
    else if (begins.kind === "unknown") out.map(0)
    else {
      out.map(2)
      out.bulk("keyword")
      out.bulk(begins.keyword)
      out.bulk("startfrom")
      out.integer(begins.from)
    }
  })

const find = (out: Reply, finds: CommandTable.Find): void =>
  side(out, finds.kind, () => {
    if (finds.kind === "unknown") out.map(0)
    else if (finds.kind === "range") numbers(out, { lastkey: finds.last, keystep: finds.step, limit: finds.limit })
    else numbers(out, { keynumidx: finds.at, firstkey: finds.first, keystep: finds.step })
  })

const keySpec = (out: Reply, spec: CommandTable.KeySpec): void => {
  out.map(spec.notes === "" ? 3 : 4)
  if (spec.notes !== "") {
    out.bulk("notes")
    out.bulk(spec.notes)
  }
  out.bulk("flags")
  words(out, spec.flags)
  out.bulk("begin_search")
  begin(out, spec.begin)
  out.bulk("find_keys")
  find(out, spec.find)
}

const info = (out: Reply, command: CommandTable.Command | undefined): void => {
  if (command === undefined) return out.null()
  out.array(10)
  out.bulk(command.name)
  out.integer(command.arity)
  words(out, command.flagNames)
  out.integer(command.firstKey)
  out.integer(command.lastKey)
  out.integer(command.keyStep)
  words(
    out,
    command.categories.map((category) => `@${category}`)
  )
  out.set(command.tips.length)
  for (const tip of command.tips) out.bulk(tip)
  out.set(command.keySpecs.length)
  for (const spec of command.keySpecs) keySpec(out, spec)
  if (command.subcommands.size === 0) return out.set(0)
  out.array(command.subcommands.size)
  for (const subcommand of command.subcommands.values()) info(out, subcommand)
}

const command: Handler = ({ out }) => {
  out.array(CommandTable.commands.size)
  for (const each of CommandTable.commands.values()) info(out, each)
}

const infos: Handler = (call) => {
  const { argv, out } = call
  if (argv.length === 2) return command(call)
  out.array(argv.length - 2)
  for (const name of argv.slice(2)) info(out, CommandTable.named(name))
}

/** Fields of an argument in the order in which Redis tells them. */
const argument = (out: Reply, { a, d, f, i, k, n, o, s, t }: CommandDocs.Argument): void => {
  const texts = { name: n, type: t } as const
  const more = { token: o, summary: s, since: i, deprecated_since: d } as const
  const given = Object.entries(more).filter((entry): entry is [string, string] => entry[1] !== undefined)
  out.map(2 + given.length + [k, f, a].filter((field) => field !== undefined).length)
  for (const [name, value] of Object.entries(texts)) {
    out.bulk(name)
    out.bulk(value)
  }
  if (k !== undefined) {
    out.bulk("key_spec_index")
    out.integer(k)
  }
  for (const [name, value] of given) {
    out.bulk(name)
    out.bulk(value)
  }
  if (f !== undefined) {
    out.bulk("flags")
    words(out, f)
  }
  if (a !== undefined) argumentsOf(out, a)
}

const argumentsOf = (out: Reply, all: ReadonlyArray<CommandDocs.Argument>): void => {
  out.bulk("arguments")
  out.array(all.length)
  for (const each of all) argument(out, each)
}

const history = (out: Reply, changes: NonNullable<CommandDocs.Docs["history"]>): void => {
  out.bulk("history")
  out.set(changes.length)
  for (const [version, change] of changes) {
    out.array(2)
    out.bulk(version)
    out.bulk(change)
  }
}

const texts = ["summary", "since", "group", "complexity"] as const
const ends = ["deprecated_since", "replaced_by"] as const

const docsOf = (out: Reply, { name, subcommands }: CommandTable.Command): void => {
  const docs = CommandDocs.of(name)!
  const first = texts.filter((field) => docs[field] !== undefined)
  const last = ends.filter((field) => docs[field] !== undefined)
  const lists = [docs.doc_flags, docs.history, docs.arguments].filter((field) => field !== undefined)
  out.bulk(name)
  out.map(first.length + last.length + lists.length + (subcommands.size === 0 ? 0 : 1))
  for (const field of first) {
    out.bulk(field)
    out.bulk(docs[field]!)
  }
  if (docs.doc_flags !== undefined) {
    out.bulk("doc_flags")
    words(out, docs.doc_flags)
  }
  for (const field of last) {
    out.bulk(field)
    out.bulk(docs[field]!)
  }
  if (docs.history !== undefined) history(out, docs.history)
  if (docs.arguments !== undefined) argumentsOf(out, docs.arguments)
  if (subcommands.size === 0) return
  out.bulk("subcommands")
  out.map(subcommands.size)
  for (const subcommand of subcommands.values()) docsOf(out, subcommand)
}

const docs: Handler = ({ argv, out }) => {
  const wanted =
    argv.length === 2
      ? [...CommandTable.commands.values()]
      : argv.slice(2).flatMap((name) => CommandTable.named(name) ?? [])
  out.map(wanted.length)
  for (const each of wanted) docsOf(out, each)
}

/** The command that stands among the arguments, and its keys. */
const usesOf = ({ argv }: Call): readonly [ReadonlyArray<string>, ReadonlyArray<CommandKeys.KeyUse>] => {
  const asked = argv.slice(2)
  const found = CommandTable.asked(asked)
  if (found === undefined) throw new Refusal.Refusal("ERR Invalid command specified")
  if (!CommandKeys.hasKeys(found)) throw new Refusal.Refusal("ERR The command has no key arguments")
  if (!CommandTable.fits(found, asked.length)) {
    throw new Refusal.Refusal("ERR Invalid number of arguments specified for command")
  }
  const uses = CommandKeys.uses(found, asked)
  if (uses.length === 0 && (found.flags & CommandTable.Flag.no_mandatory_keys) === 0) {
    throw new Refusal.Refusal("ERR Invalid arguments specified for command")
  }
  return [asked, uses]
}

const getKeys: Handler = (call) => {
  const [asked, uses] = usesOf(call)
  call.out.array(uses.length)
  for (const { at } of uses) call.out.bulk(asked[at])
}

const getKeysAndFlags: Handler = (call) => {
  const [asked, uses] = usesOf(call)
  call.out.array(uses.length)
  for (const { at, flags } of uses) {
    call.out.array(2)
    call.out.bulk(asked[at])
    words(call.out, flags)
  }
}

/** What COMMAND LIST keeps. */
const filterOf = (call: Call): ((each: CommandTable.Command) => boolean) => {
  const { argv } = call
  if (argv.length === 2) return () => true
  if (argv.length !== 5 || !call.is(2, "filterby")) throw Refusal.syntax
  if (call.is(3, "module")) return () => false
  const wanted = argv[4]
  if (call.is(3, "aclcat")) return ({ categories }) => categories.includes(wanted.toLowerCase())
  if (call.is(3, "pattern")) return ({ name }) => Glob.matchesAnyCase(wanted, name)
  throw Refusal.syntax
}

const list: Handler = (call) => {
  const keeps = filterOf(call)
  const names: Array<string> = []
  for (const each of CommandTable.commands.values()) {
    if (keeps(each)) names.push(each.name)
    for (const subcommand of each.subcommands.values()) if (keeps(subcommand)) names.push(subcommand.name)
  }
  call.out.array(names.length)
  for (const name of names) call.out.bulk(name)
}

const help = Help.of("COMMAND", [
  "(no subcommand)",
  "    Return details about all Redis commands.",
  "COUNT",
  "    Return the total number of commands in this Redis server.",
  "LIST",
  "    Return a list of all commands in this Redis server.",
  "INFO [<command-name> ...]",
  "    Return details about multiple Redis commands.",
  "    If no command names are given, documentation details for all",
  "    commands are returned.",
  "DOCS [<command-name> ...]",
  "    Return documentation details about multiple Redis commands.",
  "    If no command names are given, documentation details for all",
  "    commands are returned.",
  "GETKEYS <full-command>",
  "    Return the keys from a full Redis command.",
  "GETKEYSANDFLAGS <full-command>",
  "    Return the keys and the access flags from a full Redis command."
])

export const handlers: Readonly<Record<string, Handler>> = {
  command,
  "command|count": ({ out }) => out.integer(CommandTable.commands.size),
  "command|docs": docs,
  "command|getkeys": getKeys,
  "command|getkeysandflags": getKeysAndFlags,
  "command|help": help,
  "command|info": infos,
  "command|list": list
}
