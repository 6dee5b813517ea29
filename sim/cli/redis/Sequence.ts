/**
 * Sequence: commands that one client sends, one after the other, to an empty server; written as text that redis-cli takes, one a line.
 */
import * as fc from "fast-check"
import { commandOf, type Argv } from "./Grammar.ts"
import * as Families from "./Families.ts"
import * as Reply from "./Reply.ts"

export interface Sequence {
  readonly protocol: 2 | 3
  readonly commands: ReadonlyArray<Argv>
}

/** A client's answers to a sequence, in order; fewer than commands: the connection ended. */
export type Answers = ReadonlyArray<Reply.Reply>

/** Where sequences are run. */
export type Run = (sequence: Sequence) => Promise<Answers>

export const names: ReadonlyArray<string> = [...Object.keys(Families.families), "mixed"]

/** The templates that sequences begin with, and all. */
const templatesOf = (family: string): readonly [setup: ReadonlyArray<string>, all: ReadonlyArray<string>] => {
  const text = family === "mixed" ? Families.mixed : Families.families[family]
  const lines = text.trim().split("\n")
  const bare = (line: string): string => line.replace(/^\+ /, "")
  const setup = lines.filter((line) => line.startsWith("+ "))
  return [(setup.length === 0 ? lines : setup).map(bare), lines.map(bare)]
}

const setupMax = 8

/** At the end: whether both have the same data. */
const digest = ["DEBUG", "DIGEST"]

export const sequenceOf = (family: string, lengthMax: number): fc.Arbitrary<Sequence> => {
  const [setup, all] = templatesOf(family).map(commandOf)
  return fc
    .record({
      protocol: fc.constantFrom<2 | 3>(2, 3),
      before: fc.array(setup, { maxLength: setupMax, size: "max" }),
      after: fc.array(all, { minLength: 1, maxLength: lengthMax, size: "max" })
    })
    .map(({ after, before, protocol }) => ({ protocol, commands: [...before, ...after, digest] }))
}

/** An argument as it may be pasted into redis-cli. */
const word = (argument: string): string =>
  /^[\w\-+.:*$#=~>(,/?@!|{}^&%]+$/.test(argument) ? argument : Reply.quote(argument)

export const print = (argv: Argv): string => argv.map(word).join(" ")

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\x07" }

const unquote = (text: string): string =>
  text.replace(/\\(x([0-9a-f]{2})|.)/g, (_, char: string, code: string | undefined) =>
    code === undefined ? (escapes[char] ?? char) : String.fromCharCode(parseInt(code, 16))
  )

/** Reads what `print` has written. */
export const parse = (line: string): Argv =>
  [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, bare]) =>
    quoted === undefined ? bare : unquote(quoted)
  )
