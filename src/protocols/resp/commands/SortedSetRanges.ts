/**
 * SortedSetRanges: commands on ranges of a sorted set: read, count, store, remove. Replies, their order of checks and error texts are those
 * of redis-server 7.0 (t_zset.c).
 */
import { classes } from "#database/redis/Engine.ts"
import { SortedSetValue } from "#database/redis/SortedSetValue.ts"
import { type Call, type Handler, valueOf } from "../Call.ts"
import * as Refusal from "../Refusal.ts"
import * as Bounds from "./SortedSetBounds.ts"
import * as SortedSets from "./SortedSets.ts"

type Kind = "rank" | "score" | "member"

/** What is asked for, read from the arguments. */
interface Query {
  readonly find: Bounds.Find
  readonly isReverse: boolean
  readonly withScores: boolean
  /** Only with ranges of scores and members. */
  readonly offset: number
  /** Below zero: all. */
  readonly limit: number
}

const strayLimit = new Refusal.Refusal(
  "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
)
const strayScores = new Refusal.Refusal("ERR syntax error, WITHSCORES not supported in combination with BYLEX")

/** What a command says by its name; `undefined`: an argument may say it. */
interface Form {
  readonly kind?: Kind
  readonly isReverse?: boolean
  readonly isStore?: boolean
}

const finderOf = (call: Call, kind: Kind, at: number, isReverse: boolean): Bounds.Find => {
  const { argv } = call
  if (kind === "rank") {
    const start = call.integer(at)
    const stop = call.integer(at + 1)
    if (!isReverse) return Bounds.byRank(start, stop)
    // Counted from the other end.
    return (value) => {
      const { from, to } = Bounds.byRank(start, stop)(value)
      return { from: value.size - to, to: value.size - from }
    }
  }
  const [min, max] = isReverse ? [argv[at + 1], argv[at]] : [argv[at], argv[at + 1]]
  return kind === "score" ? Bounds.byScore(min, max) : Bounds.byMember(min, max)
}

/** The arguments from the first bound on. */
const queryOf = (call: Call, at: number, form: Form): Query => {
  const { argv } = call
  let { kind, isReverse } = form
  let withScores = false
  let offset = 0
  let limit = -1
  for (let i = at + 2; i < argv.length; i++) {
    const word = argv[i].toLowerCase()
    if (word === "withscores" && form.isStore !== true) withScores = true
    else if (word === "limit" && i + 2 < argv.length) {
      offset = call.integer(i + 1)
      limit = call.integer(i + 2)
      i += 2
    } else if (word === "rev" && isReverse === undefined) isReverse = true
    else if (word === "bylex" && kind === undefined) kind = "member"
    else if (word === "byscore" && kind === undefined) kind = "score"
    else throw Refusal.syntax
  }
  const known = kind ?? "rank"
  if (limit !== -1 && known === "rank") throw strayLimit
  if (withScores && known === "member") throw strayScores
  const reverse = isReverse === true
  return { find: finderOf(call, known, at, reverse), isReverse: reverse, withScores, offset, limit }
}

/** The ranks that are asked for, the first of them as the reply has it, and how many there are. */
const chosen = (
  value: SortedSetValue,
  { find, isReverse, limit, offset }: Query
): readonly [first: number, count: number] => {
  const { from, to } = find(value)
  const size = Math.max(0, to - from)
  if (offset < 0 || offset >= size) return [0, 0]
  const count = limit < 0 ? size - offset : Math.min(limit, size - offset)
  return [isReverse ? to - 1 - offset : from + offset, count]
}

const range =
  (form: Form): Handler =>
  (call) => {
    const { out } = call
    const query = queryOf(call, 2, form)
    const value = SortedSets.sortedSetOf(call, call.argv[1])
    if (value === undefined) return out.array(0)
    const [first, count] = chosen(value, query)
    if (!query.withScores) {
      out.array(count)
      value.visit(first, count, query.isReverse, (member) => out.bulk(member))
      return
    }
    const isNested = out.protocol === 3
    out.array(isNested ? count : 2 * count)
    value.visit(first, count, query.isReverse, (member, score) => {
      if (isNested) out.array(2)
      out.bulk(member)
      out.double(score)
    })
  }

const zrangestore: Handler = (call) => {
  const [, target, source] = call.argv
  const query = queryOf(call, 3, { isStore: true })
  const value = SortedSets.sortedSetOf(call, source)
  const result = SortedSetValue.result()
  if (value !== undefined) {
    const [first, count] = chosen(value, query)
    value.visit(first, count, query.isReverse, (member, score) => result.set(member, score))
  }
  SortedSets.store(call, target, result, "zrangestore")
}

const count =
  (bounds: (min: string, max: string) => Bounds.Find): Handler =>
  (call) => {
    const find = bounds(call.argv[2], call.argv[3])
    const value = SortedSets.sortedSetOf(call, call.argv[1])
    if (value === undefined) return call.out.integer(0)
    const { from, to } = find(value)
    call.out.integer(Math.max(0, to - from))
  }

const removeRange =
  (kind: Kind, event: string): Handler =>
  (call) => {
    const { argv, db, out } = call
    const find = finderOf(call, kind, 2, false)
    const entry = call.changeOf(argv[1], "zset")
    if (entry === undefined) return out.integer(0)
    const value = valueOf<SortedSetValue>(entry)
    const { from, to } = find(value)
    const members: Array<string> = []
    value.visit(from, Math.max(0, to - from), false, (member) => members.push(member))
    if (members.length > 0) {
      for (const member of members) value.delete(member)
      call.notify(classes.zset, event, argv[1])
      if (db.dropIfEmpty(entry)) call.notify(classes.generic, "del", argv[1])
      else db.touched(entry)
    }
    out.integer(members.length)
  }

export const handlers: Readonly<Record<string, Handler>> = {
  zcount: count(Bounds.byScore),
  zlexcount: count(Bounds.byMember),
  zrange: range({}),
  zrangebylex: range({ kind: "member", isReverse: false }),
  zrangebyscore: range({ kind: "score", isReverse: false }),
  zrangestore,
  zremrangebylex: removeRange("member", "zremrangebylex"),
  zremrangebyrank: removeRange("rank", "zremrangebyrank"),
  zremrangebyscore: removeRange("score", "zremrangebyscore"),
  zrevrange: range({ kind: "rank", isReverse: true }),
  zrevrangebylex: range({ kind: "member", isReverse: true }),
  zrevrangebyscore: range({ kind: "score", isReverse: true })
}
