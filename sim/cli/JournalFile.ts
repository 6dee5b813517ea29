/**
 * JournalFile: journals on disk. One fault, one operation and one stream of decisions a line, so that two journals can
 * be compared, and one edited, by hand. What is read is checked whole before anything runs on it.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Kind, kinds } from "#sim/faults/Fault.ts"
import { policies, type PolicyName } from "#sim/kernel/PolicyName.ts"
import type { Journal } from "#sim/run/Journal.ts"
import type { RunResult } from "#sim/run/Result.ts"
import { UsageError } from "./CliError.ts"
import * as Request from "./Request.ts"

/** Everything that commands write goes here, below the working directory. */
export const folder = ".orbit"

/** A journal of a long run has some megabytes; more than this is another kind of file. */
const sizeBytesMax = 256 * 1024 * 1024

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const PlanSchema = Schema.Struct({
  scenario: Schema.String,
  seed: Schema.String,
  nodes: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)),
  clients: Count,
  policy: Schema.Literals(Object.keys(policies) as ReadonlyArray<PolicyName>),
  preemptionOneIn: Count,
  durationMicros: Count,
  options: Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Boolean])),
  buggify: Schema.Boolean,
  faults: Schema.Array(
    Schema.Struct({
      kind: Schema.Literals(kinds as ReadonlyArray<Kind>),
      atMicros: Count,
      forMicros: Count,
      nodes: Schema.Array(Count),
      amount: Schema.Finite
    })
  ),
  operations: Schema.Array(Schema.Struct({ client: Count, gapMicros: Count, operation: Schema.Unknown }))
})

const JournalSchema = Schema.Struct({
  format: Schema.Literal(1),
  plan: PlanSchema,
  decisions: Schema.Record(Schema.String, Schema.Array(Schema.Finite)),
  failed: Schema.optionalKey(Schema.Struct({ judge: Schema.String, detail: Schema.String }))
})

const decode = Schema.decodeUnknownResult(JournalSchema)

/** Reads and checks a journal; `UsageError` when it is none, or is one of a scenario that is no more. */
export const read = (file: string): Journal => {
  const refuse = (reason: string): never => {
    throw new UsageError({ message: `${file}: ${reason}. A failed run writes its journal to ${folder}/journals/.` })
  }
  const found = locate(file)
  if (found === undefined) return refuse("there is no such file")
  const stat = fs.statSync(found)
  if (!stat.isFile()) return refuse("not a file")
  if (stat.size > sizeBytesMax) return refuse("too large for the journal of a run")
  let content: unknown
  try {
    content = JSON.parse(fs.readFileSync(found, "utf8"))
  } catch {
    return refuse("not the journal of a run (it is not JSON)")
  }
  const decoded = decode(content)
  if (Result.isFailure(decoded))
    return refuse(`not the journal of a run (${decoded.failure.message.replaceAll(/\s*\n\s*/g, " ")})`)
  const journal: Journal = decoded.success
  Request.scenarioName(journal.plan.scenario)
  const inconsistent = inconsistency(journal)
  return inconsistent === undefined ? journal : refuse(`not the journal of a run (${inconsistent})`)
}

/** npm runs scripts in the project's folder; a path may be meant from where it was typed. */
const locate = (file: string): string | undefined =>
  [path.resolve(file), path.resolve(process.env.INIT_CWD ?? ".", file)].find((candidate) => fs.existsSync(candidate))

const inconsistency = ({ plan, decisions }: Journal): string | undefined => {
  const client = plan.operations.find((operation) => operation.client >= plan.clients)
  if (client !== undefined) return `an operation is of client ${client.client}, and there are ${plan.clients}`
  const fault = plan.faults.find((candidate) => candidate.nodes.some((node) => node >= plan.nodes))
  if (fault !== undefined) return `a fault strikes node ${Math.max(...fault.nodes)}, and there are ${plan.nodes}`
  const stream = Object.keys(decisions).find((name) => decisions[name].length % 2 !== 0)
  return stream === undefined ? undefined : `the decisions of ${stream} are not pairs`
}

/** Where the journal of a failed run goes, and with `.html` its page. */
export const pathOf = (
  result: Pick<RunResult, "scenario" | "seed">,
  kind: "journals" | "reports",
  suffix: string
): string => `${folder}/${kind}/${result.scenario.replaceAll("/", "-")}-${fileName(result.seed)}${suffix}`

/** A seed as a part of a file's name: kept where it is harmless, else spelled with the code of each odd character. */
const fileName = (seed: string): string => {
  const spelled = seed.replaceAll(/[^\w.-]/gu, (character) => `%${character.codePointAt(0)?.toString(16)}`)
  return spelled.length <= 120 ? spelled : `${spelled.slice(0, 100)}-${fingerprint(spelled)}`
}

const fingerprint = (text: string): string => {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, "0")
}

/** Writes text, with the folders on the way. */
export const writeText = (file: string, text: string): void => {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, text)
}

export const write = (file: string, journal: Journal): void => writeText(file, text(journal))

/** A journal as text: JSON, one element a line where lists are long. */
export const text = (journal: Journal): string => {
  const { faults, operations, ...rest } = journal.plan
  const plan = Object.entries(rest).map(([key, value]) => `    ${JSON.stringify(key)}: ${JSON.stringify(value)}`)
  const lines = (name: string, elements: ReadonlyArray<unknown>): string =>
    elements.length === 0
      ? `    "${name}": []`
      : `    "${name}": [\n${elements.map((element) => `      ${JSON.stringify(element)}`).join(",\n")}\n    ]`
  const decisions = Object.entries(journal.decisions).map(
    ([key, value]) => `    ${JSON.stringify(key)}: ${JSON.stringify(value)}`
  )
  const failed = journal.failed === undefined ? "" : `,\n  "failed": ${JSON.stringify(journal.failed)}`
  const drawn = decisions.length === 0 ? "{}" : `{\n${decisions.join(",\n")}\n  }`
  return `{\n  "format": 1,\n  "plan": {\n${[...plan, lines("faults", faults), lines("operations", operations)].join(",\n")}\n  },\n  "decisions": ${drawn}${failed}\n}\n`
}
