/**
 * Strings: GET, SET and their kin, of one key and of many. Replies, their order of checks and error texts are those of redis-server 7.0
 * (t_string.c).
 */
import { classes } from "#database/redis/Engine.ts"
import type { Entry } from "#database/redis/Entry.ts"
import * as Integer64 from "#database/redis/Integer64.ts"
import * as StringValue from "#database/redis/StringValue.ts"
import { typeOf } from "#database/redis/Value.ts"
import type { Call, Handler } from "../Call.ts"
import * as Refusal from "../Refusal.ts"

const replyOf = (call: Call, entry: Entry | undefined): void => {
  if (entry === undefined) return call.out.null()
  const { content } = entry
  if (typeof content === "object") call.out.blob((content as StringValue.StringValue).bytes)
  else call.out.bulk(content)
}

const invalidExpire = (call: Call): Refusal.Refusal =>
  new Refusal.Refusal(`ERR invalid expire time in '${call.argv[0].toLowerCase()}' command`)

/** Up to this many seconds from the epoch there is nothing to check. */
const plainMax = 1_000_000_000_000

/** When it expires, in milliseconds of the wall clock. */
const deadline = (call: Call, text: string, unitMillis: number, isAbsolute: boolean): number => {
  const value = Integer64.parse(text)
  if (value === undefined) throw Refusal.notInteger
  const base = isAbsolute ? 0 : call.now
  if (typeof value === "number" && value > 0 && value < plainMax) return base + value * unitMillis
  if (value <= 0 || value > (Integer64.max - BigInt(base)) / BigInt(unitMillis)) throw invalidExpire(call)
  return base + Number(value) * unitMillis
}

/** What SET and GETEX were asked for. */
interface Options {
  onlyIfMissing: boolean
  onlyIfPresent: boolean
  givesOld: boolean
  keepsTtl: boolean
  persists: boolean
  /** The text of the time; none: it does not expire. */
  expire: string | undefined
  unitMillis: number
  isAbsolute: boolean
}

const units: ReadonlyMap<string, readonly [unitMillis: number, isAbsolute: boolean]> = new Map([
  ["ex", [1_000, false]],
  ["px", [1, false]],
  ["exat", [1_000, true]],
  ["pxat", [1, true]]
])

/** Takes a time; the same unit may be given again, another one not. */
const takeTime = (options: Options, word: string, text: string | undefined): boolean => {
  const unit = units.get(word)
  if (unit === undefined || text === undefined || options.keepsTtl || options.persists) return false
  const [unitMillis, isAbsolute] = unit
  const isOther = options.unitMillis !== unitMillis || options.isAbsolute !== isAbsolute
  if (options.expire !== undefined && isOther) return false
  options.expire = text
  options.unitMillis = unitMillis
  options.isAbsolute = isAbsolute
  return true
}

const takeCondition = (options: Options, word: string): boolean => {
  if (word === "nx" && !options.onlyIfPresent) return (options.onlyIfMissing = true)
  if (word === "xx" && !options.onlyIfMissing) return (options.onlyIfPresent = true)
  if (word === "get") return (options.givesOld = true)
  if (word === "keepttl" && options.expire === undefined) return (options.keepsTtl = true)
  return false
}

const optionsOf = (call: Call, from: number, isSet: boolean): Options => {
  const { argv } = call
  const options: Options = {
    onlyIfMissing: false,
    onlyIfPresent: false,
    givesOld: false,
    keepsTtl: false,
    persists: false,
    expire: undefined,
    unitMillis: 0,
    isAbsolute: false
  }
  for (let i = from; i < argv.length; i++) {
    const word = argv[i].toLowerCase()
    if (isSet && takeCondition(options, word)) continue
    if (!isSet && word === "persist" && options.expire === undefined) options.persists = true
    else if (takeTime(options, word, argv[i + 1])) i++
    else throw Refusal.syntax
  }
  return options
}

const setWithOptions = (call: Call): void => {
  const { argv, db, out } = call
  const [, key, text] = argv
  const options = optionsOf(call, 3, true)
  const { expire, givesOld } = options
  const until = expire === undefined ? 0 : deadline(call, expire, options.unitMillis, options.isAbsolute)
  const existing = givesOld ? call.readOf(key, "string") : db.peek(key)
  const isRefused = existing === undefined ? options.onlyIfPresent : options.onlyIfMissing
  if (givesOld) replyOf(call, existing)
  if (isRefused) {
    if (!givesOld) out.null()
    return
  }
  const entry = db.set(key, StringValue.contentOf(text), { keepsTtl: options.keepsTtl })
  call.notify(classes.string, "set", key)
  if (expire !== undefined) {
    db.expireAt(entry, until)
    call.notify(classes.generic, "expire", key)
  }
  if (!givesOld) out.ok()
}

