/**
 * Linearizability (Herlihy and Wing 1990): is there an order of the operations, each at a moment between its call and its
 * return, in which one sequential copy of the object would have given these results? An operation without a known end may
 * have taken effect at any later time, or never.
 *
 * `check` decides a history of entries; `judge` makes a scenario's judge of it. Parts that never see each other are
 * judged alone (Horn and Kroening's P-compositionality). The same input and budget give the same verdict, unless the
 * budget has a time: then a slow machine may say `undecided` where a fast one decides.
 *
 * A refusal tells the completion that nothing reaches, the longest linearizations before it, and which operations suffice.
 */
import * as Model from "#models/Model.ts"
import type { Operation as SimOperation } from "#sim/run/History.ts"
import type { Judge, Violation } from "#sim/run/Judge.ts"
import type { Outcome } from "#sim/run/History.ts"
import { Automaton } from "./linear/Automaton.ts"
import { type Entries, ranks } from "./linear/Entries.ts"
import * as Minimal from "./linear/Minimal.ts"
import * as Problem from "./linear/Problem.ts"
import type { Linearization, Refusal } from "./linear/Refusal.ts"
import { type Limits, type Partial, Search } from "./linear/Search.ts"
import * as Special from "./linear/Special.ts"
import * as Window from "./linear/Window.ts"
import * as Picture from "./Picture.ts"

export interface Options {
  /** Configurations a part may visit. Default: 20 million. */
  readonly configurationsMax?: number
  /** Memory of one part's search, in bytes. Default: 1 GiB. */
  readonly memoryBytesMax?: number
  /** Time for the whole history, by `now`. Default: no bound. */
  readonly timeMillisMax?: number
  /** Milliseconds from any start; needed with `timeMillisMax`. */
  readonly now?: () => number
  /** Judge the model's parts one by one. Default: true. */
  readonly partition?: boolean
  /** Decide by a special algorithm where there is one. Default: true. */
  readonly special?: boolean
}

export type Verdict =
  | { readonly type: "linearizable"; readonly parts: number; readonly configurations: number }
  | { readonly type: "refused"; readonly refusal: Refusal; readonly parts: number; readonly configurations: number }
  | {
      readonly type: "undecided"
      readonly reason: "configurations" | "memory" | "time"
      /** The parts that were not decided. */
      readonly undecided: ReadonlyArray<Model.Key | undefined>
      readonly parts: number
      readonly configurations: number
    }

const configurationsDefault = 20_000_000
const memoryBytesDefault = 1_073_741_824
/** What each part may visit before the others have had their turn: one hostile part must not hide another's refusal. */
const firstTurnConfigurations = 100_000

const sharedBytesMax = 8_388_608

/** Judges a history. Rows of the verdict are rows of `entries`. */
export const check = <State, Operation, Result>(
  model: Model.Model<State, Operation, Result>,
  entries: Entries<Operation, Result>,
  options: Options = {}
): Verdict => {
  const { configurationsMax, memoryBytesMax, expired } = limitsOf(options)
  const parts = partsOf(model, entries, options.partition ?? true)
  const partModel = parts.has(undefined) || model.parts === undefined ? model : model.parts.model
  let configurations = 0
  let open = [...parts.keys()]
  let reason: "configurations" | "memory" | "time" = "configurations"
  const firstTurnMax = parts.size > 1 ? Math.min(firstTurnConfigurations, configurationsMax) : configurationsMax
  for (const turnMax of [firstTurnMax, configurationsMax]) {
    const limits: Limits = { configurationsMax: turnMax, memoryBytesMax, expired }
    const still: Array<Model.Key | undefined> = []
    let automaton = new Automaton(partModel)
    for (const part of open) {
      const rows = parts.get(part)!
      // Parts are of one model, so what was learnt for one serves the next, as long as it is not too much.
      if (automaton.sizeBytes > sharedBytesMax) automaton = new Automaton(partModel)
      const decided = checkPart(automaton, entries, rows, limits, options)
      configurations += decided.configurations
      if (decided.type === "refused") {
        const refusal = refusalOf(partModel, entries, part, rows, decided)
        return { type: "refused", refusal, parts: parts.size, configurations }
      }
      if (decided.type === "undecided") {
        still.push(part)
        reason = decided.reason
      }
    }
    open = still
    if (open.length === 0) return { type: "linearizable", parts: parts.size, configurations }
    if (turnMax === configurationsMax) break
  }
  return { type: "undecided", reason, undecided: open, parts: parts.size, configurations }
}

