/**
 * Histories as events, the way of Jepsen and its relatives: each event is a map with
 *   process   a whole number, or the name of a client; what invokes nothing (the nemesis) is passed over
 *   type      `invoke`, then `ok`, `fail` (it did not happen) or `info` (nobody knows)
 *   f         what is done; may be left out where the value is a list of micro-operations: then it is `txn`
 *   value     of the invocation, or of the completion
 *   key       optional, the key of a key-value operation: the history's value then is `[key, value]`
 *   time      optional, in nanoseconds
 * and anything else. A process ends an operation before it invokes the next; one left open has an unknown outcome.
 * Transactions may come as completions alone, the way of Elle's examples: then only the order within each process is
 * known, and without processes none. JsonLines.ts and Jepsen.ts are two notations of it.
 */
import * as History from "../History.ts"
import { isArray, text, type Value } from "../Value.ts"
import type { Source } from "./Source.ts"

const outcomes: ReadonlyMap<Value | undefined, History.OutcomeName> = new Map([
  ["ok", "ok"],
  ["fail", "failed"],
  ["info", "unknown"]
])

/** Text without the colon of a keyword. */
const bare = (value: Value | undefined): Value | undefined =>
  typeof value === "string" && value.startsWith(":") ? value.slice(1) : value

/** What matters of an event. */
interface Fields {
  process: Value | undefined
  type: Value | undefined
  name: Value | undefined
  value: Value
  key: Value | undefined
  time: number
}

const fieldsOf = (flat: ReadonlyArray<Value>): Fields => {
  const fields: Fields = {
    process: undefined,
    type: undefined,
    name: undefined,
    value: null,
    key: undefined,
    time: NaN
  }
  for (let at = 0; at < flat.length; at += 2) {
    const item = flat[at + 1]!
    switch (flat[at]) {
      case "process":
        fields.process = item
        break
      case "type":
        fields.type = bare(item)
        break
      case "f":
        fields.name = bare(item)
        break
      case "value":
        fields.value = item
        break
      case "key":
        fields.key = item
        break
      case "time":
        fields.time = typeof item === "number" || typeof item === "bigint" ? Number(item) : NaN
        break
      default:
    }
  }
  return fields
}

export class Assembler {
  private readonly source: Source
  private readonly builder = new History.Builder()
  /** Numbers of clients that have names: -1, -2, ... */
  private readonly named = new Map<string, number>()
  private invoked = false
  /** Completions of transactions before any invocation, and where the first was. */
  private alone = 0
  private aloneAt = -1

  constructor(source: Source) {
    this.source = source
  }

  /** Adds an event: its keys (without colon) and values in turn, and where it begins. */
  add(flat: ReadonlyArray<Value>, offset: number): void {
    const { source } = this
    const fields = fieldsOf(flat)
    const outcome = outcomes.get(fields.type)
    if (fields.type !== "invoke" && outcome === undefined) {
      if (fields.process === undefined) source.fail("this event has no process", offset)
      if (typeof fields.process !== "number") return
      source.fail(`the type ${JSON.stringify(fields.type ?? null)} is none of invoke, ok, fail, info`, offset)
    }
    if (outcome !== undefined && !this.invoked && isTransaction(fields)) return this.complete(fields, outcome, offset)
    const who = fields.process ?? source.fail("this event has no process", offset)
    const process = this.numberOf(who, fields.type === "invoke")
    if (process === undefined) return
    const problem = outcome === undefined ? this.invoke(process, fields, offset) : this.end(process, fields, outcome)
    if (problem !== undefined) source.fail(problem, offset)
  }

  history(): History.History {
    return this.builder.build(this.alone > 0 ? "process" : "realtime")
  }

  /** A process's number; `undefined` for a name that has invoked nothing. */
  private numberOf(process: Value, invokes: boolean): number | undefined {
    if (typeof process === "number") return process
    const name = typeof process === "string" ? (bare(process) as string) : text(process)
    const known = this.named.get(name)
    if (known !== undefined || !invokes) return known
    const number = -1 - this.named.size
    this.named.set(name, number)
    this.builder.name(number, name)
    return number
  }

  private invoke(process: number, { key, name, time, value }: Fields, offset: number): string | undefined {
    const { source } = this
    if (this.alone > 0) source.fail("this completion has no invocation, and others have", this.aloneAt)
    this.invoked = true
    const words = typeof name === "string" ? name : isArray(value) ? "txn" : source.fail("this event has no f", offset)
    return this.builder.invoke(process, words, key === undefined ? value : [key, value], time)
  }

  private end(process: number, { key, name, time, value }: Fields, outcome: History.OutcomeName): string | undefined {
    const { builder } = this
    const open = builder.openFunction(process)
    // Something that a client noted.
    if (open === undefined && outcome === "unknown") return undefined
    if (open !== undefined && typeof name === "string" && name !== open) {
      return `process ${process} ends ${name}, but it invoked ${open}`
    }
    return builder.complete(process, outcome, key === undefined ? value : [key, value], time)
  }

  /** A transaction of which only the completion is told. */
  private complete({ process, value }: Fields, outcome: History.OutcomeName, offset: number): void {
    if (this.alone === 0) this.aloneAt = offset
    const number = process === undefined ? this.alone : this.numberOf(process, true)!
    this.alone += 1
    const asked = outcome === "ok" ? (value as ReadonlyArray<Value>).map(unread) : value
    const problem =
      this.builder.invoke(number, "txn", asked) ??
      this.builder.complete(number, outcome, outcome === "ok" ? value : null)
    if (problem !== undefined) this.source.fail(problem, offset)
  }
}

const isMicro = (step: Value): boolean => isArray(step) && step.length >= 2 && typeof step[0] === "string"

const isTransaction = ({ name, value }: Fields): boolean =>
  (name === undefined || name === null || name === "txn") && isArray(value) && value.length > 0 && value.every(isMicro)

/** A micro-operation as it was asked for. */
const unread = (step: Value): Value => {
  const [kind, key] = step as ReadonlyArray<Value>
  return bare(kind) === "r" || bare(kind) === "read" ? [kind!, key!, null] : step
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
