/**
 * Histories that are linearizable by construction: processes run a model's operations at the same time, each takes effect
 * at one moment between its call and its return. Some outcomes stay unknown (the operation took effect before that, takes
 * effect much later, or never), some fail without a trace. For tests, benches and pages.
 *
 * All chance comes from `draw`: a PRNG, or a list of choices that a property test can shrink.
 */
import * as Model from "#models/Model.ts"
import type { Entry } from "./linear/Entries.ts"

/** A whole number from 0 to below `bound`. */
export type Draw = (bound: number) => number

export interface At {
  readonly index: number
  readonly client: number
  readonly turn: number
}

export interface Spec<State, Operation, Result> {
  readonly model: Model.Model<State, Operation, Result>
  /** The next operation: the `index`-th of all, the `turn`-th of its client. */
  readonly operation: (draw: Draw, at: At) => Operation
  readonly clients: number
  readonly operations: number
  /** Of 100 operations, how many end unknown. */
  readonly unknownPercent?: number
  /** Of 100 operations, how many fail without having happened. */
  readonly failedPercent?: number
}

export interface Generated<Operation, Result> extends Entry<Operation, Result> {
  readonly outcome: "ok" | "failed" | "unknown"
}

interface Running<Operation, Result> {
  readonly index: number
  readonly process: number
  readonly call: number
  readonly operation: Operation
  readonly fate: "ok" | "failed" | "unknown"
  taken: { readonly result: Result | undefined } | undefined
}

/** The operations by their calls; times are 0, 1, 2, ..., one event each. Failed ones are among them. */
export const generate = <State, Operation, Result>(
  spec: Spec<State, Operation, Result>,
  draw: Draw
): ReadonlyArray<Generated<Operation, Result>> => {
  const { model, clients, operations, unknownPercent = 0, failedPercent = 0 } = spec
  const perform = model.perform
  if (perform === undefined) throw new Error(`the model ${model.name} cannot perform operations`)
  const generated: Array<Generated<Operation, Result>> = []
  const running: Array<Running<Operation, Result> | undefined> = Array.from({ length: clients }, () => undefined)
  const processes = Array.from({ length: clients }, (_, client) => client)
  const turns = Array.from({ length: clients }, () => 0)
  /** Of unknown outcome, and not yet taken effect. */
  const orphans: Array<Running<Operation, Result>> = []
  let state = model.init()
  let time = 0
  let started = 0
  let idleSteps = 0

  const take = (operation: Running<Operation, Result>): boolean => {
    const performed = perform(state, operation.operation)
    if (performed === undefined) return false
    state = performed.state
    operation.taken = { result: performed.result }
    return true
  }
  const end = (client: number, operation: Running<Operation, Result>, outcome: "ok" | "failed" | "unknown"): void => {
    generated[operation.index] = {
      process: operation.process,
      operation: operation.operation,
      call: operation.call,
      return: outcome === "unknown" ? Infinity : time++,
      result: outcome === "ok" ? (operation.taken!.result as Result) : Model.unknown,
      outcome
    }
    if (outcome === "unknown") {
      processes[client]! += clients
      if (operation.taken === undefined) orphans.push(operation)
    }
    running[client] = undefined
  }

  // Who waits too long (for a lock that nobody releases) gives up, which is a failure without a trace.
  while ((started < operations || running.some((operation) => operation !== undefined)) && idleSteps < 50 * clients) {
    idleSteps += 1
    if (orphans.length > 0 && draw(8) === 0) {
      const at = draw(orphans.length)
      if (take(orphans[at]!)) orphans.splice(at, 1)
    }
    const client = draw(clients)
    const current = running[client]
    if (current === undefined) {
      if (started === operations) continue
      const operation = spec.operation(draw, { index: started, client, turn: turns[client]!++ })
      const coin = draw(100)
      const fate = coin < unknownPercent ? "unknown" : coin < unknownPercent + failedPercent ? "failed" : "ok"
      running[client] = {
        index: started,
        process: processes[client]!,
        call: time++,
        operation,
        fate,
        taken: undefined
      }
      started += 1
      idleSteps = 0
    } else if (current.fate === "failed") {
      end(client, current, "failed")
      idleSteps = 0
    } else if (current.taken === undefined && (current.fate === "ok" || draw(2) === 0)) {
      if (take(current)) idleSteps = 0
      else if (draw(8) === 0) end(client, current, "failed")
    } else {
      end(client, current, current.fate)
      idleSteps = 0
    }
  }
  for (const [client, operation] of running.entries()) {
    if (operation !== undefined) end(client, operation, "unknown")
  }
  return generated
}

/** What a judge sees of them: failed operations did not happen. */
export const entriesOf = <Operation, Result>(
  generated: ReadonlyArray<Generated<Operation, Result>>
): ReadonlyArray<Entry<Operation, Result>> =>
  generated
    .filter((operation) => operation.outcome !== "failed")
    .map(({ process, operation, result, call, return: end }) => ({ process, operation, result, call, return: end }))
