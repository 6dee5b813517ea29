/**
 * SortedSetStores: unions, intersections and differences of sorted sets and sets, given back or stored. Replies, their order of checks and
 * error texts are those of redis-server 7.0 (t_zset.c).
 */
import { SetValue } from "#database/redis/SetValue.ts"
import { SortedSetValue } from "#database/redis/SortedSetValue.ts"
import type { Table } from "#database/redis/Table.ts"
import type { Call, Handler } from "../Call.ts"
import * as Numbers from "../Numbers.ts"
import * as Refusal from "../Refusal.ts"
import * as SortedSets from "./SortedSets.ts"

/** A set, whose members all have the score 1, or a sorted set, and what its scores are multiplied by. */
interface Source {
  readonly value: SetValue | SortedSetValue | undefined
  weight: number
}

type Aggregate = "sum" | "min" | "max"
type Operation = "union" | "inter" | "diff"

interface Query {
  readonly sources: ReadonlyArray<Source>
  readonly aggregate: Aggregate
  readonly withScores: boolean
}

const notFloat = new Refusal.Refusal("ERR weight value is not a float")
const negativeLimit = new Refusal.Refusal("ERR LIMIT can't be negative")

/** The keys behind their number, which is argument `at`, as they are now. */
const sourcesOf = (call: Call, at: number): Array<Source> => {
  const { argv, db } = call
  const count = call.integer(at)
  if (count < 1) {
    throw new Refusal.Refusal(`ERR at least 1 input key is needed for '${argv[0].toLowerCase()}' command`)
  }
  if (count > argv.length - at - 1) throw Refusal.syntax
  const sources: Array<Source> = []
  for (let i = at + 1; i <= at + count; i++) {
    const content = db.get(argv[i])?.content
    if (content === undefined) sources.push({ value: undefined, weight: 1 })
    else if (content instanceof SortedSetValue || content instanceof SetValue)
      sources.push({ value: content, weight: 1 })
    else throw Refusal.wrongType
  }
  return sources
}

const isAggregate = (word: string): word is Aggregate => word === "sum" || word === "min" || word === "max"

const queryOf = (call: Call, at: number, operation: Operation, isStore: boolean): Query => {
  const { argv } = call
  const sources = sourcesOf(call, at)
  let aggregate: Aggregate = "sum"
  let withScores = false
  for (let i = at + 1 + sources.length; i < argv.length; i++) {
    const word = argv[i].toLowerCase()
    const left = argv.length - i - 1
    if (operation !== "diff" && word === "weights" && left >= sources.length) {
      for (const source of sources) {
        const weight = Numbers.parseFloat(argv[++i])
        if (weight === undefined) throw notFloat
        source.weight = weight
      }
    } else if (operation !== "diff" && word === "aggregate" && left >= 1) {
      const name = argv[++i].toLowerCase()
      if (!isAggregate(name)) throw Refusal.syntax
      aggregate = name
    } else if (!isStore && word === "withscores") withScores = true
    else throw Refusal.syntax
  }
  return { sources, aggregate, withScores }
}

const scoreIn = (value: SetValue | SortedSetValue, member: string): number | undefined =>
  value instanceof SortedSetValue ? value.score(member) : value.has(member) ? 1 : undefined

const tableOf = (value: SetValue | SortedSetValue): Table<number | true> =>
  value instanceof SortedSetValue ? value.scores : value.members

const scoreAt = (table: Table<number | true>, position: number): number => Number(table.valueAt(position))

/** Infinity times zero, and the sum of both infinities, count as zero. */
const orZero = (score: number): number => (Number.isNaN(score) ? 0 : score)

const combined = (aggregate: Aggregate, left: number, right: number): number =>
  aggregate === "sum" ? orZero(left + right) : aggregate === "min" ? Math.min(left, right) : Math.max(left, right)

const bySize = (left: Source, right: Source): number => (left.value?.size ?? 0) - (right.value?.size ?? 0)

