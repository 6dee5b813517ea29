/**
 * SortedSetPops: commands that take the first or the last members out of a sorted set, at once or when there are some. Replies, their order of
 * checks and error texts are those of redis-server 7.0 (t_zset.c).
 */
import { classes } from "#database/redis/Engine.ts"
import type { Entry } from "#database/redis/Entry.ts"
import type { SortedSetValue } from "#database/redis/SortedSetValue.ts"
import { typeOf } from "#database/redis/Value.ts"
import { type Call, type Handler, valueOf } from "../Call.ts"
import * as Numbers from "../Numbers.ts"
import * as Refusal from "../Refusal.ts"
import * as Elements from "./Elements.ts"
import * as Timeout from "./Timeout.ts"

type Where = "min" | "max"

/** Takes out at most so many members, the outermost first. */
const take = (call: Call, entry: Entry, where: Where, count: number): ReadonlyArray<readonly [string, number]> => {
  const value = valueOf<SortedSetValue>(entry)
  const taken: Array<readonly [string, number]> = []
  value.visit(where === "min" ? 0 : value.size - 1, count, where === "max", (member, score) => {
    taken.push([member, score])
  })
  for (const [member] of taken) value.delete(member)
  call.notify(classes.zset, `zpop${where}`, entry.name)
  if (call.db.dropIfEmpty(entry)) call.notify(classes.generic, "del", entry.name)
  else call.db.touched(entry)
  return taken
}

const reply = (call: Call, taken: ReadonlyArray<readonly [string, number]>, isNested: boolean): void => {
  const { out } = call
  for (const [member, score] of taken) {
    if (isNested) out.array(2)
    out.bulk(member)
    out.double(score)
  }
}

const pop =
  (where: Where): Handler =>
  (call) => {
    const { argv, out } = call
    if (argv.length > 3) throw Refusal.syntax
    const isCounted = argv.length === 3
    const count = isCounted ? Elements.positiveAt(call, 2) : 1
    const entry = call.changeOf(argv[1], "zset")
    if (entry === undefined || count === 0) return out.array(0)
    const taken = take(call, entry, where, count)
    const isNested = isCounted && out.protocol === 3
    out.array(isNested ? taken.length : 2 * taken.length)
    reply(call, taken, isNested)
  }

/** Serves who waits; when the key holds something else they wait on. */
const unlessOther =
  (serve: (call: Call, key: string) => boolean) =>
  (call: Call, key: string): boolean => {
    const entry = call.db.peek(key)
    return entry !== undefined && typeOf(entry.content) === "zset" && serve(call, key)
  }

const popWaiting =
  (where: Where): Handler =>
  (call) => {
    const { argv } = call
    const timeoutMillis = Timeout.secondsAt(call, argv.length - 1)
    const keys = argv.slice(1, -1)
    const serve = (served: Call, key: string): boolean => {
      const entry = served.changeOf(key, "zset")
      if (entry === undefined) return false
      const taken = take(served, entry, where, 1)
      served.out.array(3)
      served.out.bulk(key)
      reply(served, taken, false)
      return true
    }
    for (const key of keys) if (serve(call, key)) return
    call.block({
      keys,
      takes: "zset",
      timeoutMillis,
      serve: unlessOther(serve),
      timedOut: ({ out }) => out.nullArray()
    })
  }

const noKeys = new Refusal.Refusal("ERR numkeys should be greater than 0")
const noCount = new Refusal.Refusal("ERR count should be greater than 0")

const positive = (text: string, otherwise: Refusal.Refusal): number => {
  const value = Numbers.parseInteger(text)
  if (value === undefined || value < 1) throw otherwise
  return value
}

interface ManyPop {
  readonly keys: ReadonlyArray<string>
  readonly where: Where
  readonly count: number
}

/** `numkeys key [key ...] MIN|MAX [COUNT count]`, from argument `at` on. */
const manyPopOf = (call: Call, at: number): ManyPop => {
  const { argv } = call
  const keysCount = positive(argv[at], noKeys)
  const whereAt = at + 1 + keysCount
  if (whereAt >= argv.length) throw Refusal.syntax
  if (!call.is(whereAt, "min") && !call.is(whereAt, "max")) throw Refusal.syntax
  let count: number | undefined
  for (let i = whereAt + 1; i < argv.length; i += 2) {
    if (count !== undefined || !call.is(i, "count") || i + 1 === argv.length) throw Refusal.syntax
    count = positive(argv[i + 1], noCount)
  }
  return { keys: argv.slice(at + 1, whereAt), where: call.is(whereAt, "min") ? "min" : "max", count: count ?? 1 }
}

/** From the first key that has something; false: none has. */
const serveMany = (call: Call, { count, keys, where }: ManyPop): boolean => {
  for (const key of keys) {
    const entry = call.changeOf(key, "zset")
    if (entry === undefined) continue
    const taken = take(call, entry, where, count)
    call.out.array(2)
    call.out.bulk(key)
    call.out.array(taken.length)
    reply(call, taken, true)
    return true
  }
  return false
}

const zmpop: Handler = (call) => {
  if (!serveMany(call, manyPopOf(call, 1))) call.out.nullArray()
}

const bzmpop: Handler = (call) => {
  const timeoutMillis = Timeout.secondsAt(call, 1)
  const query = manyPopOf(call, 2)
  if (serveMany(call, query)) return
  const serve = unlessOther((served, key) => serveMany(served, { ...query, keys: [key] }))
  call.block({ keys: query.keys, takes: "zset", timeoutMillis, serve, timedOut: ({ out }) => out.nullArray() })
}

export const handlers: Readonly<Record<string, Handler>> = {
  bzmpop,
  bzpopmax: popWaiting("max"),
  bzpopmin: popWaiting("min"),
  zmpop,
  zpopmax: pop("max"),
  zpopmin: pop("min")
}
