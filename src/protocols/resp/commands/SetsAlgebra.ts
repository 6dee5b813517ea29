/**
 * SetsAlgebra: intersections, unions and differences of sets. Replies, their order of checks and error texts are those of redis-server 7.0
 * (t_set.c). An intersection looks at the members of the smallest set; a difference at those of the first, or of all the others, whichever
 * is less work.
 */
import { classes } from "#database/redis/Engine.ts"
import { SetValue } from "#database/redis/SetValue.ts"
import { type Call, type Handler, valueOf } from "../Call.ts"
import * as Numbers from "../Numbers.ts"
import * as Refusal from "../Refusal.ts"

type Sets = ReadonlyArray<SetValue | undefined>

/** The sets of the keys in [from, to); a key that is not there has none. */
const setsOf = (call: Call, from: number, to: number): Sets => {
  const sets: Array<SetValue | undefined> = []
  for (let i = from; i < to; i++) {
    const entry = call.readOf(call.argv[i], "set")
    sets.push(entry === undefined ? undefined : valueOf<SetValue>(entry))
  }
  return sets
}

/** The smallest first: what is missing there need not be looked for elsewhere. */
const bySize = (left: SetValue, right: SetValue): number => left.size - right.size

const visitIntersection = (sets: Sets, visit: (member: string) => boolean): void => {
  const all: Array<SetValue> = []
  for (const set of sets) {
    if (set === undefined) return
    all.push(set)
  }
  const [first, ...others] = all.sort(bySize)
  const members = first.isIntegers ? first.list() : undefined
  for (let i = 0; i < first.size; i++) {
    const member = members === undefined ? first.members.nameAt(i) : members[i]
    if (others.every((set) => set.has(member)) && !visit(member)) return
  }
}

const intersection = (sets: Sets): SetValue => {
  const result = new SetValue()
  visitIntersection(sets, (member) => {
    result.add(member)
    return true
  })
  return result
}

const union = (sets: Sets): SetValue => {
  const result = new SetValue()
  for (const set of sets) for (const member of set?.list() ?? []) result.add(member)
  return result
}

/** Each member of the first set is looked for in the others, the largest first. */
const differenceByLooking = (first: SetValue, others: ReadonlyArray<SetValue>): SetValue => {
  const result = new SetValue()
  const largestFirst = others.toSorted((left, right) => bySize(right, left))
  for (const member of first.list()) if (!largestFirst.some((set) => set.has(member))) result.add(member)
  return result
}

/** Each member of the others is taken out. */
const differenceByTaking = (first: SetValue, others: ReadonlyArray<SetValue>): SetValue => {
  const result = new SetValue()
  for (const member of first.list()) result.add(member)
  for (const set of others) {
    for (const member of set.list()) result.delete(member)
    if (result.size === 0) break
  }
  return result
}

const difference = ([first, ...rest]: Sets): SetValue => {
  if (first === undefined) return new SetValue()
  const others: Array<SetValue> = []
  let sizes = first.size
  for (const set of rest) {
    if (set === undefined) continue
    if (set === first) return new SetValue()
    others.push(set)
    sizes += set.size
  }
  // Looking ends early, so it is taken for half the work.
  const isLooking = (first.size * (rest.length + 1)) / 2 <= sizes
  return isLooking ? differenceByLooking(first, others) : differenceByTaking(first, others)
}

const replyWith =
  (combine: (sets: Sets) => SetValue): Handler =>
  (call) => {
    const result = combine(setsOf(call, 1, call.argv.length))
    result.settle(call.engine.settings.setMaxIntsetEntries)
    call.out.set(result.size)
    for (const member of result.list()) call.out.bulk(member)
  }

const storeWith =
  (combine: (sets: Sets) => SetValue, event: string): Handler =>
  (call) => {
    const key = call.argv[1]
    const result = combine(setsOf(call, 2, call.argv.length))
    if (result.size > 0) {
      result.settle(call.engine.settings.setMaxIntsetEntries)
      call.db.set(key, result)
      call.notify(classes.set, event, key)
    } else if (call.db.delete(key)) call.notify(classes.generic, "del", key)
    call.out.integer(result.size)
  }

const noKeys = new Refusal.Refusal("ERR numkeys should be greater than 0")
const tooManyKeys = new Refusal.Refusal("ERR Number of keys can't be greater than number of args")
const negativeLimit = new Refusal.Refusal("ERR LIMIT can't be negative")

/** The limit that stands behind the keys; 0: none. */
const limitOf = (call: Call, from: number): number => {
  let limit = 0
  for (let i = from; i < call.argv.length; i += 2) {
    if (!call.is(i, "limit") || i + 1 === call.argv.length) throw Refusal.syntax
    const value = Numbers.parseInteger(call.argv[i + 1])
    if (value === undefined || value < 0) throw negativeLimit
    limit = value
  }
  return limit
}

const sintercard: Handler = (call) => {
  const { argv, out } = call
  const count = Numbers.parseInteger(argv[1])
  if (count === undefined || count < 1) throw noKeys
  if (count > argv.length - 2) throw tooManyKeys
  const limit = limitOf(call, 2 + count)
  let found = 0
  visitIntersection(setsOf(call, 2, 2 + count), () => ++found !== limit)
  out.integer(found)
}

export const handlers: Readonly<Record<string, Handler>> = {
  sdiff: replyWith(difference),
  sdiffstore: storeWith(difference, "sdiffstore"),
  sinter: replyWith(intersection),
  sintercard,
  sinterstore: storeWith(intersection, "sinterstore"),
  sunion: replyWith(union),
  sunionstore: storeWith(union, "sunionstore")
}
