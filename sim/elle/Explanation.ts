/**
 * Cycles in words, the way of Elle: names for the transactions, then why each comes before the next, and why the last comes
 * before the first, which is the contradiction.
 */
import * as History from "#sim/judges/History.ts"
import type { Value } from "#sim/judges/Value.ts"
import type { Anomaly, Cycle, Dependency, Edge } from "./Anomaly.ts"
import { process, realtime, rw, wr, ww } from "./Graph.ts"
import { describe, type Transactions } from "./Transactions.ts"

/** Why the data puts one transaction before another; `words` take their names. */
export interface Explained {
  readonly type: Dependency
  readonly key?: Value
  readonly value?: Value
  readonly next?: Value
  readonly words: (first: string, second: string) => string
}

/** What knows the dependencies that the data shows: the orders of versions. */
export interface Explainer {
  readonly explain: (first: number, second: number, kind: number) => Explained | undefined
}

/** Strongest first: of several reasons the first one is told. */
const kindsByStrength = [ww, wr, rw, process, realtime]

const outcomeWords = ["ok", "failed", "unknown"]

const named = (transactions: Transactions, transaction: number, name: string): string => {
  const who = History.nameOf(transactions.history, transaction)
  const outcome = outcomeWords[transactions.outcomes[transaction]!]
  return `  ${name} = ${describe(transactions, transaction)}, ${outcome}, by ${who}`
}

const orderOf = (transactions: Transactions, first: number, second: number, kind: number): Explained => {
  const { history } = transactions
  if (kind === process) {
    const words = (a: string, b: string): string => `${History.nameOf(history, first)} executed ${a} before ${b}`
    return { type: "process", words }
  }
  const ended = history.returns[first]
  const begun = history.calls[second]
  const nanos = history.invokedAt[second]! - history.completedAt[first]!
  const gap = nanos > 0 ? `, ${(nanos / 1e9).toFixed(3)} seconds` : ""
  return {
    type: "realtime",
    words: (a, b) => `${a} completed at event ${ended}${gap} before the invocation of ${b} at event ${begun}`
  }
}

const explain = (
  transactions: Transactions,
  explainer: Explainer,
  first: number,
  second: number,
  kinds: number
): Explained => {
  for (const kind of kindsByStrength) {
    if ((kinds & kind) === 0) continue
    if (kind === process || kind === realtime) return orderOf(transactions, first, second, kind)
    const explained = explainer.explain(first, second, kind)
    if (explained !== undefined) return explained
  }
  return { type: "ww", words: (a, b) => `${a} comes before ${b}` }
}

/** A cycle's steps: transactions, and the kinds of dependency by which each leads to the next. */
export interface Steps {
  readonly transactions: ReadonlyArray<number>
  readonly kinds: ReadonlyArray<number>
  /** Other dependencies between them, by places in `transactions`. */
  readonly beside: ReadonlyArray<{ readonly from: number; readonly to: number; readonly kinds: number }>
}

export const cycleOf = (transactions: Transactions, explainer: Explainer, steps: Steps): Cycle => {
  const size = steps.transactions.length
  const edge = (first: number, second: number, kinds: number): Edge => {
    const [from, to] = [steps.transactions[first]!, steps.transactions[second]!]
    const { words, ...rest } = explain(transactions, explainer, from, to, kinds)
    return { from, to, ...rest, reason: words(`T${first + 1}`, `T${second + 1}`) }
  }
  return {
    transactions: steps.transactions,
    edges: steps.kinds.map((kinds, index) => edge(index, (index + 1) % size, kinds)),
    ...(steps.beside.length === 0 ? {} : { beside: steps.beside.map(({ from, to, kinds }) => edge(from, to, kinds)) })
  }
}

/** The words of a cycle. */
export const words = (transactions: Transactions, cycle: Cycle): string => {
  const size = cycle.transactions.length
  const shown = size <= shownMax ? cycle.transactions : cycle.transactions.slice(0, shownMax)
  const names = shown.map((transaction, index) => named(transactions, transaction, `T${index + 1}`))
  const steps = cycle.edges.map(({ reason }, index) =>
    index === size - 1
      ? `  - However, T${size} < T1, because ${reason}: a contradiction!`
      : `  - T${index + 1} < T${index + 2}, because ${reason}.`
  )
  const told =
    size <= shownMax ? steps : [...steps.slice(0, shownMax), `  - ... and ${size - shownMax - 1} more`, steps.at(-1)!]
  return ["Let:", ...names, "Then:", ...told].join("\n")
}

/** Longer cycles are cut in words; their data is whole. */
const shownMax = 24

/** An anomaly's body from its cycle. */
export const anomalyOf = (
  transactions: Transactions,
  explainer: Explainer,
  steps: Steps
): Omit<Anomaly, "type"> & { readonly cycle: Cycle } => {
  const cycle = cycleOf(transactions, explainer, steps)
  return { transactions: cycle.transactions, cycle, explanation: words(transactions, cycle) }
}

/** Whether a transaction certainly took effect. */
export const committed = (transactions: Transactions, transaction: number): boolean =>
  transactions.outcomes[transaction] === History.ok
