/** Lists: the commands of lists that never wait, and what those that do have in common with them. */
import { classes } from "#database/redis/Engine.ts"
import type { Entry } from "#database/redis/Entry.ts"
import { type End, ListValue } from "#database/redis/ListValue.ts"
import { type Call, type Handler, valueOf } from "../Call.ts"
import * as Numbers from "../Numbers.ts"
import * as Refusal from "../Refusal.ts"

const numkeysTooSmall = new Refusal.Refusal("ERR numkeys should be greater than 0")
const countTooSmall = new Refusal.Refusal("ERR count should be greater than 0")
const noRank = new Refusal.Refusal(
  "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list"
)
const negativeCount = new Refusal.Refusal("ERR COUNT can't be negative")
const negativeLengthMax = new Refusal.Refusal("ERR MAXLEN can't be negative")

const rankMin = -9_223_372_036_854_775_808

const pushEvents = { left: "lpush", right: "rpush" } as const
const popEvents = { left: "lpop", right: "rpop" } as const

/** `LEFT` or `RIGHT`. */
export const endAt = (call: Call, at: number): End => {
  if (call.is(at, "left")) return "left"
  if (call.is(at, "right")) return "right"
  throw Refusal.syntax
}

/** After items were taken out: an empty list goes. */
const shrunk = (call: Call, entry: Entry, event: string): void => {
  call.notify(classes.list, event, entry.name)
  if (call.db.dropIfEmpty(entry)) call.notify(classes.generic, "del", entry.name)
  else call.db.touched(entry)
}

/** Takes items from an end and replies with them: one, or an array of `count`. */
export const replyPopped = (call: Call, entry: Entry, end: End, count: number | undefined): void => {
  const list = valueOf<ListValue>(entry)
  if (count === undefined) call.out.bulk(list.pop(end)!)
  else {
    const taken = Math.min(count, list.size)
    call.out.array(taken)
    for (let i = 0; i < taken; i++) call.out.bulk(list.pop(end)!)
  }
  shrunk(call, entry, popEvents[end])
}

const pushOne = (call: Call, key: string, end: End, item: string): void => {
  const entry = call.changeOf(key, "list")
  const list = entry === undefined ? new ListValue() : valueOf<ListValue>(entry)
  list.push(end, item)
  if (entry === undefined) call.db.add(key, list)
  else call.db.touched(entry)
  call.notify(classes.list, pushEvents[end], key)
}

/** Moves an item of a list that has one, and replies with it. */
export const replyMoved = (call: Call, entry: Entry, target: string, from: End, to: End): void => {
  call.changeOf(target, "list")
  const list = valueOf<ListValue>(entry)
  const item = list.pop(from)!
  pushOne(call, target, to, item)
  shrunk(call, entry, popEvents[from])
  call.out.bulk(item)
}

export interface ManyPop {
  readonly keys: ReadonlyArray<string>
  readonly end: End
  readonly count: number
}

/** Arguments of LMPOP and BLMPOP from `numkeys` on. */
export const readManyPop = (call: Call, at: number): ManyPop => {
  const { argv } = call
  const keysCount = Numbers.parseInteger(argv[at])
  if (keysCount === undefined || keysCount < 1) throw numkeysTooSmall
  const endPlace = at + 1 + keysCount
  if (endPlace >= argv.length) throw Refusal.syntax
  const end = endAt(call, endPlace)
  let count: number | undefined
  for (let i = endPlace + 1; i < argv.length; i += 2) {
    if (count !== undefined || !call.is(i, "count") || i + 1 >= argv.length) throw Refusal.syntax
    count = Numbers.parseInteger(argv[i + 1])
    if (count === undefined || count < 1) throw countTooSmall
  }
  return { keys: argv.slice(at + 1, endPlace), end, count: count ?? 1 }
}

