/**
 * Isolation: all that is found in a history of list-append or rw-register transactions, worst first where one finding makes
 * the next needless. What the findings mean for a level is the caller's (Elle.ts) to say.
 */
import type * as History from "#sim/judges/History.ts"
import { text, type Value } from "#sim/judges/Value.ts"
import * as Access from "./Access.ts"
import { Findings } from "./Anomaly.ts"
import { CommitSearch, type Limits, type Outcome } from "./CommitSearch.ts"
import * as Committed from "./Committed.ts"
import * as Consistency from "./Consistency.ts"
import * as Cycles from "./Cycles.ts"
import { Edges, ww } from "./Graph.ts"
import * as ListChecks from "./ListChecks.ts"
import { ListOrder } from "./ListOrder.ts"
import * as Order from "./Order.ts"
import * as OrderCycle from "./OrderCycle.ts"
import * as RegisterChecks from "./RegisterChecks.ts"
import { type Assumptions, RegisterOrder } from "./RegisterOrder.ts"
import { ambiguous, describe, type Kind, parse, type Transactions } from "./Transactions.ts"
import * as OrderGuess from "./OrderGuess.ts"
import { type Outcome as Saturated, type Problem, Saturation } from "./Saturation.ts"
import * as UpdateChecks from "./UpdateChecks.ts"
import * as WeakIsolation from "./WeakIsolation.ts"

export interface RegisterOptions extends Assumptions {
  /** What registers hold at first, besides nil. Default: 0 for keys of which nobody wrote 0 or read nil. */
  readonly initial?: Value
}

export interface Options extends RegisterOptions {
  readonly kind: Kind
  /** Canonical. */
  readonly level: string
  readonly stepsMax: number
  readonly limits: Limits
}

export interface Found {
  readonly findings: Findings
  /** Why nothing found does not mean that nothing is wrong. */
  readonly reason: string | undefined
}

export const check = (history: History.History, options: Options): Found => {
  const findings = new Findings()
  const transactions = parse(history, options.kind, options)
  const access = Access.of(transactions)
  UpdateChecks.check(transactions, access, findings)
  const order = orderOf(transactions, access, options, findings)
  const prohibited = Consistency.anomaliesProhibitedBy(options.level)
  const wanted: Order.Wanted = {
    process: prohibited.has("G0-process"),
    realtime: history.order === "realtime" && prohibited.has("G0-realtime")
  }
  const edges = new Edges(transactions.keys.length * 2 + history.count * (wanted.realtime ? 2 : 1) + 64)
  order.addTo(edges)
  const versions = options.kind === "list-append" ? edges.count : 0
  // What the order of a process has on a cycle, real time has; the process is told apart where there is one.
  if (wanted.process && !wanted.realtime) Order.addProcess(edges, transactions)
  const vertices = wanted.realtime ? Order.addRealtime(edges, transactions) : transactions.count
  const graph = edges.graph(vertices)
  const steps = { left: options.stepsMax }
  Cycles.find({ transactions, graph, explainer: order, wanted, steps }, findings)
  const twice = writtenTwice(transactions)
  if (twice !== undefined) return { findings, reason: twice }
  const isBad = (): boolean => Cycles.latticeTypes(findings.types).some((type) => prohibited.has(type))
  if (isBad()) return { findings, reason: undefined }
  const reason = levels({ transactions, access, options, findings, edges, versions, order })
  if (reason !== undefined) return { findings, reason }
  if (isEmpty(transactions)) return { findings, reason: "no transaction has committed" }
  // What is decided as a whole needs no dependencies.
  const isWhole = options.kind === "rw-register" && Consistency.implies(options.level, "monotonic-atomic-view")
  if (isWhole || !order.truncated) return { findings, reason: undefined }
  return { findings, reason: "too many dependencies between readers and writers of a key" }
}

const orderOf = (
  transactions: Transactions,
  access: Access.Access,
  options: Options,
  findings: Findings
): ListOrder | RegisterOrder => {
  if (options.kind === "list-append") {
    const order = new ListOrder(transactions)
    ListChecks.check(transactions, access, order, findings)
    return order
  }
  RegisterChecks.check(transactions, access, findings)
  return new RegisterOrder(transactions, access, options, findings)
}

const isEmpty = ({ outcomes }: Transactions): boolean => !outcomes.includes(0)

/** Values have to be unique: of one that two transactions may have written no read tells whose it saw. */
const writtenTwice = ({ writers, table, keyNames }: Transactions): string | undefined => {
  const version = writers.indexOf(ambiguous)
  if (version === -1) return undefined
  return `the value ${text(table.value(version))} of key ${text(keyNames[table.key(version)]!)} was written more than once`
}

interface Levels {
  readonly transactions: Transactions
  readonly access: Access.Access
  readonly options: Options
  readonly findings: Findings
  readonly edges: Edges
  /** How many of the first edges are of the data, where they are in the order of versions. */
  readonly versions: number
  readonly order: ListOrder | RegisterOrder
}

interface Step {
  readonly level: WeakIsolation.Level
  readonly model: string
  readonly session: string
  readonly type: string
}

const steps: ReadonlyArray<Step> = [
  {
    level: "read-committed",
    model: "monotonic-atomic-view",
    session: "strong-session-monotonic-atomic-view",
    type: "non-monotonic-read"
  },
  { level: "read-atomic", model: "read-atomic", session: "strong-session-read-atomic", type: "fractured-read" },
  {
    level: "causal",
    model: "strong-session-causal",
    session: "strong-session-causal",
    type: "causality-violation"
  }
]