interface Refused {
  readonly type: "refused"
  readonly configurations: number
  readonly stuck: number
  /** `undefined`: not looked for yet. */
  readonly partials: ReadonlyArray<Linearization> | undefined
}

type Decided =
  | { readonly type: "linearizable"; readonly configurations: number }
  | Refused
  | {
      readonly type: "undecided"
      readonly configurations: number
      readonly reason: "configurations" | "memory" | "time"
    }

const refusalOf = (
  model: Model.Model,
  entries: Entries,
  part: Model.Key | undefined,
  rows: Int32Array,
  { stuck, ...decided }: Refused
): Refusal => {
  let partials = decided.partials
  let minimal: Minimal.Minimal | undefined
  return {
    part,
    rows,
    stuck,
    get partials() {
      return (partials ??= partialsOf(model, entries, rows, stuck))
    },
    get minimal() {
      return (minimal ??= Minimal.find(model, entries, rows, stuck))
    }
  }
}

/** How far linearizations go, where a special algorithm has found that none reaches the completion of a row. */
const partialsOf = (
  model: Model.Model,
  entries: Entries,
  rows: Int32Array,
  stuck: number
): ReadonlyArray<Linearization> => {
  const before = rows.filter((row) => entries.calls[row]! < entries.returns[stuck]!)
  const limits = limitsOf({ configurationsMax: firstTurnConfigurations })
  const decided = search(new Automaton(model), entries, before, limits)
  return decided.type === "refused" ? (decided.partials ?? []) : []
}

const checkPart = (
  automaton: Automaton<any, any, any>,
  entries: Entries,
  rows: Int32Array,
  limits: Limits,
  options: Options
): Decided => {
  const special = (options.special ?? true) ? Special.decide(automaton.model, entries, rows) : undefined
  if (special === undefined) return search(automaton, entries, rows, limits)
  const { stuck } = special
  if (stuck === undefined) return { type: "linearizable", configurations: 0 }
  return { type: "refused", configurations: 0, stuck, partials: undefined }
}

/** A part of a history with what a page shows of it. */
export interface Examined {
  readonly part: Model.Key | undefined
  readonly rows: Int32Array
  readonly verdict: "valid" | "invalid" | "unknown"
  /** A linearization, where one was found in the budget: special algorithms decide without one. */
  readonly order: Int32Array | undefined
  readonly refusal: Refusal | undefined
}

/**
 * Each part by itself, at most `partsMax`, the refused one first if `check` has found one. Slower than `check`, which
 * needs no order and ends at the first refusal.
 */
