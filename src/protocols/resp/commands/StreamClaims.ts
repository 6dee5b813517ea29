/**
 * StreamClaims: XPENDING, XCLAIM and XAUTOCLAIM: what was delivered in a group and not acknowledged is looked at, and given to other consumers.
 * Entries that were removed meanwhile cease to be pending when somebody claims them.
 */
import { classes } from "#database/redis/Engine.ts"
import type { Consumer, Pending, StreamGroup } from "#database/redis/StreamGroup.ts"
import * as StreamId from "#database/redis/StreamId.ts"
import type { Call, Handler } from "../Call.ts"
import * as Numbers from "../Numbers.ts"
import * as Refusal from "../Refusal.ts"
import { endOf, Found, groupOf, groupsChanged, idOf, startOf, streamOf } from "./StreamArguments.ts"

const countNotPositive = new Refusal.Refusal("ERR COUNT must be > 0")

const integerOr = (text: string, refusal: string): number => {
  const value = Numbers.parseInteger(text)
  if (value === undefined) throw new Refusal.Refusal(refusal)
  return value
}

const replySummary = ({ out }: Call, { consumers, pending }: StreamGroup, group: StreamGroup): void => {
  out.array(4)
  out.integer(pending.size)
  if (pending.size === 0) {
    out.null()
    out.null()
    return out.nullArray()
  }
  out.bulk(StreamId.format(pending.first()!))
  out.bulk(StreamId.format(pending.last()!))
  let some = 0
  for (const consumer of consumers.values()) if (consumer.pending.size > 0) some += 1
  out.array(some)
  for (const consumer of group.byName()) {
    if (consumer.pending.size === 0) continue
    out.array(2)
    out.bulk(consumer.name)
    out.bulk(consumer.pending.size)
  }
}

/** Where the clock went back, something may have been delivered later than now: it is not idle, and is there all the same. */
const idleMillis = (now: number, { deliveredAt }: Pick<Pending, "deliveredAt">): number =>
  Math.max(0, now - deliveredAt)

interface Interval {
  readonly idleMillisMin: number
  readonly from: string
  readonly to: string
  readonly count: number
  readonly consumer: string | undefined
}

const readInterval = (call: Call): Interval => {
  const { argv } = call
  if (argv.length < 6 || argv.length > 9) throw Refusal.syntax
  let idleMillisMin = 0
  let at = 3
  if (call.is(3, "idle")) {
    idleMillisMin = call.integer(4)
    if (argv.length < 8) throw Refusal.syntax
    at = 5
  }
  const count = Math.max(0, call.integer(at + 2))
  return { idleMillisMin, from: startOf(argv[at]), to: endOf(argv[at + 1]), count, consumer: argv[at + 3] }
}

const pending: Handler = (call) => {
  const { argv, now, out } = call
  const interval = argv.length === 3 ? undefined : readInterval(call)
  const [, group] = groupOf(call, argv[1], argv[2])
  if (interval === undefined) return replySummary(call, group, group)
  const { consumer: name, count, from, idleMillisMin, to } = interval
  const consumer = name === undefined ? undefined : group.consumers.get(name)
  const found: Array<readonly [string, Pending]> = []
  const of = name === undefined ? group.pending : consumer?.pending
  if (count > 0) {
    of?.each(from, (id, each) => {
      if (id > to) return false
      if (idleMillis(now, each) >= idleMillisMin) found.push([id, each])
      return found.length < count
    })
  }
  out.array(found.length)
  for (const [id, { consumer: owner, deliveredAt, deliveries }] of found) {
    out.array(4)
    out.bulk(StreamId.format(id))
    out.bulk(owner.name)
    out.integer(idleMillis(now, { deliveredAt }))
    out.integer(deliveries)
  }
}

/** The consumer that claims; it comes into being with the first entry that it gets. */
const claimant = (call: Call, group: StreamGroup): Consumer => {
  const [, key, , name] = call.argv
  const existing = group.consumers.get(name)
  if (existing !== undefined) {
    group.seen(existing, call.now)
    return existing
  }
  call.notify(classes.stream, "xgroup-createconsumer", key)
  return group.addConsumer(name, call.now)
}

/** What was claimed: entries, or their ids alone. */
const replyClaimed = ({ out }: Call, found: Found, isJustId: boolean): void => {
  if (!isJustId) return found.reply(out)
  out.array(found.ids.length)
  for (const id of found.ids) out.bulk(StreamId.format(id))
}

interface ClaimOptions {
  readonly ids: ReadonlyArray<string>
  readonly isForced: boolean
  readonly isJustId: boolean
  readonly deliveredAt: number
  /** Undefined: one more than there were. */
  readonly deliveries: number | undefined
  readonly lastId: string
}

