/** Histories of transactions and of Jepsen's workloads, judged by Elle. */
import * as Elle from "#sim/elle/Elle.ts"
import * as Picture from "#sim/elle/Picture.ts"
import type * as History from "#sim/judges/History.ts"
import type { Judged, Question, Verdict } from "./Question.ts"

/** Refuses with `Unsuited` operations that the model does not know. */
export const judge = (history: History.History, model: Elle.Model, question: Question): Judged => {
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
  return { verdict, picture: async (title) => Picture.of(title, history, found) }
}