export const examine = (
  model: Model.Model,
  entries: Entries,
  refusal: Refusal | undefined,
  { partsMax = Infinity, ...options }: Options & { readonly partsMax?: number } = {}
): { readonly parts: ReadonlyArray<Examined>; readonly leftOut: number } => {
  const all = partsOf(model, entries, options.partition ?? true)
  const partModel = all.has(undefined) || model.parts === undefined ? model : model.parts.model
  const limits = limitsOf(options)
  const parts: Array<Examined> = []
  if (refusal !== undefined) {
    parts.push({ part: refusal.part, rows: refusal.rows, verdict: "invalid", order: undefined, refusal })
  }
  for (const [part, rows] of all) {
    if (parts.length >= partsMax || limits.expired()) break
    if (refusal !== undefined && part === refusal.part) continue
    const automaton = new Automaton(partModel)
    const problem = Problem.make(entries, rows, automaton)
    const outcome = new Search(problem, automaton).run(limits)
    if (outcome.type === "linearized") {
      const order = outcome.order.map((operation) => problem.rows[operation]!)
      parts.push({ part, rows, verdict: "valid", order, refusal: undefined })
      continue
    }
    const decided = checkPart(automaton, entries, rows, limits, options)
    const found = decided.type === "refused" ? refusalOf(partModel, entries, part, rows, decided) : undefined
    const verdict = decided.type === "linearizable" ? "valid" : found === undefined ? "unknown" : "invalid"
    parts.push({ part, rows, verdict, order: undefined, refusal: found })
  }
  return { parts, leftOut: all.size - parts.length }
}

/** Configurations after which a search that is stuck asks whether a short stretch shows why; then 8 times as many. */
const firstStretchConfigurations = 20_000

const search = (automaton: Automaton<any, any, any>, entries: Entries, rows: Int32Array, limits: Limits): Decided => {
  const problem = Problem.make(entries, rows, automaton)
  const searching = new Search(problem, automaton)
  const linearization = (partial: Partial): Linearization => ({
    rows: partial.order.map((operation) => problem.rows[operation]!),
    state: automaton.model.describeState(automaton.state(partial.state))
  })
  for (let turnMax = firstStretchConfigurations; ; turnMax *= 8) {
    const configurationsMax = Math.min(turnMax, limits.configurationsMax)
    let outcome = searching.run({ ...limits, configurationsMax })
    const { configurations } = outcome
    if (outcome.type === "linearized") return { type: "linearizable", configurations }
    if (outcome.type === "undecided" && Window.refuting(entries, problem, automaton, searching.stuck) !== undefined) {
      outcome = searching.refuse()
    }
    if (outcome.type === "refused") {
      const partials = outcome.partials.map(linearization)
      return { type: "refused", configurations, stuck: problem.rows[outcome.stuck]!, partials }
    }
    if (outcome.reason !== "configurations" || configurationsMax === limits.configurationsMax) return outcome
  }
}

const limitsOf = (options: Options): Limits => {
  const { now, timeMillisMax } = options
  const end = now === undefined || timeMillisMax === undefined ? Infinity : now() + timeMillisMax
  return {
    configurationsMax: options.configurationsMax ?? configurationsDefault,
    memoryBytesMax: options.memoryBytesMax ?? memoryBytesDefault,
    expired: () => now !== undefined && now() >= end
  }
}

/** Rows by part, parts in the order of their first operation. One operation that sees several parts makes them one. */
const partsOf = (
  model: Model.Model,
  entries: Entries,
  wanted: boolean
): ReadonlyMap<Model.Key | undefined, Int32Array> => {
  const whole = () => new Map([[undefined, Int32Array.from({ length: entries.count }, (_, row) => row)]])
  if (!wanted || model.parts === undefined) return whole()
  const numbers = new Map<Model.Key, number>()
  const partOf = new Int32Array(entries.count)
  const ends: Array<number> = []
  for (let row = 0; row < entries.count; row += 1) {
    const part = model.parts.of(entries.operations[row])
    if (part === undefined) return whole()
    let number = numbers.get(part)
    if (number === undefined) {
      number = numbers.size
      numbers.set(part, number)
      ends.push(0)
    }
    partOf[row] = number
    ends[number]! += 1
  }
  // One array for all parts, each a stretch of it.
  const starts = new Int32Array(ends.length)
  for (let number = 1; number < ends.length; number += 1) {
    starts[number] = ends[number - 1]!
    ends[number]! += ends[number - 1]!
  }
  const rows = new Int32Array(entries.count)
  const next = starts.slice()
  for (let row = 0; row < entries.count; row += 1) {
    const number = partOf[row]!
    rows[next[number]!] = row
    next[number]! += 1
  }
  return new Map([...numbers].map(([part, number]) => [part, rows.subarray(starts[number], ends[number])]))
}

