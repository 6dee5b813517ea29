/**
 * Step: what clients have transactions do, one thing after the other, and what each has seen: JSON both. Values are text of JSON under keys
 * with a number each, which are spread over the keyspace as a hash would, so that neighbours by number are in different ranges.
 *
 * | step     | reads, writes                                                 | has seen                  |
 * | -------- | ------------------------------------------------------------- | ------------------------- |
 * | `get`    | a key                                                         | its value                 |
 * | `scan`   | all keys between the first and the last of some               | their values              |
 * | `put`    | a key                                                         | nothing                   |
 * | `append` | the list under a key, then one with one element more          | the list before           |
 * | `move`   | two balances; an amount of one to the other, if it is enough   | both balances before      |
 * | `turn`   | a ring of keys: two neighbours behind a key change places     | the four keys visited     |
 * | `leave`  | two keys; if both are 1, the first becomes 0                  | both before               |
 *
 * Locked: what is written, and what that depends on, is read for update.
 */
import * as Effect from "effect/Effect"
import type { Isolation } from "#txn/Attempt.ts"
import type { Span } from "#keyspace/Request.ts"
import * as Keys from "#storage/Keys.ts"
import type { Scanned, Transaction } from "#txn/Transaction.ts"

export type Step =
  | { readonly type: "get"; readonly key: number }
  | { readonly type: "scan"; readonly keys: ReadonlyArray<number>; readonly reverse: boolean }
  | { readonly type: "put"; readonly key: number; readonly value: number }
  | { readonly type: "append"; readonly key: number; readonly value: number }
  | { readonly type: "move"; readonly from: number; readonly to: number; readonly amount: number }
  | { readonly type: "turn"; readonly key: number; readonly size: number }
  | { readonly type: "leave"; readonly key: number; readonly other: number }

/** A number, a list of them, null where there was no value; of what has several, one each. */
export type Seen = number | null | ReadonlyArray<Seen>

export interface Program {
  readonly isolation: Isolation
  readonly isLocked: boolean
  /** It only reads, and says so. Default: false. */
  readonly readOnly?: boolean
  readonly steps: ReadonlyArray<Step>
}

/** What every account has at first. */
export const balanceAtFirst = 100

/** A few at a time, so that a scan is several calls. */
const entriesMax = 7

const utf8 = new TextEncoder()
const text = new TextDecoder()

const places = 256

/** Two hexadecimal digits, then the number. */
export const keyOf = (key: number): Uint8Array => utf8.encode(`${placeText((key * 37) % places)}/${key}`)

const placeText = (place: number): string => `k${place.toString(16).padStart(2, "0")}`

/** At which places so many ranges of the same size begin, but for the first. */
export const boundaries = (ranges: number): ReadonlyArray<number> =>
  Array.from({ length: ranges - 1 }, (_, index) => Math.floor(((index + 1) * places) / ranges))

/** Of places up to 255. */
export const boundary = (place: number): Uint8Array => utf8.encode(placeText(place % places))

const bytesOf = (value: Seen): Uint8Array => utf8.encode(JSON.stringify(value))

const valueOf = (bytes: Uint8Array | undefined): Seen => (bytes === undefined ? null : JSON.parse(text.decode(bytes)))

const numberOf = (bytes: Uint8Array | undefined, otherwise: number): number =>
  bytes === undefined ? otherwise : Number(valueOf(bytes))

type Context = Transaction["Service"]

const read = (txn: Context, isLocked: boolean, keys: ReadonlyArray<number>) => {
  const asked = keys.map(keyOf)
  return isLocked ? txn.getForUpdate(asked) : txn.getMany(asked)
}

const scan = Effect.fnUntraced(function* (txn: Context, { keys, reverse }: Step & { readonly type: "scan" }) {
  const wanted = keys.map(keyOf)
  const sorted = wanted.toSorted(Keys.compare)
  let rest: Span | undefined = { from: sorted[0], to: Keys.after(sorted[sorted.length - 1]) }
  const found = new Map<string, Seen>()
  while (rest !== undefined) {
    const page: Scanned = yield* txn.scan(rest, { reverse, entriesMax })
    for (const { key, value } of page.entries) found.set(text.decode(key), valueOf(value))
    rest = page.rest
  }
  return wanted.map((key) => found.get(text.decode(key)) ?? null)
})

