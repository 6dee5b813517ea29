/**
 * A history in the words of a sequential model, by the model's name: which operations it knows, what their values mean,
 * what the object held at first. Failed operations are left out (a failed compare-and-set that is evidence comes as `ok`
 * with the output false); unknown outcomes have unknown results.
 *
 *   register, cas-register   read; write v; cas [from to]. nil as what a read returned: see `nil`
 *   multi-register           txn [[read k v] [write k v] ...]; registers may hold anything at first
 *   kv                       get, put, append, delete of [key value]; keys are empty at first, nil and "" are the same
 *   mutex                    acquire, release by anybody
 *   counter                  add d, read; 0 at first
 *   set                      add, remove, contains v; read of all members; empty at first
 *   queue                    enqueue v, dequeue (nil from an empty queue)
 *
 * Values of registers that are all pairs `[key value]` are independent registers, the way of `jepsen.independent`.
 */
import * as CasRegister from "#models/CasRegister.ts"
import * as Counter from "#models/Counter.ts"
import * as Keyed from "#models/Keyed.ts"
import * as KeyValue from "#models/KeyValue.ts"
import * as Lock from "#models/Lock.ts"
import * as Model from "#models/Model.ts"
import * as MultiRegister from "#models/MultiRegister.ts"
import * as Queue from "#models/Queue.ts"
import * as SetModel from "#models/SetModel.ts"
import * as History from "./History.ts"
import type { Entries } from "./linear/Entries.ts"
import { Unsuited } from "./Unsuited.ts"
import { isArray, scalar, text, type Value } from "./Value.ts"

export const names = ["register", "cas-register", "multi-register", "kv", "mutex", "counter", "set", "queue"] as const
export type Name = (typeof names)[number]

export interface Options {
  /** What registers hold at first. Default: nil, and for multi-register anything. */
  readonly initial?: Model.Scalar
  /**
   * A completed read of nil: `any` is "what it read was not noted" (Knossos), `exact` is "the register held nil"
   * (Porcupine's etcd logs). Default: `any`.
   */
  readonly nil?: "any" | "exact"
}

export interface Interpreted {
  readonly model: Model.Model
  readonly entries: Entries
  /** The history's row of each entry. */
  readonly rows: Int32Array
}

type Seen = { readonly operation: unknown; readonly result: unknown }
type Translate = (name: string, input: Value, output: Value, known: boolean) => Seen | undefined

/** Refuses with `Unsuited`, and with an assertion when the history has no real-time order. */
export const interpret = (history: History.History, name: Name, options: Options = {}): Interpreted => {
  const { model, translate } = translators[name](history, options)
  const rows = new Int32Array(history.count)
  const operations: Array<unknown> = []
  const results: Array<unknown> = []
  let count = 0
  for (let row = 0; row < history.count; row += 1) {
    if (history.outcomes[row] === History.failed) continue
    const known = history.outcomes[row] === History.ok
    const words = history.functions[row]!
    const seen = translate(words, history.inputs[row]!, history.outputs[row]!, known)
    if (seen === undefined) {
      throw new Unsuited(row, `the model ${name} has no operation ${words} ${text(history.inputs[row]!)}`)
    }
    operations.push(seen.operation)
    results.push(known ? seen.result : Model.unknown)
    rows[count] = row
    count += 1
  }
  const kept = rows.slice(0, count)
  return {
    model,
    rows: kept,
    entries: {
      count,
      operations,
      results,
      processes: kept.map((row) => history.processes[row]!),
      calls: kept.map((row) => history.calls[row]!),
      returns: kept.map((row) => history.returns[row]!)
    }
  }
}

type Translator = (
  history: History.History,
  options: Options
) => { readonly model: Model.Model; readonly translate: Translate }

const pair = (value: Value): readonly [Value, Value] | undefined =>
  isArray(value) && value.length === 2 ? [value[0]!, value[1]!] : undefined

const read = (output: Value, options: Options): Model.Scalar | Model.Unknown =>
  output === null && options.nil !== "exact" ? Model.unknown : scalar(output)

const registerOperation = (name: string, input: Value, output: Value, options: Options): Seen | undefined => {
  switch (name) {
    case "read":
    case "r":
      return { operation: CasRegister.read, result: read(output, options) }
    case "write":
    case "w":
      return { operation: CasRegister.write(scalar(input)), result: undefined }
    case "cas": {
      const change = pair(input)
      if (change === undefined) return undefined
      return { operation: CasRegister.cas(scalar(change[0]), scalar(change[1])), result: output !== false }
    }
    default:
      return undefined
  }
}

