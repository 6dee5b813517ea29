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

/** `rows` are refused because of the completion of the row `stuck`. */
export const find = (model: Model.Model, entries: Entries, rows: Int32Array, stuck: number): Minimal => {
  const horizon = entries.returns[stuck]!
  let kept = [...rows].filter((row) => entries.calls[row]! < horizon)
  const all = kept
  let work = 0
  let sure = true
  const refusedWith = (exact: ReadonlyArray<number>): boolean => {
    const trial = loosened(model, entries, all, new Set(exact))
    const outcome = decide(model, trial)
    work += trial.count + outcome.configurations
    if (outcome.refused === undefined) sure = false
    return outcome.refused === true
  }
  for (let size = Math.ceil(kept.length / 2); ; size = Math.ceil(size / 2)) {
    let removed = false
    for (let at = 0; at < kept.length && work < workMax;) {
      const without = kept.filter((row, index) => index < at || index >= at + size || row === stuck)
      if (without.length < kept.length && refusedWith(without)) {
        kept = without
        removed = true
      } else at += size
    }
    if (work >= workMax) return { rows: Int32Array.from(kept), complete: false }
    if (size === 1 && !removed) return { rows: Int32Array.from(kept), complete: sure }
    if (size === 1) size = 2
  }
}

/** The history in which only some rows are as they were; the rest may happen at any time, or never. */
const loosened = (
  model: Model.Model,
  entries: Entries,
  rows: ReadonlyArray<number>,
  exact: ReadonlySet<number>
): Entries => {
  const free: Array<number> = []
  for (const row of rows) {
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

const decide = (
  model: Model.Model,
  trial: Entries
): { readonly refused: boolean | undefined; readonly configurations: number } => {
  const rows = Int32Array.from({ length: trial.count }, (_, row) => row)
  const special = Special.decide(model, trial, rows)
  if (special !== undefined) return { refused: special.stuck !== undefined, configurations: 0 }
  const automaton = new Automaton(model)
  const search = new Search(Problem.make(trial, rows, automaton), automaton)
  const outcome = search.run({ configurationsMax, memoryBytesMax, expired: () => false })
  const refused = outcome.type === "undecided" ? undefined : outcome.type === "refused"
  return { refused, configurations: outcome.configurations }
}