/** Decides levels as a whole, from weak to strong; returns why one could not be. */
const levels = (input: Levels): string | undefined => {
  const { transactions, access, options, findings } = input
  const { level } = options
  const due = steps.filter(({ model }) => Consistency.implies(level, model))
  if (due.length === 0) return undefined
  const versions = input.versions > 0 ? { versions: input.edges } : {}
  // Lists show their order, so their cycles have said it all; but snapshot isolation orders appends that no read shows too.
  if (input.order instanceof ListOrder && Consistency.implies(level, "PL-SI")) {
    const isOpen = !Consistency.implies(level, "PL-3") && transactions.count <= listSearchMax && input.order.isOpen
    return isOpen ? search(input, Committed.of(transactions, access), versions) : undefined
  }
  const committed = Committed.of(transactions, access)
  const decide = (step: Step): WeakIsolation.Verdict => {
    const sessions = Consistency.implies(level, step.session)
    return WeakIsolation.check({ transactions, committed, level: step.level, sessions, ...versions })
  }
  for (const step of due.toReversed()) {
    const verdict = decide(step)
    if (verdict.type === "holds") break
    if (verdict.type === "undecided") {
      if (Consistency.implies(level, "PL-SI")) continue
      return "too many sessions for vector clocks"
    }
    // The weakest level that is broken says the most.
    for (const weaker of due) {
      const first = weaker === step ? verdict : decide(weaker)
      if (first.type !== "broken") continue
      const bySession = first.anomaly.cycle?.edges.some(({ type }) => type === "process") ?? false
      findings.add(bySession ? `${weaker.type}-process` : weaker.type, () => first.anomaly)
      return undefined
    }
  }
  return Consistency.implies(level, "PL-SI") ? search(input, committed, versions) : undefined
}

/** Looks for an order of commits that explains all. */
const search = (
  { transactions, options, findings }: Levels,
  whole: Committed.Committed,
  { versions }: { readonly versions?: Edges }
): string | undefined => {
  const { level, limits } = options
  const { history } = transactions
  const snapshots = !Consistency.implies(level, "PL-3")
  const sessions = Consistency.implies(level, "strong-session-snapshot-isolation")
  const realtime = history.order === "realtime" && Consistency.implies(level, "strong-snapshot-isolation")
  const committed = sessions ? whole : Committed.alone(whole)
  const problem = { committed, history, realtime, versions: between(committed, transactions, versions) }
  // A serial order explains snapshots too, and is found sooner.
  if (snapshots) {
    const { prefixesMax } = limits
    const serial = { ...limits, prefixesMax: Math.min(prefixesMax, serialPrefixesMax) }
    if (decide({ ...problem, snapshots: false }, serial).type === "ordered") return undefined
  }
  const outcome = decide({ ...problem, snapshots }, limits)
  if (outcome.type === "undecided") return "the search for an order of commits came to the end of its budget"
  if (outcome.type === "ordered") return undefined
  const suffix = realtime ? "-realtime" : sessions ? "-process" : ""
  findings.add(`${snapshots ? "no-snapshot-order" : "no-serial-order"}${suffix}`, () => {
    if (outcome.type === "cyclic") return OrderCycle.anomalyOf(transactions, committed, outcome)
    const rows = outcome.stuck.map((member) => committed.members[member]!)
    const told = rows.slice(0, toldMax).map((row) => `  ${describe(transactions, row)}`)
    const name = Consistency.friendlyName(level)
    const explanation = [
      `No order of commits explains the reads, as ${name} wants it: all were tried. The longest has ${outcome.longest} of ${committed.count} transactions; after it none of these fits:`,
      ...told
    ]
    return { transactions: rows, explanation: explanation.join("\n") }
  })
  return undefined
}

/** By guesses, by what must follow, and then by search. */
const decide = (problem: Problem, limits: Limits): Exclude<Saturated, { type: "saturated" }> | Outcome => {
  const saturation = new Saturation(problem)
  // Most valid histories are explained by the first guess.
  if (OrderGuess.succeeds(problem.committed, saturation.known())) return { type: "ordered" }
  const saturated = saturation.run()
  if (saturated.type === "cyclic") return saturated
  if (OrderGuess.succeeds(problem.committed, saturated)) return { type: "ordered" }
  return new CommitSearch({ ...problem, ...saturated }).run(limits)
}

/** What the search for a serial order may visit on the way to snapshots. */
const serialPrefixesMax = 100_000

const toldMax = 12

/** Elle judges list-append by cycles alone; larger histories are judged so here too. */
const listSearchMax = 2_000

/** Known orders of versions, between members. */
const between = (committed: Committed.Committed, { count }: Transactions, versions: Edges | undefined): Edges => {
  const edges = new Edges()
  const memberOf = new Int32Array(count).fill(-1)
  for (let member = 0; member < committed.count; member += 1) memberOf[committed.members[member]!] = member
  for (let edge = 0; versions !== undefined && edge < versions.count; edge += 1) {
    const source = memberOf[versions.sources.at(edge)] ?? -1
    const target = memberOf[versions.targets.at(edge)] ?? -1
    if ((versions.kinds.at(edge) & ww) !== 0 && source >= 0 && target >= 0) edges.add(source, target, ww)
  }
  return edges
}