const union = ({ aggregate, sources }: Query): SortedSetValue => {
  const result = new Map<string, number>()
  // Sums are rounded, so their order counts.
  for (const { value, weight } of sources.toSorted(bySize)) {
    if (value === undefined) continue
    const table = tableOf(value)
    for (let i = 0; i < table.size; i++) {
      const member = table.nameAt(i)
      const weighted = orZero(scoreAt(table, i) * weight)
      const before = result.get(member)
      result.set(member, before === undefined ? weighted : combined(aggregate, before, weighted))
    }
  }
  const sorted = SortedSetValue.result()
  for (const [member, score] of result) sorted.set(member, score)
  return sorted
}

/** The score of a member that all of them have, when it has `score` in `first`. */
const commonScore = (
  { aggregate }: Query,
  [first, ...others]: ReadonlyArray<Source>,
  member: string,
  score: number
): number | undefined => {
  let total = orZero(score * first.weight)
  for (const { value, weight } of others) {
    const other = value === undefined ? undefined : scoreIn(value, member)
    if (other === undefined) return undefined
    total = combined(aggregate, total, orZero(other * weight))
  }
  return total
}

/** Visits what is in all of them until `visit` says that it is enough. The smallest is gone through. */
const visitIntersection = (query: Query, visit: (member: string, score: number) => boolean): void => {
  const sources = query.sources.toSorted(bySize)
  const [{ value }] = sources
  if (value === undefined) return
  const table = tableOf(value)
  for (let i = 0; i < table.size; i++) {
    const member = table.nameAt(i)
    const score = commonScore(query, sources, member, scoreAt(table, i))
    if (score !== undefined && !visit(member, score)) return
  }
}

const intersection = (query: Query): SortedSetValue => {
  const result = SortedSetValue.result()
  visitIntersection(query, (member, score) => {
    result.set(member, score)
    return true
  })
  return result
}

const difference = ({ sources }: Query): SortedSetValue => {
  const [first, ...others] = sources
  const result = SortedSetValue.result()
  if (first.value === undefined) return result
  const table = tableOf(first.value)
  for (let i = 0; i < table.size; i++) {
    const member = table.nameAt(i)
    const isElsewhere = others.some(({ value }) => value !== undefined && scoreIn(value, member) !== undefined)
    if (!isElsewhere) result.set(member, scoreAt(table, i))
  }
  return result
}

const operations = { union, inter: intersection, diff: difference }

const reply =
  (operation: Operation): Handler =>
  (call) => {
    const { out } = call
    const query = queryOf(call, 1, operation, false)
    const result = operations[operation](query)
    const { withScores } = query
    const isNested = withScores && out.protocol === 3
    out.array(withScores && !isNested ? 2 * result.size : result.size)
    result.visit(0, result.size, false, (member, score) => {
      if (isNested) out.array(2)
      out.bulk(member)
      if (withScores) out.double(score)
    })
  }

const store =
  (operation: Operation): Handler =>
  (call) => {
    const query = queryOf(call, 2, operation, true)
    SortedSets.store(call, call.argv[1], operations[operation](query), `z${operation}store`)
  }

const zintercard: Handler = (call) => {
  const { argv, out } = call
  const sources = sourcesOf(call, 1)
  let limit = 0
  for (let i = 2 + sources.length; i < argv.length; i += 2) {
    if (!call.is(i, "limit") || i + 1 === argv.length) throw Refusal.syntax
    const value = Numbers.parseInteger(argv[i + 1])
    if (value === undefined || value < 0) throw negativeLimit
    limit = value
  }
  let found = 0
  visitIntersection({ sources, aggregate: "sum", withScores: false }, () => ++found !== limit)
  out.integer(found)
}

export const handlers: Readonly<Record<string, Handler>> = {
  zdiff: reply("diff"),
  zdiffstore: store("diff"),
  zinter: reply("inter"),
  zintercard,
  zinterstore: store("inter"),
  zunion: reply("union"),
  zunionstore: store("union")
}
