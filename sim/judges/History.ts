/**
 * A history: what the processes of a system did and saw. Every format is read into it, every judge starts from it.
 *
 * Columns rather than objects, so that millions of operations fit; row i of every column is one operation, rows in the
 * order of the invocations. `calls` and `returns` are places in the one order of all events, 0, 1, 2, ...; an operation
 * whose outcome is unknown may take effect at any later time or never, and has `never` as its return. A process does one
 * thing at a time.
 *
 * Not every history has times: `order` says whether the events' order is that of real time, or only each process's own.
 */
import { assert } from "#base/Assert.ts"
import type { Operation as ScenarioOperation } from "#sim/run/History.ts"
import type { Outcome } from "#sim/run/History.ts"
import { never, ranks } from "./linear/Entries.ts"
import type { Value } from "./Value.ts"

export type OutcomeName = "ok" | "failed" | "unknown"

/** In the column `outcomes`: it happened, it certainly did not, nobody knows. */
export const ok = 0
export const failed = 1
export const unknown = 2
const outcomeNames: ReadonlyArray<OutcomeName> = ["ok", "failed", "unknown"]

export interface History {
  readonly count: number
  readonly order: "realtime" | "process"
  readonly processes: Int32Array
  /** Names of processes, where they have any: of a scenario's run its clients, each of which may be several processes. */
  readonly names?: ReadonlyMap<number, string>
  /** What was done: `read`, `write`, `txn`, ... */
  readonly functions: ReadonlyArray<string>
  /** The invocation's value. */
  readonly inputs: ReadonlyArray<Value>
  /** The completion's value; null where there is none. */
  readonly outputs: ReadonlyArray<Value>
  readonly outcomes: Uint8Array
  readonly calls: Int32Array
  /** `never` where the outcome is unknown. */
  readonly returns: Int32Array
  /** Times of the two events in nanoseconds, NaN where the source has none. */
  readonly invokedAt: Float64Array
  readonly completedAt: Float64Array
}

/** Who did it, as the pages about a scenario's run name its clients. */
export const nameOf = ({ names, processes }: Pick<History, "names" | "processes">, row: number): string =>
  names?.get(processes[row]!) ?? `process ${processes[row]}`

/** One row as an object. */
export interface Operation {
  readonly row: number
  readonly process: number
  readonly function: string
  readonly input: Value
  readonly output: Value
  readonly outcome: OutcomeName
  readonly call: number
  /** `Infinity` where the outcome is unknown. */
  readonly return: number
}

export const operation = (history: History, row: number): Operation => ({
  row,
  process: history.processes[row]!,
  function: history.functions[row]!,
  input: history.inputs[row]!,
  output: history.outputs[row]!,
  outcome: outcomeNames[history.outcomes[row]!]!,
  call: history.calls[row]!,
  return: history.returns[row] === never ? Infinity : history.returns[row]!
})

export const operations = (history: History): ReadonlyArray<Operation> =>
  Array.from({ length: history.count }, (_, row) => operation(history, row))

/** Makes a history from its events, in their order. Each method returns what is wrong with its event, if anything. */
export class Builder {
  private readonly processes: Array<number> = []
  private readonly functions: Array<string> = []
  private readonly inputs: Array<Value> = []
  private readonly outputs: Array<Value> = []
  private readonly outcomes: Array<number> = []
  private readonly calls: Array<number> = []
  private readonly returns: Array<number> = []
  private readonly invokedAt: Array<number> = []
  private readonly completedAt: Array<number> = []
  private readonly open = new Map<number, number>()
  private events = 0
  private names: Map<number, string> | undefined

  /** Gives a process a name. */
  name(process: number, name: string): void {
    this.names ??= new Map()
    this.names.set(process, name)
  }

  invoke(process: number, name: string, input: Value, time = NaN): string | undefined {
    if (!Number.isInteger(process) || Math.abs(process) > 0x7fffffff) return `process ${process} is not a whole number`
    if (this.open.has(process)) return `process ${process} invokes an operation before its last one has ended`
    this.open.set(process, this.processes.length)
    this.processes.push(process)
    this.functions.push(name)
    this.inputs.push(input)
    this.outputs.push(null)
    this.outcomes.push(unknown)
    this.calls.push(this.events)
    this.returns.push(never)
    this.invokedAt.push(time)
    this.completedAt.push(NaN)
    this.events += 1
    return undefined
  }

