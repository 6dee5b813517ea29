/**
 * SortedSets: commands on one sorted set that are not about ranges. Replies, their order of checks and error texts are those of
 * redis-server 7.0 (t_zset.c).
 */
import { classes } from "#database/redis/Engine.ts"
import { SortedSetValue } from "#database/redis/SortedSetValue.ts"
import { type Call, type Handler, valueOf } from "../Call.ts"
import * as Doubles from "../Doubles.ts"
import * as Refusal from "../Refusal.ts"
import * as Elements from "./Elements.ts"

export const sortedSetOf = (call: Call, key: string): SortedSetValue | undefined => {
  const entry = call.readOf(key, "zset")
  return entry === undefined ? undefined : valueOf<SortedSetValue>(entry)
}

/** Names the encoding of what has grown. */
const settle = (call: Call, value: SortedSetValue): void => {
  const { zsetMaxListpackEntries, zsetMaxListpackValueBytes } = call.engine.settings
  value.settle(zsetMaxListpackEntries, zsetMaxListpackValueBytes)
}

/** Puts a result in the place of whatever the key holds, and replies with its size; nothing leaves no key. */
export const store = (call: Call, key: string, result: SortedSetValue, event: string): void => {
  if (result.size > 0) {
    const { zsetMaxListpackEntries, zsetMaxListpackValueBytes } = call.engine.settings
    result.compact(zsetMaxListpackEntries, zsetMaxListpackValueBytes)
    call.db.set(key, result)
    call.notify(classes.zset, event, key)
  } else if (call.db.delete(key)) call.notify(classes.generic, "del", key)
  call.out.integer(result.size)
}

/** What ZADD was asked for. */
export interface AddOptions {
  onlyIfMissing: boolean
  onlyIfPresent: boolean
  onlyIfGreater: boolean
  onlyIfLess: boolean
  countsChanges: boolean
  isIncrement: boolean
}

const incompatible = new Refusal.Refusal("ERR XX and NX options at the same time are not compatible")
const incompatibleOrder = new Refusal.Refusal("ERR GT, LT, and/or NX options at the same time are not compatible")
const onePair = new Refusal.Refusal("ERR INCR option supports a single increment-element pair")
const notANumber = new Refusal.Refusal("ERR resulting score is not a number (NaN)")

export const plain: AddOptions = {
  onlyIfMissing: false,
  onlyIfPresent: false,
  onlyIfGreater: false,
  onlyIfLess: false,
  countsChanges: false,
  isIncrement: false
}

/** Takes one option; false: it is none. */
const takeOption = (options: AddOptions, word: string): boolean => {
  if (word === "nx") options.onlyIfMissing = true
  else if (word === "xx") options.onlyIfPresent = true
  else if (word === "gt") options.onlyIfGreater = true
  else if (word === "lt") options.onlyIfLess = true
  else if (word === "ch") options.countsChanges = true
  else if (word === "incr") options.isIncrement = true
  else return false
  return true
}

/** The score that a member gets; `undefined`: it stays as it is. */
const scoreOf = (before: number | undefined, given: number, options: AddOptions): number | undefined => {
  if (before === undefined) return options.onlyIfPresent ? undefined : given
  if (options.onlyIfMissing) return undefined
  const score = options.isIncrement ? before + given : given
  if (Number.isNaN(score)) throw notANumber
  if (options.onlyIfGreater && score <= before) return undefined
  if (options.onlyIfLess && score >= before) return undefined
  return score
}

/** Adds members with their scores to the key that is the first argument, or moves them, and replies as ZADD does. */
export const add = (
  call: Call,
  members: ReadonlyArray<string>,
  scores: ReadonlyArray<number>,
  options: AddOptions
): void => {
  const { db, out } = call
  const key = call.argv[1]
  const entry = call.changeOf(key, "zset")
  if (entry === undefined && options.onlyIfPresent) return options.isIncrement ? out.null() : out.integer(0)
  const value = entry === undefined ? new SortedSetValue() : valueOf<SortedSetValue>(entry)
  let added = 0
  let updated = 0
  let score: number | undefined
  for (let i = 0; i < scores.length; i++) {
    const member = members[i]
    const before = value.score(member)
    score = scoreOf(before, scores[i], options)
    if (score === undefined || score === before) continue
    if (value.set(member, score)) added += 1
    else updated += 1
  }
  if (added + updated > 0) {
    settle(call, value)
    if (entry === undefined) db.add(key, value)
    else db.touched(entry)
    call.notify(classes.zset, options.isIncrement ? "zincr" : "zadd", key)
  }
  if (!options.isIncrement) out.integer(options.countsChanges ? added + updated : added)
  else if (score === undefined) out.null()
  else out.double(score)
}

