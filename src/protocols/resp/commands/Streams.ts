/** Streams: the commands that add, remove and read entries by their ids, without groups. */
import { classes } from "#database/redis/Engine.ts"
import type { Entry } from "#database/redis/Entry.ts"
import * as StreamId from "#database/redis/StreamId.ts"
import { StreamValue, type Trim } from "#database/redis/StreamValue.ts"
import type { Call, Handler } from "../Call.ts"
import * as Refusal from "../Refusal.ts"
import { endOf, Found, idOf, idsFrom, invalidId, startOf, streamOf } from "./StreamArguments.ts"

const bothTrims = new Refusal.Refusal("ERR syntax error, MAXLEN and MINID options at the same time are not compatible")
const negativeLengthMax = new Refusal.Refusal("ERR The MAXLEN argument must be >= 0.")
const negativeLimit = new Refusal.Refusal("ERR The LIMIT argument must be >= 0.")
const limitAlone = new Refusal.Refusal("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy")
const limitExact = new Refusal.Refusal("ERR syntax error, LIMIT cannot be used without the special ~ option")
const noTrim = new Refusal.Refusal("ERR syntax error, XTRIM must be called with a trimming strategy")
const zeroId = new Refusal.Refusal("ERR The ID specified in XADD must be greater than 0-0")
const lateId = new Refusal.Refusal("ERR The ID specified in XADD is equal or smaller than the target stream top item")
const exhausted = new Refusal.Refusal("ERR The stream has exhausted the last possible ID, unable to add more items")
const tooLarge = new Refusal.Refusal("ERR Elements are too large to be stored")
const negativeAdded = new Refusal.Refusal("ERR entries_added must be positive")
const belowGiven = new Refusal.Refusal(
  "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
)
const belowTop = new Refusal.Refusal("ERR The ID specified in XSETID is smaller than the target stream top item")
const fewerAdded = new Refusal.Refusal(
  "ERR The entries_added specified in XSETID is smaller than the target stream length"
)

/** What Redis can keep of one entry. */
const entryBytesMax = 1_073_741_824
/** An approximate trim without LIMIT removes as much as so many nodes hold, within these bounds. */
const trimmedNodesMax = 100
const trimmedDefault = 10_000
const trimmedMax = 1_000_000

/** Options of XADD and XTRIM, before the id. */
interface Options {
  /** Behind the options. */
  readonly at: number
  readonly isNewAllowed: boolean
  readonly trim: Trim | undefined
}

interface Strategy {
  readonly lengthMax?: number
  readonly minId?: string
  readonly isApproximate: boolean
}

/** MAXLEN or MINID at `at`, and where what follows it begins. */
const readStrategy = (call: Call, at: number): readonly [strategy: Strategy, next: number] => {
  const { argv } = call
  const sign = at + 2 < argv.length ? argv[at + 1] : ""
  const isApproximate = sign === "~"
  const place = isApproximate || sign === "=" ? at + 2 : at + 1
  if (call.is(at, "minid")) return [{ minId: idOf(argv[place]), isApproximate }, place + 1]
  const lengthMax = call.integer(place)
  if (lengthMax < 0) throw negativeLengthMax
  return [{ lengthMax, isApproximate }, place + 1]
}

const limitOf = (call: Call, strategy: Strategy, given: number | undefined): number => {
  if (given !== undefined && !strategy.isApproximate) throw limitExact
  if (given !== undefined) return given
  if (!strategy.isApproximate) return 0
  const limit = trimmedNodesMax * call.engine.settings.streamNodeMaxEntries
  return limit <= 0 ? trimmedDefault : Math.min(limit, trimmedMax)
}

const readOptions = (call: Call, { isAdd }: { readonly isAdd: boolean }): Options => {
  const { argv } = call
  let strategy: Strategy | undefined
  let limit: number | undefined
  let isNewAllowed = true
  let at = 2
  while (at < argv.length && !(isAdd && argv[at] === "*")) {
    const hasMore = at + 1 < argv.length
    if (hasMore && (call.is(at, "maxlen") || call.is(at, "minid"))) {
      if (strategy !== undefined) throw bothTrims
      ;[strategy, at] = readStrategy(call, at)
    } else if (hasMore && call.is(at, "limit")) {
      limit = call.integer(at + 1)
      if (limit < 0) throw negativeLimit
      at += 2
    } else if (isAdd && call.is(at, "nomkstream")) {
      isNewAllowed = false
      at += 1
    } else if (isAdd) {
      if (StreamId.parse(argv[at], { allowsStar: true }) === undefined) throw invalidId
      break
    } else throw Refusal.syntax
  }
  if (strategy === undefined) {
    if (limit !== undefined && limit > 0) throw limitAlone
    if (!isAdd) throw noTrim
    if (limit !== undefined) throw limitExact
    return { at, isNewAllowed, trim: undefined }
  }
  return { at, isNewAllowed, trim: { ...strategy, limit: limitOf(call, strategy, limit) } }
}

/** The id of the next entry, as it was asked for. */
const newId = (call: Call, text: string, stream: StreamValue | undefined): string => {
  const last = stream?.lastId ?? StreamId.zero
  const given = text === "*" ? undefined : StreamId.parse(text, { allowsStar: true })!
  if (last === StreamId.max) throw exhausted
  let id = given?.id
  if (id === undefined) id = StreamId.following(last, call.now)
  else if (given?.hasSeq === false && StreamId.sameMillis(id, last)) id = StreamId.next(last)
  if (id === undefined || id <= last) throw lateId
  if (given?.hasSeq === false && !StreamId.sameMillis(id, given.id)) throw lateId
  return id
}

