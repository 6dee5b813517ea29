/** Bitfields: integers of any width within a string: BITFIELD and BITFIELD_RO, as redis-server 7.0 has them (bitops.c). */
import * as Latin1 from "#base/Latin1.ts"
import * as Bits from "#database/redis/Bits.ts"
import * as Integer64 from "#database/redis/Integer64.ts"
import { StringValue, textOf } from "#database/redis/StringValue.ts"
import type { Call, Handler } from "../Call.ts"
import * as Refusal from "../Refusal.ts"
import * as Bitmaps from "./Bitmaps.ts"

/** What happens to a number that does not fit: it wraps around, stays at the bound, or is not written. */
type Overflow = "wrap" | "sat" | "fail"

interface Step {
  readonly kind: "get" | "set" | "incrby"
  readonly isSigned: boolean
  readonly width: number
  readonly offset: number
  readonly by: bigint
  readonly overflow: Overflow
}

const typeOf = (text: string): { readonly isSigned: boolean; readonly width: number } => {
  const sign = text[0]
  const width = Integer64.parse(text.slice(1))
  const isSigned = sign === "i"
  if ((!isSigned && sign !== "u") || typeof width !== "number" || width < 1 || width > (isSigned ? 64 : 63)) {
    throw new Refusal.Refusal(
      "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
    )
  }
  return { isSigned, width }
}

const overflowOf = (text: string): Overflow => {
  const word = text.toLowerCase()
  if (word === "wrap" || word === "sat" || word === "fail") return word
  throw new Refusal.Refusal("ERR Invalid OVERFLOW type specified")
}

const stepsOf = (call: Call): ReadonlyArray<Step> => {
  const { argv } = call
  const steps: Array<Step> = []
  let overflow: Overflow = "wrap"
  for (let at = 2; at < argv.length;) {
    const left = argv.length - at - 1
    const kind = argv[at].toLowerCase()
    if (kind === "overflow" && left >= 1) {
      overflow = overflowOf(argv[at + 1])
      at += 2
      continue
    }
    const isWrite = kind === "set" || kind === "incrby"
    if (!(kind === "get" && left >= 2) && !(isWrite && left >= 3)) throw Refusal.syntax
    const { isSigned, width } = typeOf(argv[at + 1])
    const offset = Bitmaps.offsetOf(call, at + 2, width)
    const by = isWrite ? Integer64.parse(argv[at + 3]) : 0
    if (by === undefined) throw Refusal.notInteger
    steps.push({ kind: kind as Step["kind"], isSigned, width, offset, by: BigInt(by), overflow })
    at += isWrite ? 4 : 3
  }
  return steps
}

const valueAt = (bytes: Uint8Array, { isSigned, offset, width }: Step): bigint => {
  const value = Bits.read(bytes, offset, width)
  return isSigned ? BigInt.asIntN(width, value) : value
}

/** What is written for a sum that may not fit; `undefined`: nothing. */
const fitted = (value: bigint, by: bigint, { isSigned, overflow, width }: Step): bigint | undefined => {
  const max = (1n << BigInt(isSigned ? width - 1 : width)) - 1n
  const min = isSigned ? -max - 1n : 0n
  const sum = value + by
  // Redis takes the difference to the bound in 64 bits: what is set and is that far below it counts as above it.
  const isAbove = sum > max || (isSigned && width < 64 && by > BigInt.asIntN(64, max - value))
  if (!isAbove && sum >= min) return sum
  if (overflow === "fail") return undefined
  if (overflow === "sat") return isAbove ? max : min
  return isSigned ? BigInt.asIntN(width, sum) : BigInt.asUintN(width, sum)
}

/** Runs a step that writes, and replies; true: something is another than before. */
const write = (call: Call, value: StringValue, step: Step): boolean => {
  const { bytes } = value
  const old = valueAt(bytes, step)
  // A number without sign that is set to a negative one is a large one.
  const given = step.isSigned ? step.by : BigInt.asUintN(64, step.by)
  const next = step.kind === "set" ? fitted(given, 0n, step) : fitted(old, step.by, step)
  if (next === undefined) {
    call.out.null()
    return false
  }
  Bits.write(bytes, step.offset, step.width, next)
  value.touch(Math.floor(step.offset / 8), Math.floor((step.offset + step.width + 7) / 8))
  call.out.integer(step.kind === "set" ? old : next)
  return next !== old
}

const read = (call: Call, steps: ReadonlyArray<Step>): void => {
  const content = call.readOf(call.argv[1], "string")?.content
  const bytes =
    content instanceof StringValue ? content.bytes : Latin1.encode(content === undefined ? "" : textOf(content))
  call.out.array(steps.length)
  for (const step of steps) call.out.integer(valueAt(bytes, step))
}

const bitfield: Handler = (call) => {
  const steps = stepsOf(call)
  const writes = steps.filter(({ kind }) => kind !== "get")
  if (writes.length === 0) return read(call, steps)
  const key = call.argv[1]
  const last = Math.max(...writes.map(({ offset, width }) => offset + width - 1))
  const string = Bitmaps.writable(call, key, last)
  const { isLonger, value } = string
  let isChanged = isLonger
  call.out.array(steps.length)
  for (const step of steps) {
    if (step.kind === "get") call.out.integer(valueAt(value.bytes, step))
    else if (write(call, value, step)) isChanged = true
  }
  if (isChanged) Bitmaps.written(call, key, string)
}

const bitfieldRo: Handler = (call) => {
  const steps = stepsOf(call)
  if (steps.some(({ kind }) => kind !== "get")) {
    throw new Refusal.Refusal("ERR BITFIELD_RO only supports the GET subcommand")
  }
  read(call, steps)
}

export const handlers: Readonly<Record<string, Handler>> = { bitfield, bitfield_ro: bitfieldRo }
