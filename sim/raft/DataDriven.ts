/**
 * DataDriven: tests as text, in the form of the Go package of that name: a command line with arguments, lines of input, `----`, and
 * what the command printed. A file is read, run, and written again with the output filled in; comments and blank lines stay.
 */

export interface Argument {
  readonly key: string
  readonly values: ReadonlyArray<string>
}

export interface Command {
  readonly name: string
  readonly arguments: ReadonlyArray<Argument>
  readonly input: string
  /** The number of its first line, from 1. */
  readonly line: number
}

/** A part of a file: lines that are kept as they are, or a command with what it printed. */
export type Part =
  | { readonly type: "text"; readonly lines: ReadonlyArray<string> }
  | {
      readonly type: "command"
      readonly lines: ReadonlyArray<string>
      readonly command: Command
      readonly output: string
    }

export class Malformed extends Error {}

const separator = "----"

/** Cuts `key`, `key=value` and `key=(value, value)`. */
export const parseLine = (line: string, number: number): Pick<Command, "name" | "arguments"> => {
  const words: Array<Argument> = []
  const pattern = /\s*([^\s=()]+)(?:=(\([^)]*\)|[^\s()]*))?/y
  let at = 0
  while (at < line.length && line.slice(at).trim() !== "") {
    pattern.lastIndex = at
    const found = pattern.exec(line)
    if (found === null) throw new Malformed(`line ${number}: cannot read "${line.slice(at).trim()}" as an argument`)
    at = pattern.lastIndex
    const [, key, value] = found
    const inner = value?.startsWith("(") === true ? value.slice(1, -1) : value
    const values = inner === undefined ? [] : inner.split(",").map((text) => text.trim())
    words.push({ key, values: inner === "" ? [] : values })
  }
  if (words.length === 0) throw new Malformed(`line ${number}: a command is expected`)
  return { name: words[0].key, arguments: words.slice(1) }
}

/** Reads a file's parts. */
export const parse = (text: string): ReadonlyArray<Part> => {
  const lines = text.split("\n")
  if (lines.at(-1) === "") lines.pop()
  const parts: Array<Part> = []
  let at = 0
  while (at < lines.length) {
    const first = lines[at]
    if (first.trim() === "" || first.startsWith("#")) {
      parts.push({ type: "text", lines: [first] })
      at++
      continue
    }
    const start = at
    while (at < lines.length && lines[at] !== separator) at++
    if (at === lines.length) throw new Malformed(`line ${start + 1}: "${first}" has no line "${separator}" behind it`)
    const head = lines.slice(start, at)
    at++
    const isDouble = lines[at] === separator
    if (isDouble) at++
    const from = at
    while (
      at < lines.length &&
      (isDouble ? !(lines[at] === separator && lines[at + 1] === separator) : lines[at] !== "")
    )
      at++
    const output = lines.slice(from, at).join("\n")
    if (isDouble) at += 2
    parts.push({
      type: "command",
      lines: head,
      command: { ...parseLine(first, start + 1), input: head.slice(1).join("\n"), line: start + 1 },
      output
    })
  }
  return parts
}

/** Writes the parts again, each command with what `run` prints for it. */
export const fill = (parts: ReadonlyArray<Part>, run: (command: Command) => string): string =>
  parts
    .map((part) => {
      if (part.type === "text") return part.lines.join("\n")
      const output = run(part.command).replace(/\n$/, "")
      const body =
        /^$|\n\n/m.test(output) && output.includes("\n\n")
          ? `${separator}\n${separator}\n${output}\n${separator}\n${separator}`
          : `${separator}\n${output}`
      return `${part.lines.join("\n")}\n${body}`
    })
    .join("\n") + "\n"
