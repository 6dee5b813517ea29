/**
 * Histories as events, the way of Jepsen and its relatives: each event is a map with
 *   process   a whole number; events of others (the nemesis) are passed over
 *   type      `invoke`, then `ok`, `fail` (it did not happen) or `info` (nobody knows)
 *   f         what is done; may be left out where the value is a list of micro-operations: then it is `txn`
 *   value     of the invocation, or of the completion
 *   key       optional, the key of a key-value operation: the history's value then is `[key, value]`
 *   time      optional, in nanoseconds
 * and anything else. A process ends an operation before it invokes the next; one left open has an unknown outcome.
 * JsonLines.ts and Jepsen.ts are two notations of it.
 */
import * as History from "../History.ts"
import { isArray, type Value } from "../Value.ts"
import type { Source } from "./Source.ts"

const outcomes: ReadonlyMap<Value | undefined, History.OutcomeName> = new Map([
  ["ok", "ok"],
  ["fail", "failed"],
  ["info", "unknown"]
])

/** Text without the colon of a keyword. */
const bare = (value: Value | undefined): Value | undefined =>
  typeof value === "string" && value.startsWith(":") ? value.slice(1) : value

export class Assembler {
  private readonly source: Source
  private readonly builder = new History.Builder()

  constructor(source: Source) {
    this.source = source
  }

  /** Adds an event: its keys (without colon) and values in turn, and where it begins. */
  add(flat: ReadonlyArray<Value>, offset: number): void {
    let process: Value | undefined
    let type: Value | undefined
    let name: Value | undefined
    let value: Value = null
    let key: Value | undefined
    let time = NaN
    for (let at = 0; at < flat.length; at += 2) {
      const item = flat[at + 1]!
      switch (flat[at]) {
        case "process":
          process = item
          break
        case "type":
          type = bare(item)
          break
        case "f":
          name = bare(item)
          break
        case "value":
          value = item
          break
        case "key":
          key = item
          break
        case "time":
          time = typeof item === "number" || typeof item === "bigint" ? Number(item) : NaN
          break
        default:
      }
    }
    const { source, builder } = this
    if (process === undefined) source.fail("this event has no process", offset)
    if (typeof process !== "number") return
    const whole = key === undefined ? value : [key, value]
    const outcome = outcomes.get(type)
    let problem: string | undefined
    if (type === "invoke") {
      const words =
        typeof name === "string" ? name : isArray(value) ? "txn" : source.fail("this event has no f", offset)
      problem = builder.invoke(process, words, whole, time)
    } else if (outcome !== undefined) {
      const open = builder.openFunction(process)
      if (open !== undefined && typeof name === "string" && name !== open) {
        source.fail(`process ${process} ends ${name}, but it invoked ${open}`, offset)
      }
      problem = builder.complete(process, outcome, whole, time)
    } else problem = `the type ${JSON.stringify(type ?? null)} is none of invoke, ok, fail, info`
    if (problem !== undefined) source.fail(problem, offset)
  }

  history(): History.History {
    return this.builder.build()
  }
}

/** An event for writers. */
export interface Written {
  readonly process: number
  readonly type: "invoke" | "ok" | "fail" | "info"
  readonly f: string
  readonly value: Value
  readonly time: number | undefined
}

const typeNames = { invoke: "invoke", ok: "ok", failed: "fail", unknown: "info" } as const

export function* written(history: History.History): Generator<Written> {
  for (const { row, type, time } of History.events(history)) {
    yield {
      process: history.processes[row]!,
      type: typeNames[type],
      f: history.functions[row]!,
      value: type === "invoke" ? history.inputs[row]! : history.outputs[row]!,
      time: Number.isFinite(time) ? time : undefined
    }
  }
}
