/** Histories of transactions and of Jepsen's workloads, judged by Elle. */
import * as Elle from "#sim/elle/Elle.ts"
import * as Picture from "#sim/elle/Picture.ts"
import type * as History from "#sim/judges/History.ts"
import { Unsuited } from "#sim/judges/Unsuited.ts"
import type { Judged, Question, Verdict } from "./Question.ts"

/**
 * What operations of Jepsen's workloads are called. Its checkers pass over what they do not know, and would find nothing
 * wrong with a history of something else; where transactions tell what they are, a name does not matter.
 */
const functions: Readonly<Partial<Record<Elle.Model, ReadonlyArray<string>>>> = {
  bank: ["read", "transfer"],
  set: ["add", "read"],
  "set-full": ["add", "read"],
  queue: ["enqueue", "dequeue", "drain"],
  "total-queue": ["enqueue", "dequeue", "drain"],
  counter: ["read", "add", "inc", "increment", "dec", "decrement", "sub"],
  "unique-ids": ["generate"]
}

/** Refuses with `Unsuited` operations that the model does not know. */
export const judge = (history: History.History, model: Elle.Model, question: Question): Judged => {
  const { consistency, now, timeMillisMax } = question
  const known = functions[model]
  if (known !== undefined && history.count > 0 && !history.functions.some((name) => known.includes(name))) {
    throw new Unsuited(0, `the model ${model} has no operation ${history.functions[0]}, but ${known.join(", ")}`)
  }
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
