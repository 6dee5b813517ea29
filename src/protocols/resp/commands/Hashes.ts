/** Hashes: HSET and its kin. Replies, their order of checks and error texts are those of redis-server 7.0 (t_hash.c). */
import { classes } from "#database/redis/Engine.ts"
import type { Entry } from "#database/redis/Entry.ts"
import { HashValue } from "#database/redis/HashValue.ts"
import * as Integer64 from "#database/redis/Integer64.ts"
import { type Call, type Handler, valueOf } from "../Call.ts"
import * as LongDouble from "../LongDouble.ts"
import * as Refusal from "../Refusal.ts"
import * as Elements from "./Elements.ts"

const hashOf = (call: Call): HashValue | undefined => {
  const entry = call.readOf(call.argv[1], "hash")
  return entry === undefined ? undefined : valueOf<HashValue>(entry)
}

/** After a change: `entry` is the key as it was, `undefined` when the hash is new. */
const changed = (call: Call, entry: Entry | undefined, hash: HashValue, event: string): void => {
  const { hashMaxListpackEntries, hashMaxListpackValueBytes } = call.engine.settings
  const key = call.argv[1]
  hash.settle(hashMaxListpackEntries, hashMaxListpackValueBytes)
  if (entry === undefined) call.db.add(key, hash)
  else call.db.touched(entry)
  call.notify(classes.hash, event, key)
}

/** Puts in the pairs that are given; returns how many fields are new. */
const setAll = (call: Call): number => {
  const { argv } = call
  if (argv.length % 2 !== 0) throw Refusal.wrongArity(argv[0].toLowerCase())
  const entry = call.changeOf(argv[1], "hash")
  const hash = entry === undefined ? new HashValue() : valueOf<HashValue>(entry)
  let created = 0
  for (let i = 2; i < argv.length; i += 2) if (hash.set(argv[i], argv[i + 1])) created += 1
  changed(call, entry, hash, "hset")
  return created
}

const hmset: Handler = (call) => {
  setAll(call)
  call.out.ok()
}

const hsetnx: Handler = (call) => {
  const [, key, field, value] = call.argv
  const entry = call.changeOf(key, "hash")
  const hash = entry === undefined ? new HashValue() : valueOf<HashValue>(entry)
  if (hash.get(field) !== undefined) return call.out.integer(0)
  hash.set(field, value)
  changed(call, entry, hash, "hset")
  call.out.integer(1)
}

const hget: Handler = (call) => {
  const value = hashOf(call)?.get(call.argv[2])
  if (value === undefined) call.out.null()
  else call.out.bulk(value)
}

const hmget: Handler = (call) => {
  const { argv, out } = call
  const hash = hashOf(call)
  out.array(argv.length - 2)
  for (let i = 2; i < argv.length; i++) {
    const value = hash?.get(argv[i])
    if (value === undefined) out.null()
    else out.bulk(value)
  }
}

const hdel: Handler = (call) => {
  const { argv, db, out } = call
  const entry = call.changeOf(argv[1], "hash")
  if (entry === undefined) return out.integer(0)
  const hash = valueOf<HashValue>(entry)
  let deleted = 0
  for (let i = 2; i < argv.length; i++) if (hash.delete(argv[i])) deleted += 1
  if (deleted > 0) {
    call.notify(classes.hash, "hdel", argv[1])
    if (db.dropIfEmpty(entry)) call.notify(classes.generic, "del", argv[1])
    else db.touched(entry)
  }
  out.integer(deleted)
}

const hstrlen: Handler = (call) => call.out.integer(hashOf(call)?.get(call.argv[2])?.length ?? 0)

const hexists: Handler = (call) => call.out.integer(hashOf(call)?.get(call.argv[2]) === undefined ? 0 : 1)

const hkeys: Handler = (call) => {
  const fields = hashOf(call)?.fields
  const size = fields?.size ?? 0
  call.out.array(size)
  for (let i = 0; i < size; i++) call.out.bulk(fields!.nameAt(i))
}

const hvals: Handler = (call) => {
  const fields = hashOf(call)?.fields
  const size = fields?.size ?? 0
  call.out.array(size)
  for (let i = 0; i < size; i++) call.out.bulk(fields!.valueAt(i))
}

const hgetall: Handler = (call) => {
  const { out } = call
  const fields = hashOf(call)?.fields
  const size = fields?.size ?? 0
  out.map(size)
  for (let i = 0; i < size; i++) {
    out.bulk(fields!.nameAt(i))
    out.bulk(fields!.valueAt(i))
  }
}