const readClaim = (call: Call): ClaimOptions => {
  const { argv, now } = call
  const ids: Array<string> = []
  let at = 5
  for (; at < argv.length; at++) {
    const parsed = StreamId.parse(argv[at])
    if (parsed === undefined) break
    ids.push(parsed.id)
  }
  let isForced = false
  let isJustId = false
  let deliveredAt = now
  let deliveries: number | undefined
  let lastId = StreamId.zero
  for (; at < argv.length; at++) {
    const hasMore = at + 1 < argv.length
    if (call.is(at, "force")) isForced = true
    else if (call.is(at, "justid")) isJustId = true
    else if (hasMore && call.is(at, "idle")) {
      deliveredAt = now - integerOr(argv[++at], "ERR Invalid IDLE option argument for XCLAIM")
    } else if (hasMore && call.is(at, "time")) {
      deliveredAt = integerOr(argv[++at], "ERR Invalid TIME option argument for XCLAIM")
    } else if (hasMore && call.is(at, "retrycount")) {
      deliveries = integerOr(argv[++at], "ERR Invalid RETRYCOUNT option argument for XCLAIM")
    } else if (hasMore && call.is(at, "lastid")) lastId = idOf(argv[++at])
    else throw new Refusal.Refusal(`ERR Unrecognized XCLAIM option '${argv[at]}'`)
  }
  if (deliveredAt < 0 || deliveredAt > now) deliveredAt = now
  if (deliveries !== undefined && deliveries < 0) deliveries = undefined
  return { ids, isForced, isJustId, deliveredAt, deliveries, lastId }
}

const claim: Handler = (call) => {
  const { argv, now } = call
  const [entry, group] = groupOf(call, argv[1], argv[2])
  const idleMillisMin = integerOr(argv[4], "ERR Invalid min-idle-time argument for XCLAIM")
  const { deliveredAt, deliveries, ids, isForced, isJustId, lastId } = readClaim(call)
  const stream = streamOf(entry)
  if (lastId > group.lastId) group.setLast(lastId, group.entriesRead)
  const found = new Found()
  let consumer: Consumer | undefined
  for (const id of ids) {
    const fields = stream.get(id)
    if (fields === undefined) {
      group.acknowledge(id)
      continue
    }
    const existing = group.pending.get(id)
    if (existing === undefined && !isForced) continue
    if (existing !== undefined && idleMillis(now, existing) < idleMillisMin) continue
    consumer ??= claimant(call, group)
    const before = existing?.deliveries ?? 1
    group.deliver(id, consumer, deliveredAt, deliveries ?? (isJustId ? before : before + 1))
    found.add(id, fields)
  }
  groupsChanged(call, entry)
  replyClaimed(call, found, isJustId)
}

/** Entries that XAUTOCLAIM looks at for each that it may claim. */
const looksPerClaim = 10
const autoClaimDefault = 100
/** Redis makes room for as many ids of 16 bytes: what does not fit in 63 bits, or in an address space of 47. */
const autoClaimMax = 576_460_752_303_423_487n
const autoClaimIdsMax = 8_796_093_022_208n
const tooMany = new Refusal.Refusal("ERR Insufficient memory, failed allocating transient memory, COUNT too high.")

const readAutoClaim = (call: Call): { readonly countMax: number; readonly isJustId: boolean } => {
  const { argv } = call
  let countMax = autoClaimDefault
  let isJustId = false
  for (let at = 6; at < argv.length; at++) {
    if (at + 1 < argv.length && call.is(at, "count")) {
      const given = Numbers.parseBig(argv[++at])
      if (given === undefined || given < 1n || given > autoClaimMax) throw countNotPositive
      if (given > autoClaimIdsMax) throw tooMany
      countMax = Number(given)
    } else if (call.is(at, "justid")) isJustId = true
    else throw Refusal.syntax
  }
  return { countMax, isJustId }
}

interface Claims {
  /** Ids that may be claimed. */
  readonly claimed: Found
  /** Ids whose entries are not there any more. */
  readonly deleted: ReadonlyArray<string>
  /** Where the next XAUTOCLAIM goes on; zero: everything was looked at. */
  readonly next: string
}

const autoClaim: Handler = (call) => {
  const { argv, out } = call
  const idleMillisMin = integerOr(argv[4], "ERR Invalid min-idle-time argument for XAUTOCLAIM")
  const start = startOf(argv[5])
  const { countMax, isJustId } = readAutoClaim(call)
  const [entry, group] = groupOf(call, argv[1], argv[2])
  const { claimed, deleted, next } = look(call, group, start, idleMillisMin, countMax)
  for (const id of deleted) group.acknowledge(id)
  if (claimed.ids.length > 0) {
    const consumer = claimant(call, group)
    for (const id of claimed.ids) {
      const { deliveries } = group.pending.get(id)!
      group.deliver(id, consumer, call.now, isJustId ? deliveries : deliveries + 1)
    }
  }
  groupsChanged(call, entry)
  out.array(3)
  out.bulk(StreamId.format(next))
  replyClaimed(call, claimed, isJustId)
  out.array(deleted.length)
  for (const id of deleted) out.bulk(StreamId.format(id))
}

/** Looks at what is pending from an id on, without changing anything. */
const look = (call: Call, group: StreamGroup, start: string, idleMillisMin: number, countMax: number): Claims => {
  const [entry] = groupOf(call, call.argv[1], group.name)
  const stream = streamOf(entry)
  const claimed = new Found()
  const deleted: Array<string> = []
  let next = StreamId.zero
  let left = countMax
  let looks = countMax * looksPerClaim
  group.pending.each(start, (id, { deliveredAt }) => {
    if (left === 0 || looks === 0) {
      next = id
      return false
    }
    looks -= 1
    const fields = stream.get(id)
    if (fields === undefined) deleted.push(id)
    else if (idleMillis(call.now, { deliveredAt }) < idleMillisMin) return true
    else claimed.add(id, fields)
    left -= 1
    return true
  })
  return { claimed, deleted, next }
}

export const handlers: Readonly<Record<string, Handler>> = {
  xpending: pending,
  xclaim: claim,
  xautoclaim: autoClaim
}
