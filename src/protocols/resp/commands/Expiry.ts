/** Expiry: when keys expire: EXPIRE and its kin, TTL and its kin, PERSIST, as redis-server 7.0 has them (expire.c). */
import { classes } from "#database/redis/Engine.ts"
import * as Integer64 from "#database/redis/Integer64.ts"
import type { Call, Handler } from "../Call.ts"
import * as Refusal from "../Refusal.ts"

interface Conditions {
  readonly nx: boolean
  readonly xx: boolean
  readonly gt: boolean
  readonly lt: boolean
}

const conditionsOf = ({ argv }: Call): Conditions => {
  const given = { nx: false, xx: false, gt: false, lt: false }
  for (let i = 3; i < argv.length; i++) {
    const word = argv[i].toLowerCase()
    if (word !== "nx" && word !== "xx" && word !== "gt" && word !== "lt") {
      throw new Refusal.Refusal(`ERR Unsupported option ${argv[i]}`)
    }
    given[word] = true
  }
  const { gt, lt, nx, xx } = given
  if (nx && (xx || gt || lt)) {
    throw new Refusal.Refusal("ERR NX and XX, GT or LT options at the same time are not compatible")
  }
  if (gt && lt) throw new Refusal.Refusal("ERR GT and LT options at the same time are not compatible")
  return given
}

/** Up to this many seconds from the epoch there is nothing to check. */
const plainMax = 1_000_000_000_000

/** The time that the second argument says, in milliseconds of the wall clock: at most 2^63, as Redis has it. */
const deadline = (call: Call, unitMillis: number, isAbsolute: boolean): number => {
  const value = Integer64.parse(call.argv[2])
  if (value === undefined) throw Refusal.notInteger
  const base = isAbsolute ? 0 : call.now
  if (typeof value === "number" && value > -plainMax && value < plainMax) return base + value * unitMillis
  const unit = BigInt(unitMillis)
  const isLost = value > Integer64.max / unit || value < Integer64.min / unit
  if (isLost || BigInt(value) * unit > Integer64.max - BigInt(base)) {
    throw new Refusal.Refusal(`ERR invalid expire time in '${call.argv[0].toLowerCase()}' command`)
  }
  return base + Number(value) * unitMillis
}

/** Whether a key that expires at `before` (0: never) gets the new deadline. */
const applies = ({ gt, lt, nx, xx }: Conditions, before: number, after: number): boolean => {
  if (before === 0) return !xx && !gt
  return !nx && !(gt && after <= before) && !(lt && after >= before)
}

const expire =
  (unitMillis: number, isAbsolute: boolean): Handler =>
  (call) => {
    const { db, now, out } = call
    const key = call.argv[1]
    const conditions = conditionsOf(call)
    const until = deadline(call, unitMillis, isAbsolute)
    const entry = db.peek(key)
    if (entry === undefined || !applies(conditions, entry.expiresAt, until)) return out.integer(0)
    if (until <= now) {
      db.delete(key)
      call.notify(classes.generic, "del", key)
    } else {
      db.expireAt(entry, until)
      call.notify(classes.generic, "expire", key)
    }
    out.integer(1)
  }

/** -2: there is no such key, -1: it does not expire. */
const tell =
  (unitMillis: number, isAbsolute: boolean): Handler =>
  (call) => {
    const entry = call.db.peek(call.argv[1])
    if (entry === undefined) return call.out.integer(-2)
    if (entry.expiresAt === 0) return call.out.integer(-1)
    const millis = Math.max(0, entry.expiresAt - (isAbsolute ? 0 : call.now))
    call.out.integer(unitMillis === 1 ? millis : Math.floor((millis + unitMillis / 2) / unitMillis))
  }

const persist: Handler = (call) => {
  const key = call.argv[1]
  const entry = call.db.peek(key)
  if (entry === undefined || entry.expiresAt === 0) return call.out.integer(0)
  call.db.expireAt(entry, 0)
  call.notify(classes.generic, "persist", key)
  call.out.integer(1)
}

export const handlers: Readonly<Record<string, Handler>> = {
  expire: expire(1_000, false),
  expireat: expire(1_000, true),
  expiretime: tell(1_000, true),
  persist,
  pexpire: expire(1, false),
  pexpireat: expire(1, true),
  pexpiretime: tell(1, true),
  pttl: tell(1, false),
  ttl: tell(1_000, false)
}