/** What most that expires is set by. */
const setFor =
  (unitMillis: number, timeAt: number, textAt: number): Handler =>
  (call) => {
    const { argv, db } = call
    const key = argv[1]
    const until = deadline(call, argv[timeAt], unitMillis, false)
    const entry = db.set(key, StringValue.contentOf(argv[textAt]))
    db.expireAt(entry, until)
    call.notify(classes.string, "set", key)
    call.notify(classes.generic, "expire", key)
    call.out.ok()
  }

const setEx = setFor(1_000, 4, 2)
const setPx = setFor(1, 4, 2)

const set: Handler = (call) => {
  const { argv } = call
  if (argv.length === 5 && call.is(3, "ex")) return setEx(call)
  if (argv.length === 5 && call.is(3, "px")) return setPx(call)
  if (argv.length > 3) return setWithOptions(call)
  call.db.set(argv[1], StringValue.contentOf(argv[2]))
  call.notify(classes.string, "set", argv[1])
  call.out.ok()
}

const get: Handler = (call) => replyOf(call, call.readOf(call.argv[1], "string"))

const setnx: Handler = (call) => {
  const [, key, text] = call.argv
  if (call.db.peek(key) !== undefined) return call.out.integer(0)
  call.db.set(key, StringValue.contentOf(text))
  call.notify(classes.string, "set", key)
  call.out.integer(1)
}

const getset: Handler = (call) => {
  const [, key, text] = call.argv
  replyOf(call, call.readOf(key, "string"))
  call.db.set(key, StringValue.contentOf(text))
  call.notify(classes.string, "set", key)
}

const getdel: Handler = (call) => {
  const key = call.argv[1]
  const entry = call.readOf(key, "string")
  replyOf(call, entry)
  if (entry === undefined) return
  call.db.delete(key)
  call.notify(classes.generic, "del", key)
}

const getex: Handler = (call) => {
  const { argv, db } = call
  const options = optionsOf(call, 2, false)
  const key = argv[1]
  const entry = call.readOf(key, "string")
  if (entry === undefined) return call.out.null()
  const { expire, isAbsolute } = options
  const until = expire === undefined ? 0 : deadline(call, expire, options.unitMillis, isAbsolute)
  replyOf(call, entry)
  if (expire !== undefined && isAbsolute && until <= call.now) {
    db.delete(key)
    call.notify(classes.generic, "del", key)
  } else if (expire !== undefined) {
    db.expireAt(entry, until)
    call.notify(classes.generic, "expire", key)
  } else if (options.persists && entry.expiresAt !== 0) {
    db.expireAt(entry, 0)
    call.notify(classes.generic, "persist", key)
  }
}

const mget: Handler = (call) => {
  const { argv, out } = call
  out.array(argv.length - 1)
  for (let i = 1; i < argv.length; i++) {
    const entry = call.read(argv[i])
    replyOf(call, entry !== undefined && typeOf(entry.content) === "string" ? entry : undefined)
  }
}

const checkPairs = (call: Call): void => {
  if (call.argv.length % 2 === 0) throw Refusal.wrongArity(call.argv[0].toLowerCase())
}

const setAll = (call: Call): void => {
  const { argv, db } = call
  for (let i = 1; i < argv.length; i += 2) {
    db.set(argv[i], StringValue.contentOf(argv[i + 1]))
    call.notify(classes.string, "set", argv[i])
  }
}

const mset: Handler = (call) => {
  checkPairs(call)
  setAll(call)
  call.out.ok()
}

const msetnx: Handler = (call) => {
  checkPairs(call)
  const { argv, db } = call
  for (let i = 1; i < argv.length; i += 2) if (db.peek(argv[i]) !== undefined) return call.out.integer(0)
  setAll(call)
  call.out.integer(1)
}

export const handlers: Readonly<Record<string, Handler>> = {
  get,
  getdel,
  getex,
  getset,
  mget,
  mset,
  msetnx,
  psetex: setFor(1, 2, 3),
  set,
  setex: setFor(1_000, 2, 3),
  setnx
}
