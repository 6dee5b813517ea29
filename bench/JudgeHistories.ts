/** Histories to measure judges with, made by their models from fixed seeds: valid by construction, the same in every run. */
import { Prng } from "#base/Prng.ts"
import * as KeyValue from "#models/KeyValue.ts"
import * as Generator from "#sim/judges/Generator.ts"
import * as History from "#sim/judges/History.ts"
import { type Entries, fromArray } from "#sim/judges/linear/Entries.ts"
import type { Value } from "#sim/judges/Value.ts"

const drawOf = (seed: number): Generator.Draw => {
  const prng = new Prng(seed, 0x9e3779b9, 0x243f6a88, 0xb7e15162)
  for (let warm = 0; warm < 12; warm += 1) prng.next()
  return (bound) => prng.below(bound)
}

export interface KeyValueShape {
  readonly operations: number
  readonly clients: number
  readonly keys: number
}

/** Porcupine's key-value workload: half gets, the rest appends of what nobody else appends, and puts. */
export const keyValue = ({ clients, keys, operations }: KeyValueShape): Entries => {
  const draw = drawOf(operations)
  const generated = Generator.generate<ReadonlyMap<string, unknown>, KeyValue.Operation, KeyValue.Result>(
    {
      model: KeyValue.make({ absent: "" }) as never,
      operation: (next, { client, turn }) => {
        const key = String(next(keys))
        const piece = `x ${client} ${turn} y`
        const coin = next(10)
        return coin < 5 ? KeyValue.get(key) : coin < 9 ? KeyValue.append(key, piece) : KeyValue.put(key, piece)
      },
      clients,
      operations
    },
    draw
  )
  return fromArray(Generator.entriesOf(generated))
}

export interface TransactionsShape {
  readonly transactions: number
  readonly clients: number
  /** Micro-operations of each. */
  readonly length: number
  readonly keys: number
}

/** What a client does between its invocation and its completion. */
interface Pending {
  readonly asked: ReadonlyArray<ReadonlyArray<Value>>
  seen: ReadonlyArray<ReadonlyArray<Value>> | undefined
}

/** Clients that take turns at random; each transaction takes effect at one moment between its two events. */
const play = (
  { clients, transactions }: TransactionsShape,
  draw: Generator.Draw,
  make: () => Pending["asked"],
  perform: (asked: Pending["asked"]) => ReadonlyArray<ReadonlyArray<Value>>,
  order: History.History["order"]
): History.History => {
  const builder = new History.Builder()
  const running: Array<Pending | undefined> = Array.from({ length: clients }, () => undefined)
  let started = 0
  let open = 0
  while (started < transactions || open > 0) {
    const client = draw(clients)
    const pending = running[client]
    if (pending === undefined) {
      if (started === transactions) continue
      const asked = make()
      running[client] = { asked, seen: undefined }
      builder.invoke(client, "txn", asked)
      started += 1
      open += 1
    } else if (pending.seen === undefined) pending.seen = perform(pending.asked)
    else {
      builder.complete(client, "ok", pending.seen)
      running[client] = undefined
      open -= 1
    }
  }
  return builder.build(order)
}

/** Appends to one key before another takes its place, as Elle's generator has them. */
const appendsMax = 32

/** Strictly serializable transactions of appends and reads of lists. */
export const listAppend = (shape: TransactionsShape): History.History => {
  const draw = drawOf(shape.transactions)
  const lists = new Map<number, Array<number>>()
  const keys = Array.from({ length: shape.keys }, (_, key) => key)
  const appended = keys.map(() => 0)
  let nextKey = shape.keys
  const micro = (): ReadonlyArray<Value> => {
    const at = draw(shape.keys)
    if (draw(2) === 0) return ["r", keys[at]!, null]
    if (appended[at] === appendsMax) {
      keys[at] = nextKey++
      appended[at] = 0
    }
    appended[at]! += 1
    return ["append", keys[at]!, appended[at]!]
  }
  const perform = (asked: Pending["asked"]): ReadonlyArray<ReadonlyArray<Value>> =>
    asked.map((step) => {
      const [kind, key, value] = step as [string, number, number]
      let list = lists.get(key)
      if (list === undefined) lists.set(key, (list = []))
      if (kind === "r") return ["r", key, list.slice()]
      list.push(value)
      return step
    })
  return play(shape, draw, () => Array.from({ length: shape.length }, micro), perform, "realtime")
}

/** Serializable transactions of writes, each of a value of its own, and reads of registers; only sessions are known. */
export const registers = (shape: TransactionsShape): History.History => {
  const draw = drawOf(shape.transactions)
  const values = new Map<number, number>()
  let next = 1
  const micro = (): ReadonlyArray<Value> => {
    const key = draw(shape.keys)
    return draw(2) === 0 ? ["r", key, null] : ["w", key, next++]
  }
  const perform = (asked: Pending["asked"]): ReadonlyArray<ReadonlyArray<Value>> =>
    asked.map((step) => {
      const [kind, key, value] = step as [string, number, number]
      if (kind === "r") return ["r", key, values.get(key) ?? null]
      values.set(key, value)
      return step
    })
  return play(shape, draw, () => Array.from({ length: shape.length }, micro), perform, "process")
}
