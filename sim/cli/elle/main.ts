/** `npm run elle`: judges histories from files. Arguments are read by Node.js itself: the command starts in a blink. */
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { hostMillis } from "#sim/kernel/Tripwire.ts"
import type * as Format from "#sim/judges/formats/Format.ts"
import { Malformed } from "#sim/judges/formats/Malformed.ts"
import { Unsuited } from "#sim/judges/Interpretation.ts"
import * as Suggest from "../Suggest.ts"
import * as Judgement from "./Judgement.ts"

const formats: ReadonlyArray<Format.Format> = ["jsonl", "edn", "porcupine", "text"]

const help = `Judge histories: linearizability, transactional anomalies, Jepsen's workloads.

USAGE
  npm run elle -- --model MODEL [--consistency LEVEL] [--format FORMAT] [--budget SECONDS] [--json] FILE...

FLAGS
  --model MODEL         ${Judgement.models.join(" ")}
  --consistency LEVEL   linearizable, strict-serializable, serializable, snapshot-isolation, causal, read-atomic,
                        read-committed, ...; default: the strongest that the model and the history's times allow
  --format FORMAT       ${formats.join(", ")}; default: by how the file begins
  --budget SECONDS      Time for the searches of one file; default: 60
  --json                One JSON object a file
  --help                Print this

EXIT CODES
  0 valid, 1 invalid, 2 a mistake on the command line or in a file, 3 unknown

EXAMPLES
  npm run elle -- --model list-append history.edn
  npm run elle -- --model rw-register --consistency causal --format text history.txt
  npm run elle -- --model cas-register --json etcd_*.log
`

const exitCodes = { valid: 0, invalid: 1, usage: 2, unknown: 3 } as const

const usage = (message: string): never => {
  process.stderr.write(`${message}\nRun "npm run elle -- --help" to see what there is.\n`)
  process.exit(exitCodes.usage)
}

const parse = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        model: { type: "string" },
        consistency: { type: "string" },
        format: { type: "string", default: "auto" },
        budget: { type: "string", default: "60" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false }
      }
    })
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
}

const question = (values: ReturnType<typeof parse>["values"]): Judgement.Question => {
  const { consistency, format, model } = values
  if (model === undefined) return usage(`--model is missing: one of ${Judgement.models.join(", ")}.`)
  if (!Judgement.models.includes(model))
    usage(`--model ${model}: no such model.${Suggest.sentence(model, Judgement.models)}`)
  const isFormat = (name: string): name is Format.Format => (formats as ReadonlyArray<string>).includes(name)
  if (format !== "auto" && !isFormat(format)) usage(`--format ${format}: choose auto, ${formats.join(", ")}.`)
  const refused = Judgement.refuses({ model, consistency })
  if (refused !== undefined) usage(`${refused}${Suggest.sentence(consistency ?? "", Judgement.levelNames)}`)
  const seconds = Number(values.budget)
  if (!(seconds > 0)) usage(`--budget ${values.budget}: a number of seconds above 0.`)
  return {
    model,
    consistency,
    format: isFormat(format) ? format : undefined,
    timeMillisMax: seconds * 1_000,
    now: hostMillis
  }
}

/** The file's verdict, or a sentence that says what is wrong with it. */
const judge = (file: string, asked: Judgement.Question): Judgement.Verdict | string => {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(file)
  } catch (error) {
    return `${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"}): give the path of a history.`
  }
  try {
    return Judgement.judge(bytes, asked)
  } catch (error) {
    if (error instanceof Malformed) return `${file}:${error.line}:${error.column}: ${error.problem}`
    if (error instanceof Unsuited) return `${file}: operation ${error.row + 1}: ${error.message}`
    throw error
  }
}

const show = (file: string, verdict: Judgement.Verdict, wallMillis: number): string => {
  const word = verdict.valid === true ? "valid" : verdict.valid === false ? "INVALID" : "unknown"
  const level = verdict.consistency === "" ? "" : ` · ${verdict.consistency}`
  const lines = [
    `${word}  ${file}  ${verdict.model}${level} · ${verdict.operations} operations · ${Math.round(wallMillis)} ms`
  ]
  if (verdict.reason !== undefined) lines.push(`  ${verdict.reason}`)
  if (verdict.not.length > 0) lines.push(`  not ${verdict.not.join(", ")}`)
  if (verdict["also-not"].length > 0) lines.push(`  nor ${verdict["also-not"].join(", ")}`)
  for (const explanation of verdict.explanations) lines.push(...explanation.split("\n").map((line) => `  ${line}`))
  return lines.join("\n")
}

const { positionals: files, values } = parse()
if (values.help) {
  process.stdout.write(help)
  process.exit(exitCodes.valid)
}
const asked = question(values)
if (files.length === 0) usage("Which history? Name one file or more.")

const seen = { usage: false, invalid: false, unknown: false }
for (const file of files) {
  const startedAt = hostMillis()
  const verdict = judge(file, asked)
  const wallMillis = hostMillis() - startedAt
  if (typeof verdict === "string") {
    seen.usage = true
    process.stderr.write(`${verdict}\n`)
    continue
  }
  if (verdict.valid === false) seen.invalid = true
  if (verdict.valid === "unknown") seen.unknown = true
  const rounded = Math.round(wallMillis * 1_000) / 1_000
  process.stdout.write(
    `${values.json ? JSON.stringify({ file, ...verdict, wallMillis: rounded }) : show(file, verdict, wallMillis)}\n`
  )
}
process.exitCode = seen.usage
  ? exitCodes.usage
  : seen.invalid
    ? exitCodes.invalid
    : seen.unknown
      ? exitCodes.unknown
      : exitCodes.valid