/** Whether every operation's value is a pair of a key and a value. */
const isIndependent = (history: History.History): boolean => {
  let writes = 0
  for (let row = 0; row < history.count; row += 1) {
    const input = pair(history.inputs[row]!)
    if (input === undefined) return false
    if (history.functions[row] === "cas" && pair(input[1]) === undefined) return false
    if (history.functions[row] !== "read") writes += 1
  }
  return writes > 0
}

const register: Translator = (history, options) => {
  const one = CasRegister.make(options.initial ?? null)
  if (!isIndependent(history)) {
    return { model: one, translate: (name, input, output) => registerOperation(name, input, output, options) }
  }
  return {
    model: Keyed.make(one),
    translate: (name, input, output) => {
      const [key, value] = pair(input)!
      const seen = registerOperation(name, value, output === false ? false : (pair(output)?.[1] ?? null), options)
      return (
        seen && { operation: { key: Model.scalarKey(scalar(key)), operation: seen.operation }, result: seen.result }
      )
    }
  }
}

const bare = (value: Value | undefined): Value | undefined =>
  typeof value === "string" && value.startsWith(":") ? value.slice(1) : value

const multiRegister: Translator = (_history, options) => ({
  model: MultiRegister.make({ initial: options.initial === undefined ? "any" : { value: options.initial } }),
  translate: (_name, input, output, known) => {
    const list = known && isArray(output) ? output : input
    if (!isArray(list)) return undefined
    const steps: Array<MultiRegister.Step> = []
    const result: Array<Model.Scalar | Model.Unknown> = []
    for (const item of list) {
      const [type, key, value] = isArray(item) ? [bare(item[0]), item[1], item[2] ?? null] : []
      if (key === undefined) return undefined
      const keyOf = Model.scalarKey(scalar(key))
      if (type === "read" || type === "r") steps.push(MultiRegister.read(keyOf))
      else if (type === "write" || type === "w") steps.push(MultiRegister.write(keyOf, scalar(value!)))
      else return undefined
      result.push(value === null ? Model.unknown : scalar(value!))
    }
    return { operation: { steps }, result }
  }
})

const kv: Translator = () => ({
  model: KeyValue.make({ absent: "" }),
  translate: (name, input, output) => {
    const given = pair(input) ?? [input, null]
    const key = typeof given[0] === "string" ? given[0] : text(given[0])
    switch (name) {
      case "get":
      case "read": {
        const value = isArray(output) ? (output[1] ?? null) : output
        return { operation: KeyValue.get(key), result: scalar(value) ?? "" }
      }
      case "put":
      case "write":
      case "set":
        return { operation: KeyValue.put(key, scalar(given[1]) ?? ""), result: undefined }
      case "append":
        return { operation: KeyValue.append(key, String(scalar(given[1]))), result: undefined }
      case "delete":
      case "remove":
        return { operation: KeyValue.remove(key), result: undefined }
      default:
        return undefined
    }
  }
})

const mutex: Translator = () => ({
  model: Lock.make(),
  translate: (name) => {
    if (name === "acquire" || name === "lock") return { operation: Lock.acquire(), result: undefined }
    return name === "release" || name === "unlock" ? { operation: Lock.release(), result: undefined } : undefined
  }
})

const counter: Translator = (_history, options) => ({
  model: Counter.make(typeof options.initial === "number" ? options.initial : 0),
  translate: (name, input, output) => {
    if (name === "read") return { operation: Counter.read, result: output === null ? Model.unknown : Number(output) }
    if (name !== "add" && name !== "inc" && name !== "increment") return undefined
    return { operation: Counter.add(input === null ? 1 : Number(input)), result: undefined }
  }
})

const set: Translator = () => ({
  model: SetModel.make(),
  translate: (name, input, output) => {
    switch (name) {
      case "add":
        return { operation: SetModel.add(scalar(input)), result: undefined }
      case "remove":
        return { operation: SetModel.remove(scalar(input)), result: undefined }
      case "contains":
        return {
          operation: SetModel.contains(scalar(input)),
          result: output === null ? Model.unknown : output === true
        }
      case "read":
        return { operation: SetModel.read, result: isArray(output) ? output.map(scalar) : Model.unknown }
      default:
        return undefined
    }
  }
})

const queue: Translator = () => ({
  model: Queue.make(),
  translate: (name, input, output) => {
    if (name === "enqueue" && input !== null) return { operation: Queue.enqueue(scalar(input)!), result: undefined }
    return name === "dequeue" ? { operation: Queue.dequeue, result: scalar(output) } : undefined
  }
})

const translators: Readonly<Record<Name, Translator>> = {
  register,
  "cas-register": register,
  "multi-register": multiRegister,
  kv,
  mutex,
  counter,
  set,
  queue
}