/** What an operation of a scenario was, in the words of a model. */
export interface Seen<Operation, Result> {
  readonly operation: Operation
  readonly result: Result | Model.Unknown
}

export interface JudgeOptions<Op, Value, Operation, Result> extends Options {
  /** Default: `linearizability: ` and the model's name. */
  readonly name?: string
  readonly model: Model.Model<any, Operation, Result>
  /**
   * An operation and how it ended, in the model's words; `undefined` when it says nothing, as most failed operations
   * do. An operation whose outcome is unknown is taken to have an unknown result, whatever this returns.
   */
  readonly toOperation: (operation: Op, outcome: Outcome<Value>) => Seen<Operation, Result> | undefined
}

/** A judge of scenarios: the clients' history is linearizable. Its budget is in configurations, so a seed has one verdict. */
export const judge = <Op, Value, Operation, Result>(
  options: JudgeOptions<Op, Value, Operation, Result>
): Judge<Op, Value> => {
  const { model, toOperation } = options
  return {
    name: options.name ?? `linearizability: ${model.name}`,
    make: (run) => ({
      finish: (history) => {
        const { entries, operations } = entriesOf(history, toOperation)
        const verdict = check(model, entries, options)
        if (verdict.type === "linearizable") return "pass"
        if (verdict.type === "undecided") return "unknown"
        return violation(model, entries, operations, verdict.refusal, run.nodes)
      }
    })
  }
}

/** A scenario's history as entries; `operations` holds the operation of each row. */
export const entriesOf = <Op, Value, Operation, Result>(
  history: ReadonlyArray<SimOperation<Op, Value>>,
  toOperation: (operation: Op, outcome: Outcome<Value>) => Seen<Operation, Result> | undefined
): { readonly entries: Entries<Operation, Result>; readonly operations: ReadonlyArray<SimOperation<Op, Value>> } => {
  const operations: Array<SimOperation<Op, Value>> = []
  const seen: Array<Seen<Operation, Result>> = []
  for (const operation of history) {
    const words = toOperation(operation.operation, operation.outcome)
    if (words === undefined) continue
    operations.push(operation)
    seen.push(operation.outcome.type === "unknown" ? { operation: words.operation, result: Model.unknown } : words)
  }
  const processes = operations.map((operation) => operation.process)
  const order = ranks({
    count: operations.length,
    processes,
    invokedAt: operations.map((operation) => operation.invokedAt),
    completedAt: operations.map((operation) =>
      operation.outcome.type === "unknown" ? Infinity : operation.completedAt
    )
  })
  const entries: Entries<Operation, Result> = {
    count: operations.length,
    operations: seen.map((words) => words.operation),
    results: seen.map((words) => words.result),
    processes,
    ...order
  }
  return { entries, operations }
}

const violation = <Op, Value, Operation, Result>(
  model: Model.Model<any, Operation, Result>,
  entries: Entries<Operation, Result>,
  operations: ReadonlyArray<SimOperation<Op, Value>>,
  refusal: Refusal,
  nodes: number
): Violation => {
  const stuck = operations[refusal.stuck]!
  const words = model.describe(entries.operations[refusal.stuck]!, entries.results[refusal.stuck]!)
  const states = [...new Set(refusal.partials.map((partial) => partial.state))].slice(0, 3)
  const could = states.length === 0 ? "" : `; the state could be ${states.join(" or ")}`
  // What suffices for the refusal takes many judgements to find, and shrinking a run asks for this line very often.
  return {
    detail: `not linearizable: ${words} by c${stuck.client} fits nowhere${could}`,
    atMicros: stuck.completedAt,
    node: nodes + stuck.client,
    picture: (title) => Picture.ofScenario(title, model, entries, operations, refusal)
  }
}
