/**
 * What is asked of a history, and what is answered: models and levels by name, and which go together. Models of single
 * objects are judged for linearizability; transactions and Jepsen's workloads by Elle. `counter`, `set` and `queue` are
 * both: they are judged as Jepsen's checkers do unless linearizability is asked for.
 *
 * The judges themselves are not loaded for this: a mistake is told in a blink.
 */
import type { Judged as Pictured } from "#reports/Judged.ts"
import * as Consistency from "#sim/elle/Consistency.ts"
import type * as Elle from "#sim/elle/Elle.ts"
import type * as Format from "#sim/judges/formats/Format.ts"
import type * as Interpretation from "#sim/judges/Interpretation.ts"

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
  readonly picture: (title: string) => Promise<Pictured>
}

export interface Question {
  readonly model: string
  readonly consistency: string | undefined
  readonly format: Format.Format | undefined
  /** For the searches. */
  readonly timeMillisMax: number
  readonly now: () => number
}

/** All names, by their types: none can be missing. */
const singleObjects: Readonly<Record<Interpretation.Name, true>> = {
  register: true,
  "cas-register": true,
  "multi-register": true,
  kv: true,
  mutex: true,
  counter: true,
  set: true,
  queue: true
}
const workloads: Readonly<Record<Elle.Model, true>> = {
  "list-append": true,
  "rw-register": true,
  bank: true,
  "long-fork": true,
  set: true,
  "set-full": true,
  queue: true,
  "total-queue": true,
  monotonic: true,
  counter: true,
  "unique-ids": true
}

const isWorkload = (model: string): model is Elle.Model => Object.hasOwn(workloads, model)
const isSingleObject = (model: string): model is Interpretation.Name => Object.hasOwn(singleObjects, model)

export const models: ReadonlyArray<string> = [...new Set([...Object.keys(singleObjects), ...Object.keys(workloads)])]

export const linearizable = "linearizable"

/** Which judge answers. */
export const judgeOf = ({
  consistency,
  model
}: Pick<Question, "model" | "consistency">):
  | { readonly by: "elle"; readonly model: Elle.Model }
  | { readonly by: "linearizability"; readonly model: Interpretation.Name } => {
  if (isSingleObject(model) && (!isWorkload(model) || consistency === linearizable)) {
    return { by: "linearizability", model }
  }
  return { by: "elle", model: model as Elle.Model }
}

/** A sentence that says why the model cannot be judged at this level. */
export const refuses = ({ consistency, model }: Pick<Question, "model" | "consistency">): string | undefined => {
  if (consistency === undefined) return undefined
  if (!isWorkload(model)) {
    return consistency === linearizable
      ? undefined
      : `--consistency ${consistency}: ${model} is judged as ${linearizable}.`
  }
  return Consistency.isModel(Consistency.modelOf(consistency))
    ? undefined
    : `--consistency ${consistency}: no such level.`
}

export const levelNames: ReadonlyArray<string> = Consistency.modelNames
