/**
 * Elements: what commands on hashes, sets and sorted sets share: the arguments of HSCAN and its kin, a count of random elements, and
 * which of them to take.
 */
import * as Limits from "#base/Limits.ts"
import * as Integer64 from "#database/redis/Integer64.ts"
import type { Table } from "#database/redis/Table.ts"
import type { Call } from "../Call.ts"
import * as Cursors from "../Cursors.ts"
import * as Glob from "../Glob.ts"
import * as Numbers from "../Numbers.ts"
import * as Refusal from "../Refusal.ts"

/** Arguments of a scan that are not the key. */
export interface Scan {
  readonly cursor: number
  readonly count: number
  readonly matches: (name: string) => boolean
}

export const invalidCursor = new Refusal.Refusal("ERR invalid cursor")

/** What it says beyond 2^53 is not looked at. */
export const cursorOf = (text: string): number => {
  const cursor = Cursors.parse(text)
  if (cursor === undefined) throw invalidCursor
  return Number(cursor)
}

/** MATCH and COUNT, from the third argument on. */
export const scanOf = (call: Call, cursor: number): Scan => {
  const { argv } = call
  let count = 10
  let pattern = "*"
  for (let i = 3; i < argv.length; i += 2) {
    if (i + 1 === argv.length) throw Refusal.syntax
    if (call.is(i, "count")) {
      count = call.integer(i + 1)
      if (count < 1) throw Refusal.syntax
    } else if (call.is(i, "match")) pattern = argv[i + 1]
    else throw Refusal.syntax
  }
  return { cursor, count, matches: pattern === "*" ? () => true : (name) => Glob.matches(pattern, name) }
}

export const replyNothing = (call: Call): void => {
  call.out.array(2)
  call.out.bulk("0")
  call.out.array(0)
}

/**
 * Replies to a scan of a table. A small value comes whole, as it does from a listpack; its order may then change as it likes.
 * `textOf` gives what follows a name; none: nothing does.
 */
export const replyScan = <V>(
  call: Call,
  { count, cursor, matches }: Scan,
  table: Table<V>,
  isSmall: boolean,
  textOf: ((value: V) => string) | undefined
): void => {
  const { out } = call
  const found: Array<string> = []
  const take = (name: string, value: V): void => {
    if (!matches(name)) return
    found.push(name)
    if (textOf !== undefined) found.push(textOf(value))
  }
  let next = 0
  if (isSmall) for (let i = 0; i < table.size; i++) take(table.nameAt(i), table.valueAt(i))
  else next = table.scan(cursor, count, take)
  out.array(2)
  out.bulk(next)
  out.bulks(found)
}

const outOfRange = new Refusal.Refusal(
  "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
)

/**
 * How many random elements are wanted; below zero: so many, and any of them more than once. Redis gives those without an end, and
 * answers nobody else meanwhile.
 */
export const randomCountOf = (call: Call, at: number): number => {
  const count = Integer64.parse(call.argv[at])
  if (count === undefined) throw Refusal.notInteger
  if (count === Integer64.min) throw outOfRange
  return Number(count)
}

/** The least that an element takes in a reply. */
const elementReplyBytes = 6

/** After everything else was checked. Where the client's output is limited, too many break it off, as they do in Redis. */
export const checkRepeated = ({ client, server }: Call, count: number): void => {
  if (count >= -Limits.respRandomElementsMax) return
  const { hardBytes } = server.settings.outputLimit
  if (hardBytes > 0 && -count * elementReplyBytes > hardBytes) client.port?.break()
  throw Refusal.outOfRange
}

/** How many elements are to be taken out: zero or more. */
export const positiveAt = (call: Call, at: number): number => {
  const count = Numbers.parseInteger(call.argv[at])
  if (count === undefined || count < 0) throw Refusal.notPositive
  return count
}

/** Pairs of so many random elements would be more than a reply can have. */
export const checkPairs = (count: number): void => {
  if (Math.abs(count) > 4_611_686_018_427_387_000) throw Refusal.outOfRange
}

/** `count` positions of `size`, each once and each as likely as any other (Floyd, CACM 30 (9), 1987); all in their order where there are no more. */
export const positionsOf = (size: number, count: number, draw: () => number): ReadonlyArray<number> => {
  if (count >= size) return Array.from({ length: size }, (_, i) => i)
  const chosen = new Set<number>()
  for (let last = size - count; last < size; last++) {
    const position = Math.floor(draw() * (last + 1))
    chosen.add(chosen.has(position) ? last : position)
  }
  return [...chosen]
}
