/** StreamInfo: XINFO: what a stream, its groups and their consumers are like. */
import type { Entry } from "#database/redis/Entry.ts"
import { type Consumer, type StreamGroup, unknown } from "#database/redis/StreamGroup.ts"
import * as StreamId from "#database/redis/StreamId.ts"
import * as StreamProgress from "#database/redis/StreamProgress.ts"
import type { StreamValue } from "#database/redis/StreamValue.ts"
import type { Call, Handler } from "../Call.ts"
import * as Refusal from "../Refusal.ts"
import type { Reply } from "../Reply.ts"
import { Found, replyEntry, streamOf } from "./StreamArguments.ts"
import { replyHelp } from "./StreamGroups.ts"

const wrongArguments = (subcommand: string): Refusal.Refusal =>
  new Refusal.Refusal(`ERR unknown subcommand or wrong number of arguments for '${subcommand}'. Try XINFO HELP.`)

/** What FULL shows of entries and of what is pending, unless it says how much. */
const fullCountDefault = 10

const entryOf = (call: Call): Entry => {
  const entry = call.readOf(call.argv[2], "stream")
  if (entry === undefined) throw Refusal.noSuchKey
  return entry
}

/**
 * How many nodes a radix tree of Redis has for these ids, which are in order: a node for each place where they part, one for the bytes before it,
 * if there are any, and one at the end of each.
 */
const treeNodes = (ids: ReadonlyArray<string>): number => {
  if (ids.length === 0) return 1
  const idBytes = 16
  const sharedBytes = (left: string, right: string): number => {
    let shared = 0
    while (shared < idBytes && left.charCodeAt(shared) === right.charCodeAt(shared)) shared += 1
    return shared
  }
  let nodes = 0
  /** Places where ids part on the way to the current id, the deepest last. */
  const parts: Array<number> = []
  const close = (depth: number, above: number): void => {
    // The parting itself, and what lies between it and the one above.
    nodes += depth > above ? 2 : 1
  }
  let shared = -1
  for (let i = 0; i < ids.length; i++) {
    const after = i + 1 < ids.length ? sharedBytes(ids[i], ids[i + 1]) : -1
    // The end of this id, and the bytes behind its last parting.
    const deepest = Math.max(shared, after)
    nodes += deepest + 1 < idBytes ? 2 : 1
    while (parts.length > 0 && parts[parts.length - 1] > after) {
      const depth = parts.pop()!
      close(depth, Math.max(after, parts.at(-1) ?? -1) + 1)
    }
    if (after >= 0 && parts.at(-1) !== after) parts.push(after)
    shared = after
  }
  return nodes
}

const replyCounts = (out: Reply, stream: StreamValue): void => {
  const names = stream.nodeNames
  out.bulk("length")
  out.integer(stream.size)
  out.bulk("radix-tree-keys")
  out.integer(names.length)
  out.bulk("radix-tree-nodes")
  out.integer(treeNodes(names))
  out.bulk("last-generated-id")
  out.bulk(StreamId.format(stream.lastId))
  out.bulk("max-deleted-entry-id")
  out.bulk(StreamId.format(stream.maxDeletedId))
  out.bulk("entries-added")
  out.integer(stream.added)
  out.bulk("recorded-first-entry-id")
  out.bulk(StreamId.format(stream.firstId))
}

/** The first entry of an end; none: null. */
const replyEdge = (out: Reply, stream: StreamValue, end: "first" | "last"): void => {
  if (stream.size === 0) return out.null()
  const visit = (id: string, fields: ReadonlyArray<string>): boolean => {
    replyEntry(out, id, fields)
    return false
  }
  if (end === "first") stream.each(StreamId.zero, StreamId.max, visit)
  else stream.eachDown(StreamId.zero, StreamId.max, visit)
}

const replyRead = (out: Reply, stream: StreamValue, group: StreamGroup): void => {
  out.bulk("last-delivered-id")
  out.bulk(StreamId.format(group.lastId))
  out.bulk("entries-read")
  if (group.entriesRead === unknown) out.null()
  else out.integer(group.entriesRead)
  out.bulk("lag")
  const lag = StreamProgress.lag(stream, group)
  if (lag === undefined) out.null()
  else out.integer(lag)
}