/** Replies as LMPOP does if a key has items; true: it did. */
export const replyManyPopped = (call: Call, { count, end, keys }: ManyPop): boolean => {
  for (const key of keys) {
    const entry = call.changeOf(key, "list")
    if (entry === undefined) continue
    call.out.array(2)
    call.out.bulk(key)
    replyPopped(call, entry, end, count)
    return true
  }
  return false
}

const push =
  (end: End, { isNewAllowed }: { readonly isNewAllowed: boolean }): Handler =>
  (call) => {
    const { argv, db } = call
    const key = argv[1]
    const entry = call.changeOf(key, "list")
    if (entry === undefined && !isNewAllowed) return call.out.integer(0)
    const list = entry === undefined ? new ListValue() : valueOf<ListValue>(entry)
    for (let i = 2; i < argv.length; i++) list.push(end, argv[i])
    if (entry === undefined) db.add(key, list)
    else db.touched(entry)
    call.notify(classes.list, pushEvents[end], key)
    call.out.integer(list.size)
  }

const pop =
  (end: End): Handler =>
  (call) => {
    const { argv, out } = call
    if (argv.length > 3) throw Refusal.wrongArity(popEvents[end])
    let count: number | undefined
    if (argv.length === 3) {
      count = Numbers.parseInteger(argv[2])
      if (count === undefined || count < 0) throw Refusal.notPositive
    }
    const entry = call.changeOf(argv[1], "list")
    if (entry === undefined) return count === undefined ? out.null() : out.nullArray()
    if (count === 0) return out.array(0)
    replyPopped(call, entry, end, count)
  }

const length: Handler = (call) => {
  const entry = call.readOf(call.argv[1], "list")
  call.out.integer(entry === undefined ? 0 : valueOf<ListValue>(entry).size)
}

/** Counted from the end if it is negative. */
const placeIn = (list: ListValue, index: number): number => (index < 0 ? list.size + index : index)

const index: Handler = (call) => {
  const entry = call.readOf(call.argv[1], "list")
  if (entry === undefined) return call.out.null()
  const list = valueOf<ListValue>(entry)
  const item = list.at(placeIn(list, call.integer(2)))
  if (item === undefined) call.out.null()
  else call.out.bulk(item)
}

const set: Handler = (call) => {
  const { argv } = call
  const entry = call.changeOf(argv[1], "list")
  if (entry === undefined) throw Refusal.noSuchKey
  const list = valueOf<ListValue>(entry)
  const place = placeIn(list, call.integer(2))
  if (place < 0 || place >= list.size) throw Refusal.indexOutOfRange
  list.set(place, argv[3])
  call.db.touched(entry)
  call.notify(classes.list, "lset", argv[1])
  call.out.ok()
}

const range: Handler = (call) => {
  const { argv, out } = call
  const start = call.integer(2)
  const stop = call.integer(3)
  const entry = call.readOf(argv[1], "list")
  if (entry === undefined) return out.array(0)
  const list = valueOf<ListValue>(entry)
  const from = Math.max(0, placeIn(list, start))
  const to = Math.min(list.size, placeIn(list, stop) + 1)
  out.array(Math.max(0, to - from))
  list.each(from, to, (item) => out.bulk(item))
}

const trim: Handler = (call) => {
  const start = call.integer(2)
  const stop = call.integer(3)
  const entry = call.changeOf(call.argv[1], "list")
  if (entry === undefined) return call.out.ok()
  const list = valueOf<ListValue>(entry)
  const { size } = list
  const from = Math.max(0, placeIn(list, start))
  const to = Math.min(size, placeIn(list, stop) + 1)
  if (from >= to) list.removeRange(0, size)
  else {
    list.removeRange(to, size - to)
    list.removeRange(0, from)
  }
  shrunk(call, entry, "ltrim")
  call.out.ok()
}

const remove: Handler = (call) => {
  const { argv } = call
  const count = call.integer(2)
  const entry = call.changeOf(argv[1], "list")
  if (entry === undefined) return call.out.integer(0)
  const list = valueOf<ListValue>(entry)
  const max = count === 0 ? Infinity : Math.abs(count)
  const removed = list.removeEqual(argv[3], max, count < 0 ? "right" : "left")
  if (removed > 0) shrunk(call, entry, "lrem")
  call.out.integer(removed)
}

