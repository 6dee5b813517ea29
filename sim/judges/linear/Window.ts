/**
 * A refusal from a short stretch of a long history. A search that is stuck at a completion must otherwise visit whatever
 * could have led there, back to the beginning, before it may refuse.
 *
 * Take the stretch of some completions before that one, and let what was before it leave the object in any state that the
 * operations called until then can lead to, in any order and as often as they like; an operation under way when the
 * stretch begins may have happened before or not. When even so nothing reaches the completion, nothing does: whatever
 * explained the whole history would explain the stretch, from one of these states.
 */
import { type Automaton, refused } from "./Automaton.ts"
import { type Entries, never } from "./Entries.ts"
import * as Problem from "./Problem.ts"
import { Search } from "./Search.ts"

const completionsOfStretches = [4, 16, 64, 256]
const statesMax = 256
const kindsMax = 1024
/** Of the search through one stretch from one state. */
const configurationsMax = 4_000
const memoryBytesMax = 268_435_456

/** Operations of a problem between two completions, and the states from which they may begin. */
export interface Stretch {
  /** Rows of the history of what was under way in the stretch. */
  readonly rows: Int32Array
  readonly states: ReadonlyArray<number>
  /** Places of the two completions. */
  readonly start: number
  readonly end: number
}

/** A stretch that alone shows that nothing reaches the completion of an operation. */
export const refuting = (
  entries: Entries,
  problem: Problem.Problem,
  automaton: Automaton<any, any, any>,
  stuck: number
): Stretch | undefined => {
  const { returns, completed } = problem
  const at = completed.indexOf(stuck)
  for (const completions of completionsOfStretches) {
    // A stretch that is the whole history is what the search itself is about.
    if (completions >= at) return undefined
    const start = returns[completed[at - completions]!]!
    const end = returns[stuck]!
    const states = statesBefore(problem, automaton, start)
    if (states === undefined) return undefined
    const stretch = { rows: rowsWithin(problem, start, end), states, start, end }
    const reached = reaches(entries, automaton, stretch)
    // A longer stretch is only harder than one that could not be decided.
    if (reached !== true) return reached === false ? stretch : undefined
  }
  return undefined
}

const rowsWithin = (problem: Problem.Problem, start: number, end: number): Int32Array => {
  const rows: Array<number> = []
  for (let operation = 0; operation < problem.count && problem.calls[operation]! < end; operation += 1) {
    if (problem.returns[operation]! > start) rows.push(problem.rows[operation]!)
  }
  return Int32Array.from(rows)
}

/** The states that operations called before a place can lead to; `undefined` when there are too many. */
const statesBefore = (
  problem: Problem.Problem,
  automaton: Automaton<any, any, any>,
  start: number
): ReadonlyArray<number> | undefined => {
  const { count, calls, kinds } = problem
  const called = new Set<number>()
  for (let operation = 0; operation < count && calls[operation]! < start; operation += 1) {
    called.add(kinds[operation]!)
    if (called.size > kindsMax) return undefined
  }
  const states = new Set([automaton.initial()])
  // The set grows while it is walked through, until nothing new is met.
  for (const state of states) {
    for (const kind of called) {
      const next = automaton.step(state, kind)
      if (next !== refused) states.add(next)
    }
    if (states.size > statesMax) return undefined
  }
  return [...states]
}

/** Whether a linearization of the stretch reaches its end from one of the states; `undefined` when that is too hard. */
const reaches = (
  entries: Entries,
  automaton: Automaton<any, any, any>,
  { rows, states, start, end }: Stretch
): boolean | undefined => {
  const list = [...rows]
  const known = (row: number): boolean => entries.calls[row]! > start && entries.returns[row]! <= end
  const within: Entries = {
    count: list.length,
    operations: list.map((row) => entries.operations[row]),
    results: list.map((row) => entries.results[row]),
    processes: list.map((row) => entries.processes[row]!),
    calls: Int32Array.from(list, (row) => entries.calls[row]!),
    // What began before the start, or returns after the end, may have happened or not.
    returns: Int32Array.from(list, (row) => (known(row) ? entries.returns[row]! : never))
  }
  const problem = Problem.make(within, Int32Array.from(list.keys()), automaton)
  for (const state of states) {
    const search = new Search(problem, automaton, state)
    const outcome = search.run({ configurationsMax, memoryBytesMax, expired: () => false })
    if (outcome.type !== "refused") return outcome.type === "linearized" ? true : undefined
  }
  return false
}