const add: Handler = (call) => {
  const { argv, db, engine } = call
  const { at, isNewAllowed, trim } = readOptions(call, { isAdd: true })
  const fieldsCount = argv.length - at - 1
  if (fieldsCount < 2 || fieldsCount % 2 === 1) throw Refusal.wrongArity("xadd")
  if (argv[at] !== "*" && idIsZero(argv[at])) throw zeroId
  const key = argv[1]
  const entry = call.changeOf(key, "stream")
  const existing = entry === undefined ? undefined : streamOf(entry)
  if (existing === undefined && !isNewAllowed) return call.out.null()
  const id = newId(call, argv[at], existing)
  const fields = argv.slice(at + 1)
  let bytes = 0
  for (const text of fields) bytes += text.length
  if (bytes > entryBytesMax) throw tooLarge
  const stream = existing ?? new StreamValue()
  stream.append(id, fields, engine.settings)
  call.notify(classes.stream, "xadd", key)
  if (trim !== undefined && stream.trim(trim) > 0) call.notify(classes.stream, "xtrim", key)
  if (entry === undefined) db.add(key, stream)
  else db.touched(entry)
  call.out.bulk(StreamId.format(id))
}

const idIsZero = (text: string): boolean => {
  const parsed = StreamId.parse(text, { allowsStar: true })
  return parsed?.hasSeq === true && parsed.id === StreamId.zero
}

const length: Handler = (call) => {
  const entry = call.readOf(call.argv[1], "stream")
  call.out.integer(entry === undefined ? 0 : streamOf(entry).size)
}

const range =
  ({ isDown }: { readonly isDown: boolean }): Handler =>
  (call) => {
    const { argv, out } = call
    const from = startOf(argv[isDown ? 3 : 2])
    const to = endOf(argv[isDown ? 2 : 3])
    let count = Infinity
    for (let i = 4; i < argv.length; i += 2) {
      if (!call.is(i, "count") || i + 1 >= argv.length) throw Refusal.syntax
      count = Math.max(0, call.integer(i + 1))
    }
    const entry = call.readOf(argv[1], "stream")
    if (entry === undefined) return out.array(0)
    if (count === 0) return out.nullArray()
    const found = new Found()
    const visit = (id: string, fields: ReadonlyArray<string>): boolean => {
      found.add(id, fields)
      return found.ids.length < count
    }
    if (isDown) streamOf(entry).eachDown(from, to, visit)
    else streamOf(entry).each(from, to, visit)
    found.reply(out)
  }

const remove: Handler = (call) => {
  const { argv, db, out } = call
  const entry = call.changeOf(argv[1], "stream")
  if (entry === undefined) return out.integer(0)
  const stream = streamOf(entry)
  let removed = 0
  for (const id of idsFrom(call, 2)) if (stream.delete(id)) removed += 1
  if (removed > 0) {
    db.touched(entry)
    call.notify(classes.stream, "xdel", argv[1])
  }
  out.integer(removed)
}

const trim: Handler = (call) => {
  const { argv, db, out } = call
  const { trim: given } = readOptions(call, { isAdd: false })
  const entry = call.changeOf(argv[1], "stream")
  if (entry === undefined) return out.integer(0)
  const removed = streamOf(entry).trim(given!)
  if (removed > 0) {
    db.touched(entry)
    call.notify(classes.stream, "xtrim", argv[1])
  }
  out.integer(removed)
}

/** The id of the last entry that is there, of a stream that has some. */
export const lastValidId = (stream: StreamValue): string => {
  let last = StreamId.zero
  stream.eachDown(StreamId.zero, StreamId.max, (id) => {
    last = id
    return false
  })
  return last
}

const checkLastId = (entry: Entry, id: string, added: number | undefined): StreamValue => {
  const stream = streamOf(entry)
  if (stream.size > 0 && id < lastValidId(stream)) throw belowTop
  if (added !== undefined && stream.size > added) throw fewerAdded
  return stream
}

const setLastId: Handler = (call) => {
  const { argv, engine, out } = call
  const id = idOf(argv[2])
  let added: number | undefined
  let maxDeletedId = StreamId.zero
  for (let i = 3; i < argv.length; i += 2) {
    if (i + 1 >= argv.length) throw Refusal.syntax
    if (call.is(i, "entriesadded")) {
      added = call.integer(i + 1)
      if (added < 0) throw negativeAdded
    } else if (call.is(i, "maxdeletedid")) {
      maxDeletedId = idOf(argv[i + 1])
      if (id < maxDeletedId) throw belowGiven
    } else throw Refusal.syntax
  }
  const entry = call.changeOf(argv[1], "stream")
  if (entry === undefined) throw Refusal.noSuchKey
  const stream = checkLastId(entry, id, added)
  stream.lastId = id
  if (added !== undefined) stream.added = added
  if (maxDeletedId !== StreamId.zero) stream.maxDeletedId = maxDeletedId
  // No entry is another now.
  engine.changedQuietly(entry)
  call.notify(classes.stream, "xsetid", argv[1])
  out.ok()
}

export const handlers: Readonly<Record<string, Handler>> = {
  xadd: add,
  xlen: length,
  xrange: range({ isDown: false }),
  xrevrange: range({ isDown: true }),
  xdel: remove,
  xtrim: trim,
  xsetid: setLastId
}