  complete(process: number, outcome: OutcomeName, output: Value, time = NaN): string | undefined {
    const row = this.open.get(process)
    if (row === undefined) return `process ${process} ends an operation that it did not invoke`
    this.open.delete(process)
    this.outputs[row] = output
    this.outcomes[row] = outcomeNames.indexOf(outcome)
    if (outcome !== "unknown") this.returns[row] = this.events
    this.completedAt[row] = time
    this.events += 1
    return undefined
  }

  /** What the open operation of a process does, or `undefined`. */
  openFunction(process: number): string | undefined {
    const row = this.open.get(process)
    return row === undefined ? undefined : this.functions[row]
  }

  /** The history; operations that are still open have an unknown outcome. */
  build(order: History["order"] = "realtime"): History {
    return {
      count: this.processes.length,
      order,
      processes: Int32Array.from(this.processes),
      ...(this.names === undefined ? {} : { names: this.names }),
      functions: this.functions,
      inputs: this.inputs,
      outputs: this.outputs,
      outcomes: Uint8Array.from(this.outcomes),
      calls: Int32Array.from(this.calls),
      returns: Int32Array.from(this.returns),
      invokedAt: Float64Array.from(this.invokedAt),
      completedAt: Float64Array.from(this.completedAt)
    }
  }
}

/** An event of a history, as formats write them. */
export interface Event {
  readonly row: number
  readonly type: "invoke" | OutcomeName
  readonly time: number
}

/**
 * The events of a history in their order. Operations of unknown outcome that their source completed end where their
 * process goes on, or at the end of the history.
 */
export function* events(history: History): Generator<Event> {
  const { count, calls, returns, outcomes, processes, invokedAt, completedAt } = history
  const completions = Array.from({ length: count }, (_, row) => row).filter((row) => returns[row] !== never)
  completions.sort((left, right) => returns[left]! - returns[right]!)
  const open = new Map<number, number>()
  let next = 0
  const done = (row: number): Event => ({ row, type: outcomeNames[outcomes[row]!]!, time: completedAt[row]! })
  for (let row = 0; row < count; row += 1) {
    for (; next < completions.length && returns[completions[next]!]! < calls[row]!; next += 1) {
      open.delete(processes[completions[next]!]!)
      yield done(completions[next]!)
    }
    const before = open.get(processes[row]!)
    if (before !== undefined) yield done(before)
    open.set(processes[row]!, row)
    yield { row, type: "invoke", time: invokedAt[row]! }
  }
  for (; next < completions.length; next += 1) {
    open.delete(processes[completions[next]!]!)
    yield done(completions[next]!)
  }
  for (const row of open.values()) yield done(row)
}

/** What an operation of a scenario was, in the words of histories. */
export interface Words {
  readonly function: string
  readonly input: Value
  readonly output: Value
}

/** The history of a scenario's run. Its events at one moment are ordered as weakly as `Entries.ranks` says. */
export const fromScenario = <Op, Seen>(
  run: ReadonlyArray<ScenarioOperation<Op, Seen>>,
  toWords: (operation: Op, outcome: Outcome<Seen>) => Words
): History => {
  const words = run.map((operation) => toWords(operation.operation, operation.outcome))
  const processes = run.map((operation) => operation.process)
  for (const process of processes) assert(Number.isInteger(process), "a process is a whole number")
  const completedAt = run.map((operation) => (operation.outcome.type === "unknown" ? Infinity : operation.completedAt))
  const invokedAt = run.map((operation) => operation.invokedAt)
  const order = ranks({ count: run.length, processes, invokedAt, completedAt })
  return {
    count: run.length,
    order: "realtime",
    processes: Int32Array.from(processes),
    names: new Map(run.map(({ client, process }) => [process, `c${client}`])),
    functions: words.map((word) => word.function),
    inputs: words.map((word) => word.input),
    outputs: words.map((word) => word.output),
    outcomes: Uint8Array.from(run, (operation) => outcomeNames.indexOf(operation.outcome.type)),
    invokedAt: Float64Array.from(invokedAt, (micros) => micros * 1_000),
    completedAt: Float64Array.from(completedAt, (micros) => micros * 1_000),
    ...order
  }
}
