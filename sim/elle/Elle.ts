/**
 * Elle: which consistency model does a history of transactions satisfy? Finds anomalies in what the transactions saw and
 * says which models they rule out (Kingsbury and Alvaro, Elle: Inferring Isolation Anomalies from Experimental
 * Observations, VLDB 2020); for registers decides whole levels besides (Biswas and Enea, OOPSLA 2019; Plume 2024).
 *
 * `check` is a function of the history and the options alone, unless `budget.timeMillisMax` is given: then a slow machine
 * may say `unknown` where a fast one decides. `judge` makes a scenario's judge of it. Nothing here recurses, and memory is
 * linear in the micro-operations, so millions of operations are judged.
 *
 *   list-append    anomalies within a transaction and cycles; the longest read of a key orders its versions
 *   rw-register    the same with the little that is known of the order of versions; then, for levels from monotonic atomic
 *                  view on, whether there is an order of commits that explains all reads: complete
 *   others         the checkers of their workloads, in `workloads/`
 *
 * Where no level is asked for it is the strongest that the history's times allow. A history without real time knows its
 * sessions all the same, and they count: there `serializable` means strong session serializable, and so on.
 */
import type { Judged } from "#reports/Judged.ts"
import * as History from "#sim/judges/History.ts"
import type { Operation, Outcome } from "#sim/run/History.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type { Anomaly } from "./Anomaly.ts"
import * as Consistency from "./Consistency.ts"
import { latticeTypes } from "./Cycles.ts"
import * as Isolation from "./Isolation.ts"
import * as Picture from "./Picture.ts"
import type { Kind } from "./Transactions.ts"
import * as Bank from "./workloads/Bank.ts"
import * as CounterBounds from "./workloads/CounterBounds.ts"
import * as LongFork from "./workloads/LongFork.ts"
import * as Monotonic from "./workloads/Monotonic.ts"
import * as Queues from "./workloads/Queues.ts"
import type { Report } from "./workloads/Report.ts"
import * as Sets from "./workloads/Sets.ts"
import * as UniqueIds from "./workloads/UniqueIds.ts"

export const models = [
  "list-append",
  "rw-register",
  "bank",
  "long-fork",
  "set",
  "set-full",
  "queue",
  "total-queue",
  "monotonic",
  "counter",
  "unique-ids"
] as const
export type Model = (typeof models)[number]

export interface Budget {
  /** Steps of the search for cycles to show. Default: 50 million. The verdict does not depend on it. */
  readonly stepsMax?: number
  /** Prefixes that the search for an order of commits may visit. Default: 2 million. */
  readonly prefixesMax?: number
  /** Memory of that search. Default: 512 MiB. */
  readonly memoryBytesMax?: number
  /** Time for the searches, by `now`. Default: no bound. */
  readonly timeMillisMax?: number
}

export interface Options {
  readonly model: Model
  /** A model of `Consistency.ts`, by any of its names. Default: the strongest that the history's times allow. */
  readonly consistency?: string
  readonly budget?: Budget
  /** Milliseconds from any start; needed with `budget.timeMillisMax`. */
  readonly now?: () => number
  /** rw-register: what registers hold at first, and what to assume of the order of versions. */
  readonly registers?: Isolation.RegisterOptions
  readonly bank?: Bank.Options
  readonly longFork?: LongFork.Options
  readonly set?: Sets.Options
  readonly queue?: Queues.Options
}

export interface Verdict {
  readonly valid: boolean | "unknown"
  readonly model: Model
  /** The level that was judged, by its friendly name; empty where the model has no levels. */
  readonly consistency: string
  /** Operations of the history. */
  readonly operations: number
  /** What the level does not allow, at most `Anomaly.examplesMax` of each type. */
  readonly anomalies: ReadonlyArray<Anomaly>
  /** What was found besides, and the level allows. */
  readonly allowed: ReadonlyArray<Anomaly>
  /** How many of each type there are. */
  readonly counts: Readonly<Record<string, number>>
  /** The weakest models that the history cannot satisfy, by friendly names. */
  readonly not: ReadonlyArray<string>
  /** The stronger ones, which it cannot satisfy either. */
  readonly alsoNot: ReadonlyArray<string>
  /** The strongest that it may still satisfy. */
  readonly may: ReadonlyArray<string>
  /** Why the verdict is `unknown`. */
  readonly reason?: string
}

/** In a history without real time a level counts the sessions. */
const withSessions: ReadonlyMap<string, string> = new Map([
  ["PL-2", "strong-session-monotonic-atomic-view"],
  ["monotonic-atomic-view", "strong-session-monotonic-atomic-view"],
  ["read-atomic", "strong-session-read-atomic"],
  ["PL-SI", "strong-session-snapshot-isolation"],
  ["strong-snapshot-isolation", "strong-session-snapshot-isolation"],
  ["PL-3", "strong-session-serializable"],
  ["PL-SS", "strong-session-serializable"]
])

