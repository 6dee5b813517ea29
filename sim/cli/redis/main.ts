/**
 * `npm run redis -- differ|record|facts`: asks a real redis-server, and Orbit beside it. Exit code 0; 1 when replies differ; 2 when the question
 * is wrong or no redis-server is there.
 */
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Command from "./Command.ts"
import { Lost } from "./Connection.ts"
import { Absent } from "./RealRedis.ts"
import { names } from "./Sequence.ts"

const help = `Ask a real redis-server 7.0, and Orbit beside it.

USAGE
  npm run redis -- differ [FLAGS]
  npm run redis -- record [FLAGS]
  npm run redis -- facts [FLAGS]

  differ   Send the same generated commands to both, compare every reply, and
           print the fewest commands that show a difference, a family
  record   Write what the real server answers to generated commands as the
           transcripts that the tests compare Orbit with
  facts    Write the table of commands that Orbit has as data

FLAGS
  --against ADDRESS    For differ: the server that is judged, host:port or socket;
                       default: Orbit's commands in this process, without sockets
  --reference ADDRESS  The real server; default: a redis-server that is started
                       here, on a socket of its own, and ended
  --families A,B       Default: all of ${names.join(", ")}
  --sequences N        Of each family; default: 100, for record 20
  --length N           Commands of a sequence at most; default: 30
  --seed N             The same seed, the same commands; default: 1
  --lenient            Of errors only the first word is compared
  --json               For differ: one JSON array of verdicts
  --help               This text

EXAMPLES
  npm run redis -- differ --against 127.0.0.1:6379 --sequences 1000
  npm run redis -- differ --families lists,streams --seed 7
  npm run redis -- record`

class Usage extends Error {}

const folderOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

const whole = (flag: string, given: string | undefined, otherwise: number): number => {
  const number = given === undefined ? otherwise : Number(given)
  if (!Number.isSafeInteger(number) || number < 1)
    throw new Usage(`--${flag} takes a whole number above 0, not "${given}"`)
  return number
}

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

const parse = (given: ReadonlyArray<string>) =>
  parseArgs({
    args: [...given],
    allowPositionals: true,
    options: {
      against: { type: "string" },
      reference: { type: "string" },
      families: { type: "string" },
      sequences: { type: "string" },
      length: { type: "string" },
      seed: { type: "string" },
      lenient: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false }
    }
  })

const main = async (given: ReadonlyArray<string>): Promise<number> => {
  const { positionals, values } = parse(given)
  if (values.help) {
    say(help)
    return 0
  }
  const [command] = positionals
  const families = values.families?.split(",") ?? names
  const unknown = families.find((family) => !names.includes(family))
  if (unknown !== undefined) throw new Usage(`--families: there is no "${unknown}", only ${names.join(", ")}`)
  const common = {
    reference: values.reference,
    families,
    sequences: whole("sequences", values.sequences, command === "record" ? 20 : 100),
    lengthMax: whole("length", values.length, 30),
    seed: whole("seed", values.seed, 1)
  }
  if (command === "facts") {
    await Command.facts(values.reference, folderOf("../../../src/protocols/resp"), say)
    return 0
  }
  if (command === "record") {
    await Command.record({ ...common, folder: folderOf("testdata") }, say)
    return 0
  }
  if (command !== "differ") throw new Usage(`there is no command ${command ?? ""}; there are differ, record and facts`)
  const flags = { ...common, against: values.against, isLenient: values.lenient, isJson: values.json }
  return (await Command.differ(flags, say)) ? 0 : 1
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const isUsage =
    error instanceof Usage || (error as { readonly code?: string }).code?.startsWith("ERR_PARSE_ARGS") === true
  const isPlain = error instanceof Absent || error instanceof Lost
  process.stderr.write(
    isUsage
      ? `${(error as Error).message}\n\n${help}\n`
      : isPlain
        ? `${(error as Error).message}\n`
        : `${(error as Error).stack}\n`
  )
  process.exitCode = isUsage || isPlain ? 2 : 3
}
