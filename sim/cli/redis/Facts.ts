/**
 * Facts: asks a redis-server what its commands are (COMMAND, COMMAND DOCS) and writes the answers as the two files of lines that
 * `CommandTable.ts` and `CommandDocs.ts` read. Their formats stand in the headers that this writes.
 */
import { writeFileSync } from "node:fs"
import type { Connection } from "./Connection.ts"
import * as Reply from "./Reply.ts"

type Fields = Readonly<Record<string, unknown>>

const list = (value: unknown): ReadonlyArray<string> => (value as ReadonlyArray<string> | undefined) ?? []

const number = (value: unknown): number => Number(value)

const beginOf = ({ type, spec }: { readonly type: string; readonly spec: Fields }): string =>
  type === "index"
    ? `i${number(spec.index)}`
    : type === "keyword"
      ? `k${String(spec.keyword)},${number(spec.startfrom)}`
      : "?"

const findOf = ({ type, spec }: { readonly type: string; readonly spec: Fields }): string =>
  type === "range"
    ? `r${number(spec.lastkey)},${number(spec.keystep)},${number(spec.limit)}`
    : type === "keynum"
      ? `n${number(spec.keynumidx)},${number(spec.firstkey)},${number(spec.keystep)}`
      : "?"

const keySpec = (spec: Fields): string =>
  [
    list(spec.flags).join(","),
    beginOf(spec.begin_search as never),
    findOf(spec.find_keys as never),
    (spec.notes as string | undefined) ?? ""
  ].join("/")

/** One command, its name behind its container's. */
const factsOf = (info: ReadonlyArray<unknown>): ReadonlyArray<string> => {
  const [name, arity, flags, first, last, step, categories, tips, specs, subcommands] = info
  const line = [
    name,
    arity,
    list(flags).join(","),
    [first, last, step].join(","),
    list(categories)
      .map((category) => category.slice(1))
      .join(","),
    list(tips).join(","),
    (specs as ReadonlyArray<Fields>).map(keySpec).join(";")
  ].join("\t")
  const subs = (subcommands as ReadonlyArray<ReadonlyArray<unknown>>).flatMap(factsOf)
  return [line, ...[...subs].sort()]
}

const argumentKeys: Readonly<Record<string, string>> = {
  name: "n",
  type: "t",
  key_spec_index: "k",
  token: "o",
  summary: "s",
  since: "i",
  deprecated_since: "d",
  flags: "f",
  arguments: "a"
}

/** An argument with names of one letter. */
const argumentOf = (argument: Fields): Fields =>
  Object.fromEntries(
    Object.entries(argument).map(([key, value]) => [
      argumentKeys[key],
      key === "arguments" ? (value as ReadonlyArray<Fields>).map(argumentOf) : value
    ])
  )

const docsOf = (name: string, docs: Fields): ReadonlyArray<string> => {
  const { arguments: args, subcommands, ...rest } = docs
  const fields = {
    ...rest,
    ...(args === undefined ? {} : { arguments: (args as ReadonlyArray<Fields>).map(argumentOf) })
  }
  const subs = Object.entries((subcommands ?? {}) as Record<string, Fields>).flatMap(([sub, each]) => docsOf(sub, each))
  return [`${name}\t${JSON.stringify(fields)}`, ...[...subs].sort()]
}

const escape = (line: string): string => line.replace(/[\\`]|\$\{/g, (found) => `\\${found}`)

const write = (file: string, name: string, header: ReadonlyArray<string>, lines: ReadonlyArray<string>): void => {
  const comment = header.map((line) => ` * ${line}\n`).join("")
  writeFileSync(file, `/**\n${comment} */\nexport const ${name} = \`\n${lines.map(escape).join("\n")}\n\`\n`)
}

/** Writes both files from what the server says; returns how many commands there are, with subcommands. */
export const generate = async (connection: Connection, folder: string): Promise<number> => {
  await connection.one("HELLO", "3")
  const infos = Reply.plain(await connection.one("COMMAND")) as ReadonlyArray<ReadonlyArray<unknown>>
  const docs = Reply.plain(await connection.one("COMMAND", "DOCS")) as Record<string, Fields>
  const byName = [...infos].sort((left, right) => (String(left[0]) < String(right[0]) ? -1 : 1))
  const lines = byName.flatMap(factsOf)
  write(
    `${folder}/CommandFacts.ts`,
    "facts",
    [
      "CommandFacts: what 7.0.15 answers to COMMAND, a command a line, subcommands behind their container; written by",
      "`npm run redis -- facts`, not by hand. Fields between tabs: name, arity, flags, first key and last and step, ACL categories, tips,",
      "key specifications between semicolons as flags/begin/find/notes: begin is i(index) or k(keyword),(from) or ?; find is",
      "r(last),(step),(limit) or n(where the number is),(first),(step) or ?."
    ],
    lines
  )
  write(
    `${folder}/CommandDocsFacts.ts`,
    "docsFacts",
    [
      "CommandDocsFacts: what 7.0.15 answers to COMMAND DOCS, a command a line, subcommands behind their container; written by",
      "`npm run redis -- facts`, not by hand. Name, tab, JSON; in arguments n name, t type, k key_spec_index, o token, s summary, i since,",
      "d deprecated_since, f flags, a arguments."
    ],
    Object.entries(docs)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .flatMap(([name, each]) => docsOf(name, each))
  )
  return lines.length
}
