/** Sets: commands on one set, and SMOVE. Replies, their order of checks and error texts are those of redis-server 7.0 (t_set.c). */
import { classes } from "#database/redis/Engine.ts"
import type { Entry } from "#database/redis/Entry.ts"
import { SetValue } from "#database/redis/SetValue.ts"
import { type Call, type Handler, valueOf } from "../Call.ts"
import * as Refusal from "../Refusal.ts"
import * as Elements from "./Elements.ts"

const setOf = (call: Call): SetValue | undefined => {
  const entry = call.readOf(call.argv[1], "set")
  return entry === undefined ? undefined : valueOf<SetValue>(entry)
}

/** After members were taken out: a set without any goes. */
const shrunk = (call: Call, entry: Entry, event: string): void => {
  call.notify(classes.set, event, entry.name)
  if (call.db.dropIfEmpty(entry)) call.notify(classes.generic, "del", entry.name)
  else call.db.touched(entry)
}

const sadd: Handler = (call) => {
  const { argv, db, engine, out } = call
  const key = argv[1]
  const entry = call.changeOf(key, "set")
  const set = entry === undefined ? new SetValue() : valueOf<SetValue>(entry)
  let added = 0
  for (let i = 2; i < argv.length; i++) if (set.add(argv[i])) added += 1
  if (added > 0) {
    set.settle(engine.settings.setMaxIntsetEntries)
    if (entry === undefined) db.add(key, set)
    else db.touched(entry)
    call.notify(classes.set, "sadd", key)
  }
  out.integer(added)
}

const srem: Handler = (call) => {
  const { argv, out } = call
  const entry = call.changeOf(argv[1], "set")
  if (entry === undefined) return out.integer(0)
  const set = valueOf<SetValue>(entry)
  let removed = 0
  for (let i = 2; i < argv.length; i++) if (set.delete(argv[i])) removed += 1
  if (removed > 0) shrunk(call, entry, "srem")
  out.integer(removed)
}

const smove: Handler = (call) => {
  const [, from, to, member] = call.argv
  const { db, engine, out } = call
  const source = db.peek(from)
  const target = db.peek(to)
  if (source === undefined) return out.integer(0)
  call.changeOf(from, "set")
  call.changeOf(to, "set")
  if (source === target) return out.integer(valueOf<SetValue>(source).has(member) ? 1 : 0)
  if (!valueOf<SetValue>(source).delete(member)) return out.integer(0)
  shrunk(call, source, "srem")
  const set = target === undefined ? new SetValue() : valueOf<SetValue>(target)
  if (set.add(member)) {
    set.settle(engine.settings.setMaxIntsetEntries)
    if (target === undefined) db.add(to, set)
    else db.touched(target)
    call.notify(classes.set, "sadd", to)
  }
  out.integer(1)
}

const smismember: Handler = (call) => {
  const { argv, out } = call
  const set = setOf(call)
  out.array(argv.length - 2)
  for (let i = 2; i < argv.length; i++) out.integer(set !== undefined && set.has(argv[i]) ? 1 : 0)
}

const smembers: Handler = (call) => {
  const { out } = call
  const set = setOf(call)
  if (set === undefined) return out.set(0)
  const { isIntegers, members, size } = set
  out.set(size)
  if (isIntegers) for (const member of set.list()) out.bulk(member)
  else for (let i = 0; i < size; i++) out.bulk(members.nameAt(i))
}

const popMany = (call: Call): void => {
  const { db, engine, out } = call
  const count = Elements.positiveAt(call, 2)
  const entry = call.changeOf(call.argv[1], "set")
  if (entry === undefined || count === 0) return out.set(0)
  const set = valueOf<SetValue>(entry)
  const { members } = set
  if (count >= set.size) {
    out.set(set.size)
    for (const member of set.list()) out.bulk(member)
    call.notify(classes.set, "spop", entry.name)
    db.delete(entry.name)
    return call.notify(classes.generic, "del", entry.name)
  }
  out.set(count)
  for (let i = 0; i < count; i++) {
    const member = members.randomName(engine.random)!
    out.bulk(member)
    set.delete(member)
  }
  shrunk(call, entry, "spop")
}

const spop: Handler = (call) => {
  const { argv, engine, out } = call
  if (argv.length === 3) return popMany(call)
  if (argv.length > 3) throw Refusal.syntax
  const entry = call.changeOf(argv[1], "set")
  if (entry === undefined) return out.null()
  const set = valueOf<SetValue>(entry)
  const member = set.members.randomName(engine.random)!
  set.delete(member)
  shrunk(call, entry, "spop")
  out.bulk(member)
}

const srandmember: Handler = (call) => {
  const { argv, engine, out } = call
  if (argv.length > 3) throw Refusal.syntax
  if (argv.length === 2) {
    const set = setOf(call)
    return set === undefined ? out.null() : out.bulk(set.members.randomName(engine.random)!)
  }
  const count = Elements.randomCountOf(call, 2)
  const set = setOf(call)
  if (set === undefined || count === 0) return out.array(0)
  Elements.checkRepeated(call, count)
  const { members } = set
  if (count < 0) {
    out.array(-count)
    for (let i = count; i < 0; i++) out.bulk(members.randomName(engine.random)!)
    return
  }
  const positions = Elements.positionsOf(members.size, count, engine.random)
  out.array(positions.length)
  for (const position of positions) out.bulk(members.nameAt(position))
}

const sscan: Handler = (call) => {
  const cursor = Elements.cursorOf(call.argv[2])
  const set = setOf(call)
  if (set === undefined) return Elements.replyNothing(call)
  Elements.replyScan(call, Elements.scanOf(call, cursor), set.members, set.isIntegers, undefined)
}

export const handlers: Readonly<Record<string, Handler>> = {
  sadd,
  scard: (call) => call.out.integer(setOf(call)?.size ?? 0),
  sismember: (call) => call.out.integer(setOf(call)?.has(call.argv[2]) === true ? 1 : 0),
  smembers,
  smismember,
  smove,
  spop,
  srandmember,
  srem,
  sscan
}
