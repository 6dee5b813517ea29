/** Histories of single objects, judged for linearizability. */
import type * as Format from "#sim/judges/formats/Format.ts"
import * as History from "#sim/judges/History.ts"
import * as Interpretation from "#sim/judges/Interpretation.ts"
import type { Refusal } from "#sim/judges/linear/Refusal.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import * as Picture from "#sim/judges/Picture.ts"
import { type Judged, linearizable, type Question, type Verdict } from "./Question.ts"

const nothing: Pick<Verdict, "anomalies" | "not" | "also-not" | "explanations"> = {
  anomalies: [],
  not: [],
  "also-not": [],
  explanations: []
}

/** For a page, orders are looked for in as much time as a person waits. */
const pictureLimits = { timeMillisMax: 5_000, configurationsMax: 1_000_000, partsMax: 2_000 } as const

/** Refuses with `Unsuited` operations that the model does not know. */
export const judge = (
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
    picture: async (title) => {
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
      picture: async (title) => {
        const { of } = await import("#sim/elle/Picture.ts")
        return of(title, history, { ...withoutTimes, model: name, reason })
      }
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