const replyFullConsumer = (out: Reply, { name, pending, seenAt }: Consumer, count: number): void => {
  out.map(4)
  out.bulk("name")
  out.bulk(name)
  out.bulk("seen-time")
  out.integer(seenAt)
  out.bulk("pel-count")
  out.integer(pending.size)
  out.bulk("pending")
  let left = Math.min(pending.size, count)
  out.array(left)
  pending.each(StreamId.zero, (id, { deliveredAt, deliveries }) => {
    if (left === 0) return false
    left -= 1
    out.array(3)
    out.bulk(StreamId.format(id))
    out.integer(deliveredAt)
    out.integer(deliveries)
    return true
  })
}

const replyFullGroup = (out: Reply, stream: StreamValue, group: StreamGroup, count: number): void => {
  const { name, pending } = group
  out.map(7)
  out.bulk("name")
  out.bulk(name)
  replyRead(out, stream, group)
  out.bulk("pel-count")
  out.integer(pending.size)
  out.bulk("pending")
  let left = Math.min(pending.size, count)
  out.array(left)
  pending.each(StreamId.zero, (id, { consumer, deliveredAt, deliveries }) => {
    if (left === 0) return false
    left -= 1
    out.array(4)
    out.bulk(StreamId.format(id))
    out.bulk(consumer.name)
    out.integer(deliveredAt)
    out.integer(deliveries)
    return true
  })
  const consumers = group.byName()
  out.bulk("consumers")
  out.array(consumers.length)
  for (const consumer of consumers) replyFullConsumer(out, consumer, count)
}

const full = (call: Call, stream: StreamValue): void => {
  const { argv, out } = call
  let count = fullCountDefault
  if (argv.length > 4) {
    if (argv.length !== 6 || !call.is(4, "count")) throw wrongArguments(argv[1])
    const given = call.integer(5)
    if (given >= 0) count = given === 0 ? Infinity : given
  }
  out.map(9)
  replyCounts(out, stream)
  const found = new Found()
  stream.each(StreamId.zero, StreamId.max, (id, fields) => {
    found.add(id, fields)
    return found.ids.length < count
  })
  out.bulk("entries")
  found.reply(out)
  const groups = stream.groupsByName()
  out.bulk("groups")
  out.array(groups.length)
  for (const group of groups) replyFullGroup(out, stream, group, count)
}

const streamInfo: Handler = (call) => {
  const { argv, out } = call
  const stream = streamOf(entryOf(call))
  if (argv.length > 3) {
    if (!call.is(3, "full")) throw wrongArguments(argv[1])
    return full(call, stream)
  }
  out.map(10)
  replyCounts(out, stream)
  out.bulk("groups")
  out.integer(stream.groups.size)
  out.bulk("first-entry")
  replyEdge(out, stream, "first")
  out.bulk("last-entry")
  replyEdge(out, stream, "last")
}

const groupsInfo: Handler = (call) => {
  const { out } = call
  const stream = streamOf(entryOf(call))
  const groups = stream.groupsByName()
  out.array(groups.length)
  for (const group of groups) {
    out.map(6)
    out.bulk("name")
    out.bulk(group.name)
    out.bulk("consumers")
    out.integer(group.consumers.size)
    out.bulk("pending")
    out.integer(group.pending.size)
    replyRead(out, stream, group)
  }
}

const consumersInfo: Handler = (call) => {
  const { argv, now, out } = call
  const group = streamOf(entryOf(call)).groups.get(argv[3])
  if (group === undefined) {
    throw new Refusal.Refusal(`NOGROUP No such consumer group '${argv[3]}' for key name '${argv[2]}'`)
  }
  const consumers = group.byName()
  out.array(consumers.length)
  for (const { name, pending, seenAt } of consumers) {
    out.map(3)
    out.bulk("name")
    out.bulk(name)
    out.bulk("pending")
    out.integer(pending.size)
    out.bulk("idle")
    out.integer(Math.max(0, now - seenAt))
  }
}

const help = [
  "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
  "CONSUMERS <key> <groupname>",
  "    Show consumers of <groupname>.",
  "GROUPS <key>",
  "    Show the stream consumer groups.",
  "STREAM <key> [FULL [COUNT <count>]",
  "    Show information about the stream.",
  "HELP",
  "    Prints this help."
]

export const handlers: Readonly<Record<string, Handler>> = {
  "xinfo|stream": streamInfo,
  "xinfo|groups": groupsInfo,
  "xinfo|consumers": consumersInfo,
  "xinfo|help": (call) => replyHelp(call, help)
}
