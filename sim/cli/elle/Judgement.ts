/**
 * Judgement: one history file, one model, one level, one verdict. Models of single objects are judged for
 * linearizability; transactions and Jepsen's workloads by Elle. `counter`, `set` and `queue` are both: they are judged as
 * Jepsen's checkers do unless linearizability is asked for.
 */
import type { Judged as Pictured } from "#reports/Judged.ts"
import * as Consistency from "#sim/elle/Consistency.ts"
import * as Elle from "#sim/elle/Elle.ts"
import * as EllePicture from "#sim/elle/Picture.ts"
import * as Format from "#sim/judges/formats/Format.ts"
import * as History from "#sim/judges/History.ts"
import * as Interpretation from "#sim/judges/Interpretation.ts"
import type { Refusal } from "#sim/judges/linear/Refusal.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import * as Picture from "#sim/judges/Picture.ts"

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

/** A verdict, and what a page shows of it, made when it is asked for. */
export interface Judged {
  readonly verdict: Verdict
  readonly picture: (title: string) => Pictured
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
export const judge = (bytes: Uint8Array, question: Question): Judged => {
  const format = question.format ?? Format.detect(bytes)
  const history = Format.read(bytes, format)
  const { consistency, model } = question
  if (isElle(model) && !(isLinear(model) && consistency === linearizable)) return transactions(history, model, question)
  return singleObject(history, model as Interpretation.Name, format, question)
}

const transactions = (history: History.History, model: Elle.Model, question: Question): Judged => {
  const { consistency, now, timeMillisMax } = question
  const found = Elle.check(history, {
    model,
    budget: { timeMillisMax },
    now,
    ...(consistency === undefined ? {} : { consistency })
  })
  const verdict: Verdict = {
    valid: found.valid,
    model,
    consistency: found.consistency,
    anomalies: [...new Set(found.anomalies.map(({ type }) => type))],
    not: found.not,
    "also-not": found.alsoNot,
    operations: found.operations,
    explanations: found.anomalies.map(({ explanation, type }) => `${type}: ${explanation}`),
    ...(found.reason === undefined ? {} : { reason: found.reason })
  }
  return { verdict, picture: (title) => EllePicture.of(title, history, found) }
}

const nothing: Pick<Verdict, "anomalies" | "not" | "also-not" | "explanations"> = {
  anomalies: [],
  not: [],
  "also-not": [],
  explanations: []
}

/** For a page, orders are looked for in as much time as a person waits. */
const pictureLimits = { timeMillisMax: 5_000, configurationsMax: 1_000_000, partsMax: 200 } as const

const singleObject = (
  history: History.History,
  name: Interpretation.Name,
  format: Format.Format,
  { now, timeMillisMax }: Question
): Judged => {
  const nil = format === "porcupine" ? "exact" : "any"
  const { entries, model, rows } = Interpretation.interpret(history, name, { nil })
  const head = { ...nothing, model: name, consistency: linearizable, operations: history.count }
  const pictured = (verdict: Verdict, refusal: Refusal | undefined): Judged => ({
    verdict,
    picture: (title) => {
      const found = Linearizability.examine(model, entries, refusal, { now, ...pictureLimits })
      const valid = verdict.valid === true ? "valid" : verdict.valid === false ? "invalid" : "unknown"
      const subject = { title, verdict: valid, model, modelName: name, entries } as const
      const parts = { parts: found.parts, partsLeftOut: found.leftOut }
      return Picture.ofHistory({ ...subject, ...parts }, history, rows, verdict.reason)
    }
  })
  if (history.order === "process") {
    const reason =
      "the history does not say which operation ended before another began, and linearizability rests on that"
    // There is no real time to draw either.
    return {
      verdict: { ...head, valid: "unknown", reason },
      picture: (title) => EllePicture.of(title, history, { ...withoutTimes, model: name, reason })
    }
  }
  const verdict = Linearizability.check(model, entries, { now, timeMillisMax })
  if (verdict.type === "linearizable") return pictured({ ...head, valid: true }, undefined)
  if (verdict.type === "undecided") {
    return pictured({ ...head, valid: "unknown", reason: `the search ran out of ${verdict.reason}` }, undefined)
  }
  const { refusal } = verdict
  const part = model.parts?.model ?? model
  const words = (row: number): string =>
    `${part.describe(entries.operations[row], entries.results[row])} by ${History.nameOf(history, rows[row]!)}`
  const states = [...new Set(refusal.partials.map(({ state }) => state))].slice(0, 3)
  const explanation = `${words(refusal.stuck)} fits nowhere${states.length === 0 ? "" : `; the state could be ${states.join(" or ")}`}`
  const explained = { anomalies: ["nonlinearizable"], not: [linearizable], explanations: [explanation] }
  return pictured({ ...head, ...explained, valid: false }, refusal)
}

/** Linearizability is about real time. */
const withoutTimes = { valid: "unknown", consistency: "", anomalies: [], allowed: [], counts: {}, not: [] } as const
