/**
 * `npm run models`: type-checks the specifications of models/quint, runs their tests, simulates each with its invariants
 * on a fixed seed, and sees the planted flaws found. Exit 0: all hold. 1: one does not. 2: a mistake on the command line.
 * The last line is `N passed, N failed`.
 */
import path from "node:path"
import { parseArgs } from "node:util"
import * as Quint from "#sim/conformance/Quint.ts"
import * as Suggest from "../Suggest.ts"
import * as Terminal from "../Terminal.ts"
import * as Tree from "../Tree.ts"
import { catalogue, type Catalogued } from "./Catalogue.ts"

const help = `Check the specifications of models/quint with Quint's TypeScript simulator.

USAGE
  npm run models -- [--samples N] [--seed N] [--trace] [NAME...]

FLAGS
  --samples N   Random runs of each sound specification; default: its own number
  --seed N      Where the random runs of sound specifications begin; default: 1
  --trace       Print the states of every violation that is found
  --help        Print this

NAMES
  ${catalogue.map(({ name }) => name).join(" ")}; default: all

EXIT CODES
  0 all hold, and every planted flaw is found; 1 something does not; 2 a mistake on the command line

EXAMPLES
  npm run models
  npm run models -- --samples 1000 --seed 7 Raft
`

const usage = (message: string): never => {
  process.stderr.write(`${message}\nRun "npm run models -- --help" to see what there is.\n`)
  process.exit(2)
}

const parse = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        samples: { type: "string" },
        seed: { type: "string", default: "1" },
        trace: { type: "boolean", default: false },
        help: { type: "boolean", default: false }
      }
    })
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
}

const natural = (flag: string, text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) usage(`${flag} ${text}: must be a whole number above 0.`)
  return value
}

const { positionals: names, values } = parse()
if (values.help) {
  process.stdout.write(help)
  process.exit(0)
}
const seed = BigInt(natural("--seed", values.seed))
const samplesAsked = values.samples === undefined ? undefined : natural("--samples", values.samples)
const known = catalogue.map(({ name }) => name)
for (const name of names) if (!known.includes(name)) usage(`No specification ${name}.${Suggest.sentence(name, known)}`)

let passed = 0
let failed = 0

const report = (holds: boolean, text: string, more = ""): void => {
  if (holds) passed++
  else failed++
  Terminal.print(`  ${holds ? Terminal.paint.green("✓") : Terminal.paint.red("✗")} ${text}`)
  if (more !== "") Terminal.print(more.replace(/^/gm, "      "))
}

type Simulated = Catalogued & { readonly invariant: string }
const isSimulated = (subject: Catalogued): subject is Simulated => subject.invariant !== undefined

/** Random runs until the invariant breaks, if it does. */
const simulate = (source: Quint.Source, module: string, subject: Simulated, from: bigint, samples: number) => {
  const specification = source.specification(module, from)
  const expression = (text: string) => specification.expression(text)
  let states: ReadonlyArray<Quint.Expression> = []
  const outcome = specification.evaluator.simulate(
    expression("init"),
    expression(subject.step ?? "step"),
    expression(subject.invariant),
    subject.witnesses.map(expression),
    samples,
    subject.steps,
    1,
    (_, __, ___, found) => (states = found)
  )
  source.refuse(outcome.errors)
  return { ...outcome, states }
}

const traced = (states: ReadonlyArray<Quint.Expression>): string =>
  values.trace ? states.map((state, index) => `${index}: ${Quint.showExpression(state)}`).join("\n") : ""

const runTests = (source: Quint.Source, module: string): void => {
  const specification = source.specification(module, seed)
  source.tests(module).forEach((test, index) => {
    const { errors, name, status } = specification.evaluator.test(test, 1, index, () => {})
    report(status === "passed", name, errors.map(({ message }) => message).join("\n"))
  })
}

const check = (subject: Catalogued): void => {
  Terminal.print(`${Terminal.paint.bold(subject.name)}  models/quint/${subject.file}`)
  let source: Quint.Source
  try {
    source = new Quint.Source({ folder: path.join(Tree.root, "models/quint"), name: subject.file })
  } catch (error) {
    if (!(error instanceof Quint.SpecificationError)) throw error
    report(false, "parses, and its types fit", error.message)
    return
  }
  for (const module of [subject.sound, ...subject.led]) runTests(source, module)
  if (!isSimulated(subject)) return
  const samples = samplesAsked ?? subject.samples
  const sound = simulate(source, subject.sound, subject, seed, samples)
  report(
    sound.status === "ok",
    `${subject.invariant} holds in ${sound.samples} random runs of ${subject.steps} steps`,
    sound.status === "ok" ? "" : traced(sound.states) || "again with --trace to see the states"
  )
  if (sound.status === "ok") {
    const seen = subject.witnesses.map((name, index) => `${name} in ${sound.witnessingTraces[index]}`)
    report(!sound.witnessingTraces.includes(0), `these runs reach what they must: ${seen.join(", ")}`)
  }
  for (const [flaw, seed] of Object.entries(subject.flaws)) {
    const { samples: needed, states, status } = simulate(source, flaw, subject, BigInt(seed), subject.samples)
    const found = status === "violation"
    report(found, `${flaw}: violation ${found ? `found in run ${needed}` : "not found"}`, found ? traced(states) : "")
  }
}

for (const subject of catalogue) if (names.length === 0 || names.includes(subject.name)) check(subject)
Terminal.print(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
