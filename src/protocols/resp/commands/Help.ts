/** Help: what `CONTAINER HELP` answers: a heading, the lines of the container's own, and HELP itself. */
import type { Handler } from "../Call.ts"

export const of =
  (container: string, lines: ReadonlyArray<string>): Handler =>
  ({ out }) => {
    const all = [
      `${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
      ...lines,
      "HELP",
      "    Prints this help."
    ]
    out.array(all.length)
    for (const line of all) out.simple(line)
  }
