/**
 * StringCounters: INCR and its kin. Integers are those of 64 bits: beyond 2^53 they are computed exactly, as BigInt. INCRBYFLOAT computes as
 * Redis does, see `LongDouble`.
 */
import { classes } from "#database/redis/Engine.ts"
import type { Entry } from "#database/redis/Entry.ts"
import * as Integer64 from "#database/redis/Integer64.ts"
import * as StringValue from "#database/redis/StringValue.ts"
import type { Content } from "#database/redis/Value.ts"
import type { Call, Handler } from "../Call.ts"
import * as LongDouble from "../LongDouble.ts"
import * as Refusal from "../Refusal.ts"

/** Longer texts are no integers, and no numbers that Redis takes: they need not be looked at. */
const integerCharsMax = 20
const floatCharsMax = 5_119

/** A short content's text; a long one's is none of a number. */
const shortText = (content: Content, charsMax: number): string =>
  StringValue.sizeOf(content) > charsMax ? "" : StringValue.textOf(content)

const put = (call: Call, key: string, entry: Entry | undefined, content: Content): void => {
  if (entry === undefined) call.db.add(key, content)
  else {
    entry.content = content
    call.db.touched(entry)
  }
}

/** The exact sum where numbers of double precision do not hold it. */
const bigSum = (before: number | bigint, by: number | bigint): bigint => {
  const sum = BigInt(before) + BigInt(by)
  if (sum > Integer64.max || sum < Integer64.min) throw Refusal.overflow
  return sum
}

const add = (call: Call, by: number | bigint): void => {
  const key = call.argv[1]
  const entry = call.changeOf(key, "string")
  const content = entry === undefined ? 0 : entry.content
  const before = typeof content === "number" ? content : Integer64.parse(shortText(content, integerCharsMax))
  if (before === undefined) throw Refusal.notInteger
  let after: number | bigint = typeof before === "number" && typeof by === "number" ? before + by : bigSum(before, by)
  if (typeof after === "bigint" || !Number.isSafeInteger(after)) after = Integer64.normal(bigSum(before, by))
  put(call, key, entry, typeof after === "number" ? after : `${after}`)
  call.notify(classes.string, "incrby", key)
  call.out.integer(after)
}

const amount = (call: Call): number | bigint => {
  const by = Integer64.parse(call.argv[2])
  if (by === undefined) throw Refusal.notInteger
  return by
}

const decrby: Handler = (call) => {
  const by = amount(call)
  if (by === Integer64.min) throw new Refusal.Refusal("ERR decrement would overflow")
  // Zero less a number: no zero with a sign.
  add(call, typeof by === "number" ? 0 - by : -by)
}

const incrbyfloat: Handler = (call) => {
  const [, key, text] = call.argv
  const entry = call.changeOf(key, "string")
  const before = LongDouble.parse(entry === undefined ? "0" : shortText(entry.content, floatCharsMax))
  const by = before === undefined ? undefined : LongDouble.parse(text)
  if (before === undefined || by === undefined) throw Refusal.notFloat
  const after = LongDouble.add(before, by)
  if (after === undefined) throw new Refusal.Refusal("ERR increment would produce NaN or Infinity")
  const decimals = LongDouble.format(after)
  put(call, key, entry, decimals)
  call.notify(classes.string, "incrbyfloat", key)
  call.out.bulk(decimals)
}

export const handlers: Readonly<Record<string, Handler>> = {
  decr: (call) => add(call, -1),
  decrby,
  incr: (call) => add(call, 1),
  incrby: (call) => add(call, amount(call)),
  incrbyfloat
}
