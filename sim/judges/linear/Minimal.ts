/**
 * The operations that suffice for a refusal. An operation that is left out is not forgotten, which could make the rest
 * look wrong for want of it: it may then happen at any time, with any result, or never. So the operations that stay
 * cannot be explained whatever the others did, and each is needed: without any one of them the rest can be explained.
 *
 * Found by leaving out ever smaller stretches (delta debugging, Zeller and Hildebrandt 2002), oldest first, within a
 * budget; past it the rest stays as it is.
 */
import * as Model from "#models/Model.ts"
import { Automaton } from "./Automaton.ts"
import { type Entries, never } from "./Entries.ts"
import * as Problem from "./Problem.ts"
import { Search } from "./Search.ts"
import * as Special from "./Special.ts"
import * as Window from "./Window.ts"

export interface Minimal {
  /** Rows of the history, in the order of their calls. */
  readonly rows: Int32Array
  /** Whether each is known to be needed; otherwise the budget ended before. */
  readonly complete: boolean
}

/** Of one trial. */
const configurationsMax = 20_000
const memoryBytesMax = 268_435_456
/** Of all trials together: rows read and configurations visited. */
const workMax = 3_000_000

/** A longer history is first cut to a stretch that shows enough. */
const operationsMax = 2_000

/** `rows` are refused because of the completion of the row `stuck`. */
export const find = (model: Model.Model, entries: Entries, rows: Int32Array, stuck: number): Minimal => {
  const trials = new Trials(model, entries, rows, stuck)
  let kept = trials.candidates
  for (let size = Math.ceil(kept.length / 2); ; size = Math.ceil(size / 2)) {
    let removed = false
    for (let at = 0; at < kept.length && trials.work < workMax;) {
      const without = kept.filter((row, index) => index < at || index >= at + size || row === stuck)
      if (without.length < kept.length && trials.refusedWith(without)) {
        kept = without
        removed = true
      } else at += size
    }
    if (trials.work >= workMax) return { rows: Int32Array.from(kept), complete: false }
    if (size === 1 && !removed) return { rows: Int32Array.from(kept), complete: trials.sure }
    if (size === 1) size = 2
  }
}

class Trials {
  /** What may stay, in the order of the calls. */
  readonly candidates: ReadonlyArray<number>
  work = 0
  /** Every trial so far was decided. */
  sure = true
  private readonly model: Model.Model
  private readonly entries: Entries
  private readonly rows: Int32Array
  /** Where a trial begins; `undefined` for the model's first state. */
  private readonly stretch: Window.Stretch | undefined
  private readonly automaton: Automaton<any, any, any>

  constructor(model: Model.Model, entries: Entries, rows: Int32Array, stuck: number) {
    const before = rows.filter((row) => entries.calls[row]! < entries.returns[stuck]!)
    this.model = model
    this.entries = entries
    this.automaton = new Automaton(model)
    if (before.length > operationsMax) {
      const problem = Problem.make(entries, before, this.automaton)
      this.stretch = Window.refuting(entries, problem, this.automaton, problem.rows.indexOf(stuck))
    }
    this.rows = this.stretch?.rows ?? before
    const start = this.stretch?.start ?? -1
    this.candidates = [...this.rows].filter((row) => entries.calls[row]! > start)
  }

  /** Whether some rows are refused when the rest may happen at any time, or never. */
  refusedWith(exact: ReadonlyArray<number>): boolean {
    const trial = this.loosened(new Set(exact))
    const refused = this.decide(trial)
    this.work += trial.count
    if (refused === undefined) this.sure = false
    return refused === true
  }

  private loosened(exact: ReadonlySet<number>): Entries {
    const { model, entries } = this
    const free: Array<number> = []
    for (const row of this.rows) {
      const readOnly = model.readOnly?.(entries.operations[row], Model.unknown) ?? false
      if (!exact.has(row) && !readOnly) free.push(row)
    }
    const order = [...free, ...exact]
    return {
      count: order.length,
      operations: order.map((row) => entries.operations[row]),
      results: order.map((row) => (exact.has(row) ? entries.results[row] : Model.unknown)),
      processes: order.map((row) => entries.processes[row]!),
      calls: Int32Array.from(order, (row) => (exact.has(row) ? entries.calls[row]! : -1)),
      returns: Int32Array.from(order, (row) => (exact.has(row) ? entries.returns[row]! : never))
    }
  }

  private decide(trial: Entries): boolean | undefined {
    const rows = Int32Array.from({ length: trial.count }, (_, row) => row)
    if (this.stretch === undefined) {
      const special = Special.decide(this.model, trial, rows)
      if (special !== undefined) return special.stuck !== undefined
    }
    const problem = Problem.make(trial, rows, this.automaton)
    for (const state of this.stretch?.states ?? [this.automaton.initial()]) {
      const search = new Search(problem, this.automaton, state)
      const outcome = search.run({ configurationsMax, memoryBytesMax, expired: () => false })
      this.work += outcome.configurations
      if (outcome.type !== "refused") return outcome.type === "linearized" ? false : undefined
    }
    return true
  }
}
