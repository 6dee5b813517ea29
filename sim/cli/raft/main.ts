/**
 * `npm run raft -- transcript FILE...`: runs files of commands on the Raft core and prints them with what it did. Exit code 0;
 * with `--check` 1 when the files say something else, 2 when one cannot be read.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { Malformed } from "#sim/raft/DataDriven.ts"
import * as Transcript from "#sim/raft/Transcript.ts"

const help = `Drive the Raft core by text.

USAGE
  npm run raft -- transcript [--check | --write] FILE...

Runs the commands of each file (add-nodes, campaign, propose, deliver-msgs,
process-ready, stabilize and so on: the words of etcd's interaction tests) and
prints it with what the core did: what it sends, appends, commits, configures.

FLAGS
  --check   Print nothing; exit 1 when what a file says differs
  --write   Write the files again instead of printing them
  --help    This text

EXAMPLES
  npm run raft -- transcript sim/raft/testdata/election.txt
  npm run raft -- transcript --check sim/raft/testdata/*.txt`

class Usage extends Error {}

const read = (file: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch (error) {
    throw new Usage(`${file}: ${(error as Error).message}`)
  }
}

/** Time-outs are the shortest: a transcript ticks as often as it says. */
const shortest = (): number => 0

const transcript = (files: ReadonlyArray<string>, how: "print" | "check" | "write"): number => {
  let code = 0
  for (const file of files) {
    const before = read(file)
    let after: string
    try {
      after = Transcript.run(before, shortest)
    } catch (error) {
      if (error instanceof Malformed) throw new Usage(`${file}: ${error.message}`)
      throw error
    }
    if (how === "print") process.stdout.write(after)
    else if (how === "write") writeFileSync(file, after)
    else if (after !== before) {
      process.stderr.write(`${file}: the core does something else; see it with: npm run raft -- transcript ${file}\n`)
      code = 1
    }
  }
  return code
}

const main = (given: ReadonlyArray<string>): number => {
  const flag = { type: "boolean", default: false } as const
  const { positionals, values } = parseArgs({
    args: [...given],
    allowPositionals: true,
    options: { check: flag, write: flag, help: flag }
  })
  if (values.help) {
    process.stdout.write(`${help}\n`)
    return 0
  }
  const [command, ...files] = positionals
  if (command !== "transcript") throw new Usage(`there is no command ${command ?? ""}; there is: transcript`)
  if (files.length === 0) throw new Usage("name a file")
  return transcript(files, values.check ? "check" : values.write ? "write" : "print")
}

try {
  process.exitCode = main(process.argv.slice(2))
} catch (error) {
  const isUsage =
    error instanceof Usage || (error as { readonly code?: string }).code?.startsWith("ERR_PARSE_ARGS") === true
  process.stderr.write(isUsage ? `${(error as Error).message}\n\n${help}\n` : `${(error as Error).stack}\n`)
  process.exitCode = isUsage ? 2 : 3
}
