/**
 * Judgement: one history file, one model, one level, one verdict. Models of single objects are judged for
 * linearizability; transactions and Jepsen's workloads by Elle. `counter`, `set` and `queue` are both: they are judged as
 * Jepsen's checkers do unless linearizability is asked for.
 */
import * as Elle from "#sim/elle/Elle.ts"
import * as Consistency from "#sim/elle/Consistency.ts"
import * as Format from "#sim/judges/formats/Format.ts"
import type * as History from "#sim/judges/History.ts"
import * as Interpretation from "#sim/judges/Interpretation.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"

export interface Verdict {
  readonly valid: boolean | "unknown"
  readonly model: string
  readonly consistency: string
  /** Types of what was found and is not allowed, each once. */
  readonly anomalies: ReadonlyArray<string>
  readonly not: ReadonlyArray<string>
  readonly "also-not": ReadonlyArray<string>
  readonly operations: number
  /** Each in words. */
  readonly explanations: ReadonlyArray<string>
  /** Why the verdict is `unknown`. */
  readonly reason?: string
}

export interface Question {
  readonly model: string
  readonly consistency: string | undefined
  readonly format: Format.Format | undefined
  /** For the searches. */
  readonly timeMillisMax: number
  readonly now: () => number
}

const isElle = (model: string): model is Elle.Model => (Elle.models as ReadonlyArray<string>).includes(model)
const isLinear = (model: string): model is Interpretation.Name =>
  (Interpretation.names as ReadonlyArray<string>).includes(model)

export const models: ReadonlyArray<string> = [...new Set([...Interpretation.names, ...Elle.models])]

const linearizable = "linearizable"

/** What a level may be asked of a model; undefined: any that Elle knows. */
const levelsOf = (model: string): ReadonlyArray<string> | undefined => (isElle(model) ? undefined : [linearizable])

/** A sentence that says why the model cannot be judged at this level. */
export const refuses = ({ consistency, model }: Pick<Question, "model" | "consistency">): string | undefined => {
  if (consistency === undefined) return undefined
  const levels = levelsOf(model)
  if (levels !== undefined) {
    return levels.includes(consistency)
      ? undefined
      : `--consistency ${consistency}: ${model} is judged as ${linearizable}.`
  }
  return Consistency.isModel(Consistency.modelOf(consistency))
    ? undefined
    : `--consistency ${consistency}: no such level.`
}

export const levelNames: ReadonlyArray<string> = Consistency.modelNames

/** Refuses with `Malformed` what it cannot read, and with `Unsuited` operations that the model does not know. */
export const judge = (bytes: Uint8Array, question: Question): Verdict => {
  const format = question.format ?? Format.detect(bytes)
  const history = Format.read(bytes, format)
  const { consistency, model } = question
  if (isElle(model) && !(isLinear(model) && consistency === linearizable)) return transactions(history, model, question)
  return singleObject(history, model as Interpretation.Name, format, question)
}

const transactions = (history: History.History, model: Elle.Model, question: Question): Verdict => {
  const { consistency, now, timeMillisMax } = question
  const verdict = Elle.check(history, {
    model,
    budget: { timeMillisMax },
    now,
    ...(consistency === undefined ? {} : { consistency })
  })
  return {
    valid: verdict.valid,
    model,
    consistency: verdict.consistency,
    anomalies: [...new Set(verdict.anomalies.map(({ type }) => type))],
    not: verdict.not,
    "also-not": verdict.alsoNot,
    operations: verdict.operations,
    explanations: verdict.anomalies.map(({ explanation, type }) => `${type}: ${explanation}`),
    ...(verdict.reason === undefined ? {} : { reason: verdict.reason })
  }
}

/** Linearizability is about real time. */
const withoutTimes = (history: History.History, model: string): Verdict => ({
  valid: "unknown",
  model,
  consistency: linearizable,
  anomalies: [],
  not: [],
  "also-not": [],
  operations: history.count,
  explanations: [],
  reason: "the history does not say which operation ended before another began, and linearizability rests on that"
})

const singleObject = (
  history: History.History,
  name: Interpretation.Name,
  format: Format.Format,
  { now, timeMillisMax }: Question
): Verdict => {
  if (history.order === "process") return withoutTimes(history, name)
  const nil = format === "porcupine" ? "exact" : "any"
  const { entries, model } = Interpretation.interpret(history, name, { nil })
  const verdict = Linearizability.check(model, entries, { now, timeMillisMax })
  const head = { model: name, consistency: linearizable, operations: history.count }
  if (verdict.type === "linearizable")
    return { ...head, valid: true, anomalies: [], not: [], "also-not": [], explanations: [] }
  if (verdict.type === "undecided") {
    const reason = `the search ran out of ${verdict.reason}`
    return { ...head, valid: "unknown", anomalies: [], not: [], "also-not": [], explanations: [], reason }
  }
  const { refusal } = verdict
  const part = model.parts?.model ?? model
  const words = (row: number): string =>
    `${part.describe(entries.operations[row], entries.results[row])} by process ${entries.processes[row]}`
  const states = [...new Set(refusal.partials.map(({ state }) => state))].slice(0, 3)
  const explanation = `${words(refusal.stuck)} fits nowhere${states.length === 0 ? "" : `; the state could be ${states.join(" or ")}`}`
  return {
    ...head,
    valid: false,
    anomalies: ["nonlinearizable"],
    not: [linearizable],
    "also-not": [],
    explanations: [explanation]
  }
}