const insert: Handler = (call) => {
  const { argv } = call
  const isAfter = call.is(2, "after")
  if (!isAfter && !call.is(2, "before")) throw Refusal.syntax
  const entry = call.changeOf(argv[1], "list")
  if (entry === undefined) return call.out.integer(0)
  const list = valueOf<ListValue>(entry)
  const place = list.indexOf(argv[3])
  if (place === -1) return call.out.integer(-1)
  list.insert(isAfter ? place + 1 : place, argv[4])
  call.db.touched(entry)
  call.notify(classes.list, "linsert", argv[1])
  call.out.integer(list.size)
}

interface Search {
  readonly rank: number
  /** Undefined: one, and not as an array. */
  readonly count: number | undefined
  readonly lengthMax: number
}

const readSearch = (call: Call): Search => {
  const { argv } = call
  let rank = 1
  let count: number | undefined
  let lengthMax = 0
  for (let i = 3; i < argv.length; i += 2) {
    if (i + 1 >= argv.length) throw Refusal.syntax
    if (call.is(i, "rank")) {
      rank = call.integer(i + 1)
      if (rank === 0) throw noRank
    } else if (call.is(i, "count")) {
      count = Numbers.parseInteger(argv[i + 1])
      if (count === undefined || count < 0) throw negativeCount
    } else if (call.is(i, "maxlen")) {
      const given = Numbers.parseInteger(argv[i + 1])
      if (given === undefined || given < 0) throw negativeLengthMax
      lengthMax = given
    } else throw Refusal.syntax
  }
  return { rank, count, lengthMax }
}

const position: Handler = (call) => {
  const { argv, out } = call
  const { count, lengthMax, rank } = readSearch(call)
  const entry = call.readOf(argv[1], "list")
  if (entry === undefined) return count === undefined ? out.null() : out.array(0)
  const list = valueOf<ListValue>(entry)
  const found: Array<number> = []
  const foundMax = count === undefined ? 1 : count === 0 ? Infinity : count
  // The lowest integer has no positive counterpart: Redis takes it as the last match.
  let skipped = rank === rankMin ? 0 : Math.abs(rank) - 1
  let left = lengthMax === 0 ? Infinity : lengthMax
  const visit = (item: string, place: number): boolean => {
    if (item === argv[2] && --skipped < 0) found.push(place)
    return --left > 0 && found.length < foundMax
  }
  if (rank > 0) list.each(0, list.size, visit)
  else list.eachDown(list.size - 1, visit)
  if (count !== undefined) {
    out.array(found.length)
    for (const place of found) out.integer(place)
  } else if (found.length > 0) out.integer(found[0])
  else out.null()
}

const move =
  (read: (call: Call) => readonly [from: End, to: End]): Handler =>
  (call) => {
    const { argv, out } = call
    const [from, to] = read(call)
    const entry = call.changeOf(argv[1], "list")
    if (entry === undefined) return out.null()
    replyMoved(call, entry, argv[2], from, to)
  }

const popFromMany: Handler = (call) => {
  if (!replyManyPopped(call, readManyPop(call, 1))) call.out.nullArray()
}

export const handlers: Readonly<Record<string, Handler>> = {
  lpush: push("left", { isNewAllowed: true }),
  rpush: push("right", { isNewAllowed: true }),
  lpushx: push("left", { isNewAllowed: false }),
  rpushx: push("right", { isNewAllowed: false }),
  lpop: pop("left"),
  rpop: pop("right"),
  llen: length,
  lindex: index,
  lset: set,
  lrange: range,
  ltrim: trim,
  lrem: remove,
  linsert: insert,
  lpos: position,
  lmove: move((call) => [endAt(call, 3), endAt(call, 4)]),
  rpoplpush: move(() => ["right", "left"]),
  lmpop: popFromMany
}
