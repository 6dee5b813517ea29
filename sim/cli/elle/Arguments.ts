/** The arguments of `npm run elle`, read by Node.js itself, and what is wrong with them. */
import { parseArgs } from "node:util"
import type * as Format from "#sim/judges/formats/Format.ts"
import * as Suggest from "../Suggest.ts"
import * as Question from "./Question.ts"

const formats: ReadonlyArray<Format.Format> = ["jsonl", "edn", "porcupine", "text"]

export const help = `Judge histories: linearizability, transactional anomalies, Jepsen's workloads.

USAGE
  npm run elle -- --model MODEL [--consistency LEVEL] [--format FORMAT] [--budget SECONDS] [--json] [--html PAGE] FILE...

FLAGS
  --model MODEL         ${Question.models.join(" ")}
  --consistency LEVEL   linearizable, strict-serializable, serializable, snapshot-isolation, causal, read-atomic,
                        read-committed, ...; default: the strongest that the model and the history's times allow
  --format FORMAT       ${formats.join(", ")}; default: by how the file begins
  --budget SECONDS      Time for the searches of one file; default: 60
  --json                One JSON object a file
  --html PAGE           Write a page that shows the history and why it is judged so; for one FILE
  --help                Print this

  FILE is a path, or - for what comes from a pipe.

EXIT CODES
  0 valid, 1 invalid, 2 a mistake on the command line or in a file, 3 unknown

EXAMPLES
  npm run elle -- --model list-append history.edn
  npm run elle -- --model rw-register --consistency causal --format text history.txt
  npm run elle -- --model cas-register --json etcd_*.log
  npm run elle -- --model kv --html page.html history.jsonl
`

/** What is wrong with the arguments, as a sentence. */
export class Mistake extends Error {
  readonly _tag = "Mistake"
}

export interface Arguments {
  readonly question: Question.Question
  readonly files: ReadonlyArray<string>
  readonly json: boolean
  /** Where the page goes. */
  readonly html: string | undefined
}

const values = (args: ReadonlyArray<string>) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        model: { type: "string" },
        consistency: { type: "string" },
        format: { type: "string", default: "auto" },
        budget: { type: "string", default: "60" },
        json: { type: "boolean", default: false },
        html: { type: "string" },
        help: { type: "boolean", default: false }
      }
    })
  } catch (error) {
    throw new Mistake(error instanceof Error ? error.message : String(error))
  }
}

/** The arguments; `undefined` when only help is asked for. Throws `Mistake`. */
export const read = (args: ReadonlyArray<string>): Arguments | undefined => {
  const { positionals: files, values: given } = values(args)
  if (given.help) return undefined
  const { consistency, format, html, model } = given
  if (model === undefined) throw new Mistake(`--model is missing: one of ${Question.models.join(", ")}.`)
  if (!Question.models.includes(model)) {
    throw new Mistake(`--model ${model}: no such model.${Suggest.sentence(model, Question.models)}`)
  }
  const isFormat = (name: string): name is Format.Format => (formats as ReadonlyArray<string>).includes(name)
  if (format !== "auto" && !isFormat(format)) {
    throw new Mistake(`--format ${format}: choose auto, ${formats.join(", ")}.`)
  }
  const refused = Question.refuses({ model, consistency })
  if (refused !== undefined) throw new Mistake(`${refused}${Suggest.sentence(consistency ?? "", Question.levelNames)}`)
  const seconds = Number(given.budget)
  if (!(seconds > 0)) throw new Mistake(`--budget ${given.budget}: a number of seconds above 0.`)
  if (files.length === 0) throw new Mistake("Which history? Name one file or more, or - for a pipe.")
  if (files.filter((file) => file === "-").length > 1) throw new Mistake("- is the one pipe: name it once.")
  if (html !== undefined && files.length > 1) throw new Mistake("--html shows one history: name one file.")
  const question: Question.Question = {
    model,
    consistency,
    format: isFormat(format) ? format : undefined,
    timeMillisMax: seconds * 1_000,
    now: () => performance.now()
  }
  return { question, files, json: given.json, html }
}
