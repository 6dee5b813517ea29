/** Bench: `npm run bench -- NAME`. Each bench measures in this process and prints a table, or one JSON object with `--json`. */
import { existsSync } from "node:fs"
import { parseArgs } from "node:util"

const help = `Measure Orbit.

USAGE
  npm run bench -- NAME [--rounds N] [--histories DIR] [--json]

BENCHES
  sim      How much faster than real time the simulator is
  judges   How fast histories are judged, beside what Porcupine and Elle have published

FLAGS
  --rounds N   Counted rounds of each measurement; the median is printed; default: 5
  --histories DIR
               For judges: a folder with Porcupine's test data, judged too
  --json       Print one JSON object as the last line
  --help       Print this

EXAMPLES
  npm run bench -- sim
  npm run bench -- sim --rounds 11 --json
  npm run bench -- judges --histories ../porcupine/test_data
`

const usage = (message: string): never => {
  process.stderr.write(`${message}\nRun "npm run bench -- --help" to see what there is.\n`)
  process.exit(2)
}

const parse = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: "string", default: "5" },
        histories: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false }
      }
    })
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
}

const { positionals, values } = parse()
const rounds = Number(values.rounds)
if (values.help || positionals.length === 0) {
  process.stdout.write(help)
  process.exit(values.help ? 0 : 2)
}
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1_000)
  usage(`--rounds takes a whole number from 1 to 1000, not "${values.rounds}".`)
const [name = ""] = positionals
if (positionals.length > 1 || (name !== "sim" && name !== "judges")) {
  usage(`There is no bench "${positionals.join(" ")}".`)
}

const { histories } = values
let text: string
if (name === "judges") {
  if (histories !== undefined && !existsSync(histories)) usage(`--histories ${histories}: there is no such folder.`)
  const { bench, render } = await import("./Judges.ts")
  const report = bench({ rounds, histories })
  text = values.json ? JSON.stringify(report) : render(report)
} else {
  if (histories !== undefined) usage("--histories is for judges.")
  const { bench, render } = await import("./Sim.ts")
  const report = bench({ rounds })
  text = values.json ? JSON.stringify(report) : render(report)
}
process.stdout.write(`${text}\n`)