/** ZADD, and ZINCRBY, which Redis reads in the same way: with an option in place of its number nothing is left to add. */
const addPairs = (call: Call, initial: AddOptions): void => {
  const { argv } = call
  let from = 2
  let options = initial
  // What begins as a number does is no option.
  if (argv[2].charCodeAt(0) > 0x39) {
    options = { ...initial }
    while (from < argv.length && takeOption(options, argv[from].toLowerCase())) from++
  }
  const pairs = (argv.length - from) / 2
  if (pairs === 0 || !Number.isInteger(pairs)) throw Refusal.syntax
  const { isIncrement, onlyIfGreater, onlyIfLess, onlyIfMissing, onlyIfPresent } = options
  if (onlyIfMissing && onlyIfPresent) throw incompatible
  if ((onlyIfGreater && onlyIfMissing) || (onlyIfLess && onlyIfMissing) || (onlyIfGreater && onlyIfLess)) {
    throw incompatibleOrder
  }
  if (isIncrement && pairs > 1) throw onePair
  const members: Array<string> = []
  const scores: Array<number> = []
  for (let i = from; i < argv.length; i += 2) {
    scores.push(call.float(i))
    members.push(argv[i + 1])
  }
  add(call, members, scores, options)
}

const increment: AddOptions = { ...plain, isIncrement: true }

const zrem: Handler = (call) => {
  const { argv, db, out } = call
  const entry = call.changeOf(argv[1], "zset")
  if (entry === undefined) return out.integer(0)
  const value = valueOf<SortedSetValue>(entry)
  let removed = 0
  for (let i = 2; i < argv.length; i++) if (value.delete(argv[i])) removed += 1
  if (removed > 0) {
    call.notify(classes.zset, "zrem", argv[1])
    if (db.dropIfEmpty(entry)) call.notify(classes.generic, "del", argv[1])
    else db.touched(entry)
  }
  out.integer(removed)
}

const replyScore = (call: Call, score: number | undefined): void => {
  if (score === undefined) call.out.null()
  else call.out.double(score)
}

const zscore: Handler = (call) => replyScore(call, sortedSetOf(call, call.argv[1])?.score(call.argv[2]))

const zmscore: Handler = (call) => {
  const { argv } = call
  const value = sortedSetOf(call, argv[1])
  call.out.array(argv.length - 2)
  for (let i = 2; i < argv.length; i++) replyScore(call, value?.score(argv[i]))
}

const zrank =
  (isReverse: boolean): Handler =>
  (call) => {
    const { argv, out } = call
    const value = sortedSetOf(call, argv[1])
    const score = value?.score(argv[2])
    if (score === undefined) return out.null()
    const before = value!.rankOf(score, argv[2])
    out.integer(isReverse ? value!.size - 1 - before : before)
  }

const zscan: Handler = (call) => {
  const cursor = Elements.cursorOf(call.argv[2])
  const value = sortedSetOf(call, call.argv[1])
  if (value === undefined) return Elements.replyNothing(call)
  const scan = Elements.scanOf(call, cursor)
  if (!value.isSmall) return Elements.replyScan(call, scan, value.scores, false, Doubles.format)
  // A listpack has its members in their order.
  const found: Array<string> = []
  value.visit(0, value.size, false, (member, score) => {
    if (scan.matches(member)) found.push(member, Doubles.format(score))
  })
  call.out.array(2)
  call.out.bulk("0")
  call.out.bulks(found)
}

/** Replies with the members at these positions. */
const replyAt = (call: Call, value: SortedSetValue, positions: Iterable<number>, withScores: boolean): void => {
  const { out } = call
  const isNested = withScores && out.protocol === 3
  for (const position of positions) {
    if (isNested) out.array(2)
    out.bulk(value.scores.nameAt(position))
    if (withScores) out.double(value.scores.valueAt(position))
  }
}

function* anyPositions(call: Call, value: SortedSetValue, count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield value.scores.randomPosition(call.engine.random)
}

const zrandmember: Handler = (call) => {
  const { argv, engine, out } = call
  if (argv.length === 2) {
    const value = sortedSetOf(call, argv[1])
    return value === undefined ? out.null() : out.bulk(value.scores.randomName(engine.random)!)
  }
  const count = Elements.randomCountOf(call, 2)
  if (argv.length > 4 || (argv.length === 4 && !call.is(3, "withscores"))) throw Refusal.syntax
  const withScores = argv.length === 4
  if (withScores) Elements.checkPairs(count)
  const value = sortedSetOf(call, argv[1])
  if (value === undefined || count === 0) return out.array(0)
  Elements.checkRepeated(call, count)
  const taken = count < 0 ? -count : Math.min(count, value.size)
  out.array(withScores && out.protocol === 2 ? 2 * taken : taken)
  const positions =
    count < 0 ? anyPositions(call, value, taken) : Elements.positionsOf(value.size, count, engine.random)
  replyAt(call, value, positions, withScores)
}

export const handlers: Readonly<Record<string, Handler>> = {
  zadd: (call) => addPairs(call, plain),
  zcard: (call) => call.out.integer(sortedSetOf(call, call.argv[1])?.size ?? 0),
  zincrby: (call) => addPairs(call, increment),
  zmscore,
  zrandmember,
  zrank: zrank(false),
  zrem,
  zrevrank: zrank(true),
  zscan,
  zscore
}
