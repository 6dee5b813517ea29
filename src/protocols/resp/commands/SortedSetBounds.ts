/**
 * SortedSetBounds: ranges of sorted sets as commands give them: by rank, by score, by member. Each is found as a run of ranks, in O(log n).
 */
import type { SortedSetValue } from "#database/redis/SortedSetValue.ts"
import * as Numbers from "../Numbers.ts"
import * as Refusal from "../Refusal.ts"

/** Ranks in [from, to); `to` may be at or before `from`: then it is empty. */
export interface Run {
  readonly from: number
  readonly to: number
}

export type Find = (value: SortedSetValue) => Run

/** Where a range of scores or members ends: at the entry itself or next to it. */
interface Bound<T> {
  readonly at: T
  readonly isExclusive: boolean
}

const notFloat = new Refusal.Refusal("ERR min or max is not a float")
const notString = new Refusal.Refusal("ERR min or max not valid string range item")

const leadingSpace = /^[\t-\r ]+/

/** As `strtod` reads it: nothing at all is zero. */
const scoreOf = (text: string): number => {
  const trimmed = text.replace(leadingSpace, "")
  const score = text === "" ? 0 : Numbers.parseFloat(trimmed)
  if (score === undefined) throw notFloat
  return score
}

const scoreBound = (text: string): Bound<number> =>
  text.charCodeAt(0) === 0x28
    ? { at: scoreOf(text.slice(1)), isExclusive: true }
    : { at: scoreOf(text), isExclusive: false }

/** Scores from `min` to `max`. */
export const byScore = (min: string, max: string): Find => {
  const low = scoreBound(min)
  const high = scoreBound(max)
  return (value) => ({
    from: value.rank(low.isExclusive ? (score) => score <= low.at : (score) => score < low.at),
    to: value.rank(high.isExclusive ? (score) => score < high.at : (score) => score <= high.at)
  })
}

/** -1 and 1: before and behind all members. */
const memberBound = (text: string): Bound<string | -1 | 1> => {
  if (text === "-") return { at: -1, isExclusive: false }
  if (text === "+") return { at: 1, isExclusive: false }
  if (text.startsWith("(")) return { at: text.slice(1), isExclusive: true }
  if (text.startsWith("[")) return { at: text.slice(1), isExclusive: false }
  throw notString
}

/** Members before a bound; `withEqual`: the one at it too. */
const membersBefore = (value: SortedSetValue, at: string | -1 | 1, withEqual: boolean): number => {
  if (at === -1) return 0
  if (at === 1) return value.size
  return value.rank(withEqual ? (_, member) => member <= at : (_, member) => member < at)
}

/** Members from `min` to `max`, in a set whose scores are all equal. */
export const byMember = (min: string, max: string): Find => {
  const low = memberBound(min)
  const high = memberBound(max)
  return (value) => ({
    from: membersBefore(value, low.at, low.isExclusive),
    to: membersBefore(value, high.at, !high.isExclusive)
  })
}

/** Ranks from `start` to `stop`, that one included; below zero they count from the end. */
export const byRank =
  (start: number, stop: number): Find =>
  ({ size }) => ({
    from: Math.max(0, start < 0 ? size + start : start),
    to: Math.min(size, (stop < 0 ? size + stop : stop) + 1)
  })