const notInteger = new Refusal.Refusal("ERR hash value is not an integer")
const notFloat = new Refusal.Refusal("ERR hash value is not a float")
const unlimited = new Refusal.Refusal("ERR value is NaN or Infinity")
const exceeded = new Refusal.Refusal("ERR increment would produce NaN or Infinity")

const sumOf = (before: number | bigint, by: number | bigint): number | bigint => {
  if (typeof before === "number" && typeof by === "number") {
    const sum = before + by
    if (Number.isSafeInteger(sum)) return sum
  }
  const sum = BigInt(before) + BigInt(by)
  if (sum > Integer64.max || sum < Integer64.min) throw Refusal.overflow
  return sum
}

const hincrby: Handler = (call) => {
  const [, key, field, text] = call.argv
  const by = Integer64.parse(text)
  if (by === undefined) throw Refusal.notInteger
  const entry = call.changeOf(key, "hash")
  const hash = entry === undefined ? new HashValue() : valueOf<HashValue>(entry)
  const existing = hash.get(field)
  const before = existing === undefined ? 0 : Integer64.parse(existing)
  if (before === undefined) throw notInteger
  const after = sumOf(before, by)
  hash.set(field, `${after}`)
  changed(call, entry, hash, "hincrby")
  call.out.integer(after)
}

const hincrbyfloat: Handler = (call) => {
  const [, key, field, text] = call.argv
  const by = LongDouble.parse(text)
  if (by === undefined) throw Refusal.notFloat
  if (!Number.isFinite(by.exponent)) throw unlimited
  const entry = call.changeOf(key, "hash")
  const hash = entry === undefined ? new HashValue() : valueOf<HashValue>(entry)
  const existing = hash.get(field)
  const before = existing === undefined ? undefined : LongDouble.parse(existing)
  if (existing !== undefined && before === undefined) throw notFloat
  const after = before === undefined ? by : LongDouble.add(before, by)
  if (after === undefined) throw exceeded
  const decimals = LongDouble.format(after)
  hash.set(field, decimals)
  changed(call, entry, hash, "hincrbyfloat")
  call.out.bulk(decimals)
}

const hscan: Handler = (call) => {
  const cursor = Elements.cursorOf(call.argv[2])
  const hash = hashOf(call)
  if (hash === undefined) return Elements.replyNothing(call)
  Elements.replyScan(call, Elements.scanOf(call, cursor), hash.fields, hash.isSmall, (value) => value)
}

/** So many fields, each of them as often as it comes. */
const replyAny = (call: Call, hash: HashValue, count: number, withValues: boolean): void => {
  const { engine, out } = call
  const { fields } = hash
  const isNested = withValues && out.protocol === 3
  out.array(withValues && !isNested ? 2 * count : count)
  for (let i = 0; i < count; i++) {
    const position = fields.randomPosition(engine.random)
    if (isNested) out.array(2)
    out.bulk(fields.nameAt(position))
    if (withValues) out.bulk(fields.valueAt(position))
  }
}

const hrandfield: Handler = (call) => {
  const { argv, engine, out } = call
  if (argv.length === 2) {
    const hash = hashOf(call)
    return hash === undefined ? out.null() : out.bulk(hash.fields.randomName(engine.random)!)
  }
  const count = Elements.randomCountOf(call, 2)
  if (argv.length > 4 || (argv.length === 4 && !call.is(3, "withvalues"))) throw Refusal.syntax
  const withValues = argv.length === 4
  if (withValues) Elements.checkPairs(count)
  const hash = hashOf(call)
  if (hash === undefined || count === 0) return out.array(0)
  Elements.checkRepeated(call, count)
  if (count < 0) return replyAny(call, hash, -count, withValues)
  const { fields } = hash
  const positions = Elements.positionsOf(fields.size, count, engine.random)
  const isNested = withValues && out.protocol === 3
  out.array(withValues && !isNested ? 2 * positions.length : positions.length)
  for (const position of positions) {
    if (isNested) out.array(2)
    out.bulk(fields.nameAt(position))
    if (withValues) out.bulk(fields.valueAt(position))
  }
}

export const handlers: Readonly<Record<string, Handler>> = {
  hdel,
  hexists,
  hget,
  hgetall,
  hincrby,
  hincrbyfloat,
  hkeys,
  hlen: (call) => call.out.integer(hashOf(call)?.size ?? 0),
  hmget,
  hmset,
  hrandfield,
  hscan,
  hset: (call) => call.out.integer(setAll(call)),
  hsetnx,
  hstrlen,
  hvals
}
