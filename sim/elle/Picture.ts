/**
 * What a page shows of a history that was judged for anomalies (`reports/HistoryPage.ts`): the transactions as lanes, each
 * anomaly with the graph of its cycle, and the consistency models that it rules out.
 */
import type { Judged, JudgedAnomaly, JudgedEdge, JudgedTransaction } from "#reports/Judged.ts"
import * as History from "#sim/judges/History.ts"
import { lanesOf, stretch } from "#sim/judges/Picture.ts"
import { isArray, text, type Value } from "#sim/judges/Value.ts"
import type { Anomaly, Edge } from "./Anomaly.ts"
import * as Consistency from "./Consistency.ts"
import { latticeTypes } from "./Cycles.ts"

/** The part of a verdict (`Elle.Verdict`) that is drawn. */
export interface Verdict {
  readonly valid: boolean | "unknown"
  readonly model: string
  /** Empty where the model has no levels. */
  readonly consistency: string
  readonly anomalies: ReadonlyArray<Anomaly>
  readonly allowed: ReadonlyArray<Anomaly>
  readonly counts: Readonly<Record<string, number>>
  readonly not: ReadonlyArray<string>
  readonly reason?: string
}

/** Transactions shown of an anomaly without a cycle. */
const transactionsMax = 24
const elementsMax = 8
const valueCharactersMax = 60

export const of = (title: string, history: History.History, verdict: Verdict): Judged => {
  const all = [...verdict.anomalies, ...verdict.allowed]
  const { lanes, operations } = lanesOf(history, (row) => micros(history, row).join(" · "))
  const first = all[0]?.transactions[0] ?? 0
  const { from, to } = stretch(history.count, first)
  const place = (row: number): number => (row >= from && row < to ? row - from : -1)
  return {
    ...{ title, verdict: verdict.valid === true ? "valid" : verdict.valid === false ? "invalid" : "unknown" },
    ...{ model: verdict.model, level: verdict.consistency, sentences: sentencesOf(verdict), order: history.order },
    ...{ lanes, operations: operations.slice(from, to), before: from, after: history.count - to },
    ...{ parts: [], partsLeftOut: 0 },
    anomalies: all.map((anomaly, index) =>
      anomalyOf(history, anomaly, { allowed: index >= verdict.anomalies.length, place })
    ),
    counts: verdict.counts,
    models: verdict.consistency === "" ? [] : modelsOf(verdict)
  }
}

const sentencesOf = ({ anomalies, consistency, not, reason, valid }: Verdict): ReadonlyArray<string> => {
  const level = consistency === "" ? "" : ` ${consistency} does not allow`
  const types = [...new Set(anomalies.map(({ type }) => type))].join(", ")
  if (valid === false) {
    const ruledOut = not.length === 0 ? [] : [`The weakest models that it violates: ${not.join(", ")}.`]
    return [level === "" ? `Found: ${types}.` : `Found what${level}: ${types}.`, ...ruledOut]
  }
  if (valid === true) return [consistency === "" ? "No anomaly was found." : `Nothing was found that${level}.`]
  return [reason ?? "It could not be decided."]
}

const modelsOf = ({ consistency, counts }: Verdict): Judged["models"] => {
  const asked = Consistency.friendlyName(Consistency.modelOf(consistency))
  return Consistency.lattice(latticeTypes(Object.keys(counts))).map((model) => ({
    ...model,
    asked: model.name === asked
  }))
}

const anomalyOf = (
  history: History.History,
  { cycle, explanation, transactions, type }: Anomaly,
  { allowed, place }: { readonly allowed: boolean; readonly place: (row: number) => number }
): JudgedAnomaly => {
  const rows = cycle?.transactions ?? transactions.slice(0, transactionsMax)
  const indexes = new Map(rows.map((row, index) => [row, index]))
  const edgeOf = (edge: Edge, inCycle: boolean): JudgedEdge => ({
    ...{ from: indexes.get(edge.from)!, to: indexes.get(edge.to)!, type: edge.type },
    ...{ label: label(history, edge), reason: edge.reason, inCycle }
  })
  const edges = cycle?.edges.map((edge) => edgeOf(edge, true)) ?? []
  const beside = cycle?.beside?.map((edge) => edgeOf(edge, false)) ?? []
  return {
    ...{ type, allowed, explanation, edges: [...edges, ...beside] },
    transactions: rows.map((row, index): JudgedTransaction => ({
      name: `T${index + 1}`,
      who: History.nameOf(history, row),
      words: micros(history, row),
      operation: place(row)
    }))
  }
}

const short = (words: string): string =>
  words.length > valueCharactersMax ? `${words.slice(0, valueCharactersMax - 1)}…` : words

const label = (history: History.History, { from, key, next, type, value }: Edge): string => {
  if (type === "process") return History.nameOf(history, from)
  if (key === undefined) return ""
  if (value === undefined) return short(text(key))
  return short(`${text(key)}: ${text(value)}${next === undefined ? "" : ` → ${text(next)}`}`)
}

const bare = (value: Value): string => (typeof value === "string" ? value.replace(/^:/, "") : text(value))

/** An operation in words, the micro-operations of a transaction apart. */
const micros = (history: History.History, row: number): ReadonlyArray<string> => {
  const output = history.outputs[row]!
  const value = history.outcomes[row] === History.ok && output !== null ? output : history.inputs[row]!
  const name = history.functions[row]!
  const isTransaction = isArray(value) && value.length > 0 && value.every((step) => isArray(step) && step.length >= 2)
  if (name !== "txn" || !isTransaction) return [short(`${name} ${shown(value)}`)]
  return value.map((step) => {
    const [kind, key, seen] = step as ReadonlyArray<Value>
    return short(
      `${bare(kind!)} ${text(key!)} ${seen === null && history.outcomes[row] !== History.ok ? "?" : shown(seen ?? null)}`
    )
  })
}

/** Of a long list its end, which tells versions apart. */
const shown = (value: Value): string => {
  if (!isArray(value) || value.length <= elementsMax) return text(value)
  return `[… ${value.slice(-elementsMax).map(text).join(" ")}]`
}