/** A level's canonical name, as it is judged in a history whose events have this order. */
export const levelOf = (consistency: string | undefined, order: History.History["order"]): string => {
  const name = Consistency.modelOf(consistency ?? "strict-serializable")
  // Of transactions causal consistency is one thing; Elle's lattice has it once of single objects and once of these.
  if (name === "causal" || name === "causal-cerone") return "strong-session-causal"
  return order === "process" ? (withSessions.get(name) ?? name) : name
}

/** Judges a history. Refuses with `Unsuited` operations that the model does not know. */
export const check = (history: History.History, options: Options): Verdict => {
  const { model } = options
  if (model === "list-append" || model === "rw-register") return isolation(history, model, options)
  const report = workload(history, model, options)
  const { valid, anomalies, counts, reason } = report
  const verdict = { valid, model, consistency: "", operations: history.count, anomalies, allowed: [], counts }
  return { ...verdict, not: [], alsoNot: [], may: [], ...(reason === undefined ? {} : { reason }) }
}

const workload = (
  history: History.History,
  model: Exclude<Model, "list-append" | "rw-register">,
  options: Options
): Report => {
  switch (model) {
    case "bank":
      return Bank.check(history, options.bank)
    case "long-fork":
      return LongFork.check(history, options.longFork)
    case "set":
      return Sets.final(history)
    case "set-full":
      return Sets.full(history, options.set)
    case "queue":
      return Queues.check(history, options.queue)
    case "total-queue":
      return Queues.check(history, { total: true })
    case "monotonic":
      return Monotonic.check(history, orders(history, options))
    case "counter":
      return CounterBounds.check(history)
    case "unique-ids":
      return UniqueIds.check(history)
  }
}

/** Which orders count for monotonic reads at a level. */
const orders = (history: History.History, { consistency }: Options): Monotonic.Options => {
  if (consistency === undefined) return {}
  const level = levelOf(consistency, history.order)
  if (Consistency.implies(level, "strong-PL-1") || level === "linearizable") return { orders: "realtime" }
  return { orders: Consistency.implies(level, "strong-session-PL-1") ? "process" : "none" }
}

const isolation = (history: History.History, model: Kind, options: Options): Verdict => {
  const level = levelOf(options.consistency, history.order)
  const { budget = {} } = options
  const found = Isolation.check(history, {
    kind: model,
    level,
    stepsMax: budget.stepsMax ?? 50_000_000,
    limits: {
      prefixesMax: budget.prefixesMax ?? 2_000_000,
      memoryBytesMax: budget.memoryBytesMax ?? 536_870_912,
      expired: deadline(options)
    },
    ...options.registers
  })
  const prohibited = Consistency.anomaliesProhibitedBy(level)
  const isBad = (type: string): boolean => latticeTypes([type]).some((name) => prohibited.has(name))
  const types = [...found.findings.types]
  const bad = types.some(isBad)
  const { anomalies, counts } = found.findings
  return {
    valid: bad ? false : found.reason === undefined ? true : "unknown",
    model,
    consistency: Consistency.friendlyName(level),
    operations: history.count,
    anomalies: anomalies.filter(({ type }) => isBad(type)),
    allowed: anomalies.filter(({ type }) => !isBad(type)),
    counts,
    ...Consistency.boundary(latticeTypes(types)),
    ...(bad || found.reason === undefined ? {} : { reason: found.reason })
  }
}

const deadline = ({ now, budget }: Options): (() => boolean) => {
  const timeMillisMax = budget?.timeMillisMax
  if (now === undefined || timeMillisMax === undefined) return () => false
  const end = now() + timeMillisMax
  return () => now() >= end
}

export interface JudgeOptions<Op, Seen> extends Options {
  /** Default: the model and its level. */
  readonly name?: string
  /**
   * An operation and how it ended, in the words of histories: a transaction's `input` is what it asked for, its `output`
   * what it did, both lists of micro-operations.
   */
  readonly toWords: (operation: Op, outcome: Outcome<Seen>) => History.Words
}

/** A judge of scenarios: the clients' transactions satisfy a level. */
export const judge = <Op, Seen>(options: JudgeOptions<Op, Seen>): Judge<Op, Seen> => ({
  name: options.name ?? `${options.model}: ${options.consistency ?? "strongest level"}`,
  make: (run) => ({
    finish: (operations: ReadonlyArray<Operation<Op, Seen>>) => {
      const history = History.fromScenario(operations, options.toWords)
      const verdict = check(history, options)
      if (verdict.valid === true) return "pass"
      if (verdict.valid === "unknown") return "unknown"
      const [worst] = verdict.anomalies
      const last = worst?.transactions.length === 0 ? undefined : operations[Math.max(...(worst?.transactions ?? [0]))]
      const ruledOut = verdict.not.length === 0 ? "" : ` (not ${verdict.not.join(", ")})`
      const detail = `${worst?.type}${ruledOut}: ${worst?.explanation}`
      const picture = (title: string): Judged => Picture.of(title, history, verdict)
      if (last === undefined) return { detail, picture }
      const at = last.completedAt === Infinity ? {} : { atMicros: last.completedAt }
      return { detail, ...at, node: run.nodes + last.client, picture }
    }
  })
})