const append = Effect.fnUntraced(function* (
  txn: Context,
  isLocked: boolean,
  { key, value }: Step & { readonly type: "append" }
) {
  const [bytes] = yield* read(txn, isLocked, [key])
  const before = valueOf(bytes)
  yield* txn.put(keyOf(key), bytesOf([...((before ?? []) as ReadonlyArray<Seen>), value]))
  return before
})

const move = Effect.fnUntraced(function* (
  txn: Context,
  isLocked: boolean,
  { amount, from, to }: Step & { readonly type: "move" }
) {
  const [first, second] = yield* read(txn, isLocked, [from, to])
  const before = [numberOf(first, balanceAtFirst), numberOf(second, balanceAtFirst)] as const
  if (before[0] >= amount) {
    yield* txn.put(keyOf(from), bytesOf(before[0] - amount))
    yield* txn.put(keyOf(to), bytesOf(before[1] + amount))
  }
  return before
})

/** a -> b -> c -> d becomes a -> c -> b -> d (FoundationDB's workload Cycle). */
const turn = Effect.fnUntraced(function* (
  txn: Context,
  isLocked: boolean,
  { key, size }: Step & { readonly type: "turn" }
) {
  const visited = [key]
  for (let at = 0; at < 3; at++) {
    const from = visited[at]
    const [next] = yield* read(txn, isLocked, [from])
    visited.push(numberOf(next, (from + 1) % size))
  }
  const [a, b, c, d] = visited
  yield* txn.put(keyOf(a), bytesOf(c))
  yield* txn.put(keyOf(c), bytesOf(b))
  yield* txn.put(keyOf(b), bytesOf(d))
  return visited
})

const leave = Effect.fnUntraced(function* (
  txn: Context,
  isLocked: boolean,
  { key, other }: Step & { readonly type: "leave" }
) {
  const [first, second] = yield* read(txn, isLocked, [key, other])
  const before = [numberOf(first, 1), numberOf(second, 1)]
  if (before[0] === 1 && before[1] === 1) yield* txn.put(keyOf(key), bytesOf(0))
  return before
})

const perform = (txn: Context, isLocked: boolean, step: Step) => {
  switch (step.type) {
    case "get":
      return Effect.map(read(txn, isLocked, [step.key]), ([bytes]) => valueOf(bytes))
    case "scan":
      return scan(txn, step)
    case "put":
      return Effect.as(txn.put(keyOf(step.key), bytesOf(step.value)), null)
    case "append":
      return append(txn, isLocked, step)
    case "move":
      return move(txn, isLocked, step)
    case "turn":
      return turn(txn, isLocked, step)
    case "leave":
      return leave(txn, isLocked, step)
  }
}

/** All steps, in one attempt of a transaction. */
export const performAll = Effect.fnUntraced(function* (txn: Context, { isLocked, steps }: Program) {
  const seen: Array<Seen> = []
  for (const step of steps) seen.push(yield* perform(txn, isLocked, step))
  return seen
})

const words = (step: Step): string => {
  switch (step.type) {
    case "get":
      return `get ${step.key}`
    case "scan":
      return `scan ${step.keys.length}${step.reverse ? " back" : ""}`
    case "put":
      return `put ${step.key} ${step.value}`
    case "append":
      return `append ${step.key} ${step.value}`
    case "move":
      return `move ${step.amount} from ${step.from} to ${step.to}`
    case "turn":
      return `turn at ${step.key}`
    case "leave":
      return `leave ${step.key}, not ${step.other}`
  }
}

export const label = ({ isLocked, isolation, steps }: Program): string =>
  `${steps.map(words).join(", ")} (${isolation}${isLocked ? ", locked" : ""})`
