/**
 * CommandDocs: the documentation of commands as 7.0.15 has it, read once, when it is first asked for: it is a hundred times what a command
 * needs to run. Needs nothing; see `CommandDocsFacts.ts` for the form of its lines.
 */
import { docsFacts } from "./CommandDocsFacts.ts"

export interface Argument {
  readonly n: string
  readonly t: string
  readonly k?: number
  readonly o?: string
  readonly s?: string
  readonly i?: string
  readonly d?: string
  readonly f?: ReadonlyArray<string>
  readonly a?: ReadonlyArray<Argument>
}

export interface Docs {
  readonly summary: string
  readonly since: string
  readonly group: string
  readonly complexity?: string
  readonly doc_flags?: ReadonlyArray<string>
  readonly deprecated_since?: string
  readonly replaced_by?: string
  readonly history?: ReadonlyArray<readonly [version: string, change: string]>
  readonly arguments?: ReadonlyArray<Argument>
}

let lines: ReadonlyMap<string, string> | undefined

/** The documentation of one command, by its whole name. */
export const of = (name: string): Docs | undefined => {
  lines ??= new Map(
    docsFacts
      .trim()
      .split("\n")
      .map((line) => {
        const tab = line.indexOf("\t")
        return [line.slice(0, tab), line.slice(tab + 1)]
      })
  )
  const line = lines.get(name)
  return line === undefined ? undefined : (JSON.parse(line) as Docs)
}
